"""The numbers that a monitoring system asks a service for, counted from what is on record."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shiphorn.model.deploy import DeployState
from shiphorn.model.history import Place
from shiphorn.model.locks import Lock
from shiphorn.service.apps import Apps
from shiphorn.service.hosts.listed import HostCounts, counted
from shiphorn.service.known import Known
from shiphorn.store.store import Store

FRESH_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Numbers:
    """How things stand.

    `deploys` counts those that are over, by app, environment and state; `active` those under way, and
    `queued` those that wait. `waits_since` is when the oldest of them was ordered. `webhooks` counts the
    deliveries that are still to be made.
    """

    deploys: Mapping[tuple[str, str, DeployState], int] = field(default_factory=dict)
    active: Mapping[Place, int] = field(default_factory=dict)
    queued: Mapping[Place, int] = field(default_factory=dict)
    waits_since: Mapping[Place, float] = field(default_factory=dict)
    hosts: Mapping[Place, HostCounts] = field(default_factory=dict)
    locks: tuple[Lock, ...] = ()
    webhooks: int = 0


def taken(store: Store, apps: Apps, now: float, known: Known | None = None) -> Numbers:
    """Count: nine queries, however many apps there are."""
    places = [(app, name) for app in apps.names() for name in apps.config(app).environments]
    active: dict[Place, int] = {}
    queued: dict[Place, int] = {}
    since: dict[Place, float] = {}
    for row in store.history.active():
        if row.state == DeployState.QUEUED:
            queued[row.place] = queued.get(row.place, 0) + 1
            since[row.place] = min(since.get(row.place, row.started_at), row.started_at)
        else:
            active[row.place] = active.get(row.place, 0) + 1
    return Numbers(
        store.tallies.ended(),
        active,
        queued,
        since,
        known.counted(store, places, known.standings(store, places))
        if known
        else counted(store, places, store.history.standings(places)),
        tuple(store.locks.in_force(now)),
        store.tallies.undelivered(),
    )


class Counted:
    """Numbers that are as old as a few seconds, however many ask for them and however often."""

    def __init__(self, count: Callable[[], Numbers], *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._count = count
        self._fresh_seconds = fresh_seconds
        self._turn = threading.Lock()
        self._numbers = Numbers()
        self._at: float | None = None

    def get(self) -> Numbers:
        """The numbers. Whoever asks while they are counted waits for that."""
        with self._turn:
            if self._at is None or time.monotonic() - self._at > self._fresh_seconds:
                self._numbers = self._count()
                self._at = time.monotonic()
            return self._numbers
