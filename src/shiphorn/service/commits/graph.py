"""The commit graph: what is drawn of a window of commits, and which of them are live, shipped or bad."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from shiphorn.model.graph import Node, Ref, RefKind, Refs
from shiphorn.model.release import Commit
from shiphorn.ports import GRAPH_LIMIT, Source
from shiphorn.service.commits.lanes import lay_out

FOUND_LIMIT = 1_000
WINDOW_LIMIT = 500
# About a kilobyte each.
KEPT_COMMITS = 250_000
_SHIPPED_KEPT = 64


@dataclass(frozen=True, slots=True)
class Standing:
    """How commits stand, by their ids. It changes with every deploy; the graph does not."""

    live: Mapping[str, str] = field(default_factory=dict)
    """The commit that is live in each environment, in the order of the pipeline."""
    bad: Mapping[str, str] = field(default_factory=dict)
    """Why each bad commit is bad."""
    checks: Mapping[str, str] = field(default_factory=dict)
    """What CI says: passed, failed or pending."""


class Graph:
    """The commits of a repository in rows, the newest first, laid out in lanes. It never changes."""

    def __init__(self, nodes: Sequence[Node], refs: Refs) -> None:
        self.digest = refs.digest
        self.refs = refs
        self._nodes = nodes
        self._rows = {node.commit.sha: row for row, node in enumerate(nodes)}
        self._parents = [tuple(self._rows.get(sha, -1) for sha in node.parents) for node in nodes]
        self._default = self._rows.get(refs.head, 0) if nodes else None
        self._lanes = lay_out(self._parents, self._default)
        self._refs: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        for ref in sorted(refs.all, key=lambda ref: (ref.name != refs.default, ref.kind, ref.name)):
            if ref.sha in self._rows:
                self._refs[self._rows[ref.sha]].append(_ref_as_json(ref, refs.default))
        self._shipped: OrderedDict[int, bytearray] = OrderedDict()

    @property
    def total(self) -> int:
        """How many commits there are."""
        return len(self._nodes)

    @property
    def lanes(self) -> int:
        """How many lanes are in use at the widest."""
        return self._lanes.count

    def node(self, row: int) -> Node:
        """The commit of a row."""
        return self._nodes[row]

    def row_of(self, sha: str) -> int | None:
        """The row of a commit by its whole id."""
        return self._rows.get(sha)

    def named(self, ref: str) -> Commit | None:
        """The commit of a branch, a tag or a whole id, in this order; None when it is not here."""
        for kind in (RefKind.BRANCH, RefKind.TAG):
            for one in self.refs.all:
                if one.kind == kind and one.name == ref and one.sha in self._rows:
                    return self._nodes[self._rows[one.sha]].commit
        row = self._rows.get(ref)
        return None if row is None else self._nodes[row].commit

    def shas(self, start: int, count: int) -> list[str]:
        """The ids of the commits of a window."""
        start = max(0, start)
        end = min(self.total, start + max(0, min(count, WINDOW_LIMIT)))
        return [self._nodes[row].commit.sha for row in range(start, end)]

    def find(self, text: str, limit: int = FOUND_LIMIT) -> list[int]:
        """Rows whose id begins with the text, or whose subject, author or branch has it; any case."""
        wanted = text.strip().casefold()
        if not wanted:
            return []
        found = []
        for row, (sha, words) in enumerate(self._texts):
            if wanted in words or sha.startswith(wanted):
                found.append(row)
                if len(found) == limit:
                    break
        return found

    def ahead(self, live: str, of: str) -> list[int]:
        """Rows that `of` reaches and `live` does not: what a deploy of it would bring."""
        start = self._rows.get(of)
        if start is None:
            return []
        reached, there = self._reach(start), self._reach(self._rows.get(live))
        return [row for row in range(start, self.total) if reached[row] and not there[row]]

    def window(self, start: int, count: int, standing: Standing) -> dict[str, Any]:
        """The rows from `start` on as JSON, at most WINDOW_LIMIT, with what is needed to draw them."""
        start = max(0, start)
        rows = range(start, min(self.total, start + min(count, WINDOW_LIMIT)))
        live: defaultdict[str, list[str]] = defaultdict(list)
        for environment, sha in standing.live.items():
            live[sha].append(environment)
        reached = [(name, self._reach(self._rows.get(sha))) for name, sha in standing.live.items()]
        return {
            "graph": self.digest,
            "total": self.total,
            "lanes": self.lanes,
            "start": start,
            "environments": [
                {"name": name, "row": self._rows.get(sha)} for name, sha in standing.live.items()
            ],
            "rows": [self._row_as_json(row, standing, live, reached) for row in rows],
        }

    def _row_as_json(
        self,
        row: int,
        standing: Standing,
        live: Mapping[str, list[str]],
        reached: Sequence[tuple[str, bytearray]],
    ) -> dict[str, Any]:
        node = self._nodes[row]
        commit = node.commit
        return {
            "sha": commit.sha,
            "lane": self._lanes.lane[row],
            "edges": list(self._lanes.edges(row)),
            "parents": len(node.parents),
            "cut": row in self._lanes.cut,
            "subject": commit.subject,
            "author": commit.author,
            "at": commit.committed_at,
            "refs": self._refs.get(row, []),
            "environments": live.get(commit.sha, []),
            "bad": standing.bad.get(commit.sha),
            "check": standing.checks.get(commit.sha),
            "shipped": [name for name, rows in reached if rows[row]],
        }

    @cached_property
    def _texts(self) -> list[tuple[str, str]]:
        refs = {row: " ".join(ref["name"] for ref in named) for row, named in self._refs.items()}
        return [
            (
                node.commit.sha,
                f"{node.commit.subject}\n{node.commit.author}\n{refs.get(row, '')}".casefold(),
            )
            for row, node in enumerate(self._nodes)
        ]

    def _reach(self, row: int | None) -> bytearray:
        """A byte a row: whether it is this commit or an ancestor of it."""
        key = -1 if row is None else row
        if (kept := self._shipped.get(key)) is not None:
            return kept
        reached = bytearray(self.total)
        if row is not None:
            reached[row] = 1
            for child in range(row, self.total):
                if reached[child]:
                    for parent in self._parents[child]:
                        if parent >= 0:
                            reached[parent] = 1
        self._shipped[key] = reached
        if len(self._shipped) > _SHIPPED_KEPT:
            self._shipped.popitem(last=False)
        return reached


class Graphs:
    """Graphs that are kept in memory, by the digest of their refs; the ones asked for least go first.

    A face asks `of` once for a page, and `kept` for the windows of it while it is scrolled: its rows
    stay where they are whatever is pushed meanwhile.
    """

    def __init__(self, limit: int = GRAPH_LIMIT, kept_commits: int = KEPT_COMMITS) -> None:
        self._limit = limit
        self._kept_commits = kept_commits
        self._graphs: OrderedDict[str, Graph] = OrderedDict()
        self._making: dict[str, asyncio.Lock] = {}

    async def of(self, source: Source) -> Graph:
        """The graph of a repository as its mirror has it. Raises SourceError SH213."""
        refs = await source.refs()
        making = self._making.setdefault(refs.digest, asyncio.Lock())
        try:
            async with making:
                if (graph := self.kept(refs.digest)) is None:
                    nodes = await source.graph(self._limit)
                    graph = await asyncio.to_thread(Graph, nodes, refs)
                    self._keep(graph)
                return graph
        finally:
            if not making.locked():
                self._making.pop(refs.digest, None)

    def kept(self, digest: str) -> Graph | None:
        """A graph by its digest, if it is still here."""
        if digest in self._graphs:
            self._graphs.move_to_end(digest)
        return self._graphs.get(digest)

    def _keep(self, graph: Graph) -> None:
        self._graphs[graph.digest] = graph
        while (
            len(self._graphs) > 1 and sum(kept.total for kept in self._graphs.values()) > self._kept_commits
        ):
            self._graphs.popitem(last=False)


def _ref_as_json(ref: Ref, default: str) -> dict[str, Any]:
    is_default = ref.kind == RefKind.BRANCH and ref.name == default
    return {"name": ref.name, "kind": str(ref.kind), "default": is_default}
