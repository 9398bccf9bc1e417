"""The course of a deploy, from its events."""

from __future__ import annotations

from dataclasses import replace

from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.events import (
    Asked,
    Event,
    HostChanged,
    PhaseFinished,
    PhaseStarted,
    RollbackStarted,
)
from shiphorn.service.deploys.course import course

RUNNING = Deploy(7, "7-a", Order("shop", "production", actor="ada"), "", "", "", 100.0)


def ran(*phases: str, at: float = 100.0) -> list[Event]:
    """Phases that took a second each."""
    return [
        event
        for phase in phases
        for event in (PhaseStarted(7, at, phase), PhaseFinished(7, at + 1, phase, 1.0, f"{phase} note"))
    ]


def steps(deploy: Deploy, events: list[Event]) -> str:
    return " ".join(f"{step.phase}:{step.state}" for step in course(deploy, events).steps)


def test_phases_to_come_are_waiting() -> None:
    events = [*ran("resolve", "gates"), PhaseStarted(7, 102.0, "lock")]
    assert steps(RUNNING, events) == (
        "resolve:done gates:done lock:running discover:waiting build:waiting probe:waiting stage:waiting"
        " flip:waiting restart:waiting watch:waiting finish:waiting"
    )


def test_a_phase_of_several_waves_is_one_step() -> None:
    flip = next(step for step in course(RUNNING, ran("flip", "watch", "flip")).steps if step.phase == "flip")
    assert (flip.state, flip.seconds) == ("done", 2.0)


def test_a_way_back_follows_the_phase_that_failed_and_has_a_watch_of_its_own() -> None:
    back = [PhaseStarted(7, 105.5, "rollback"), RollbackStarted(7, 105.5, 6, "SH610", "ill")]
    events = [*ran("resolve", "flip"), PhaseStarted(7, 105.0, "watch"), *back, *ran("watch", at=107.0)]
    deploy = replace(RUNNING, state=DeployState.ROLLED_BACK, finished_at=110.0)
    assert steps(deploy, events) == "resolve:done flip:done watch:failed rollback:running watch:done"
    assert course(deploy, events).steps[2].seconds == 0.5


def test_what_ends_before_its_flip_skips_the_rest() -> None:
    deploy = replace(RUNNING, state=DeployState.FAILED, finished_at=104.0)
    shown = steps(deploy, ran("resolve", "gates"))
    assert shown.startswith("resolve:done gates:failed lock:skipped discover:skipped")


def test_a_rollback_builds_nothing() -> None:
    deploy = replace(RUNNING, order=Order("shop", "production", Kind.ROLLBACK))
    assert "build" not in steps(deploy, [])


def test_the_subject_is_what_the_commit_was_resolved_to() -> None:
    events = [PhaseFinished(7, 101.0, "resolve", 1.0, "6957bb87 Round prices up")]
    assert course(RUNNING, events).subject == "Round prices up"


def test_hosts_that_fail_alike_are_told_once() -> None:
    events: list[Event] = [
        HostChanged(7, 101.0, name, "eu", "stage", "failed", "SH401", f"{name}: disk full", "disk full")
        for name in ("web2", "web1")
    ]
    events.append(Asked(7, 102.0, "stop", "ada"))
    told = [(moment.text, moment.detail) for moment in course(RUNNING, events).moments]
    assert told == [
        ("2 hosts went wrong in stage: disk full", "web1, web2"),
        ("ada asked to stop, and to take everything back", ""),
    ]
