"""How late an event loop is: whoever waits on it waits as much longer."""

from __future__ import annotations

import asyncio
import time
from collections import deque

EVERY_SECONDS = 0.25
WINDOW_SECONDS = 30.0


class Lag:
    """Watches the loop that it is told to `watch` on."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    @property
    def seconds(self) -> float:
        """The worst of the last half minute."""
        return max((late for _, late in list(self._seen)), default=0.0)

    async def watch(self) -> None:
        """Look again and again how late the loop wakes this up, until cancelled."""
        while True:
            due = time.monotonic() + EVERY_SECONDS
            await asyncio.sleep(EVERY_SECONDS)
            now = time.monotonic()
            self._seen.append((now, max(0.0, now - due)))
            while self._seen[0][0] < now - WINDOW_SECONDS:
                self._seen.popleft()
