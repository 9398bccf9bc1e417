"""The open shells of a fleet: one connection a host, kept for the whole deploy."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Protocol

from shiphorn.errors import ConnectError
from shiphorn.model.settings import Login
from shiphorn.model.target import Host
from shiphorn.ports import Shell, Transport

CONNECTS_AT_ONCE = 100
CONNECT_ATTEMPTS = 2
LOST = "SH307"
"""The code of the error that a connection broke which had been good."""
PASSING = frozenset({"SH301", "SH302", LOST})
"""Failures to connect that a second attempt may well cure; the others are answers."""


class Reachable(Protocol):
    """A host with what it takes to log in."""

    @property
    def host(self) -> Host:
        """The host."""

    @property
    def login(self) -> Login:
        """How to log in."""


class Fleet:
    """Connects on demand and keeps what is connected. A shell that died is replaced when asked for."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._connecting: dict[str, asyncio.Task[Shell]] = {}
        self._gate = asyncio.Semaphore(CONNECTS_AT_ONCE)

    def apart(self) -> Fleet:
        """Another one with connections of its own, for work that others have no part in."""
        return Fleet(self._transport)

    def warm(self, targets: Iterable[Reachable]) -> None:
        """Begin to connect, so that the shells are there when they are needed."""
        for target in targets:
            self._begin(target)

    async def shell(self, target: Reachable) -> Shell:
        """The shell of a host. Raises ConnectError."""
        task = self._begin(target)
        shell = await self._ended(target, task)
        if shell.alive:
            return shell
        self._forget(target.host.name, task)
        return await self._ended(target, self._begin(target))

    def is_connected(self, target: Reachable) -> bool:
        """Whether there is a live shell already."""
        task = self._connecting.get(target.host.name)
        return (
            task is not None
            and task.done()
            and not task.cancelled()
            and task.exception() is None
            and task.result().alive
        )

    async def drop(self, targets: Iterable[Reachable]) -> None:
        """Break the connections to some hosts, whatever runs on them; they are made anew on demand."""
        await self._end(target.host.name for target in targets)

    async def close(self) -> None:
        """Close every connection."""
        await self._end(list(self._connecting))

    async def _end(self, names: Iterable[str]) -> None:
        tasks = [task for name in names if (task := self._connecting.pop(name, None))]
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        shells = [shell for shell in ended if not isinstance(shell, BaseException)]
        await asyncio.gather(*(shell.close() for shell in shells), return_exceptions=True)

    async def _ended(self, target: Reachable, task: asyncio.Task[Shell]) -> Shell:
        """Wait for a connection to be made. One that failed is not kept: whoever asks next tries anew."""
        try:
            # Shielded: a warm connection may be awaited by a phase that gives up before it is there.
            return await asyncio.shield(task)
        except ConnectError:
            self._forget(target.host.name, task)
            raise

    def _begin(self, target: Reachable) -> asyncio.Task[Shell]:
        name = target.host.name
        if name not in self._connecting:
            self._connecting[name] = asyncio.create_task(self._connect(target.host, target.login))
        return self._connecting[name]

    async def _connect(self, host: Host, login: Login) -> Shell:
        async with self._gate:
            for _ in range(CONNECT_ATTEMPTS - 1):
                try:
                    return await self._transport.connect(host, login)
                except ConnectError as error:
                    if error.code not in PASSING:
                        raise
            return await self._transport.connect(host, login)

    def _forget(self, name: str, task: asyncio.Task[Shell]) -> None:
        if self._connecting.get(name) is task:
            del self._connecting[name]
