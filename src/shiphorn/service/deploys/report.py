"""The report of a deploy: all that a face tells of it, light enough for thousands of hosts."""

from __future__ import annotations

import json
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from shiphorn.errors import NotFound
from shiphorn.model.deploy import TOLD, Deploy, DeployState, HostRun, HostState, Phase, Problem
from shiphorn.model.events import BuildOutput, Event, PhaseFinished, WatchProgress, event_from_json
from shiphorn.model.health import Health, Outcome, Verdict
from shiphorn.model.locks import Lock, Scope
from shiphorn.service.deploys.charts import LISTED, MetricChart, chart
from shiphorn.service.deploys.course import Course, course
from shiphorn.service.deploys.printed import Printed, printed
from shiphorn.store.store import Store

HOSTS_LISTED = 200
UNWELL_LISTED = 50
REPORTS_KEPT = 32
KEPT_SECONDS = 2.0
NAMES_LISTED = 24
SLICES = 48
_RANK = {
    HostState.WAITING: 0,
    HostState.PROBED: 1,
    HostState.STAGED: 2,
    HostState.ARMED: 3,
    HostState.FLIPPED: 4,
    HostState.RESTARTED: 5,
}
_SETTLED = 6
_BACK = (HostState.REMOVED, HostState.REVERTED)
_WRONG = (HostState.FAILED, HostState.BROKEN, HostState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cause:
    """Hosts that failed for the same cause. `problem` is that of the first of them."""

    problem: Problem
    hosts: Sequence[str]
    regions: Sequence[str]
    states: Sequence[HostState]

    @property
    def filter(self) -> str:
        """What the filter of the fleet map takes to show these hosts; those alike when they are many."""
        if len(self.hosts) <= NAMES_LISTED:
            return f"name:{','.join(self.hosts)}"
        return f"state:{','.join(self.states)}"


@dataclass(frozen=True, slots=True)
class Share:
    """How far the hosts of a region or of a wave are: `steps` of `most`.

    `done`, `wrong` and `back` count hosts; those went back, or never went ahead.
    """

    name: str
    hosts: int
    done: int
    wrong: int
    back: int
    steps: int
    most: int


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check came to on all hosts. `name` is that on one of them."""

    position: int
    name: str
    hosts: int
    outcomes: Mapping[Outcome, int]
    baselines: Mapping[Verdict, int]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the time of a watch: how many checks were decided in it, and how."""

    healthy: int
    unhealthy: int
    other: int


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The health of a deploy's hosts. `slices` are equal parts of `seconds` from the first switch on.

    `metrics` are the first of the checks that measured something.
    """

    checks: Sequence[CheckReport] = ()
    unwell: Sequence[Health] = ()
    slices: Sequence[Slice] = ()
    seconds: float = 0.0
    metrics: Sequence[MetricChart] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `told` is in words what hosts run, and how many; `hosts` are the first of them.

    `locks` are those that this deploy placed and that are in force. `before` is the release that the
    switched hosts ran before, and its commit: "" when there is none, or they ran several.
    """

    deploy: Deploy
    course: Course
    last_event: int
    regions: Sequence[Share]
    waves: Sequence[Share]
    told: Mapping[str, int]
    causes: Sequence[Cause]
    hosts: Sequence[HostRun]
    total: int
    health: HealthReport
    locks: Sequence[Lock]
    before: tuple[str, str]
    switched: int
    building: str
    watching: WatchProgress | None

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it is not over."""
        ended = self.deploy.finished_at
        return None if ended is None else ended - self.deploy.started_at

    @property
    def wrong(self) -> tuple[Sequence[str], Sequence[str]]:
        """The hosts that have a problem, and their regions."""
        hosts = [host for cause in self.causes for host in cause.hosts]
        return hosts, list(dict.fromkeys(region for cause in self.causes for region in cause.regions))

    @property
    def may_go_back(self) -> bool:
        """Whether hosts run what this deploy brought, and ran something before."""
        over = self.deploy.state in (DeployState.SUCCEEDED, DeployState.FAILED, DeployState.STOPPED)
        return over and self.switched > 0 and bool(self.before[0])


def report(store: Store, deploy: Deploy, now: float) -> Report:
    """The report of a deploy as it stands."""
    rows = store.records.events(deploy.id)
    happened = [event for _, body in rows if (event := event_from_json(body)) is not None]
    tally = store.hosts.tally(deploy.id)
    told: Counter[str] = Counter()
    for (_, _, state), count in tally.items():
        told[TOLD[state]] += count
    scope = Scope(deploy.order.app, deploy.order.environment)
    doing = event_from_json(json.loads(deploy.doing)) if deploy.doing else None
    return Report(
        deploy,
        course(deploy, happened),
        rows[-1][0] if rows else 0,
        _shares(tally, 1),
        _shares(tally, 0),
        dict(told.most_common()),
        _causes(store.hosts.problems(deploy.id)),
        store.hosts.first(deploy.id, HOSTS_LISTED),
        sum(tally.values()),
        _health(store, deploy, _switched_at(happened) or deploy.started_at, now),
        [one for one in store.locks.in_force(now, scope) if one.deploy_id == deploy.id],
        before_of(store, deploy.id),
        sum(count for (_, _, state), count in tally.items() if _runs_new(state)),
        doing.line if isinstance(doing, BuildOutput) else "",
        doing if isinstance(doing, WatchProgress) else None,
    )


class Reports:
    """Reports that many people look at are made once: kept until something happens, and not for long."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: OrderedDict[int, _Kept] = OrderedDict()

    def of(self, store: Store, deploy: Deploy, now: float) -> tuple[Report, Printed]:
        """The report of a deploy as it stands, and what its commands printed."""
        scope = Scope(deploy.order.app, deploy.order.environment)
        locks = [lock.id for lock in store.locks.in_force(now, scope)]
        key = (replace(deploy, doing=""), store.records.last_event(deploy.id), *locks)
        with self._guard:
            kept = self._kept.setdefault(deploy.id, _Kept())
            self._kept.move_to_end(deploy.id)
            if len(self._kept) > REPORTS_KEPT:
                self._kept.popitem(last=False)
        with kept.making:
            if kept.made is None or kept.key != key or now - kept.at > KEPT_SECONDS:
                kept.made = (report(store, deploy, now), printed(store, deploy.id))
                kept.key, kept.at = key, now
            return kept.made


@dataclass(slots=True)
class _Kept:
    """A report, and what it was made of."""

    making: threading.Lock = field(default_factory=threading.Lock)
    key: tuple[object, ...] = ()
    at: float = 0.0
    made: tuple[Report, Printed] | None = None


def _shares(tally: Mapping[tuple[int, str, HostState], int], part: int) -> list[Share]:
    """The tally by wave (part 0) or region (part 1), waves in their order."""
    groups: dict[str, Counter[HostState]] = {}
    for key, count in sorted(tally.items(), key=lambda item: item[0][0]) if part == 0 else tally.items():
        groups.setdefault(str(key[part]), Counter())[key[2]] += count
    return [
        Share(
            name,
            counts.total(),
            counts[HostState.DONE],
            sum(counts[state] for state in _WRONG),
            sum(counts[state] for state in _BACK),
            sum(_RANK.get(state, _SETTLED) * count for state, count in counts.items()),
            counts.total() * _SETTLED,
        )
        for name, counts in groups.items()
    ]


def _causes(found: Sequence[tuple[str, str, HostState, Problem]]) -> list[Cause]:
    groups: dict[str, list[tuple[str, str, HostState, Problem]]] = {}
    for one in found:
        groups.setdefault(one[3].group, []).append(one)
    return [
        Cause(
            same[0][3],
            [host for host, _, _, _ in same],
            list(dict.fromkeys(region for _, region, _, _ in same)),
            list(dict.fromkeys(state for _, _, state, _ in same)),
        )
        for same in sorted(groups.values(), key=len, reverse=True)
    ]


def _health(store: Store, deploy: Deploy, begins: float, now: float) -> HealthReport:
    checks: dict[int, CheckReport] = {}
    for position, name, outcome, baseline, count in store.health.counts(deploy.id):
        old = checks.get(position, CheckReport(position, name, 0, {}, {}))
        checks[position] = CheckReport(
            position,
            min(name, old.name),
            old.hosts + count,
            Counter(old.outcomes) + Counter({outcome: count}),
            Counter(old.baselines) + Counter({baseline: count}),
        )
    if not checks:
        return HealthReport()
    decided = store.health.decided(deploy.id, begins)
    ends = min(now, deploy.finished_at or now) - begins
    seconds = max(decided[-1][0] / 10 if decided else ends, 1.0)
    return HealthReport(
        list(checks.values()),
        store.health.unwell(deploy.id, UNWELL_LISTED),
        _slices(decided, seconds),
        seconds,
        list(map(chart, store.measured.of_deploy(deploy.id, LISTED))),
    )


def _switched_at(happened: Sequence[Event]) -> float | None:
    """When the first wave switched: `flip_at` of a deploy is that of its last switch."""
    return next(
        (one.at for one in happened if isinstance(one, PhaseFinished) and one.phase == Phase.FLIP), None
    )


def _slices(decided: Sequence[tuple[int, Outcome, int]], seconds: float) -> list[Slice]:
    counts = [Counter[str]() for _ in range(SLICES)]
    for tenths, outcome, count in decided:
        place = min(SLICES - 1, max(0, int(tenths / 10 / seconds * SLICES)))
        known = outcome in (Outcome.HEALTHY, Outcome.UNHEALTHY)
        counts[place][str(outcome) if known else "other"] += count
    return [Slice(one["healthy"], one["unhealthy"], one["other"]) for one in counts]


def _runs_new(state: HostState) -> bool:
    return state in (HostState.DONE, HostState.FLIPPED, HostState.RESTARTED, HostState.BROKEN)


def host_of(store: Store, deploy_id: int, name: str) -> HostRun:
    """One host of a deploy. Raises NotFound SH597."""
    found = store.hosts.one(deploy_id, name)
    if found is None:
        raise NotFound("SH597", f"deploy {deploy_id} does not go to a host {name}.")
    return found


def before_of(store: Store, deploy_id: int) -> tuple[str, str]:
    """The release that the switched hosts of a deploy ran before it, and its commit: "" for both when they
    ran nothing, or not all the same.
    """
    found = store.hosts.before(deploy_id)
    return (found[0][0], found[0][1]) if len(found) == 1 else ("", "")
