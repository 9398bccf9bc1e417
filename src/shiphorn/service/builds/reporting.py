"""Statuses of commits as people and programs with a token report and read them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from shiphorn.adapters.forge_http import status
from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.forge import OWN, REPORTED
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.release import Commit
from shiphorn.model.statuses import BuildState, CommitStatus, overall, repository_key
from shiphorn.service.access import require
from shiphorn.service.audit import record
from shiphorn.service.service import Service


@dataclass(frozen=True, slots=True)
class Report:
    """What is reported of a commit: that its `context`, such as `ci/build`, is green, red or under way."""

    context: str
    state: BuildState
    description: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class BuildStanding:
    """How a commit stands: what all say together, None when nobody says anything, and what each says."""

    commit: Commit
    overall: BuildState | None
    statuses: list[CommitStatus]


async def report(service: Service, caller: Caller, app: str, ref: str, said: Report) -> CommitStatus:
    """Report a status of a commit. Raises Forbidden SH550, NotFound SH580, SourceError, Refused SH919."""
    config = service.config(caller, app)
    require(caller, Role.DEPLOYER, Scope(app), f"report builds of {app}")
    made = await put(service.world, config, ref, said)
    facts = {"sha": made.sha, "context": made.context, "state": made.state.value}
    await asyncio.to_thread(
        record, service.store, caller, "report build", Scope(app), time.time(), facts=facts
    )
    service.news.tell()
    return made


async def standing(service: Service, caller: Caller, app: str, ref: str) -> BuildStanding:
    """How a commit stands. Raises NotFound SH580, SourceError."""
    return await look(service.world, service.config(caller, app), ref)


async def put(world: World, config: Config, ref: str, said: Report) -> CommitStatus:
    """Put a status on record. Raises SourceError, Refused SH919 (it has no name, or one of ours)."""
    commit = await resolve.find(world.source(config), ref or config.branch)
    made = status(commit.sha, said.context, said.state, said=said.description, url=said.url, at=time.time())
    if made is None or made.context.startswith(OWN):
        raise Refused(
            "SH919",
            f"a build cannot be called {said.context!r}.",
            hint=f"Name what was built or tested, such as ci/build; {OWN}* is for shiphorn itself.",
        )
    if said.url and not made.url:
        raise Refused("SH919", f"{said.url!r} is no address of a page.", hint="It begins with https://.")
    key = repository_key(config.repo)
    one = CommitStatus(made.sha, key, REPORTED, made.context, made.state, made.description, made.url, made.at)
    await asyncio.to_thread(world.store.statuses.put, [one])
    return one


async def look(world: World, config: Config, ref: str) -> BuildStanding:
    """How a commit stands. Raises SourceError."""
    commit = await resolve.find(world.source(config), ref or config.branch)
    key = repository_key(config.repo)
    found = await asyncio.to_thread(world.store.statuses.of_commit, commit.sha, key)
    return BuildStanding(commit, overall(found), found)
