"""What came in from forges and waits to be acted on, and what keeps strangers from making work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from shiphorn.model.forge import Forge, Message
from shiphorn.service.builds.keys import Keys
from shiphorn.service.people.pace import Pace

MOST_WAITING = 1000
MOST_FAILURES, FAILURES_SECONDS = 30, 60.0
"""So many refused webhooks of a network are looked at and written down in so many seconds."""


class Taken(NamedTuple):
    """A message on its way to those who act on it. `nonce` names its receipt."""

    forge: Forge
    message: Message
    repository: str
    nonce: str


class Wanted(NamedTuple):
    """A commit that a forge is to be asked about. `path` is what it calls the repository."""

    forge: str
    repository: str
    path: str
    sha: str


@dataclass(slots=True)
class Incoming:
    """In memory, for one process, on the loop of the pages. What is lost with it is found by asking."""

    waiting: asyncio.Queue[Taken] = field(default_factory=lambda: asyncio.Queue(MOST_WAITING))
    asked: set[Wanted] = field(default_factory=set)
    """Commits of which a forge said that there is something new."""
    failures: Pace = field(default_factory=lambda: Pace(MOST_FAILURES, FAILURES_SECONDS))
    keys: Keys = field(default_factory=Keys)

    def ask(self, wanted: Wanted) -> None:
        """Have a forge be asked soon about a commit."""
        if len(self.asked) < MOST_WAITING:
            self.asked.add(wanted)
