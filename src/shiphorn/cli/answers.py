"""What a desk answers where it takes more than one noun to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shiphorn.model.deploy import CommandOutput, Deploy, HostRun
    from shiphorn.model.endpoints import Endpoint
    from shiphorn.model.health import Check
    from shiphorn.model.locks import Lock
    from shiphorn.model.settings import Command
    from shiphorn.service.hosts.fleet import EnvironmentStatus, KeptRelease, Member


@dataclass(frozen=True, slots=True)
class Ended:
    """How a deploy ended, and what it did to its hosts."""

    deploy: Deploy
    hosts: Sequence[HostRun]


@dataclass(frozen=True, slots=True)
class Printed:
    """What the commands of a deploy printed, as (host, output), and what became of its hosts."""

    deploy: Deploy
    outputs: Sequence[tuple[str, CommandOutput]]
    hosts: Sequence[HostRun]


@dataclass(frozen=True, slots=True)
class Kept:
    """What an environment runs, and the releases that its hosts keep."""

    now: EnvironmentStatus
    releases: Sequence[KeptRelease]


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Locks that were released, and those that are still in force there."""

    released: Sequence[Lock]
    still: Sequence[Lock]


@dataclass(frozen=True, slots=True)
class Place:
    """An environment as the config has it: what is built, its hosts, and what is watched on each."""

    environment: str
    build: Sequence[Command]
    members: Sequence[Member]
    checks: Sequence[Sequence[Check]]


@dataclass(frozen=True, slots=True)
class Branched:
    """The endpoint that a branch has got, whether it is a new one, and how its deploy ended."""

    endpoint: Endpoint
    is_new: bool
    ended: Ended


@dataclass(frozen=True, slots=True)
class Checked:
    """A config that is valid, and what it means."""

    path: str
    app: str
    repo: str
    branch: str
    places: Sequence[Place]
