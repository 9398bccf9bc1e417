"""Where the commits of a graph are drawn: each in a lane, and the lines from row to row.

Row 0 is the newest commit. Every line runs downward, from a child to its parent, and what is
kept of it is kept by row, so that any window of rows can be drawn without those above it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Edge = tuple[int, int] | tuple[int, int, int]
"""(lane at this row, lane at the next row); a third item, 1, if it leaves a merge for its other parent."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """A layout. All sequences have an item a row; a mask has the bit `1 << lane` for each lane."""

    lane: Sequence[int]
    running: Sequence[int]
    """Mask of the lanes with a line that leaves this row straight down."""
    ending: Sequence[int]
    """Mask of the lanes whose line turns into the commit at this row."""
    leaving: Sequence[tuple[int, ...]]
    """Lanes into which a merge at this row turns, for its second and further parents."""
    cut: frozenset[int]
    """Rows with a parent that is not among the rows."""
    count: int
    """How many lanes there are."""

    def edges(self, row: int) -> Iterator[Edge]:
        """The lines between this row and the next."""
        if row + 1 >= len(self.lane):
            return
        target, ending = self.lane[row + 1], self.ending[row + 1]
        running = self.running[row]
        while running:
            lowest = running & -running
            lane = lowest.bit_length() - 1
            yield (lane, target if ending & lowest else lane)
            running ^= lowest
        for lane in self.leaving[row]:
            yield (self.lane[row], target if ending >> lane & 1 else lane, 1)


def lay_out(parents: Sequence[Sequence[int]], default: int | None) -> Lanes:
    """Give each row a lane. `parents` are rows, each greater than its child's; -1 is one not there.

    The first parents of the row `default` are in lane 0, and nothing else is. Other lanes are the
    lowest that are free, and a commit follows its first child's lane as far as it may.
    """
    return _Layout(parents, default).lanes()


class _Layout:
    """One pass from top to bottom. A lane is active while its line runs on to a row further down."""

    def __init__(self, parents: Sequence[Sequence[int]], default: int | None) -> None:
        self._parents = parents
        self._default = default
        self._trunk = _first_parents(parents, default)
        self._waiting: defaultdict[int, list[int]] = defaultdict(list)
        self._active = 0
        self._ending = 0

    def lanes(self) -> Lanes:
        lanes: list[int] = []
        runs: list[int] = []
        ends: list[int] = []
        leaves: list[tuple[int, ...]] = []
        seen = 0
        for row, parents in enumerate(self._parents):
            arriving = self._waiting.pop(row, [])
            self._ending = sum(1 << lane for lane in arriving)
            self._active &= ~self._ending
            lane = self._own(row, arriving)
            there = list(dict.fromkeys(parent for parent in parents if parent >= 0))
            straight = bool(there) and there[0] == parents[0]
            if straight:
                self._run(lane, there[0])
            lanes.append(lane)
            ends.append(self._ending & ~(1 << lane))
            runs.append(self._active)
            leaves.append(tuple(self._turn(parent, lane) for parent in there[straight:]))
            seen |= self._active | 1 << lane
        cut = frozenset(row for row, parents in enumerate(self._parents) if -1 in parents)
        return Lanes(lanes, runs, ends, leaves, cut, seen.bit_length())

    def _own(self, row: int, arriving: list[int]) -> int:
        """The lane of a commit: of the lines that arrive at it the leftmost, or a free one."""
        if row in self._trunk:
            return 0
        return min(arriving) if arriving else self._free()

    def _turn(self, parent: int, lane: int) -> int:
        """The lane in which a merge reaches this parent: the nearest that goes there, or a free one."""
        going = self._waiting.get(parent)
        if going:
            return min(going, key=lambda other: (abs(other - lane), other))
        # A line that ends here and one that begins here would look like one, were they in one lane.
        other = 0 if parent == self._default else self._free(self._ending)
        self._run(other, parent)
        return other

    def _run(self, lane: int, parent: int) -> None:
        self._active |= 1 << lane
        self._waiting[parent].append(lane)

    def _free(self, without: int = 0) -> int:
        """The lowest lane without a line and not in this mask; lane 0 is kept."""
        taken = self._active | without | 1
        return (~taken & (taken + 1)).bit_length() - 1


def _first_parents(parents: Sequence[Sequence[int]], row: int | None) -> frozenset[int]:
    chain = set()
    while row is not None and row >= 0:
        chain.add(row)
        row = parents[row][0] if parents[row] else None
    return frozenset(chain)
