"""What forges tell besides statuses: pushes, and pull requests (GitLab's merge requests)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PullState(StrEnum):
    """Where a pull request is."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A branch is at another commit than it was.

    `repository` is a `repository_key`; `sha` is "" where the branch is gone, `before` where it is new.
    `forge` is the one of shiphorn.yml that said so.
    """

    forge: str
    repository: str
    branch: str
    sha: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request as it is after something happened to it: opened, pushed to, labelled, merged.

    `repository` is the `repository_key` of the repository it asks to be merged in, `base` the branch there;
    `branch` is what it asks for and `sha` its head. `from_fork` tells that the branch is another
    repository's, which may have one of the same name: nothing may be deployed or unlocked by it. `labels`
    are all that it bears now. `merged_sha` is the commit it was merged as, "" if unknown.
    """

    forge: str
    repository: str
    number: int
    branch: str
    base: str
    state: PullState
    sha: str = ""
    labels: tuple[str, ...] = ()
    title: str = ""
    author: str = ""
    url: str = ""
    from_fork: bool = False
    merged_sha: str = ""
