"""The commits of an app, for who looks at its graph: which are live, bad, and what one would bring."""

from __future__ import annotations

import asyncio
from typing import Any

from shiphorn.deploy import resolve
from shiphorn.errors import NotFound
from shiphorn.model.graph import Diff
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller
from shiphorn.service.graph import Standing
from shiphorn.service.service import Service


async def window(
    service: Service, caller: Caller, app: str, start: int = 0, count: int = 100, digest: str = ""
) -> dict[str, Any]:
    """Rows of the graph, see `Graph.window`; `digest` names the graph that the rows are of, "" the newest.

    Raises NotFound SH580, SH569 (that graph is not kept any more), SourceError.
    """
    config = service.config(caller, app)
    if digest:
        graph = service.graphs.kept(digest)
        if graph is None:
            raise NotFound("SH569", "that graph is not kept any more.", hint="Ask for the newest one.")
    else:
        source = service.world.source(config)
        await source.refresh()
        graph = await service.graphs.of(source)
    names = [name for name in config.environments if caller.sees(Scope(app, name))]
    return graph.window(start, count, await asyncio.to_thread(standing, service, app, names))


async def diff(service: Service, caller: Caller, app: str, sha: str, against: str) -> Diff:
    """What a commit changes against another one; both are refs. Raises NotFound SH580, SourceError."""
    source = service.world.source(service.config(caller, app))
    new = await resolve.find(source, sha)
    old = (await resolve.find(source, against)).sha if against else ""
    return await source.diff(old, new.sha)


def standing(service: Service, app: str, environments: list[str]) -> Standing:
    """What is live in environments, and which commits are bad."""
    store = service.store
    live = {name: sha for name in environments if (sha := resolve.live_sha(store, app, name))}
    return Standing(live, {mark.sha: mark.reason for mark in store.marks.listed(app)})
