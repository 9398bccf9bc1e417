"""What a service tells of a deploy, as the events that the deploy told."""

from __future__ import annotations

from collections.abc import Sequence

from shiphorn.cli.retelling import Retelling
from shiphorn.model.deploy import HostRun
from shiphorn.model.events import (
    Event,
    HostChanged,
    PhaseFinished,
    PhaseStarted,
    WatchProgress,
    WaveStarted,
)
from shiphorn.model.target import Host

RUNS = [
    HostRun(Host(name, name, region=name.split(".")[1]), number, wave=wave)
    for number, (name, wave) in enumerate([("web1.eu", 1), ("web2.eu", 2), ("web1.us", 2)])
]


def retold(*steps: Event | dict[str, str]) -> list[Event]:
    """What is told of events on record and of states of hosts, in this order."""
    told: list[Event] = []
    retelling = Retelling(1, told.append)
    for number, step in enumerate(steps):
        if isinstance(step, dict):
            retelling.changed(step)
        else:
            retelling.happened(str(number), step.as_json())
        if retelling.needs_hosts:
            retelling.know(RUNS)
    return told


def passed(told: Sequence[Event]) -> list[tuple[str, str]]:
    return [(one.host, one.state) for one in told if isinstance(one, HostChanged) and not one.code]


def test_hosts_that_passed_a_phase_between_two_words_are_made_up_for() -> None:
    told = retold(
        PhaseStarted(1, 1.0, "probe", {"eu": 2, "us": 1}),
        {"web1.eu": "staged"},
        PhaseFinished(1, 2.0, "probe", 1.0),
    )
    assert passed(told) == [
        ("web1.eu", "staged"),
        ("web1.eu", "probed"),
        ("web2.eu", "probed"),
        ("web1.us", "probed"),
    ]
    assert isinstance(told[-1], PhaseFinished)


def test_a_host_that_failed_did_not_pass() -> None:
    told = retold(
        PhaseStarted(1, 1.0, "stage", {"eu": 2, "us": 1}),
        HostChanged(1, 1.5, "web2.eu", "eu", "stage", "failed", "SH401", "disk full"),
        PhaseFinished(1, 2.0, "stage", 1.0),
    )
    assert passed(told) == [("web1.eu", "staged"), ("web1.us", "staged")]


def test_only_hosts_of_the_wave_switch() -> None:
    told = retold(
        WaveStarted(1, 1.0, 2, 2, {"eu": 1, "us": 1}),
        PhaseStarted(1, 1.0, "flip", {"eu": 1, "us": 1}),
        PhaseFinished(1, 2.0, "flip", 1.0),
    )
    assert passed(told) == [("web2.eu", "flipped"), ("web1.us", "flipped")]


def test_what_comes_again_is_told_once() -> None:
    told: list[Event] = []
    retelling = Retelling(1, told.append)
    watch = WatchProgress(1, 1.0, {"eu": 2}, {"eu": 1}, 9.0)
    for _ in range(2):
        retelling.happened("7", WaveStarted(1, 1.0, 1, 2, {"eu": 1}).as_json())
        retelling.row({"doing": watch.as_json()})
    assert told == [WaveStarted(1, 1.0, 1, 2, {"eu": 1}), watch]


def test_an_event_that_this_horn_does_not_know_is_left_out() -> None:
    told: list[Event] = []
    Retelling(1, told.append).happened("1", {"kind": "came_later", "deploy_id": 1, "at": 1.0})
    assert told == []
