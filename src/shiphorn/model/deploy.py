"""A deploy: what was asked, how far it is, and what became of each host."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from shiphorn.model.target import Host, Selection

NOBODY_YET = ""
"""The executor of a deploy that no worker has taken yet."""


class Kind(StrEnum):
    """What a run does to its hosts."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    CONVERGE = "converge"
    """Brings hosts that are behind to the release that the others run."""


class Phase(StrEnum):
    """The moments of a deploy, in order; flip, restart and watch once a wave. A rollback builds nothing."""

    RESOLVE = "resolve"
    GATES = "gates"
    LOCK = "lock"
    DISCOVER = "discover"
    BUILD = "build"
    PROBE = "probe"
    STAGE = "stage"
    FLIP = "flip"
    RESTART = "restart"
    WATCH = "watch"
    ROLLBACK = "rollback"
    """Only when too much went wrong: hosts that had switched are switched back."""
    FINISH = "finish"


class DeployState(StrEnum):
    """How a deploy stands. `queued`, `running` and `paused` are active, the others final."""

    QUEUED = "queued"
    """It waits for another deploy of its environment."""
    RUNNING = "running"
    PAUSED = "paused"
    """It waits for a person; `Deploy.pause_reason` says why."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Something went wrong; `Deploy.error` says what, each host's state says where it is."""
    ROLLED_BACK = "rolled_back"
    """Something went wrong after hosts had switched, and they were switched back."""
    STOPPED = "stopped"
    """A person stopped it."""
    SUPERSEDED = "superseded"
    """A newer deploy came while it was still queued."""
    ABANDONED = "abandoned"
    """Its process died before the flip, and a later deploy took over."""

    @property
    def active(self) -> bool:
        """Whether the deploy is not over."""
        return self in (DeployState.QUEUED, DeployState.RUNNING, DeployState.PAUSED)


class Wish(StrEnum):
    """What a person wants of a deploy under way; "" for nothing."""

    NOTHING = ""
    PAUSE = "pause"
    CONTINUE = "continue"
    STOP = "stop"
    """End it and take everything back, switched hosts too."""
    LEAVE = "leave"
    """End it, and leave hosts that have switched as they are."""


class HostState(StrEnum):
    """What a deploy did to one host so far."""

    WAITING = "waiting"
    PROBED = "probed"
    STAGED = "staged"
    ARMED = "armed"
    FLIPPED = "flipped"
    RESTARTED = "restarted"
    DONE = "done"
    FAILED = "failed"
    """Failed before its flip: it runs what it ran before."""
    BROKEN = "broken"
    """Failed after its flip: it has the new release, but not everything after it worked."""
    UNKNOWN = "unknown"
    """Lost at the flip, and not reached again: nobody knows which release it runs."""
    REMOVED = "removed"
    """Undone: the new release was taken away again, nothing was flipped."""
    REVERTED = "reverted"
    """Switched back: it runs what it ran before the deploy."""


TOLD = {
    HostState.DONE: "run the new release",
    HostState.RESTARTED: "run the new release, not cleaned up yet",
    HostState.FLIPPED: "run the new release, not restarted yet",
    HostState.REMOVED: "unchanged, the new release was removed again",
    HostState.REVERTED: "run what they ran before, switched back",
    HostState.FAILED: "unchanged",
    HostState.BROKEN: "run the new release, but something went wrong after the switch",
    HostState.UNKNOWN: "unknown: lost at the switch",
    HostState.WAITING: "unchanged, not reached yet",
    HostState.PROBED: "unchanged, only looked at",
    HostState.STAGED: "unchanged, staged",
    HostState.ARMED: "unchanged, staged",
}
"""What the state of hosts means for what they run."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person asked for.

    `ref` is a branch, tag, commit id, `:live` or `:previous`; for a rollback a release id or "".
    """

    app: str
    environment: str
    kind: Kind = Kind.DEPLOY
    ref: str = ""
    selection: Selection = field(default_factory=Selection)
    actor: str = ""
    reason: str = ""
    forced: str = ""
    """Why gates that refuse are overridden; "" when they are not."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a host failed. Hosts with the same `group` failed for the same cause.

    `group` is a short phrase without host-specific detail, e.g. `disk full`.
    """

    code: str
    message: str
    group: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Deploy:
    """A deploy or rollback as it stands. Times are Unix seconds; "" is for what is not known yet.

    `run` is unique everywhere, hosts know a deploy by it. `token` is the fence: a host refuses one
    that is lower than it has seen. `executor` is the process that works on it. `wave` is the wave
    under way, from 1; `flip_at` the instant that its hosts agreed on (None until the first flip),
    `skew_ms` the furthest that hosts of one wave switched apart. `accepted` is how many hosts went
    wrong after their flip when a person said to go on all the same. `turn` is its place in the queue
    when somebody moved it there, among the numbers of the others. `doing` is the last event of
    those that are told and not kept, as JSON.
    """

    id: int
    run: str
    order: Order
    config_path: str
    config_text: str
    executor: str
    started_at: float
    state: DeployState = DeployState.RUNNING
    phase: str = ""
    token: int = 0
    release: str = ""
    sha: str = ""
    from_sha: str = ""
    flip_at: float | None = None
    skew_ms: float | None = None
    wave: int = 0
    waves: int = 0
    accepted: int = 0
    wish: Wish = Wish.NOTHING
    wish_by: str = ""
    turn: float | None = None
    doing: str = ""
    pause_reason: str = ""
    paused_at: float | None = None
    finished_at: float | None = None
    code: str = ""
    message: str = ""
    hint: str = ""

    @property
    def place(self) -> tuple[float, int]:
        """Its place in the queue: that of its number, unless somebody moved it."""
        return (self.id if self.turn is None else self.turn, self.id)


@dataclass(frozen=True, slots=True)
class HostRun:
    """What a deploy did to one host so far. `phase` is the last it took part in.

    `previous` is the release that `current` named before, `previous_sha` its commit;
    `flipped_at` is on the deployer's clock. `wave` counts from 1.
    """

    host: Host
    position: int
    state: HostState = HostState.WAITING
    phase: str = ""
    problem: Problem | None = None
    previous: str = ""
    previous_sha: str = ""
    flipped_at: float | None = None
    wave: int = 1


class Placed(NamedTuple):
    """Where a host of a deploy stands in the fleet, and how it fares: light, for thousands of them."""

    position: int
    name: str
    region: str
    zone: str
    roles: tuple[str, ...]
    state: HostState = HostState.WAITING


@dataclass(frozen=True, slots=True)
class Observed:
    """What a host was seen to run: its `current` release, that one's commit, and all it keeps."""

    host: str
    release: str
    sha: str
    releases: tuple[str, ...]
    seen_at: float


@dataclass(frozen=True, slots=True)
class CommandOutput:
    """What one command on one host printed. `exit_status` is None when it never ended."""

    phase: str
    command: str
    exit_status: int | None
    output: str
    seconds: float
