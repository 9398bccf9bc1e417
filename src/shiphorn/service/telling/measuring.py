"""What is measured of deploys: from an event to values and marks in graphs. Decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from shiphorn.model.deploy import Deploy, DeployState, HostState, Kind
from shiphorn.model.events import DeployFinished, Flipped, PhaseFinished, PhaseStarted
from shiphorn.model.history import Place
from shiphorn.model.metrics import Annotation, Nature, Point
from shiphorn.model.notices import Moment
from shiphorn.model.webhooks import Happened
from shiphorn.service.history.dora import Figures
from shiphorn.service.operations.numbers import Numbers
from shiphorn.service.telling.announcing import Subject, announcement, moment_of

MEASURED = (PhaseStarted.kind, PhaseFinished.kind, Flipped.kind, DeployFinished.kind)
"""The kinds of events that values are made of."""
MARKED = (PhaseStarted.kind, DeployFinished.kind)
"""The kinds of events that are marked in graphs."""
MOST_REGIONS = 100
"""Of more regions than this the hosts are not counted each for itself."""
_UNMARKED = (Moment.QUEUED, Moment.PAUSED, Moment.CONTINUED)
_RESULTS = {
    HostState.DONE: "ok",
    HostState.RESTARTED: "ok",
    HostState.FAILED: "failed",
    HostState.BROKEN: "failed",
    HostState.UNKNOWN: "failed",
    HostState.REVERTED: "taken_back",
    HostState.REMOVED: "taken_back",
}
"""What became of hosts, in the end. The others were not reached."""
Tally = Mapping[tuple[int, str, HostState], int]
"""Hosts of a deploy by wave, region and state."""


def points_of(event: Happened, deploy: Deploy, hosts: Tally) -> list[Point]:
    """The values of one of the `MEASURED` events. `hosts` are asked for when a deploy is over.

    A phase that was begun again is to be left out by who calls.
    """
    made = _Points(event, deploy.order.kind)
    match event.kind:
        case PhaseStarted.kind:
            return [made.count("started")]
        case PhaseFinished.kind:
            labels = {"phase": str(event.body["phase"])}
            return [made.timing("phases.{phase}.duration_ms", event.body["seconds"] * 1000, labels)]
        case Flipped.kind:
            return [
                made.timing("flip.skew_ms", event.body["skew_ms"]),
                made.gauge("flip.hosts", event.body["hosts"]),
            ]
        case DeployFinished.kind:
            return list(_finished(made, event, hosts))
        case _:
            return []


def standing_points(numbers: Numbers, figures: Mapping[Place, Figures], now: float) -> list[Point]:
    """How each environment stands that something was ever deployed to: totals, hosts and the DORA figures."""
    return [
        *_totals(numbers, now),
        *(
            _gauge(place, what, value, now)
            for place, found in sorted(figures.items())
            for what, value in dora_values(found).items()
        ),
    ]


def dora_values(figures: Figures) -> dict[str, float]:
    """The four figures by name, as far as something is known of them. Times are medians."""
    found = {
        "dora.deploys_per_day": figures.per_day,
        "dora.lead_time_seconds": figures.lead_median,
        "dora.change_failure_ratio": figures.failure_rate,
        "dora.time_to_restore_seconds": figures.restore_median,
    }
    return {name: value for name, value in found.items() if value is not None}


def annotation_of(event: Happened, deploy: Deploy, subject: Subject) -> Annotation | None:
    """The mark of an event, if it has one: where a deploy begins, and where it is over."""
    moment = moment_of(event.kind, event.body, deploy.order.kind)
    if moment is None or moment in _UNMARKED:
        return None
    order = deploy.order
    text = announcement(moment, event.body, subject).text.split("\n")[0]
    tags = ("shiphorn", str(order.kind), order.app, order.environment, str(moment))
    if event.kind == PhaseStarted.kind:
        return Annotation(deploy.id, text, tags, event.at, None, subject.url)
    began = max(deploy.started_at, event.at - event.body["seconds"])
    return Annotation(deploy.id, text, tags, min(began, event.at), event.at, subject.url)


class _Points:
    """Values of one event."""

    def __init__(self, event: Happened, kind: Kind) -> None:
        self._event = event
        self._room = f"{kind}s"

    def count(self, what: str) -> Point:
        return self._made(f"{self._room}.{what}", 1.0, Nature.COUNT, {})

    def timing(self, what: str, value: float, labels: Mapping[str, str] | None = None) -> Point:
        return self._made(what, value, Nature.TIMING, labels or {})

    def gauge(self, what: str, value: float, labels: Mapping[str, str] | None = None) -> Point:
        return self._made(what, value, Nature.GAUGE, labels or {})

    def duration(self, seconds: float) -> Point:
        return self._made(f"{self._room}.duration_ms", seconds * 1000, Nature.TIMING, {})

    def _made(self, what: str, value: float, nature: Nature, labels: Mapping[str, str]) -> Point:
        scope = self._event.scope
        return Point(what, value, self._event.at, scope.app, scope.environment, nature, labels)


def _finished(made: _Points, event: Happened, hosts: Tally) -> Iterator[Point]:
    yield made.count("finished")
    yield made.count(str(DeployState(event.body["state"])))
    yield made.duration(event.body["seconds"])
    if not hosts:
        return
    regions = sorted({region for _, region, _ in hosts})
    for result in ("ok", "failed", "taken_back"):
        yield made.gauge(f"hosts.{result}", _counted(hosts, result))
        if len(regions) <= MOST_REGIONS:
            for region in regions:
                labels = {"region": region}
                yield made.gauge(
                    f"regions.{{region}}.hosts.{result}", _counted(hosts, result, region), labels
                )


def _counted(hosts: Tally, result: str, region: str | None = None) -> int:
    return sum(
        count
        for (_, where, state), count in hosts.items()
        if _RESULTS.get(state) == result and region in (None, where)
    )


def _totals(numbers: Numbers, now: float) -> Iterator[Point]:
    places = {(app, environment) for app, environment, _ in numbers.deploys}
    for (app, environment, state), count in sorted(numbers.deploys.items()):
        yield _gauge((app, environment), f"totals.{state}", count, now)
    for place in sorted(places):
        counts = numbers.hosts.get(place)
        yield _gauge(place, "active", numbers.active.get(place, 0), now)
        yield _gauge(place, "queued", numbers.queued.get(place, 0), now)
        if counts is not None:
            yield _gauge(place, "hosts.all", counts.hosts, now)
            yield _gauge(place, "hosts.behind", counts.behind, now)
            yield _gauge(place, "hosts.drifted", counts.drifted, now)


def _gauge(place: Place, what: str, value: float, now: float) -> Point:
    return Point(what, value, now, *place)
