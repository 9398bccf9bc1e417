"""History: the deploys of the past, as a list, as a file, and as the four DORA figures."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, QueryParameter, SkipValidation
from litestar.response import Stream, Template

from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.history import DeployFilter
from shiphorn.service.history import search as history
from shiphorn.service.history.delivery import PERIODS
from shiphorn.service.history.dora import DAY_SECONDS
from shiphorn.web.given import TheCaller, TheService, in_thread
from shiphorn.web.queries import link, moment, names, numbered


@dataclass(frozen=True, slots=True)
class Asked:
    """What the filter of the page holds, as it was written."""

    app: str = ""
    environment: str = ""
    state: str = ""
    kind: str = ""
    actor: str = ""
    q: str = ""
    since: str = ""
    until: str = ""

    def wanted(self, now: float) -> DeployFilter:
        """The deploys that are meant; a day of `until` is one of them. Raises Refused SH504."""
        until = moment(self.until, now)
        whole_day = until is not None and len(self.until.strip()) == len("2026-11-26")
        return DeployFilter(
            self.app,
            self.environment,
            (DeployState(self.state),) if self.state in list(DeployState) else (),
            (Kind(self.kind),) if self.kind in list(Kind) else (),
            self.actor.strip(),
            self.q.strip(),
            moment(self.since, now),
            until + DAY_SECONDS if until is not None and whole_day else until,
        )

    def as_query(self) -> dict[str, str]:
        """The same as parts of a link."""
        return {name: getattr(self, name) for name in self.__slots__}


def _asked(
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    state_name: Annotated[str, QueryParameter(name="state")] = "",
    kind: FromQuery[str] = "",
    actor: FromQuery[str] = "",
    q: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
) -> Asked:
    return Asked(app, environment, state_name, kind, actor, q, since, until)


TheAsked = SkipValidation[NamedDependency[Asked]]
_ASKED = {"asked": Provide(_asked, sync_to_thread=False)}


@get("/history", dependencies=_ASKED)
@in_thread
def show(
    service: TheService,
    caller: TheCaller,
    asked: TheAsked,
    before: FromQuery[str] = "",
) -> Response[Any]:
    """The deploys that are looked for, a page of them."""
    wanted = asked.wanted(time.time())
    query = asked.as_query()
    found = history.page(service.store, caller, wanted, before=numbered(before))
    counts = {} if wanted.text else history.counts(service.store, caller, wanted)
    context = {
        "here": "History",
        "caller": caller,
        "asked": asked,
        "found": found,
        "states": list(DeployState),
        "kinds": list(Kind),
        "actors": service.store.history.actors(),
        "counts": [
            (one, counts[one], link("/history", query | {"state": "" if one == asked.state else one}))
            for one in DeployState
            if counts.get(one)
        ],
        "total": sum(counts.values()) if not wanted.text else None,
        "is_filtered": any(query.values()),
        "csv": link("/history.csv", query),
        "next": link("/history", query | {"before": found.next}) if found.next else "",
        "first": link("/history", query) if before else "",
    }
    return Template("history.html", context=context | names(service, caller))


@get("/history.csv", media_type="text/csv", dependencies=_ASKED)
@in_thread
def as_csv(
    service: TheService,
    caller: TheCaller,
    asked: TheAsked,
) -> Stream:
    """All deploys that are looked for, as a file."""
    wanted = asked.wanted(time.time())
    lines = history.as_csv(history.every(service.store, caller, wanted))
    headers = {"content-disposition": 'attachment; filename="deploys.csv"'}
    return Stream(lines, media_type="text/csv; charset=utf-8", headers=headers)


@get("/history/dora")
async def dora(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    days: Annotated[int, QueryParameter(name="days")] = 30,
) -> Response[Any]:
    """The four figures of a period."""
    period = days if days in PERIODS else 30
    report = await service.dora.of(
        service.world, service.apps, caller, period, time.time(), app=app, environment=environment
    )
    context = {
        "here": "History",
        "caller": caller,
        "app": app,
        "environment": environment,
        "days": period,
        "report": report,
        "periods": [
            (one, link("/history/dora", {"app": app, "environment": environment, "days": one}))
            for one in PERIODS
        ],
    }
    return Template("dora.html", context=context | names(service, caller))


ROUTES = (show, as_csv, dora)
