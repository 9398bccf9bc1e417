"""What Prometheus is told: how deploys and hosts stand, and how the service itself fares.

Deploys are counted from what is on record: they go on rising when the service starts anew, and are the same
whichever of several services is asked. Times are of this process: of phases that ended, and requests
that were answered, since it began.
"""

from __future__ import annotations

import functools
import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

import shiphorn
from shiphorn.model.events import DeployFinished, Flipped, PhaseFinished
from shiphorn.model.history import Place
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller
from shiphorn.service.apps import Apps
from shiphorn.service.history.dora import Figures
from shiphorn.service.history.figures import DAYS, KeptFigures
from shiphorn.service.known import Known
from shiphorn.service.operations.lag import Lag
from shiphorn.service.operations.numbers import Counted, Numbers, taken
from shiphorn.service.telling.measuring import dora_values
from shiphorn.store.store import Store

LATE_EVENTS = 200
"""How many numbers of events are read again: PostgreSQL may show a lower one after a higher one."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A stranger who makes up methods makes no series of their own."""
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PHASE_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_DEPLOY_SECONDS = (1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_SKEW_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

_DORA = {
    "deploys_per_day": "Deploys that went well, a day.",
    "lead_time_seconds": "From the commit to the end of its first good deploy, the median.",
    "change_failure_ratio": "The share of deploys that failed after their flip.",
    "time_to_restore_seconds": "From such a failure to the next good run, the median.",
}


class Metrics:
    """All numbers of a service. `lags` are of its event loops, by name; `figures` are DORA's."""

    def __init__(
        self,
        store: Store,
        apps: Apps,
        lags: Mapping[str, Lag],
        figures: KeptFigures | None = None,
        known: Known | None = None,
    ) -> None:
        self._counted = Counted(lambda: taken(store, apps, time.time(), known))
        self._figures = figures or KeptFigures()
        self._measured = _Measured(store)
        self.registry = CollectorRegistry()
        build = Gauge("shiphorn_build_info", "Always 1.", ("version", "python"), registry=self.registry)
        build.labels(shiphorn.__version__, platform.python_version()).set(1)
        self._requests = Histogram(
            "shiphorn_request_seconds",
            "How long answers took, streams left out.",
            ("method", "route", "status"),
            buckets=_REQUEST_SECONDS,
            registry=self.registry,
        )
        self._streams = Gauge("shiphorn_streams", "Browsers that listen.", registry=self.registry)
        self._seconds = Histogram(
            "shiphorn_phase_seconds",
            "How long phases of deploys took.",
            ("phase",),
            buckets=_PHASE_SECONDS,
            registry=self.registry,
        )
        self._deploy_seconds = Histogram(
            "shiphorn_deploy_seconds",
            "How long deploys took, and how they ended.",
            ("state",),
            buckets=_DEPLOY_SECONDS,
            registry=self.registry,
        )
        self._skew_seconds = Histogram(
            "shiphorn_flip_skew_seconds",
            "How far apart the hosts of a wave switched.",
            buckets=_SKEW_SECONDS,
            registry=self.registry,
        )
        lag = Gauge(
            "shiphorn_event_loop_lag_seconds",
            "How late an event loop was at worst, of the last half minute.",
            ("loop",),
            registry=self.registry,
        )
        for name, one in lags.items():
            lag.labels(name).set_function(functools.partial(getattr, one, "seconds"))

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request. `route` is the pattern of its path, "" for none."""
        known = method if method in _METHODS else "other"
        self._requests.labels(known, route, str(status)).observe(seconds)

    def streaming(self, change: int) -> None:
        """Count one more, or one less, who listens."""
        self._streams.inc(change)

    def text(self, accept: str, sees: Callable[[Scope], bool]) -> tuple[bytes, str]:
        """All as Prometheus reads it, of the apps that somebody sees; and its content type."""
        for kind, body in self._measured.ended():
            self._observe(kind, body)
        encode, content_type = choose_encoder(accept)
        of_apps = CollectorRegistry()
        of_apps.register(_OfApps(self._counted.get(), self._figures.get(), sees, time.time()))
        # One text of two: each would end with a mark of its own in the newer format.
        return encode(_Both(self.registry, of_apps)), content_type

    def _observe(self, kind: str, body: Mapping[str, Any]) -> None:
        match kind:
            case PhaseFinished.kind:
                self._seconds.labels(body["phase"]).observe(body["seconds"])
            case Flipped.kind:
                self._skew_seconds.observe(body["skew_ms"] / 1000)
            case DeployFinished.kind:
                self._deploy_seconds.labels(body["state"]).observe(body["seconds"])


class _Both(CollectorRegistry):
    """What two registries hold."""

    def __init__(self, *registries: CollectorRegistry) -> None:
        super().__init__()
        self._registries = registries

    def collect(self) -> Iterator[Metric]:
        """All their families."""
        for registry in self._registries:
            yield from registry.collect()


class _OfApps(Collector):
    """What is counted from the record, as families."""

    def __init__(
        self, numbers: Numbers, figures: Mapping[Place, Figures], sees: Callable[[Scope], bool], now: float
    ) -> None:
        self._numbers, self._figures, self._sees, self._now = numbers, figures, sees, now

    def collect(self) -> Iterator[Metric]:
        """One family after the other."""
        numbers = self._numbers
        ended = CounterMetricFamily(
            "shiphorn_deploys", "Deploys that are over, ever.", labels=("app", "environment", "state")
        )
        for (app, environment, state), count in sorted(numbers.deploys.items()):
            if self._sees(Scope(app, environment)):
                ended.add_metric((app, environment, str(state)), count)
        yield ended
        yield self._gauge("shiphorn_deploys_active", "Deploys under way.", numbers.active)
        yield self._gauge("shiphorn_deploys_queued", "Deploys that wait for others.", numbers.queued)
        ages = {place: max(0.0, self._now - since) for place, since in numbers.waits_since.items()}
        yield self._gauge(
            "shiphorn_queue_oldest_seconds", "How long the oldest one that waits has waited.", ages
        )
        for name, of, words in (
            ("shiphorn_hosts", "hosts", "Hosts, as last seen."),
            ("shiphorn_hosts_behind", "behind", "Hosts that run an older release than they should."),
            ("shiphorn_hosts_drifted", "drifted", "Hosts that run what nobody deployed."),
        ):
            found = {place: getattr(counts, of) for place, counts in numbers.hosts.items()}
            yield self._gauge(name, words, found)
        yield self._locks()
        for name, words in _DORA.items():
            values = {place: dora_values(found).get(f"dora.{name}") for place, found in self._figures.items()}
            known = {place: value for place, value in values.items() if value is not None}
            yield self._gauge(f"shiphorn_dora_{name}", f"{words} Of the last {DAYS} days.", known)
        yield GaugeMetricFamily(
            "shiphorn_webhook_backlog", "Deliveries of webhooks to be made.", value=numbers.webhooks
        )

    def _gauge(self, name: str, words: str, values: Mapping[Place, float]) -> Metric:
        family = GaugeMetricFamily(name, words, labels=("app", "environment"))
        for place, value in sorted(values.items()):
            if self._sees(Scope(*place)):
                family.add_metric(place, value)
        return family

    def _locks(self) -> Metric:
        """Locks in force; "" stands for all apps or environments, as it does in locks."""
        family = GaugeMetricFamily("shiphorn_locks", "Locks in force.", labels=("app", "environment", "by"))
        found = Counter(
            (lock.app, lock.environment, "person" if lock.deploy_id is None else "deploy")
            for lock in self._numbers.locks
            if self._sees(lock.scope)
        )
        for labels, count in sorted(found.items()):
            family.add_metric(labels, count)
        return family


class _Measured:
    """What was timed of all deploys, whoever carried them out, since it was asked last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._highest = self._from = store.tallies.newest_event()
        self._known: set[int] = set()

    def ended(self) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """(kind, body) of events, each once."""
        with self._turn:
            after = max(self._from, self._highest - LATE_EVENTS)
            found = [one for one in self._store.tallies.measured(after) if one[0] not in self._known]
            self._highest = max([self._highest, *(number for number, _, _ in found)])
            self._known |= {number for number, _, _ in found}
            self._known = {number for number in self._known if number > self._highest - LATE_EVENTS}
            return [(kind, body) for _, kind, body in found]


def sees_all(_: Scope) -> bool:
    """What somebody on this machine sees."""
    return True


def seen_by(caller: Caller) -> Callable[[Scope], bool]:
    """What a token lets one see."""
    return caller.sees
