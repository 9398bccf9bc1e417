"""Commits: the graph, what they change, and which are bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from shiphorn.model.graph import Diff
from shiphorn.model.locks import BadMark
from shiphorn.model.release import Commit
from shiphorn.service import orders, questions
from shiphorn.service.commits import commit as commits
from shiphorn.service.commits.graph import WINDOW_LIMIT
from shiphorn.web.api.given import LARGEST, in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass
class MarkBody:
    """A commit, by any ref, and why."""

    ref: str
    reason: str


@dataclass(frozen=True)
class Marked:
    """A commit, and the mark that it bears since."""

    commit: Commit
    mark: BadMark


@get("/apps/{app:str}/graph")
async def graph(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    start: Annotated[int, QueryParameter(ge=0, le=LARGEST)] = 0,
    count: Annotated[int, QueryParameter(ge=1, le=WINDOW_LIMIT)] = 100,
    digest: FromQuery[str] = "",
) -> dict[str, Any]:
    """Rows of the commit graph, newest first. With `graph` of an answer as `digest` rows stay in place."""
    return await commits.window(service, caller, app, start, count, digest)


@get("/apps/{app:str}/commits/{sha:str}/diff")
async def diff(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    sha: FromPath[str],
    against: FromQuery[str] = "",
) -> Diff:
    """What a commit changes against another one, or against nothing."""
    return await commits.diff(service, caller, app, sha, against)


@get("/apps/{app:str}/bad")
@in_thread
def bad(
    service: TheService, caller: TheCaller, app: FromPath[str], cleared: FromQuery[bool] = False
) -> list[BadMark]:
    """The commits that are marked bad, newest first; those that were cleared too, if asked for."""
    return questions.bad(service, caller, app, all_of_them=cleared)


@post("/apps/{app:str}/bad")
async def mark(
    service: TheService, caller: TheCaller, app: FromPath[str], data: JSONBody[MarkBody]
) -> Marked:
    """Mark a commit as bad: it is not deployed again."""
    return Marked(*await orders.mark(service, caller, app, data.ref, data.reason))


@post("/apps/{app:str}/bad/clear", status_code=200)
async def clear(
    service: TheService, caller: TheCaller, app: FromPath[str], data: JSONBody[MarkBody]
) -> Commit:
    """Take the marks off a commit."""
    return await orders.clear(service, caller, app, data.ref, data.reason)


ROUTES = (graph, diff, bad, mark, clear)
