"""What happens during a deploy, as values: the one stream that every face reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar

from shiphorn.model.gates import Answer, Verdict


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a deploy. `at` is Unix seconds."""

    kind: ClassVar[str] = "event"
    deploy_id: int
    at: float

    def as_json(self) -> dict[str, Any]:
        """The event as a JSON object with its `kind`."""
        return {"kind": self.kind, **asdict(self)}


@dataclass(frozen=True, slots=True)
class DeployStarted(Event):
    """A deploy was accepted: who ships what where."""

    kind: ClassVar[str] = "deploy_started"
    app: str
    environment: str
    what: str
    """`deploy` or `rollback`."""
    ref: str
    actor: str


@dataclass(frozen=True, slots=True)
class PhaseStarted(Event):
    """A phase began. `hosts` counts the hosts it covers by region; empty for local phases."""

    kind: ClassVar[str] = "phase_started"
    phase: str
    hosts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PhaseFinished(Event):
    """A phase ended; `note` says in a few words what came of it."""

    kind: ClassVar[str] = "phase_finished"
    phase: str
    seconds: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class HostChanged(Event):
    """A host reached a state in a phase. `message` tells a failure in a sentence."""

    kind: ClassVar[str] = "host_changed"
    host: str
    region: str
    phase: str
    state: str
    code: str = ""
    message: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Flipped(Event):
    """All hosts of a wave switched. `skew_ms` is last minus first, on the deployer's clock."""

    kind: ClassVar[str] = "flipped"
    hosts: int
    skew_ms: float


@dataclass(frozen=True, slots=True)
class WaveStarted(Event):
    """The next hosts get their turn. `wave` counts from 1, `hosts` are by region."""

    kind: ClassVar[str] = "wave_started"
    wave: int
    waves: int
    hosts: dict[str, int]


@dataclass(frozen=True, slots=True)
class HealthChanged(Event):
    """A check of a host came to another outcome; `message` says what it saw last."""

    kind: ClassVar[str] = "health_changed"
    host: str
    region: str
    check: str
    outcome: str
    message: str


@dataclass(frozen=True, slots=True)
class WatchProgress(Event):
    """How a watch stands: hosts by region, all and those that are well so far. Told while it lasts, not kept.

    `until` is when the bake time is over.
    """

    kind: ClassVar[str] = "watch_progress"
    hosts: dict[str, int]
    well: dict[str, int]
    until: float


@dataclass(frozen=True, slots=True)
class RollbackStarted(Event):
    """Hosts that had switched are switched back, because of this."""

    kind: ClassVar[str] = "rollback_started"
    hosts: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Asked(Event):
    """A person asked something of the deploy: `pause`, `continue`, `stop` or `leave`."""

    kind: ClassVar[str] = "asked"
    wish: str
    actor: str


@dataclass(frozen=True, slots=True)
class Queued(Event):
    """The deploy waits for others of its environment; `behind` describes the one before it."""

    kind: ClassVar[str] = "queued"
    behind: str


@dataclass(frozen=True, slots=True)
class GatesAnswered(Event):
    """All gates were asked, and something has changed in what they say."""

    kind: ClassVar[str] = "gates_answered"
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class GatesOverridden(Event):
    """A person insisted, with a reason, though these gates did not let the deploy through."""

    kind: ClassVar[str] = "gates_overridden"
    gates: tuple[str, ...]
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Merged(Event):
    """The base branch was merged into the branch that is deployed; the deploy goes on with that commit."""

    kind: ClassVar[str] = "merged"
    base: str
    branch: str
    sha: str


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """The deploy waits for a person, and why. `until` is when it takes itself back."""

    kind: ClassVar[str] = "paused"
    reason: str
    until: float


@dataclass(frozen=True, slots=True)
class Continued(Event):
    """A paused deploy goes on."""

    kind: ClassVar[str] = "continued"
    actor: str


@dataclass(frozen=True, slots=True)
class DeployFinished(Event):
    """A deploy ended. `counts` is host state -> number of hosts."""

    kind: ClassVar[str] = "deploy_finished"
    state: str
    seconds: float
    counts: dict[str, int] = field(default_factory=dict)
    code: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class BuildOutput(Event):
    """A build command printed a line on the deployer."""

    kind: ClassVar[str] = "build_output"
    line: str


_OF_KIND: dict[str, type[Event]] = {one.kind: one for one in Event.__subclasses__()}
KINDS = tuple(_OF_KIND)
"""The kinds of events that there are."""


def event_from_json(body: Mapping[str, Any]) -> Event | None:
    """The event that `as_json` gave this for; None for a kind that is not known here."""
    event = _OF_KIND.get(body["kind"])
    if event is None:
        return None
    values = {one.name: body[one.name] for one in fields(event) if one.name in body}
    if event is GatesAnswered:
        values["answers"] = tuple(
            Answer(**answer | {"verdict": Verdict(answer["verdict"])}) for answer in body["answers"]
        )
    elif event is GatesOverridden:
        values["gates"] = tuple(body["gates"])
    return event(**values)
