"""The commits of an app: the graph, what one says and would change, where it is live, and the gates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.gates import ask_all
from shiphorn.errors import NotFound, SourceError
from shiphorn.model.deploy import Order
from shiphorn.model.gates import Question
from shiphorn.model.graph import Diff
from shiphorn.model.locks import BadMark, Scope
from shiphorn.model.people import Caller
from shiphorn.model.release import Commit
from shiphorn.model.statuses import CommitStatus, repository_key
from shiphorn.service.commits.graph import Graph
from shiphorn.service.commits.standing import standing
from shiphorn.service.gates import Why, queue
from shiphorn.service.service import Service


@dataclass(frozen=True, slots=True)
class CommitLook:
    """A commit and how it stands.

    `live` is where it is live, `within` the environments whose live commit contains it. `base` is the commit
    that the `diff` begins at, "" for nothing at all: what is live in the `environment`, or the first parent
    when that is not known or none is named; `to_live` tells which of the two. `why` is None without an
    environment, `trouble` why there is no diff; `statuses` are what builds said.
    """

    commit: Commit
    message: str
    refs: Sequence[Mapping[str, Any]]
    live: Sequence[str]
    within: Sequence[str]
    marks: Sequence[BadMark]
    environment: str
    base: str
    to_live: bool
    diff: Diff | None
    why: Why | None
    trouble: str = ""
    statuses: Sequence[CommitStatus] = ()


async def look(
    service: Service, caller: Caller, app: str, sha: str, environment: str, graph: Graph | None
) -> CommitLook:
    """A commit by its id or the beginning of it. Raises NotFound SH580, ConfigError SH110, SourceError."""
    config = service.config(caller, app, environment)
    source = service.world.source(config)
    commit = (graph.named(sha) if graph else None) or await source.resolve(sha)
    seen = [name for name in config.environments if caller.sees(Scope(app, name))]
    stands = standing(service.store, config, seen, [commit.sha])
    row = graph.row_of(commit.sha) if graph is not None else None
    window = graph.window(row, 1, stands)["rows"][0] if graph is not None and row is not None else {}
    parents = graph.node(row).parents if graph is not None and row is not None else ()
    live = stands.live.get(environment, "")
    known = graph is not None and graph.row_of(live) is not None
    to_live = bool(live) and (known or await source.has(live))
    base = live if to_live else next(iter(parents), "")
    order = Order(app, environment, ref=commit.sha, actor=caller.name)
    changes = await service.changes.of(config.repo, source, base, commit.sha)
    return CommitLook(
        commit,
        changes.message,
        window.get("refs", ()),
        [name for name, one in stands.live.items() if one == commit.sha],
        window.get("shipped", ()),
        service.store.marks.of_commit(app, commit.sha),
        environment,
        base,
        to_live,
        changes.diff,
        await _why(service, config, order, commit, live) if environment else None,
        changes.trouble,
        service.store.statuses.of_commit(commit.sha, repository_key(config.repo)),
    )


async def window(
    service: Service, caller: Caller, app: str, start: int = 0, count: int = 100, digest: str = ""
) -> dict[str, Any]:
    """Rows of the graph, see `Graph.window`; `digest` names the graph that the rows are of, "" the newest.

    Raises NotFound SH580, SH569 (there is no such graph, or it is not kept any more), SourceError SH201.
    """
    config = service.config(caller, app)
    if digest:
        graph = service.histories.graphs.kept(digest)
        if graph is None:
            raise NotFound("SH569", "that graph is not kept any more.", hint="Ask for the newest one.")
    else:
        found = await service.histories.fetch(service.world, config)
        graph = found.graph
        if graph is None:
            raise SourceError("SH201", found.trouble or f"the repository of {app} could not be read.")
    names = [name for name in config.environments if caller.sees(Scope(app, name))]
    shas = graph.shas(start, count)
    return graph.window(start, count, await asyncio.to_thread(standing, service.store, config, names, shas))


async def diff(service: Service, caller: Caller, app: str, sha: str, against: str) -> Diff:
    """What a commit changes against another one; both are refs. Raises NotFound SH580, SourceError."""
    source = service.world.source(service.config(caller, app))
    new = await resolve.find(source, sha)
    old = (await resolve.find(source, against)).sha if against else ""
    return await source.diff(old, new.sha)


async def _why(service: Service, config: Config, order: Order, commit: Commit, live: str) -> Why:
    """As `gates.why`, of a commit that is known already."""
    answers = await ask_all(service.world, config, Question(order, commit.sha, live, time.time()))
    return Why(order, commit, answers, queue(service.store, order.app, service.lives, order.environment))
