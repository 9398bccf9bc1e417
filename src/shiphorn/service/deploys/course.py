"""The course of a deploy: its phases, its gates and what happened when, put together from its events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shiphorn.model.deploy import Deploy, DeployState, Kind, Phase, Wish
from shiphorn.model.events import (
    Asked,
    Continued,
    DeployFinished,
    DeployStarted,
    Event,
    GatesAnswered,
    GatesOverridden,
    HealthChanged,
    HostChanged,
    Merged,
    Paused,
    PhaseFinished,
    PhaseStarted,
    Queued,
    RollbackStarted,
    WaveStarted,
)
from shiphorn.model.gates import Answer
from shiphorn.model.health import EVERY, Outcome

_DEPLOY = tuple(phase for phase in Phase if phase != Phase.ROLLBACK)
_WORTH_TELLING_SECONDS = 0.1
_PLANNED = {
    Kind.DEPLOY: _DEPLOY,
    Kind.CONVERGE: _DEPLOY,
    Kind.ROLLBACK: (
        Phase.GATES,
        Phase.LOCK,
        Phase.DISCOVER,
        Phase.PROBE,
        Phase.RESOLVE,
        Phase.FLIP,
        Phase.RESTART,
        Phase.WATCH,
        Phase.FINISH,
    ),
}
_ASKED = {
    Wish.PAUSE: "asked for a pause",
    Wish.CONTINUE: "said to go on",
    Wish.STOP: "asked to stop, and to take everything back",
    Wish.LEAVE: "asked to stop, and to leave hosts as they are",
}


class StepState(StrEnum):
    """How a phase stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """The deploy went no further."""
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """A phase. `seconds` are those of all waves; `began_at` is when it began last, in Unix seconds."""

    phase: Phase
    state: StepState = StepState.WAITING
    seconds: float = 0.0
    note: str = ""
    began_at: float | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, as a sentence. `tone` is `good`, `bad`, `warn` or ""."""

    at: float
    text: str
    tone: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Course:
    """What the events of a deploy come to.

    `subject` is that of its commit, "" when it was never found out. `answers` are what gates said last,
    `insisted` who overrode some of them. `behind` is whom it waits for, `paused_until` when a paused one
    takes itself back.
    """

    steps: Sequence[Step] = ()
    moments: Sequence[Moment] = ()
    subject: str = ""
    answers: Sequence[Answer] = ()
    insisted: GatesOverridden | None = None
    behind: str = ""
    paused_until: float | None = None


def course(deploy: Deploy, happened: Sequence[Event]) -> Course:
    """The course so far. `happened` are the events on record, in their order."""
    found = Course(steps_of(deploy, happened), list(_moments(happened)))
    for event in happened:
        match event:
            case PhaseFinished() if event.phase == Phase.RESOLVE and deploy.order.kind != Kind.ROLLBACK:
                found = replace(found, subject=event.note.partition(" ")[2])
            case GatesAnswered():
                found = replace(found, answers=event.answers)
            case GatesOverridden():
                found = replace(found, insisted=event)
            case Queued():
                found = replace(found, behind=event.behind)
            case Paused():
                found = replace(found, paused_until=event.until)
            case _:
                pass
    return found


def steps_of(deploy: Deploy, happened: Iterable[Event]) -> list[Step]:
    """The phases, in the order in which they come. A way back has a watch of its own."""
    seen: dict[tuple[str, bool], Step] = {}
    last: tuple[str, bool] | None = None
    back = False
    for event in happened:
        if isinstance(event, PhaseStarted):
            if event.phase == Phase.ROLLBACK and not back:
                back = True
                _fail(seen, last, event.at)
            last = (event.phase, back)
            step = seen.get(last, Step(Phase(event.phase)))
            seen[last] = replace(step, state=StepState.RUNNING, note="", began_at=event.at)
        elif isinstance(event, PhaseFinished) and (event.phase, back) in seen:
            key = (event.phase, back)
            step = seen[key]
            seen[key] = replace(
                step, state=StepState.DONE, seconds=step.seconds + event.seconds, note=event.note
            )
    if not deploy.state.active and deploy.state != DeployState.SUCCEEDED and not back:
        _fail(seen, last, deploy.finished_at)
    return _in_order(deploy, seen, back=back)


def _fail(seen: dict[tuple[str, bool], Step], last: tuple[str, bool] | None, at: float | None) -> None:
    if last is None:
        return
    step = seen[last]
    lasted = at - step.began_at if step.state == StepState.RUNNING and at and step.began_at else 0.0
    seen[last] = replace(step, state=StepState.FAILED, seconds=step.seconds + lasted)


def _in_order(deploy: Deploy, seen: dict[tuple[str, bool], Step], *, back: bool) -> list[Step]:
    to_come = StepState.WAITING if deploy.state.active and not back else StepState.SKIPPED
    planned = [seen.get((phase, False), Step(phase, to_come)) for phase in _PLANNED[deploy.order.kind]]
    if back:
        planned = [step for step in planned if step.state != StepState.SKIPPED]
    return planned + [step for (_, is_back), step in seen.items() if is_back]


@dataclass(slots=True)
class _Alike:
    """Hosts to which the same happened in a row: told once."""

    first: Event
    what: str
    hosts: list[str] = field(default_factory=list)


def _moments(happened: Iterable[Event]) -> Iterable[Moment]:
    alike: _Alike | None = None
    for event in happened:
        what = _of_a_host(event)
        if alike is not None and what != alike.what:
            yield _of_hosts(alike)
            alike = None
        if isinstance(event, HostChanged | HealthChanged):
            if what:
                alike = alike or _Alike(event, what)
                alike.hosts.append(_whom(event))
        elif (moment := _moment(event)) is not None:
            yield moment
    if alike is not None:
        yield _of_hosts(alike)


def _of_a_host(event: Event) -> str:
    """What happened to a host, the same for those to which the same did; "" for nothing of note."""
    match event:
        case HostChanged() if event.code:
            return f"went wrong in {event.phase}: {event.group or event.message}"
        case HealthChanged() if event.outcome not in (Outcome.HEALTHY, Outcome.UNHEALTHY):
            # An unhealthy one is told by what becomes of its host.
            return f"{event.outcome.replace('_', ' ')}: {event.message}"
        case _:
            return ""


def _whom(event: HostChanged | HealthChanged) -> str:
    """The host; of all that are judged together the check says more."""
    if isinstance(event, HealthChanged) and event.host.startswith(EVERY):
        return event.check
    return event.host


def _of_hosts(alike: _Alike) -> Moment:
    names = sorted(set(alike.hosts))
    who = names[0] if len(names) == 1 else f"{len(names)} hosts"
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    detail = ", ".join(names[:6]) + more if len(names) > 1 else ""
    return Moment(alike.first.at, f"{who} {alike.what}", "bad", detail)


def _moment(event: Event) -> Moment | None:
    match event:
        case PhaseFinished() if event.note or event.seconds >= _WORTH_TELLING_SECONDS:
            return Moment(event.at, f"{event.phase} took {event.seconds:.1f} s", "", event.note)
        case WaveStarted():
            count = sum(event.hosts.values())
            hosts = f"{count} host{'' if count == 1 else 's'}"
            return Moment(event.at, f"wave {event.wave} of {event.waves} begins", "", hosts)
        case RollbackStarted():
            why = f"{event.code} {event.message}"
            return Moment(event.at, f"{event.hosts} hosts are switched back", "bad", why)
        case DeployFinished():
            tone = "good" if event.state == DeployState.SUCCEEDED else "bad"
            detail = " ".join(filter(None, (event.code, event.message)))
            told = f"{event.state.replace('_', ' ')} after {event.seconds:.1f} s"
            return Moment(event.at, told, tone, detail)
    return _of_people(event)


def _of_people(event: Event) -> Moment | None:
    told: tuple[str, str, str] | None = None
    match event:
        case DeployStarted():
            ref = f" of {event.ref}" if event.ref else ""
            told = (f"{event.actor} ordered this {event.what}{ref}", "", "")
        case Asked():
            told = (f"{event.actor} {_ASKED.get(Wish(event.wish), event.wish)}", "warn", "")
        case Queued():
            told = (f"waits behind {event.behind}", "", "")
        case GatesOverridden():
            told = (f"{event.actor} insists in spite of {', '.join(event.gates)}", "warn", event.reason)
        case Merged():
            told = (f"{event.base} was merged into {event.branch}: {event.sha[:8]} goes out", "", "")
        case Paused():
            told = ("paused", "warn", event.reason)
        case Continued():
            told = (f"goes on: {event.actor} said so", "", "")
    return Moment(event.at, *told) if told is not None else None
