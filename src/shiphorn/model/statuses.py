"""Statuses of commits: what forges and builds say of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_SCP = re.compile(r"^(?:[^@/:]+@)?(?P<host>[^/:]+):(?P<path>(?!//).+)$")
_URL = re.compile(r"^[a-z][a-z0-9+.-]*://(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)$", re.IGNORECASE)


class BuildState(StrEnum):
    """How a build, or another check of a commit, stands."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"


WORST_FIRST = (BuildState.FAILURE, BuildState.PENDING, BuildState.SUCCESS)


@dataclass(frozen=True, slots=True)
class CommitStatus:
    """What one `context`, such as `ci/build`, says of a commit.

    `source` is the forge of shiphorn.yml that brought it; `repository` is a `repository_key`, "" where the
    source does not know it; `url` is its page, "" for none; `at` is when it was so, in Unix seconds.
    """

    sha: str
    repository: str
    source: str
    context: str
    state: BuildState
    description: str = ""
    url: str = ""
    at: float = 0.0


def repository_key(address: str) -> str:
    """A repository by its host and path, however it is reached: `github.com/acme/shop`.

    A folder of this machine is its own path.
    """
    found = _URL.match(address) or _SCP.match(address)
    if found is None or address.startswith(("/", ".", "file:")):
        return address.removeprefix("file://").rstrip("/")
    path = found["path"].strip("/").removesuffix(".git")
    return f"{found['host']}/{path}".lower()


def overall(statuses: list[CommitStatus]) -> BuildState | None:
    """What all of them say together: red before pending before green; None when nobody says anything."""
    states = {one.state for one in statuses}
    return next((state for state in WORST_FIRST if state in states), None)
