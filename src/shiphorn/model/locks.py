"""Locks that people and failed deploys place, and commits that are known to be bad."""

from __future__ import annotations

from dataclasses import dataclass

from shiphorn.model.deploy import Kind
from shiphorn.model.endpoints import base_of


@dataclass(frozen=True, slots=True)
class Scope:
    """What a lock is about: an environment of an app, a whole app (no environment), or everything."""

    app: str = ""
    environment: str = ""

    def covers(self, other: Scope) -> bool:
        """Whether the other scope lies within this one, or is the same."""
        return self.app in ("", other.app) and self.environment in ("", other.environment)

    def meets(self, other: Scope) -> bool:
        """Whether there is something that lies within both."""
        return (self.app == other.app or "" in (self.app, other.app)) and (
            self.environment == other.environment or "" in (self.environment, other.environment)
        )

    @property
    def granted(self) -> Scope:
        """Where roles for it are held: those of an endpoint are those of its environment."""
        return Scope(self.app, base_of(self.environment))

    @property
    def words(self) -> str:
        """How it is arrived at on the command line: `production`, `--app`, `--everything`."""
        return self.environment or ("--app" if self.app else "--everything")

    def __str__(self) -> str:
        if self.environment:
            return f"{self.environment} of {self.app}" if self.app else f"{self.environment} of every app"
        return f"all of {self.app}" if self.app else "everything"


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock, in force or not any more. Times are Unix seconds.

    A failed deploy placed it when there is a `deploy_id`: then `owner` is "", it is nobody's.
    `until` None is for ever; `released_at` is None for one that is in force, or expired. `branch` is what
    its owner has out there, until it is merged; "" for any other lock.
    """

    id: int
    app: str
    environment: str
    reason: str
    owner: str
    placed_at: float
    until: float | None = None
    deploy_id: int | None = None
    released_at: float | None = None
    released_by: str = ""
    release_reason: str = ""
    branch: str = ""

    @property
    def scope(self) -> Scope:
        """What it is about."""
        return Scope(self.app, self.environment)

    def in_force(self, now: float) -> bool:
        """Whether it was neither released nor has expired."""
        return self.released_at is None and (self.until is None or self.until > now)

    def refuses(self, actor: str, kind: Kind) -> bool:
        """Whether somebody may not do this under it (see docs/decisions/what-passes-a-lock.md).

        Its owner may do all. The lock of a failed deploy stops deploys, whoever orders them. A
        converge changes nothing of what is intended, so that only a lock on everything stops it.
        """
        if self.deploy_id is not None:
            return kind == Kind.DEPLOY
        if actor == self.owner:
            return False
        return kind != Kind.CONVERGE or self.scope == Scope()

    @property
    def by(self) -> str:
        """Who placed it: a person, or `deploy 12`."""
        return self.owner if self.deploy_id is None else f"deploy {self.deploy_id}"

    @property
    def cleared_by(self) -> str:
        """Who may release it, in words."""
        if self.deploy_id is not None:
            return "anybody"
        merge = f"the merge of {self.branch}, " if self.branch else ""
        return f"{merge}{self.owner}, or anybody with a reason"

    @property
    def unlock(self) -> str:
        """The command that releases it."""
        return f"horn unlock {self.scope.words}"


@dataclass(frozen=True, slots=True)
class BadMark:
    """Somebody's word, or a failed deploy's, that a commit is bad. Times are Unix seconds."""

    id: int
    app: str
    sha: str
    deploy_id: int | None
    reason: str
    marked_by: str
    marked_at: float
    cleared_by: str = ""
    cleared_at: float | None = None
    clear_reason: str = ""

    @property
    def by(self) -> str:
        """Who marked it: a person, or `deploy 12`."""
        return self.marked_by or f"deploy {self.deploy_id}"
