"""Forges: where repositories live and are built, what they tell, and what they are told."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from urllib.parse import quote, urlsplit

from shiphorn.model.settings import SecretRef
from shiphorn.model.statuses import CommitStatus, repository_key

OWN = "shiphorn/"
"""The contexts under which a forge without deployments is told of them: no build says anything so."""
SHA = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
REPORTED = "reported"
"""The source of statuses that somebody with a token reported: no forge has this name."""


class ForgeKind(StrEnum):
    """What a forge is. Jenkins and a generic sender build, and have no repositories of their own."""

    GITHUB = "github"
    GITLAB = "gitlab"
    GITEA = "gitea"
    """Forgejo, too."""
    JENKINS = "jenkins"
    GENERIC = "generic"

    @property
    def has_repositories(self) -> bool:
        """Whether repositories live there, so that it can be asked and told."""
        return self in (ForgeKind.GITHUB, ForgeKind.GITLAB, ForgeKind.GITEA)


@dataclass(frozen=True, slots=True)
class Forge:
    """A forge of shiphorn.yml. `url` is its web address, `api` the one of its API.

    `hosts` are names by which apps' repositories name it, too. `repositories` are globs of those that it
    may speak for. `poll_seconds` is how often it is asked, 0 for never; `deployments` is whether it is
    told of deploys.
    """

    name: str
    kind: ForgeKind
    url: str
    api: str
    token: SecretRef | None = None
    secrets: tuple[SecretRef, ...] = ()
    hosts: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ("*",)
    poll_seconds: float = 60.0
    deployments: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether it is asked for statuses."""
        return self.kind.has_repositories and self.poll_seconds > 0

    def path_of(self, key: str) -> str:
        """What the forge calls a repository with this `repository_key`: `acme/shop`; "" if it has it not.

        For one that only builds that is the key itself.
        """
        if not self.kind.has_repositories:
            return key if self.may_speak_of(key) else ""
        for home in self._homes():
            if key.startswith(f"{home}/"):
                path = key.removeprefix(f"{home}/")
                return path if self.may_speak_of(path) else ""
        return ""

    def may_speak_of(self, path: str) -> bool:
        """Whether its word on a repository counts. `path` is as in `path_of`; letters' case is no matter."""
        return any(fnmatchcase(path.lower(), glob.lower()) for glob in self.repositories)

    def commit_url(self, path: str, sha: str) -> str:
        """The page of a commit; "" where there is none."""
        return f"{self.url}/{quote(path)}{self._dash}/commit/{sha}" if self.kind.has_repositories else ""

    def compare_url(self, path: str, old: str, new: str) -> str:
        """The page of what came between two commits; "" where there is none."""
        if not self.kind.has_repositories:
            return ""
        return f"{self.url}/{quote(path)}{self._dash}/compare/{old}...{new}"

    @property
    def _dash(self) -> str:
        return "/-" if self.kind == ForgeKind.GITLAB else ""

    def _homes(self) -> list[str]:
        """What the keys of its repositories begin with, the longest first."""
        whole = repository_key(f"{self.url}/x").removesuffix("/x")
        host = (urlsplit(self.url).hostname or "").lower()
        return sorted({whole, host, *(one.lower() for one in self.hosts)}, key=len, reverse=True)


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


@dataclass(frozen=True, slots=True)
class Message:
    """What a forge sent, read. `path` is what it calls the repository, "" where it names none.

    What is in here has no source and no repository yet. `ask` are commits of which it said no more than
    that there is something new; `ignored` is why nothing came of it.
    """

    path: str
    statuses: tuple[CommitStatus, ...] = ()
    push: Pushed | None = None
    pull_request: PullRequest | None = None
    ask: tuple[str, ...] = ()
    ignored: str = ""


class Progress(StrEnum):
    """What a forge is told of a deploy."""

    UNDER_WAY = "in_progress"
    DONE = "success"
    FAILED = "failure"
    STOPPED = "stopped"
    REPLACED = "inactive"
    """A later deploy took its place."""

    @property
    def is_end(self) -> bool:
        """Whether the deploy is over."""
        return self != Progress.UNDER_WAY


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deploy as forges know it. `run` is unique everywhere; `url` its page, "" when nobody knows.

    `visit` is where an endpoint is reached, "" for what is there to stay.
    """

    run: str
    environment: str
    production: bool
    sha: str
    ref: str
    is_tag: bool
    description: str
    url: str = ""
    visit: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Something that a forge sent, or somebody who said to be one. `at` is Unix seconds.

    `outcome` is `taken`, `ignored`, `refused` or `failed`; `problem` why, in words. `delivery` is what the
    sender called it.
    """

    id: int
    sender: str
    delivery: str
    kind: str
    address: str
    at: float
    size: int
    outcome: str
    problem: str
