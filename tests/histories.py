"""Histories that were never committed, for graphs of any size."""

from __future__ import annotations

import random

from shiphorn.model.graph import Node
from shiphorn.model.release import Commit

PEOPLE = (
    "Ada Lovelace",
    "Grace Hopper",
    "Alan Turing",
    "Barbara Liskov",
    "Edsger Dijkstra",
    "Margaret Hamilton",
)
DONE = ("Fix", "Speed up", "Rename", "Move", "Explain", "Test", "Simplify", "Guard", "Translate", "Remove")
TO = (
    "the basket when it is empty",
    "search by postcode",
    "the invoice of a cancelled order, which had the wrong address and the wrong date on its second page",
    "sign-in on slow networks",
    "prices",
    "the tax of gifts",
    "pictures on small screens",
)
HOUR = 3600


def busy(count: int, branches: int, now: int = 1_700_000_000) -> list[Node]:
    """Commits, the newest first: branches leave the trunk, take it in now and then, and are merged.

    The id of a commit is its number, scrambled; the newest is a merge or a commit of the trunk.
    """
    chance = random.Random(4)
    tips: list[str] = []
    made: list[Node] = []
    for number in range(count):
        sha = f"{(number + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128):032x}{number:08x}"
        at, subject = (
            max(0, chance.randrange(-len(tips) // 3, len(tips) or 1)),
            f"{chance.choice(DONE)} {chance.choice(TO)}",
        )
        if number == count - 1:
            at = 0
        if not tips:
            parents, tips = [], [sha]
        elif at == 0 and len(tips) > 1 and chance.random() < 0.5:
            merged = chance.randrange(1, len(tips))
            parents, subject = [tips[0], tips.pop(merged)], f"Merge: {subject.lower()}"
            tips[0] = sha
        elif at == 0 and len(tips) <= branches and number < count - 1:
            parents, tips = [tips[0]], [*tips, sha]
        else:
            parents = [tips[at], *([tips[0]] if at and chance.random() < 0.08 else [])]
            tips[at] = sha
        commit = Commit(sha, subject, chance.choice(PEOPLE), now - (count - 1 - number) * HOUR // 2)
        made.append(Node(commit, tuple(dict.fromkeys(parents))))
    return made[::-1]
