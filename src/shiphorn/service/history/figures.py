"""The DORA figures as monitoring reads them: worked out in the background, so that nobody waits for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from shiphorn.deploy.world import World
from shiphorn.model.history import Place
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service.apps import Apps
from shiphorn.service.history.delivery import DoraReports
from shiphorn.service.history.dora import Figures

DAYS = 30
"""What the figures are about: the last days."""
EVERY_SECONDS = 60.0
SHARE = 20
"""The figures take a twentieth of a processor at most."""
WANTED_SECONDS = 900.0
"""They are kept up to date for so long after somebody asked for them."""
_EVERYBODYS = Caller("shiphorn", "service", grants=(Grant(Role.VIEWER),))


class KeptFigures:
    """The figures of each environment. Whoever asks gets those that are there; first there are none."""

    def __init__(self) -> None:
        self._figures: Mapping[Place, Figures] = {}
        self._wanted_at = float("-inf")
        self._asked: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> Mapping[Place, Figures]:
        """The figures, which are a minute old or so. From any thread."""
        self._wanted_at = time.monotonic()
        if self._loop is not None and self._asked is not None:
            self._loop.call_soon_threadsafe(self._asked.set)
        return self._figures

    async def work(self, worked_out: Callable[[], Awaitable[Mapping[Place, Figures]]]) -> None:
        """Keep them up to date for as long as they are wanted, until cancelled."""
        self._loop, self._asked = asyncio.get_running_loop(), asyncio.Event()
        while True:
            if time.monotonic() - self._wanted_at > WANTED_SECONDS:
                self._asked.clear()
                await self._asked.wait()
            began = time.monotonic()
            self._figures = await worked_out()
            await asyncio.sleep(max(EVERY_SECONDS, SHARE * (time.monotonic() - began)))


async def of_all(dora: DoraReports, world: World, apps: Apps) -> Mapping[Place, Figures]:
    """The figures of every environment."""
    return (await dora.of(world, apps, _EVERYBODYS, DAYS, time.time())).places
