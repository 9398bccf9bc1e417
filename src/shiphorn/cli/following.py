"""Somebody follows a deploy of a service: as it goes, over connections that may be lost, with Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from typing import TYPE_CHECKING, Any

import httpx
import typer

from shiphorn.cli import terminal
from shiphorn.cli.answers import Ended
from shiphorn.cli.progress import progress_to
from shiphorn.cli.retelling import Retelling
from shiphorn.cli.wire import Talk, Wire, made, unreachable
from shiphorn.errors import ConnectError, ShiphornError
from shiphorn.model.deploy import Deploy, HostRun, Wish

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.ports import EventSink

SHOW_CURSOR = "\x1b[?25h"
AWAY_SECONDS = 900.0
"""How long a service may be away from somebody who follows a deploy."""
AGAIN_SECONDS = 1.0
ATTEMPTS = 4
"""How often an order is sent whose answer is lost; its key makes one deploy of them."""


async def give(wire: Wire, body: dict[str, Any], console: Console | None) -> Ended:
    """Give an order, and follow it to its end: how it ended."""
    async with Talk(wire) as talk:
        deploy = await _ordered(talk, wire.url, body)
    return await follow(wire, deploy["id"], console)


async def follow(wire: Wire, deploy_id: int, console: Console | None) -> Ended:
    """Follow a deploy to its end: how it ended. Raises ConnectError SH314 when the service stays away."""
    with progress_to(console) as tell:
        async with Talk(wire) as talk:
            await _with_interrupts(_Following(wire.url, talk, deploy_id, tell))
            return Ended(
                made(Deploy, await talk.get(f"/deploys/{deploy_id}")),
                made(list[HostRun], await talk.get(f"/deploys/{deploy_id}/hosts")),
            )


class _Following:
    """One who follows a deploy."""

    def __init__(self, url: str, talk: Talk, deploy_id: int, tell: EventSink) -> None:
        self.url = url
        self.deploy_id = deploy_id
        self._talk = talk
        self._retelling = Retelling(deploy_id, tell)
        self._last = ""
        self._heard_at = 0.0

    async def to_the_end(self) -> None:
        """Listen until it has ended. A connection that is lost is made again. Raises ConnectError SH314."""
        clock = asyncio.get_running_loop().time
        self._heard_at, away = clock(), False
        while True:
            try:
                if await self._listen():
                    return
            except (httpx.TransportError, ConnectError) as error:
                if not away:
                    terminal.note(
                        f"The connection to {self.url} is lost; deploy {self.deploy_id} goes on there. "
                        "Trying again."
                    )
                if clock() - self._heard_at > AWAY_SECONDS:
                    raise ConnectError(
                        "SH314",
                        f"{self.url} is away: {str(error) or type(error).__name__}.",
                        hint=f"The deploy goes on there. Follow it later: horn resume {self.deploy_id}",
                    ) from error
                away = True
            else:
                away = False
            await asyncio.sleep(AGAIN_SECONDS)

    async def stop(self) -> None:
        """Ask it to stop; where that cannot be said, the person is told."""
        try:
            await self._talk.post(f"/deploys/{self.deploy_id}/wish", {"wish": str(Wish.STOP)})
        except (httpx.TransportError, ShiphornError) as error:
            typer.echo(f"\nDeploy {self.deploy_id} could not be asked to stop: {error}", err=True)

    async def _listen(self) -> bool:
        """Take what the service tells, until it does no more: whether the deploy has ended."""
        clock = asyncio.get_running_loop().time
        async for number, kind, body in self._talk.stream(f"/deploys/{self.deploy_id}/events", self._last):
            self._heard_at = clock()
            match kind:
                case "happened":
                    self._retelling.happened(number, body)
                    self._last = number
                case "deploy":
                    self._retelling.row(body)
                case "hosts":
                    self._retelling.changed(body)
                case "ended":
                    return True
            if self._retelling.needs_hosts:
                runs = await self._talk.get(f"/deploys/{self.deploy_id}/hosts")
                self._retelling.know(made(list[HostRun], runs))
        return False


async def _with_interrupts(following: _Following) -> None:
    """Ctrl-C asks the deploy to stop; a second one leaves, and says how to look at it again."""
    loop = asyncio.get_running_loop()
    asked = False
    failure: ShiphornError | None = None
    async with asyncio.TaskGroup() as group:

        def on_interrupt() -> None:
            nonlocal asked
            if asked:
                _leave(following)
            asked = True
            group.create_task(following.stop())

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, on_interrupt)
        try:
            await following.to_the_end()
        except ShiphornError as error:
            # The group would wrap it.
            failure = error
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
    if failure is not None:
        raise failure


def _leave(following: _Following) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(SHOW_CURSOR)
    number, url = following.deploy_id, following.url
    typer.echo(
        f"\nLeft deploy {number}, which goes on at {url}.\n"
        f"Look at it again: horn resume {number}, or {url}/deploys/{number}",
        err=True,
    )
    sys.stdout.flush()
    os._exit(130)


async def _ordered(talk: Talk, url: str, body: dict[str, Any]) -> Any:
    """Give an order, again if the answer to it is lost: that makes one deploy."""
    key = {"idempotency-key": str(uuid.uuid4())}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return await talk.post("/deploys", body, key)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise unreachable(url, error) from error
            await asyncio.sleep(AGAIN_SECONDS)
    raise AssertionError
