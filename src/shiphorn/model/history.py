"""Deploys as lists show them: light rows, and what lists are narrowed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from shiphorn.model.deploy import DeployState, HostState, Kind
from shiphorn.model.locks import Scope
from shiphorn.model.target import Selection

Place = tuple[str, str]
"""An app and one of its environments."""


@dataclass(frozen=True, slots=True)
class DeployRow:
    """A deploy without its config and its selection. Fields are those of `Deploy` and `Order`.

    `narrowed` is whether it went to some hosts of its environment only.
    """

    id: int
    app: str
    environment: str
    kind: Kind
    ref: str
    actor: str
    reason: str
    forced: str
    state: DeployState
    phase: str
    token: int
    release: str
    sha: str
    from_sha: str
    flip_at: float | None
    wave: int
    waves: int
    wish: str
    turn: float | None
    pause_reason: str
    started_at: float
    finished_at: float | None
    code: str
    message: str
    narrowed: bool = False

    @property
    def place(self) -> Place:
        """Its app and environment."""
        return self.app, self.environment

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is not over."""
        return None if self.finished_at is None else self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class DeployFilter:
    """Which deploys are wanted; an empty part wants all.

    `text` is the beginning of a commit id, of seven digits at least, or else a part of the ref, the reason or
    the message. `since` and
    `until` are Unix seconds, and are about the start. `scopes` are where somebody may look: None is
    everywhere, an empty tuple nowhere.
    """

    app: str = ""
    environment: str = ""
    states: tuple[DeployState, ...] = ()
    kinds: tuple[Kind, ...] = ()
    actor: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None
    scopes: tuple[Scope, ...] | None = None


@dataclass(frozen=True, slots=True)
class Standings:
    """Of each app and environment the last deploy, and the last that went well: that one is live."""

    last: dict[Place, DeployRow]
    live: dict[Place, DeployRow]


@dataclass(frozen=True, slots=True)
class Shipped:
    """A deploy that went well: the release that it brought, and to which hosts."""

    deploy_id: int
    started_at: float
    release: str
    sha: str
    selection: Selection


class KnownHost(NamedTuple):
    """A host of an environment, as its last deploy and the last look at it left it.

    `deploy_id` and `state` are of that deploy, None when it was only seen. `runs` is its release,
    None when it was never asked; `seen_at` is Unix seconds. It is a tuple as there are thousands of them.
    """

    app: str
    environment: str
    name: str
    region: str
    zone: str
    roles: tuple[str, ...]
    deploy_id: int | None
    state: HostState | None
    runs: str | None
    sha: str
    seen_at: float | None


@dataclass(frozen=True, slots=True)
class Visit:
    """What a deploy did to one host. Fields are those of `HostRun` and its `Problem`."""

    deploy: DeployRow
    state: HostState
    phase: str
    code: str
    message: str
    previous: str
    previous_sha: str
    flipped_at: float | None
