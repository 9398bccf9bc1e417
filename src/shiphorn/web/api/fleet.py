"""The fleet as it is on record, and the figures of the past."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Stream

from shiphorn.model.deploy import Kind
from shiphorn.model.history import DeployFilter
from shiphorn.service.history import search as history
from shiphorn.service.history.delivery import Report
from shiphorn.service.history.dora import Figures
from shiphorn.service.hosts import listed as fleet_service
from shiphorn.service.hosts.intent import Standing
from shiphorn.service.hosts.listed import FleetPage, HostFilter, HostHistory
from shiphorn.web.api.given import Before, Limit, State, in_thread
from shiphorn.web.given import TheCaller, TheService


@get("/fleet")
@in_thread
def fleet(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    region: FromQuery[str] = "",
    zone: FromQuery[str] = "",
    role: FromQuery[str] = "",
    standing: FromQuery[Standing | None] = None,
    q: FromQuery[str] = "",
    after: FromQuery[str] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 100,
) -> FleetPage:
    """Every host of every environment: what it runs and what it should run. Ask `after` the `next`."""
    places = [(name, service.apps.config(name).environments) for name in service.apps.names()]
    wanted = HostFilter(app, environment, region, zone, role, standing, q)
    return fleet_service.page(service.store, places, caller, wanted, after=after, limit=limit)


@get("/fleet/{host:str}")
@in_thread
def visits(
    service: TheService, caller: TheCaller, host: FromPath[str], before: Before = None, limit: Limit = 50
) -> HostHistory:
    """What deploys did to a host, newest first."""
    return fleet_service.visits(service.store, host, caller, before=before, limit=limit)


@dataclass(frozen=True, slots=True)
class OfPlace:
    """The figures of an environment."""

    app: str
    environment: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class OfStep:
    """The figures of a day, or of a week, that begins at `at` (Unix seconds)."""

    at: float
    figures: Figures


@dataclass(frozen=True, slots=True)
class Dora:
    """The four DORA figures of `days` days up to `until`, and of as many days `before` those."""

    days: int
    until: float
    figures: Figures
    before: Figures
    places: list[OfPlace]
    steps: list[OfStep]
    step_days: int


@get("/dora")
async def dora(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    days: Annotated[int, QueryParameter(ge=1, le=366)] = 30,
) -> Dora:
    """The four DORA figures of the last days: in all, by environment, and by day or week."""
    report = await service.dora.of(
        service.world, service.apps, caller, days, time.time(), app=app, environment=environment
    )
    return _dora(report)


def _dora(report: Report) -> Dora:
    places = [OfPlace(*place, figures) for place, figures in report.places.items()]
    steps = [OfStep(at, figures) for at, figures in report.steps]
    return Dora(report.days, report.until, report.figures, report.before, places, steps, report.step_days)


@get("/history.csv", media_type="text/csv")
async def export(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    in_state: State = None,
    kind: FromQuery[Kind | None] = None,
    actor: FromQuery[str] = "",
    q: FromQuery[str] = "",
) -> Stream:
    """All deploys that are wanted, as CSV."""
    states, kinds = (in_state,) if in_state else (), (kind,) if kind else ()
    wanted = DeployFilter(app, environment, states, kinds, actor, q)
    rows = history.every(service.store, caller, wanted)
    return Stream(history.as_csv(rows), media_type="text/csv")


ROUTES = (fleet, visits, dora, export)
