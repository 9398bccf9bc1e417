"""The tabs of the settings for who looks after the service: the audit log, the service itself."""

from __future__ import annotations

import platform
import time
from typing import Any

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.response import Stream, Template

from shiphorn import __version__
from shiphorn.model.people import Caller, Role
from shiphorn.service import audit
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.history.dora import DAY_SECONDS
from shiphorn.store.audit import Wanted
from shiphorn.web.given import TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab
from shiphorn.web.queries import link, moment, names, numbered

PAGE_ACTS = 50
_FORMATS = {
    "csv": ("text/csv; charset=utf-8", audit.csv_lines),
    "jsonl": ("application/jsonl", audit.json_lines),
}


def _asked(
    q: FromQuery[str] = "",
    actor: FromQuery[str] = "",
    act: FromQuery[str] = "",
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    since: FromQuery[str] = "",
    until: FromQuery[str] = "",
) -> dict[str, str]:
    return {
        "q": q,
        "actor": actor,
        "act": act,
        "app": app,
        "environment": environment,
        "since": since,
        "until": until,
    }


TheAsked = SkipValidation[NamedDependency[dict[str, str]]]
_ASKED = {"asked": Provide(_asked, sync_to_thread=False)}


@get("/settings/audit", dependencies=_ASKED)
@in_thread
def show(
    service: TheService,
    caller: TheCaller,
    asked: TheAsked,
    before: FromQuery[str] = "",
) -> Response[Any]:
    """What people did, a page of it."""
    _require(caller)
    found = audit.page(service.store, before_id=numbered(before), limit=PAGE_ACTS + 1, wanted=_wanted(asked))
    acts = found[:PAGE_ACTS]
    older = {"before": acts[-1].id} if len(found) > PAGE_ACTS else None
    context = tab(
        caller,
        "Audit",
        acts=acts,
        asked=asked,
        is_filtered=any(asked.values()),
        actors=[one.login for one in service.store.people.all()],
        next=link("/settings/audit", asked | older) if older else "",
        first=link("/settings/audit", asked) if before else "",
        csv=link("/settings/audit/export/csv", asked),
        jsonl=link("/settings/audit/export/jsonl", asked),
    )
    return Template("settings/audit.html", context=context | names(service, caller))


@get("/settings/audit/export/{kind:str}", dependencies=_ASKED)
@in_thread
def export(
    service: TheService,
    caller: TheCaller,
    kind: FromPath[str],
    asked: TheAsked,
) -> Stream:
    """The acts that are looked for, as a file: `csv`, or JSON lines with all that makes their digests."""
    _require(caller)
    media_type, lines = _FORMATS["csv" if kind == "csv" else "jsonl"]
    name = "audit.csv" if kind == "csv" else "audit.jsonl"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Stream(lines(service.store, _wanted(asked)), media_type=media_type, headers=headers)


@post("/settings/audit/verify")
@in_thread
def verify(service: TheService, caller: TheCaller) -> Response[Any]:
    """Whether the log is as it was written."""
    _require(caller)
    context = tab(caller, "Audit", problems=audit.verify(service.store), at=time.time())
    return Template("settings/audit_verified.html", context=context)


@get("/settings/service")
@in_thread
def about(service: TheService, caller: TheCaller, site: TheSite) -> Response[Any]:
    """The service itself: version, database, files, and how people sign in."""
    _require(caller)
    apps, now = service.apps, time.time()
    active = service.store.deploys.active()
    context = tab(
        caller,
        "Service",
        version=__version__,
        python=platform.python_version(),
        database=service.store.place,
        site=site,
        apps=apps,
        app_count=len(apps.names()),
        wrong=apps.wrong(),
        workers=sorted({(one.executor, service.lives(one.executor)) for one in active if one.token}),
        active=len(active),
        settings=apps.service.model,
        returns=f"{site.url}/sign-in/oidc/return",
        now=now,
    )
    return Template("settings/service.html", context=context)


def _require(caller: Caller) -> None:
    require(caller, Role.ADMIN, EVERYWHERE, "look after the service")


def _wanted(query: dict[str, str]) -> Wanted:
    now = time.time()
    until = moment(query["until"], now)
    whole_day = until is not None and len(query["until"].strip()) == len("2026-11-26")
    return Wanted(
        query["actor"].strip(),
        query["act"].strip(),
        query["app"],
        query["environment"],
        moment(query["since"], now),
        until + DAY_SECONDS if until is not None and whole_day else until,
        query["q"].strip(),
    )


ROUTES = (show, export, verify, about)
