"""Graphite, StatsD and Grafana: told of deploys in values and marks, listed and tried by admins.

Nothing here can hold a deploy up: what is told is read from the record, and stays there until it was taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.adapters.annotations import to_grafana, to_graphite
from shiphorn.adapters.metrics_lines import send_datagrams, send_stream
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.adapters.webhook import Sender
from shiphorn.config.metrics import MetricsEntry
from shiphorn.config.service import ServiceConfig
from shiphorn.errors import ConfigError, DatabaseError, NotFound
from shiphorn.model.events import PhaseStarted
from shiphorn.model.metrics import Annotation, Nature, Point, Tags, graphite_lines, statsd_lines
from shiphorn.model.people import Caller, Role
from shiphorn.model.settings import SecretRef
from shiphorn.model.webhooks import Happened
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.apps import Apps
from shiphorn.service.audit import record
from shiphorn.service.history.figures import KeptFigures
from shiphorn.service.operations.numbers import taken
from shiphorn.service.service import Service
from shiphorn.service.telling.announcing import BEGUN, subject_of
from shiphorn.service.telling.following import NOTHING, Following, standing_of
from shiphorn.service.telling.measuring import MARKED, MEASURED, annotation_of, points_of, standing_points
from shiphorn.store.notified import AT_ONCE
from shiphorn.store.store import Store

LOOK_SECONDS = 1.0
PREFIX = "metrics:"
STATSD_LATE_SECONDS = 3600.0
"""StatsD counts what it hears as of now: what is older than this would be wrong there."""
MARK_LATE_SECONDS = 86_400.0
"""What has waited for longer is not marked any more: a mark that is refused for good holds up no others."""
GRAPHITE, EVENTS, STATSD, GRAFANA = "graphite", "graphite-events", "statsd", "grafana"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sink:
    """Where measured values or marks go. `names` is how values are named, "" where there are none.

    Times are Unix seconds, None for never; `problem` is why it did not take what it was sent last, "" when
    it did. `retry_at` is when that is sent again, None when nothing waits.
    """

    name: str
    what: str
    where: str
    names: str
    told_at: float | None
    failed_at: float | None
    problem: str
    retry_at: float | None


@dataclass(frozen=True, slots=True)
class SinkTried:
    """What came of a test: where it is to be seen when it was taken, else the problem."""

    name: str
    taken: bool
    problem: str
    seen_as: str


_WHAT = {
    GRAPHITE: "values",
    EVENTS: "events",
    STATSD: "values",
    GRAFANA: "annotations",
}


def listed(service: Service, caller: Caller) -> list[Sink]:
    """All that shiphorn.yml names. Raises Forbidden SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at metrics", service.store)
    metrics = service.apps.service.model.metrics
    standings = service.store.notified.listed()
    found = []
    for name in names_of(metrics):
        standing = standing_of(standings, f"{PREFIX}{name}", f"{PREFIX}{name}/figures")
        row = standings.get(f"{PREFIX}{name}")
        retry_at = row.free_at if row is not None and row.failures else None
        found.append(
            Sink(
                name,
                _WHAT[name],
                _where(metrics, name),
                _names(metrics, name),
                standing.told_at,
                standing.failed_at,
                standing.problem,
                retry_at,
            )
        )
    return found


async def trying(service: Service, caller: Caller, name: str) -> SinkTried:
    """Send a test. Raises Forbidden SH550, NotFound SH950."""
    require(caller, Role.ADMIN, EVERYWHERE, "try metrics", service.store)
    config = service.apps.service
    names = names_of(config.model.metrics)
    if name not in names:
        there = f"There are {', '.join(names)}." if names else "shiphorn.yml names none under metrics."
        raise NotFound("SH950", f"no metrics go to {name}.", hint=there)
    sender = Sender()
    try:
        problem, seen_as = await _Hands(service.store, config, sender).test(name, caller.name, time.time())
    finally:
        await sender.close()
    await asyncio.to_thread(_write_down, service.store, caller, name, problem)
    return SinkTried(name, not problem, problem, "" if problem else seen_as)


def names_of(metrics: MetricsEntry) -> list[str]:
    """The sinks of a config, by name."""
    graphite = metrics.graphite
    found = [
        (GRAPHITE, graphite is not None and graphite.address is not None),
        (EVENTS, graphite is not None and graphite.events is not None),
        (STATSD, metrics.statsd is not None),
        (GRAFANA, metrics.grafana is not None),
    ]
    return [name for name, there in found if there]


class Reporter:
    """Sends what is measured. Several may work on a database."""

    def __init__(self, store: Store, apps: Apps, figures: KeptFigures) -> None:
        self._store = store
        self._apps = apps
        self._figures = figures
        self._following = Following(store, PREFIX)

    async def work(self) -> None:
        """Look for what is to be sent, and send it, until cancelled."""
        sender = Sender()
        try:
            while True:
                more = False
                try:
                    more = await self.look(sender)
                except DatabaseError as error:
                    _log.warning("metrics: %s", error)
                if not more:
                    await asyncio.sleep(LOOK_SECONDS)
        finally:
            await sender.close()

    async def look(self, sender: Sender) -> bool:
        """Send each sink what waits for it now; whether more waits."""
        config = self._apps.service
        metrics = config.model.metrics
        names = names_of(metrics)
        values = [name for name in names if _WHAT[name] == "values"]
        await self._following.keep([*names, *(f"{name}/figures" for name in values)])
        hands = _Hands(self._store, config, sender)
        handed = await asyncio.gather(*(self._hand(hands, name) for name in names))

        async def standing(name: str) -> None:
            await self._following.now_and_then(
                f"{name}/figures", metrics.every, lambda: self._standing(hands, name)
            )

        await asyncio.gather(*(standing(name) for name in values))
        return any(count >= AT_ONCE for count in handed)

    async def _hand(self, hands: _Hands, name: str) -> int:
        values = _WHAT[name] == "values"
        # To Graphite values that come twice are the same as before; marks would be there twice.
        return await self._following.hand(
            name,
            MEASURED if values else MARKED,
            lambda events: hands.hand(name, events),
            at_once=AT_ONCE if values else 1,
        )

    async def _standing(self, hands: _Hands, name: str) -> str:
        now = time.time()
        numbers = await asyncio.to_thread(taken, self._store, self._apps, now)
        return await hands.send(name, standing_points(numbers, self._figures.get(), now))


class _Hands:
    """Hands values and marks over to the sinks of a config."""

    def __init__(self, store: Store, config: ServiceConfig, sender: Sender) -> None:
        self._store = store
        self._config = config
        self._sender = sender

    @property
    def _metrics(self) -> MetricsEntry:
        return self._config.model.metrics

    async def hand(self, name: str, events: Sequence[Happened]) -> str:
        """Tell a sink of events: "" when it took all, NOTHING, else why not."""
        if _WHAT[name] == "values":
            return await self.send(name, await asyncio.to_thread(self._points, name, events))
        said = NOTHING
        for annotation in await asyncio.to_thread(self._annotations, events):
            said = await self.mark(name, annotation)
            if said:
                break
        return said

    async def send(self, name: str, points: Sequence[Point]) -> str:
        """Send values: "" when they were taken, NOTHING when there are none, else why not."""
        graphite, statsd = self._metrics.graphite, self._metrics.statsd
        if not points:
            return NOTHING
        if name == GRAPHITE and graphite is not None and graphite.address is not None:
            lines = graphite_lines(points, graphite.names)
            send = send_stream if graphite.protocol == "tcp" else send_datagrams
            return await send(graphite.address, lines)
        if name == STATSD and statsd is not None:
            return await send_datagrams(statsd.address, statsd_lines(points, statsd.names, Tags(statsd.tags)))
        return ""

    async def mark(self, name: str, annotation: Annotation) -> str:
        """Mark something in graphs: "" when it was taken, else why not."""
        graphite, grafana = self._metrics.graphite, self._metrics.grafana
        try:
            if name == EVENTS and graphite is not None and graphite.events is not None:
                authorization = await self._secret(graphite.authorization)
                return await to_graphite(self._sender, graphite.events, authorization, annotation)
            if name == GRAFANA and grafana is not None:
                return await self._annotate(
                    grafana.url, await self._secret(grafana.token), grafana.dashboard, annotation
                )
        except ConfigError as error:
            return f"{error.code} {error.message}"
        return ""

    async def test(self, name: str, actor: str, now: float) -> tuple[str, str]:
        """Send a test: the problem, or "" and what it is to be seen as."""
        if _WHAT[name] == "values":
            point = Point("tests", 1.0, now, "shiphorn", "test", Nature.COUNT)
            line = graphite_lines([point], _names(self._metrics, name))[0]
            return await self.send(name, [point]), line.split(" ")[0]
        text = f"{actor} tries the metrics of shiphorn. You will see deploys here."
        tags = ("shiphorn", "test")
        return await self.mark(name, Annotation(0, text, tags, now)), "tagged shiphorn and test"

    async def _annotate(self, url: str, token: str, dashboard: str, annotation: Annotation) -> str:
        row, number = f"{PREFIX}{GRAFANA}", annotation.deploy_id
        known = await asyncio.to_thread(self._store.told.reference, row, number) if number else ""
        found, problem = await to_grafana(self._sender, url, token, dashboard, annotation, known)
        if found and number and found != known:
            await asyncio.to_thread(self._store.told.keep, row, number, found, time.time())
        return problem

    async def _secret(self, reference: SecretRef | None) -> str:
        """A secret, fetched anew: it may have changed. Raises ConfigError SH130."""
        if reference is None:
            return ""
        return await ConfiguredSecrets(self._config.secrets, self._config.directory).get(reference.name)

    def _points(self, name: str, events: Sequence[Happened]) -> list[Point]:
        oldest = time.time() - STATSD_LATE_SECONDS if name == STATSD else 0.0
        found: list[Point] = []
        for event in events:
            deploy = self._store.deploys.get(event.deploy_id)
            if deploy is None or event.at < oldest or not self._is_first(event):
                continue
            hosts = self._store.hosts.tally(deploy.id) if event.kind == MEASURED[-1] else {}
            found += points_of(event, deploy, hosts)
        return found

    def _annotations(self, events: Sequence[Happened]) -> list[Annotation]:
        url = self._config.model.url.rstrip("/")
        found = []
        for event in events:
            deploy = self._store.deploys.get(event.deploy_id)
            late = event.at < time.time() - MARK_LATE_SECONDS
            if deploy is not None and not late and self._is_first(event):
                person = self._store.people.by_login(deploy.order.actor)
                actor = person.name if person is not None and person.name else deploy.order.actor
                found.append(annotation_of(event, deploy, subject_of(deploy, actor, url)))
        return [one for one in found if one is not None]

    def _is_first(self, event: Happened) -> bool:
        """Whether a phase that began is the one that a deploy begins with, and for the first time."""
        if event.kind != PhaseStarted.kind:
            return True
        if event.body["phase"] != BEGUN:
            return False
        return self._store.notified.first(event.deploy_id, event.kind, BEGUN) == event.id


def _where(metrics: MetricsEntry, name: str) -> str:
    graphite, statsd, grafana = metrics.graphite, metrics.statsd, metrics.grafana
    if name == GRAPHITE and graphite is not None:
        return f"{graphite.address} ({graphite.protocol})"
    if name == EVENTS and graphite is not None:
        return str(graphite.events)
    if name == STATSD and statsd is not None:
        return f"{statsd.address} (udp)"
    return grafana.url if grafana is not None else ""


def _names(metrics: MetricsEntry, name: str) -> str:
    if name == GRAPHITE and metrics.graphite is not None:
        return metrics.graphite.names
    return metrics.statsd.names if name == STATSD and metrics.statsd is not None else ""


def _write_down(store: Store, caller: Caller, name: str, problem: str) -> None:
    now = time.time()
    row = f"{PREFIX}{name}"
    if problem:
        standing = store.notified.listed().get(row)
        store.notified.refused(row, standing.failures if standing else 0, problem, now)
    else:
        store.notified.took(row, now)
    record(store, caller, "metrics tested", EVERYWHERE, now, facts={"sink": name, "problem": problem})
