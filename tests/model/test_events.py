"""Events to JSON and back."""

from __future__ import annotations

import json

import pytest

from shiphorn.model.events import (
    Asked,
    BuildOutput,
    Continued,
    DeployFinished,
    DeployStarted,
    Event,
    Flipped,
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
    WatchProgress,
    WaveStarted,
    event_from_json,
)
from shiphorn.model.gates import Answer, Verdict

ALL = [
    DeployStarted(1, 2.0, "shop", "production", "deploy", "main", "ada"),
    PhaseStarted(1, 2.0, "probe", {"eu": 3}),
    PhaseFinished(1, 2.0, "probe", 1.5, "3 hosts"),
    HostChanged(1, 2.0, "web1.eu", "eu", "stage", "failed", "SH401", "disk full", "disk full"),
    Flipped(1, 2.0, 3, 12.5),
    WaveStarted(1, 2.0, 1, 2, {"eu": 3}),
    HealthChanged(1, 2.0, "web1.eu", "eu", "http", "unhealthy", "answered 503"),
    WatchProgress(1, 2.0, {"eu": 3}, {"eu": 2}, 60.0),
    RollbackStarted(1, 2.0, 3, "SH610", "too many"),
    Asked(1, 2.0, "stop", "ada"),
    Queued(1, 2.0, "deploy 7 by bob"),
    GatesAnswered(
        1, 2.0, (Answer("ci", Verdict.WAIT, "runs", "ada"), Answer("lock", Verdict.PASS, "free", until=9.0))
    ),
    GatesOverridden(1, 2.0, ("ci", "freeze"), "ada", "an incident"),
    Paused(1, 2.0, "ada paused it", 99.0),
    Merged(1, 2.0, "main", "search", "a" * 40),
    Continued(1, 2.0, "ada"),
    DeployFinished(1, 2.0, "failed", 4.0, {"done": 2}, "SH610", "too many", "look"),
    BuildOutput(1, 2.0, "npm ci"),
]


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.kind)
def test_an_event_comes_back_from_json(event: Event) -> None:
    back = event_from_json(json.loads(json.dumps(event.as_json())))
    assert back == event
    assert type(back) is type(event)


def test_every_kind_is_among_them() -> None:
    assert {one.kind for one in Event.__subclasses__()} == {event.kind for event in ALL}


def test_kinds_and_parts_of_other_versions_are_passed_over() -> None:
    assert event_from_json({"kind": "of_tomorrow", "deploy_id": 1, "at": 2.0}) is None
    known = {"kind": "continued", "deploy_id": 1, "at": 2.0, "actor": "ada", "mood": "good"}
    assert event_from_json(known) == Continued(1, 2.0, "ada")
