"""When to look at everything again: something has changed."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from shiphorn.store.store import Store

EVERY_SECONDS = 1.0


def state(store: Store, now: float) -> str:
    """A short text that is another one when a deploy, a lock or a mark changed, or a lock expired."""
    return hashlib.sha256(store.pulse.taken(now).encode()).hexdigest()[:16]


class Heartbeat:
    """Asks the store once a second while anybody listens, however many they are.

    It is a context: at its end all listening ends.
    """

    def __init__(self, store: Store, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._store = store
        self._every = every_seconds
        self._group = asyncio.TaskGroup()
        self._listeners: set[asyncio.Event] = set()
        self._task: asyncio.Task[None] | None = None
        self._state = ""
        self._error: Exception | None = None
        self._over = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        await self._group.__aexit__(kind, error, trace)

    def end(self) -> None:
        """End all listening, and let nobody listen any more."""
        self._over = True
        self._stop()
        self._wake()

    async def changes(self, since: str = "") -> AsyncGenerator[str]:
        """The `state` of all, each time it is another one: than it was `since`, or than at the first look.

        What changes while a listener is busy comes as one. Raises DatabaseError SH803.
        """
        if self._over:
            return
        woken = asyncio.Event()
        self._listeners.add(woken)
        if self._task is None:
            self._state, self._error = "", None
            self._task = self._group.create_task(self._run())
        try:
            while not self._over:
                if self._state and since and self._state != since:
                    since = self._state
                    yield since
                since = since or self._state
                if self._state in ("", since) and not self._over:
                    await woken.wait()
                    woken.clear()
                if self._error is not None:
                    raise self._error
        finally:
            self._listeners.discard(woken)
            if not self._listeners:
                self._stop()

    async def _run(self) -> None:
        try:
            while True:
                found = await asyncio.to_thread(state, self._store, time.time())
                if found != self._state:
                    self._state = found
                    self._wake()
                await asyncio.sleep(self._every)
        except Exception as error:  # noqa: BLE001 - it is raised in every listener
            self._error, self._task = error, None
            self._wake()

    def _stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _wake(self) -> None:
        for woken in self._listeners:
            woken.set()
