"""Forges: how each stands, what it sent, and statuses of commits."""

from __future__ import annotations

from dataclasses import dataclass

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.service.builds import listed as forges
from shiphorn.service.builds import reporting
from shiphorn.service.builds.listed import Asked, Listed, Page
from shiphorn.service.builds.reporting import BuildStanding, Report
from shiphorn.web.api.given import Before, Limit, in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass
class StatusBody:
    """What is said of a commit: that its `context`, such as `ci/build`, is under way, green or red."""

    context: str
    state: BuildState
    description: str = ""
    url: str = ""


@get("/forges")
@in_thread
def all_forges(service: TheService, caller: TheCaller) -> list[Listed]:
    """All forges of shiphorn.yml, and how each stands."""
    return forges.listed(service, caller)


@post("/forges/{name:str}/ask", status_code=200)
async def ask(service: TheService, caller: TheCaller, name: FromPath[str]) -> Asked:
    """Ask a forge for builds now, and wait for what comes of it."""
    return await forges.ask(service, caller, name)


@get("/forges/deliveries")
@in_thread
def deliveries(
    service: TheService,
    caller: TheCaller,
    forge: FromQuery[str] = "",
    before: Before = None,
    limit: Limit = 50,
) -> Page:
    """What forges sent, newest first, and what came of it; of one of them, if it is named."""
    return forges.deliveries(service, caller, forge, before=before, limit=limit)


@get("/apps/{app:str}/commits/{sha:str}/statuses")
async def statuses(
    service: TheService, caller: TheCaller, app: FromPath[str], sha: FromPath[str]
) -> BuildStanding:
    """What is said of a commit, by any ref: all together, and each."""
    return await reporting.standing(service, caller, app, sha)


@post("/apps/{app:str}/commits/{sha:str}/statuses")
async def report(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    sha: FromPath[str],
    data: JSONBody[StatusBody],
) -> CommitStatus:
    """Report how a build or a test of a commit stands."""
    said = Report(data.context, data.state, data.description, data.url)
    return await reporting.report(service, caller, app, sha, said)


ROUTES = (all_forges, ask, deliveries, statuses, report)
