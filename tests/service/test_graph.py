"""The commit graph: lanes as text pictures, marks, windows, and 50,000 commits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from shiphorn.model.auto import Written
from shiphorn.model.graph import Diff, Node, Ref, RefKind, Refs
from shiphorn.model.release import Commit, MergeResult
from shiphorn.service.commits.graph import Graph, Graphs, Standing
from shiphorn.service.commits.lanes import Lanes, lay_out
from tests.histories import busy


def history(text: str) -> list[Node]:
    """A commit a line, the newest first: its name, then its parents."""
    lines = [line.split() for line in text.strip().splitlines()]
    return [
        Node(Commit(name, f"subject of {name}", "Ada", 1000 - row), tuple(parents))
        for row, (name, *parents) in enumerate(lines)
    ]


def refs(**branches: str) -> Refs:
    return Refs("main", tuple(Ref(name, RefKind.BRANCH, sha) for name, sha in branches.items()))


def graph(text: str, **branches: str) -> Graph:
    return Graph(history(text), refs(**branches))


def picture(text: str, default: str) -> list[str]:
    """The layout in characters: a line a commit, and one below it where lines change lanes.

    `.` is where a line begins that leaves a merge, `'` where one ends, `+` where it meets one that runs on.
    """
    nodes = history(text)
    rows = {node.commit.sha: row for row, node in enumerate(nodes)}
    lanes = lay_out([[rows.get(parent, -1) for parent in node.parents] for node in nodes], rows.get(default))
    drawn = []
    for row, node in enumerate(nodes):
        arriving = {edge[1] for edge in lanes.edges(row - 1)} if row else set()
        cells = ["|" if lane in arriving else " " for lane in range(lanes.count)]
        cells[lanes.lane[row]] = node.commit.sha
        drawn += [" ".join(cells).rstrip(), *_turns(lanes, row)]
    return drawn


def _turns(lanes: Lanes, row: int) -> list[str]:
    edges = list(lanes.edges(row))
    cells = [" "] * (2 * lanes.count)
    for one, other, *_ in edges:
        for at in range(2 * min(one, other) + 1, 2 * max(one, other)):
            cells[at] = "-"
    for one, other, *merge in edges:
        if one != other:
            cells[2 * one], cells[2 * other] = ("+", ".") if merge else ("'", "+")
    straight = {edge[0] for edge in edges if edge[0] == edge[1]}
    for lane in straight:
        cells[2 * lane] = "|" if cells[2 * lane] in " -" else "+"
    return ["".join(cells).rstrip()] if len(straight) < len(edges) else []


def test_a_straight_history_is_one_lane() -> None:
    assert picture("c b\nb a\na", "c") == ["c", "b", "a"]


def test_a_merged_branch_has_a_lane_beside_the_trunk() -> None:
    assert picture("m a b\nb a\na", "m") == ["m", "+-.", "| b", "+-'", "a"]


def test_the_default_branch_stays_in_lane_0_whatever_is_newer() -> None:
    assert picture("f c\nd b\nc b\nb a\na", "d") == ["  f", "d |", "| c", "+-'", "b", "a"]


def test_an_octopus_merge_has_a_line_to_each_parent() -> None:
    assert picture("o a b c d\nd a\nc a\nb a\na", "o") == [
        "o",
        "+-.-.-.",
        "| | | d",
        "| | c |",
        "| b | |",
        "+-'-'-'",
        "a",
    ]


def test_a_lane_that_is_free_again_is_used_again() -> None:
    drawn = picture("z y x\nx y\ny u\nu w v\nv w\nw", "z")
    assert drawn == ["z", "+-.", "| x", "+-'", "y", "u", "+-.", "| v", "+-'", "w"]


def test_a_branch_that_begins_where_another_ends_has_another_lane() -> None:
    drawn = picture("z y x\nx y\ny w v\nv w\nw", "z")
    assert drawn == ["z", "+-.", "| x", "+-'", "y", "+---.", "|   v", "+---'", "w"]


def test_a_branch_that_took_in_the_trunk_meets_it_there() -> None:
    assert picture("f e m\ne c\nm d\nd c\nc", "m") == [
        "  f",
        ".-+",
        "| e",
        "m |",
        "d |",
        "+-'",
        "c",
    ]


def test_a_branch_that_took_in_an_older_commit_of_the_trunk_has_a_line_of_its_own_to_it() -> None:
    assert picture("m d\nf e c\ne b\nd c\nc b\nb", "m") == [
        "m",
        "| f",
        "| +-.",
        "| e |",
        "d | |",
        "+-|-'",
        "c |",
        "+-'",
        "b",
    ]


def test_branches_merged_into_each_other_cross() -> None:
    assert picture("x b c\ny c b\nb a\nc a\na", "x") == [
        "x",
        "+-.",
        "| | y",
        "+-|-+",
        "b | |",
        "| +-'",
        "| c",
        "+-'",
        "a",
    ]


def test_a_root_of_its_own_ends_its_lane() -> None:
    assert picture("m a r\nr s\ns\na", "m") == ["m", "+-.", "| r", "| s", "a"]


def test_a_commit_whose_parent_is_not_among_the_rows_is_cut() -> None:
    window = graph("c b q\nb p", main="c").window(0, 10, Standing())
    assert [row["cut"] for row in window["rows"]] == [True, True]
    assert [row["edges"] for row in window["rows"]] == [[(0, 0)], []]


def test_a_window_has_all_that_is_drawn_of_its_rows() -> None:
    made = graph("m a b\nb a\na", main="m", feature="b")
    standing = Standing(
        live={"staging": "b", "production": "a"}, bad={"a": "too slow"}, checks={"b": "failed"}
    )
    window = made.window(1, 1, standing)
    assert window == {
        "graph": made.digest,
        "total": 3,
        "lanes": 2,
        "start": 1,
        "environments": [{"name": "staging", "row": 1}, {"name": "production", "row": 2}],
        "rows": [
            {
                "sha": "b",
                "lane": 1,
                "edges": [(0, 0), (1, 0)],
                "parents": 1,
                "cut": False,
                "subject": "subject of b",
                "author": "Ada",
                "at": 999,
                "refs": [{"name": "feature", "kind": "branch", "default": False}],
                "environments": ["staging"],
                "bad": None,
                "check": "failed",
                "shipped": ["staging"],
            }
        ],
    }
    assert made.window(2, 5, standing)["rows"][0]["bad"] == "too slow"
    assert made.window(7, 5, standing)["rows"] == []


def test_what_is_shipped_is_what_the_live_commit_contains() -> None:
    made = graph("m a b\nb r\na r\nr", main="m")
    window = made.window(0, 9, Standing(live={"staging": "a", "production": "not here"}))
    assert [row["shipped"] for row in window["rows"]] == [[], [], ["staging"], ["staging"]]
    assert window["environments"][1] == {"name": "production", "row": None}
    assert [made.node(row).commit.sha for row in made.ahead("a", "m")] == ["m", "b"]
    assert made.ahead("", "a") == [2, 3]
    assert made.ahead("a", "not here") == []


def test_the_default_branch_comes_first_among_names() -> None:
    made = Graph(
        history("m"),
        Refs("main", (Ref("a", RefKind.BRANCH, "m"), *refs(main="m").all, Ref("v1", RefKind.TAG, "m"))),
    )
    names = made.window(0, 1, Standing())["rows"][0]["refs"]
    assert [(ref["name"], ref["kind"], ref["default"]) for ref in names] == [
        ("main", "branch", True),
        ("a", "branch", False),
        ("v1", "tag", False),
    ]


def test_commits_are_found_by_id_subject_author_and_branch() -> None:
    made = graph("cafe b\nbeef a\nabcd", main="cafe", wing="beef")
    assert made.find("CAF") == [0]
    assert made.find("subject of B") == [1]
    assert made.find("ada") == [0, 1, 2]
    assert made.find("win") == [1]
    assert made.find("ada", limit=2) == [0, 1]
    assert made.find(" ") == made.find("afe0") == []
    assert made.row_of("beef") == 1


def test_an_empty_repository_has_an_empty_graph() -> None:
    window = Graph([], refs()).window(0, 10, Standing(live={"production": "a"}))
    assert (window["total"], window["lanes"], window["rows"]) == (0, 0, [])


def test_fifty_thousand_commits_are_laid_out_and_looked_at_at_once() -> None:
    nodes = busy(50_000, 30)
    started = time.perf_counter()
    made = Graph(nodes, refs(main=nodes[0].commit.sha))
    laid_out = time.perf_counter()
    live = {f"environment {number}": nodes[number * 9_000].commit.sha for number in range(5)}
    window = made.window(49_900, 200, Standing(live=live))
    looked = time.perf_counter()
    assert made.total == 50_000
    assert 20 <= made.lanes <= 60
    assert len(window["rows"]) == 100
    assert made.find(nodes[4242].commit.sha[:9]) == [4242]
    # A tenth and less of it on a quiet machine; what is held here is that nothing is quadratic.
    assert laid_out - started < 3
    assert looked - laid_out < 1


class Repository:
    """A source whose refs a test may move; it counts how often its commits were read."""

    def __init__(self) -> None:
        self.at = "a"
        self.times_read = 0

    async def refresh(self) -> None:
        """It is always up to date."""

    async def has(self, sha: str) -> bool:
        return True

    async def resolve(self, ref: str) -> Commit:
        raise NotImplementedError

    async def log(self, old: str, new: str, *, limit: int = 200) -> Sequence[Commit]:
        return []

    async def read(self, sha: str, path: str) -> str | None:
        return None

    async def ahead(self, live: str, head: str, *, limit: int = 50) -> Sequence[Written]:
        return []

    async def contains(self, whole: str, part: str) -> bool:
        return False

    async def export(self, sha: str, into: Path) -> None:
        raise NotImplementedError

    async def parents(self, sha: str) -> Sequence[str]:
        return ()

    async def merge(self, ours: str, theirs: str) -> MergeResult:
        raise NotImplementedError

    async def push_merge(
        self, branch: str, tree: str, parents: tuple[str, str], message: str, at: float
    ) -> str:
        raise NotImplementedError

    async def refs(self) -> Refs:
        return refs(main=self.at)

    async def graph(self, limit: int = 50_000) -> Sequence[Node]:
        self.times_read += 1
        await asyncio.to_thread(time.sleep, 0)
        return history("b a\na" if self.at == "b" else "a")

    async def diff(self, old: str, new: str, *, limit_bytes: int = 1) -> Diff:
        return Diff("", ())

    async def committed_at(self, shas: Sequence[str]) -> dict[str, float]:
        return {}

    async def show(self, sha: str) -> str:
        return ""


async def test_commits_are_read_once_until_a_ref_moves() -> None:
    graphs, repository = Graphs(), Repository()
    first, second = await asyncio.gather(graphs.of(repository), graphs.of(repository))
    assert first is second is graphs.kept(first.digest)
    assert repository.times_read == 1
    repository.at = "b"
    assert (await graphs.of(repository)).total == 2
    assert repository.times_read == 2
    assert graphs.kept(first.digest) is first


async def test_graphs_that_are_asked_for_least_make_room() -> None:
    graphs, repository = Graphs(kept_commits=2), Repository()
    first = await graphs.of(repository)
    repository.at = "b"
    second = await graphs.of(repository)
    assert graphs.kept(first.digest) is None
    assert graphs.kept(second.digest) is second
