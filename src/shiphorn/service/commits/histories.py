"""The history of each repository as pages show it: at once as it is known, and fetched again as it ages."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from types import TracebackType
from typing import Self

from shiphorn.config.load import Config
from shiphorn.deploy.world import World
from shiphorn.errors import ShiphornError
from shiphorn.ports import Source
from shiphorn.service.commits.graph import Graph, Graphs

FRESH_SECONDS = 30.0
"""A mirror that is older is fetched when somebody looks."""
WARMED_AT_ONCE = 10
"""How many repositories are fetched without anybody looking, a minute."""
TOLD_AT_MOST = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class History:
    """The history of a repository. `graph` is None while nothing is known of it.

    `fetched_at` is when its mirror was fetched by this process, None for not yet. `trouble` is why the
    last fetch failed: then the graph is an older one.
    """

    graph: Graph | None = None
    fetched_at: float | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """A commit that is live: its subject, and how many commits the default branch has that it has not."""

    subject: str
    behind: int


@dataclass
class _Repository:
    digest: str = ""
    fetched_at: float | None = None
    tried_at: float = -inf
    trouble: str = ""
    fetching: asyncio.Task[None] | None = None


class Histories:
    """The histories of all repositories. It is a context: at its end no fetch goes on.

    Nobody waits for a fetch whose repository is known already: it is for those who look next.
    """

    def __init__(self, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self.graphs = Graphs()
        self._told: dict[tuple[str, str], Told] = {}
        self._fresh = fresh_seconds
        self._known: dict[str, _Repository] = {}
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._known.values():
            if one.fetching is not None:
                one.fetching.cancel()
        await self._group.__aexit__(kind, error, trace)

    async def of(self, world: World, config: Config, *, wait_seconds: float | None = None) -> History:
        """The history of an app's repository; one that was never fetched is waited for, so long at most."""
        source, known = world.source(config), self._known.setdefault(config.repo, _Repository())
        graph = await self._kept(known, source)
        self._fetch_if_old(known, source)
        if graph is None and known.fetching is not None:
            await asyncio.wait({known.fetching}, timeout=wait_seconds)
            graph = self.graphs.kept(known.digest)
        return History(graph, known.fetched_at, known.trouble)

    def told(self, config: Config, live: str) -> Told | None:
        """What the history in memory says of a commit that is live; None while it is not known."""
        known = self._known.get(config.repo)
        graph = self.graphs.kept(known.digest) if known else None
        row = graph.row_of(live) if graph else None
        if graph is None or row is None:
            return None
        key = (graph.digest, live)
        if key not in self._told:
            if len(self._told) >= TOLD_AT_MOST:
                self._told.clear()
            self._told[key] = Told(graph.node(row).commit.subject, len(graph.ahead(live, graph.refs.head)))
        return self._told[key]

    async def warm(self, world: World, configs: Iterable[Config]) -> None:
        """Fetch those of the repositories that were looked at longest ago, a few at a time."""
        ages = {one.repo: one for one in configs}
        oldest = sorted(ages, key=lambda repo: self._known[repo].tried_at if repo in self._known else -inf)
        for repo in oldest[:WARMED_AT_ONCE]:
            await self.of(world, ages[repo])

    async def fetch(self, world: World, config: Config) -> History:
        """The history of an app's repository with all that was pushed until now."""
        source, known = world.source(config), self._known.setdefault(config.repo, _Repository())
        if known.fetching is not None:
            # It may have begun before the last push.
            await asyncio.wait({known.fetching})
        known.tried_at = -inf
        self._fetch_if_old(known, source)
        if known.fetching is not None:
            await asyncio.wait({known.fetching})
        return History(self.graphs.kept(known.digest), known.fetched_at, known.trouble)

    async def _kept(self, known: _Repository, source: Source) -> Graph | None:
        """The graph in memory, else the one of the mirror that is there from before."""
        if (graph := self.graphs.kept(known.digest)) is not None:
            return graph
        try:
            graph = await self.graphs.of(source)
        except ShiphornError:
            return None
        known.digest = graph.digest
        return graph

    def _fetch_if_old(self, known: _Repository, source: Source) -> None:
        if known.fetching is None and time.monotonic() - known.tried_at > self._fresh:
            known.fetching = self._group.create_task(self._fetch(known, source))

    async def _fetch(self, known: _Repository, source: Source) -> None:
        try:
            await source.refresh()
            known.digest = (await self.graphs.of(source)).digest
            known.fetched_at, known.trouble = time.time(), ""
        except ShiphornError as error:
            known.trouble = str(error)
        except Exception as error:  # noqa: BLE001 - one repository must not end the fetching of others
            _log.exception("a repository could not be fetched")
            known.trouble = f"it could not be fetched: {error}"
        finally:
            known.tried_at, known.fetching = time.monotonic(), None
