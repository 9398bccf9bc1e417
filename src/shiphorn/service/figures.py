"""The DORA figures of a period, of what somebody sees."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.errors import ShiphornError
from shiphorn.model.history import DeployFilter, DeployRow
from shiphorn.model.people import Caller
from shiphorn.service import dora, history
from shiphorn.service.service import Service

BEFORE_SECONDS = 30 * dora.DAY_SECONDS
"""So long before a period rows are read, that tell what was live at its beginning."""


@dataclass(frozen=True, slots=True)
class OfPlace:
    """The figures of an environment."""

    app: str
    environment: str
    figures: dora.Figures


@dataclass(frozen=True, slots=True)
class OfDay:
    """The figures of a day that begins at `at`."""

    at: float
    figures: dora.Figures


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a period, in all, by environment and by day. Times are Unix seconds."""

    since: float
    until: float
    figures: dora.Figures
    places: Sequence[OfPlace]
    days: Sequence[OfDay]


async def measured(
    service: Service, caller: Caller, app: str, environment: str, days: int, now: float
) -> Measured:
    """The figures of the last days, of an app and environment or of all that the caller sees."""
    since = now - days * dora.DAY_SECONDS
    wanted = DeployFilter(app, environment, since=since - BEFORE_SECONDS)
    rows = await asyncio.to_thread(lambda: list(history.every(service.store, caller, wanted)))
    committed_at = await commit_times(service, rows)
    return await asyncio.to_thread(_measured, rows, since, now, committed_at)


async def commit_times(service: Service, rows: Sequence[DeployRow]) -> dict[str, float]:
    """When the commits of deploys were made, as far as the repositories tell."""
    found: dict[str, float] = {}
    for app in sorted({row.app for row in rows} & set(service.apps.names())):
        try:
            graph = await service.histories.graphs.of(service.world.source(service.apps.config(app)))
        except ShiphornError:
            # Its deploys have no lead time then; all else is known without the repository.
            continue
        for sha in {row.sha for row in rows if row.app == app}:
            place = graph.row_of(sha)
            if place is not None:
                found[sha] = graph.node(place).commit.committed_at
    return found


def _measured(
    rows: Sequence[DeployRow], since: float, until: float, committed_at: dict[str, float]
) -> Measured:
    by_place = dora.by_place(rows, since, until, committed_at)
    return Measured(
        since,
        until,
        dora.figures(rows, since, until, committed_at),
        [OfPlace(*place, figures) for place, figures in sorted(by_place.items())],
        [OfDay(at, figures) for at, figures in dora.series(rows, since, until, committed_at)],
    )
