"""Endpoints: branches that have an environment and a URL of their own for a while."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

SEPARATOR = "~"
"""Stands between an environment and the name of an endpoint of it. No name in a config holds one."""
LONGEST_NAME = 40
LONGEST_LABEL = 63
"""What DNS allows between two dots."""
_DIGEST_DIGITS = 6


class EndpointState(StrEnum):
    """Where an endpoint is in its life."""

    LIVE = "live"
    REMOVING = "removing"
    """It is being taken off its hosts; `problem` says what is in the way, if anything is."""
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A branch with an environment of its own on the hosts of another one. Times are Unix seconds.

    `name` is a label of DNS, unique among the live endpoints of an environment. `port` is its own one where
    the config has ports to give, else 0. `origin` is the pull request whose label made it, "" for people.
    `is_fresh` until a deploy of it has gone well. `tries` counts attempts at its removal that failed, the
    last at `tried_at`.
    """

    id: int
    app: str
    environment: str
    branch: str
    name: str
    url: str
    owner: str
    created_at: float
    expires_at: float
    port: int = 0
    origin: str = ""
    state: EndpointState = EndpointState.LIVE
    problem: str = ""
    tries: int = 0
    tried_at: float | None = None
    removed_at: float | None = None
    is_fresh: bool = True

    @property
    def full_name(self) -> str:
        """The name of its environment: `staging~feature-x`."""
        return f"{self.environment}{SEPARATOR}{self.name}"

    def has_expired(self, now: float) -> bool:
        """Whether its time is over."""
        return self.expires_at <= now


def base_of(environment: str) -> str:
    """The environment that an endpoint's is derived from; any other name as it is."""
    return environment.partition(SEPARATOR)[0]


def is_endpoint(environment: str) -> bool:
    """Whether the name is that of an endpoint's environment."""
    return SEPARATOR in environment


def names_for(app: str, environment: str, branch: str, longest: int = LONGEST_NAME) -> tuple[str, str]:
    """The names that a branch may get: the one people expect, and one that no other branch has.

    Both are labels of DNS: `feature-x`, `feature-x-3f2a1c`. Of a branch whose name does not fit or holds no
    letter or digit of ASCII both carry the digest.
    """
    digest = hashlib.sha256(f"{app}\0{environment}\0{branch}".encode()).hexdigest()[:_DIGEST_DIGITS]
    plain = re.sub(r"[^a-z0-9]+", "-", branch.lower()).strip("-")
    cut = plain[: longest - _DIGEST_DIGITS - 1].strip("-")
    unique = f"{cut}-{digest}" if cut else f"branch-{digest}"
    return (plain if plain and len(plain) <= longest else unique), unique
