"""The audit log: read, verified, exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import get
from litestar.params import FromQuery
from litestar.response import Stream

from shiphorn.model.audit import Act
from shiphorn.service import audit as log
from shiphorn.store.audit import Wanted
from shiphorn.web.api.given import Before, Limit, in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass(frozen=True)
class Acts:
    """Some acts, newest first. `next` is what to ask `before`; null is the end."""

    items: Sequence[Act]
    next: int | None


@dataclass(frozen=True)
class Verified:
    """Whether the log is as it was written, and what is wrong with it, a sentence each."""

    well: bool
    problems: Sequence[str]


@get("/audit")
@in_thread
def acts(
    service: TheService,
    caller: TheCaller,
    actor: FromQuery[str] = "",
    act: FromQuery[str] = "",
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    q: FromQuery[str] = "",
    before: Before = None,
    limit: Limit = 50,
) -> Acts:
    """The last acts of people, newest first."""
    log.require_reader(caller)
    wanted = Wanted(actor, act, app, environment, text=q)
    found = log.page(service.store, before_id=before, limit=limit + 1, wanted=wanted)
    return Acts(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get("/audit/verify")
@in_thread
def verify(service: TheService, caller: TheCaller) -> Verified:
    """Whether any act was changed or removed since it was written."""
    log.require_reader(caller)
    problems = log.verify(service.store)
    return Verified(not problems, problems)


@get("/audit.csv", media_type="text/csv")
async def as_csv(service: TheService, caller: TheCaller) -> Stream:
    """The whole log as CSV, the oldest act first."""
    log.require_reader(caller)
    return Stream(log.csv_lines(service.store), media_type="text/csv")


@get("/audit.jsonl", media_type="application/jsonl")
async def as_json_lines(service: TheService, caller: TheCaller) -> Stream:
    """The whole log as JSON, an act a line, the oldest first; with all that makes their digests."""
    log.require_reader(caller)
    return Stream(log.json_lines(service.store), media_type="application/jsonl")


ROUTES = (acts, verify, as_csv, as_json_lines)
