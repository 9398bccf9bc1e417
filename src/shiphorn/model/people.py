"""People, what they may do, and who gives an order through which face."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shiphorn.model.locks import Scope


class Role(StrEnum):
    """What somebody may do, each role all that those before it may."""

    VIEWER = "viewer"
    """Look at everything there is, but for people and secrets."""
    DEPLOYER = "deployer"
    """Deploy, roll back, stop, lock, mark as bad."""
    ADMIN = "admin"
    """Override gates, take locks of others; everywhere: people, tokens of others, webhooks, settings."""

    @property
    def rank(self) -> int:
        """How much it allows, from 1."""
        return list(Role).index(self) + 1


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, and where it holds: in an environment of an app, a whole app, or everywhere."""

    role: Role
    scope: Scope = field(default_factory=Scope)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in. Times are Unix seconds.

    `login` is what locks and deploys know them by. `has_password` is whether they can sign in with one;
    `muted` whether the horn stays silent for them.
    """

    id: int
    login: str
    name: str
    email: str
    created_at: float
    grants: tuple[Grant, ...] = ()
    has_password: bool = False
    muted: bool = False
    disabled_at: float | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that is signed in, and whether it is the one that asks. Times are Unix seconds."""

    created_at: float
    expires_at: float
    address: str
    agent: str
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """A token for the API: it may do what its person may, but no more than its `grant`.

    Its secret is shown once, when it is made. Times are Unix seconds; `expires_at` None is never. `via` is
    the face that it was made for: `cli` where a command line signed in by it, else `api`.
    """

    id: int
    person_id: int
    name: str
    grant: Grant
    created_at: float
    expires_at: float | None = None
    used_at: float | None = None
    revoked_at: float | None = None
    via: str = "api"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who gives an order or asks a question, through which face, and from where.

    `name` is what locks and deploys know them by; `via` is `web`, `api`, `cli`, `chat` or `service`;
    `address` the network address, "" on this machine. `limit` is what a token narrows it to.
    """

    name: str
    via: str
    address: str = ""
    grants: tuple[Grant, ...] = ()
    limit: Grant | None = None
    person_id: int | None = None
    muted: bool = False

    def role_in(self, scope: Scope) -> Role | None:
        """The highest role there; None when there is none."""
        scope = scope.granted
        held = [grant.role for grant in self.grants if grant.scope.covers(scope)]
        best = max(held, key=lambda role: role.rank, default=None)
        if best is None or self.limit is None:
            return best
        if not self.limit.scope.covers(scope):
            return None
        return min(best, self.limit.role, key=lambda role: role.rank)

    def may(self, role: Role, scope: Scope) -> bool:
        """Whether they have this role there, or a higher one."""
        held = self.role_in(scope)
        return held is not None and held.rank >= role.rank

    def sees(self, scope: Scope) -> bool:
        """Whether they may look at something: some role covers it, or a part of it."""
        scope = scope.granted
        within = [scope] if self.limit is None else [scope, self.limit.scope]
        return all(one.meets(other) for one in within for other in within) and any(
            all(grant.scope.meets(one) for one in within) for grant in self.grants
        )


def local(name: str) -> Caller:
    """Whoever runs a command on the machine where the database is: nothing there is out of their reach."""
    return Caller(name, "cli", grants=(Grant(Role.ADMIN),))
