"""Auto deploys: how far an environment is that deploys by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shiphorn.model.release import Commit

_SKIPS = re.compile(r"\[(?:skip deploy|deploy skip)\]", re.IGNORECASE)


class AutoState(StrEnum):
    """What an environment that deploys by itself does."""

    SHIPS = "ships"
    WAITS = "waits"
    """There is a commit to come, and something that it waits for."""
    IDLE = "idle"
    """There is none."""
    STOPPED = "stopped"
    """It does nothing until a person has looked."""


@dataclass(frozen=True, slots=True)
class AutoRecord:
    """What is on record of such an environment. Times are Unix seconds.

    `sha` is the commit that was ordered last, in which `round`, and `deploy_id` the deploy of it; deploys up
    to `settled` have been looked at. `seen` is when commits to come were first seen. `state`, `reason` and
    `until` are what it does since `at`, and why; "" for nothing yet. `branch` is what it says of a branch
    that is out.
    """

    app: str
    environment: str
    sha: str = ""
    round: int = 0
    deploy_id: int | None = None
    settled: int = 0
    seen: Mapping[str, float] = field(default_factory=dict)
    state: str = ""
    reason: str = ""
    until: float | None = None
    at: float = 0.0
    branch: str = ""
    stopped_at: float | None = None
    stopped_by: str = ""
    stopped_reason: str = ""

    def key(self, sha: str) -> str:
        """What the order of a commit is known by: the same commit makes one deploy a round."""
        return f"auto:{self.app}:{self.environment}:{sha}:{self.round}"


@dataclass(frozen=True, slots=True)
class Written:
    """A commit with all of its message."""

    commit: Commit
    message: str

    @property
    def skips(self) -> bool:
        """Whether whoever wrote it does not want it deployed by itself: `[skip deploy]`."""
        return _SKIPS.search(self.message) is not None
