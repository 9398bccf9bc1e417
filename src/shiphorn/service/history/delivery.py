"""How deploying goes: the four DORA figures of a period, with all that a page shows of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from shiphorn.deploy.world import World
from shiphorn.errors import ShiphornError
from shiphorn.model.history import DeployFilter, DeployRow, Place
from shiphorn.model.people import Caller
from shiphorn.service import sight
from shiphorn.service.apps import Apps
from shiphorn.service.history import dora
from shiphorn.service.history import search as history
from shiphorn.service.history.dora import DAY_SECONDS, WEEK_SECONDS, Figures

PERIODS = (7, 30, 90)
"""Days that a report may be about."""
AHEAD_SECONDS = 14 * DAY_SECONDS
"""So far back from its beginning a period is looked at: for what was live then, and what had been shipped."""
KEPT_SECONDS = 60.0
"""How old a report may be: figures of weeks change little in a minute."""
ASKED_AGAIN_SECONDS = 600.0
"""How long a commit that a mirror lacked is not asked for again."""
_REPORTS = 64
_REPOSITORIES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of `days` days up to `until` (Unix seconds).

    `before` are those of as many days before. `steps` are days, or weeks of a long period, each with its
    beginning; `step_days` is how long each is.
    """

    days: int
    until: float
    figures: Figures
    before: Figures
    places: Mapping[Place, Figures]
    steps: list[tuple[float, Figures]]
    step_days: int

    def busiest(self, most: int) -> list[tuple[Place, Figures]]:
        """The environments with most deploys in the period, those first; none without any."""
        found = [(place, one) for place, one in self.places.items() if one.deploys or one.flipped]
        return sorted(found, key=lambda pair: -pair[1].deploys)[:most]


@dataclass
class DoraReports:
    """Makes reports, and keeps them for a minute; when commits were made is kept for good."""

    _kept: dict[tuple[object, ...], Report] = field(default_factory=dict)
    _times: dict[tuple[str, str], float] = field(default_factory=dict)
    _missing: dict[tuple[str, str], float] = field(default_factory=dict)

    async def of(
        self,
        world: World,
        apps: Apps,
        caller: Caller,
        days: int,
        now: float,
        *,
        app: str = "",
        environment: str = "",
    ) -> Report:
        """The report of what the caller sees, of all or of an app or an environment."""
        key = (days, app, environment, sight.scopes(caller))
        kept = self._kept.get(key)
        if kept is not None and now - kept.until < KEPT_SECONDS:
            return kept
        since = now - 2 * days * DAY_SECONDS - AHEAD_SECONDS
        wanted = DeployFilter(app=app, environment=environment, since=since)
        rows = await asyncio.to_thread(lambda: list(history.every(world.store, caller, wanted)))
        times = await self._committed(world, apps, rows, now)
        made = await asyncio.to_thread(_report, rows, times, days, now)
        if len(self._kept) >= _REPORTS:
            self._kept.clear()
        self._kept[key] = made
        return made

    async def _committed(
        self, world: World, apps: Apps, rows: list[DeployRow], now: float
    ) -> Mapping[str, float]:
        """When the commits of deploys were made, as far as mirrors know."""
        wanted: dict[str, set[str]] = {}
        for row in rows:
            key = (row.app, row.sha)
            lacked = now - self._missing.get(key, 0.0) < ASKED_AGAIN_SECONDS
            if row.sha and key not in self._times and not lacked:
                wanted.setdefault(row.app, set()).add(row.sha)
        sharing: dict[str, list[str]] = {}
        for app in wanted.keys() & set(apps.names()):
            sharing.setdefault(apps.config(app).repo, []).append(app)
        at_once = asyncio.Semaphore(_REPOSITORIES_AT_ONCE)

        async def ask(mine: list[str]) -> None:
            """About all apps of one repository at once."""
            shas = set().union(*(wanted[app] for app in mine))
            async with at_once:
                try:
                    found = await world.source(apps.config(mine[0])).committed_at(sorted(shas))
                except (ShiphornError, TimeoutError):
                    found = {}
            self._times |= {(app, sha): found[sha] for app in mine for sha in wanted[app] & found.keys()}
            self._missing |= {(app, sha): now for app in mine for sha in wanted[app] - found.keys()}

        async with asyncio.TaskGroup() as group:
            for mine in sharing.values():
                group.create_task(ask(mine))
        pairs = {(row.app, row.sha) for row in rows}
        return {sha: at for app, sha in pairs if (at := self._times.get((app, sha))) is not None}


def _report(rows: list[DeployRow], times: Mapping[str, float], days: int, now: float) -> Report:
    since = now - days * DAY_SECONDS
    step_seconds = WEEK_SECONDS if days > 31 else DAY_SECONDS
    lately = [row for row in rows if row.started_at >= since - AHEAD_SECONDS]
    return Report(
        days,
        now,
        dora.figures(lately, since, now, times),
        dora.figures(rows, since - days * DAY_SECONDS, since, times),
        dict(sorted(dora.by_place(lately, since, now, times).items())),
        dora.series(lately, since, now, times, step_seconds),
        round(step_seconds / DAY_SECONDS),
    )
