"""What the page of a deploy asks for, on both databases."""

from __future__ import annotations

import pytest

from shiphorn.model.deploy import CommandOutput, HostRun, HostState, Order, Problem
from shiphorn.model.health import Health, Outcome, Verdict
from shiphorn.model.target import Host
from shiphorn.store.store import Store

FULL = Problem("SH401", "disk full", "disk full", "Make room.")


@pytest.fixture
def deploy_id(store: Store) -> int:
    """A deploy to four hosts of two regions: one is done, one broke, two wait."""
    number = store.deploys.open(Order("shop", "production"), ("", ""), "", 1.0).id
    runs = [
        HostRun(
            Host("web1.eu", "a", region="eu"),
            0,
            HostState.DONE,
            previous="r1",
            previous_sha="c1",
            flipped_at=5.0,
        ),
        HostRun(Host("web1.us", "a", region="us"), 1, HostState.BROKEN, "watch", FULL, "r1", "c1", 5.0),
        HostRun(Host("web2.eu", "a", region="eu"), 2, wave=2),
        HostRun(Host("web2.us", "a", region="us"), 3, wave=2),
    ]
    store.hosts.place(number, runs)
    return number


def test_hosts_are_counted_by_wave_region_and_state(store: Store, deploy_id: int) -> None:
    assert store.hosts.tally(deploy_id) == {
        (1, "eu", HostState.DONE): 1,
        (1, "us", HostState.BROKEN): 1,
        (2, "eu", HostState.WAITING): 1,
        (2, "us", HostState.WAITING): 1,
    }


def test_hosts_with_a_problem_come_first(store: Store, deploy_id: int) -> None:
    assert [run.host.name for run in store.hosts.first(deploy_id, 3)] == ["web1.us", "web1.eu", "web2.eu"]
    assert store.hosts.problems(deploy_id) == [("web1.us", "us", HostState.BROKEN, FULL)]
    found = store.hosts.one(deploy_id, "web2.us")
    assert found is not None
    assert found.wave == 2
    assert store.hosts.one(deploy_id, "web9.us") is None


def test_what_ran_before_is_that_of_hosts_that_switched(store: Store, deploy_id: int) -> None:
    assert store.hosts.before(deploy_id) == [("r1", "c1", 2)]


def test_outputs_are_folded_in_the_order_of_their_commands(store: Store, deploy_id: int) -> None:
    for place, host in enumerate(("web1.eu", "web1.us", "web2.eu")):
        ran = [
            CommandOutput("stage", "z", 0, "same\n", place),
            CommandOutput("stage", "a", 0, f"{host}%\n", 1.0),
        ]
        store.records.add_outputs(deploy_id, host, ran)
    store.records.add_outputs(deploy_id, "", [CommandOutput("build", "make", None, "", 1.0)])
    rows = store.records.folds(deploy_id)
    assert [(row.phase, row.command, row.exit_status, row.hosts, row.host) for row in rows] == [
        ("build", "make", None, 1, ""),
        ("stage", "z", 0, 3, "web1.eu"),
        ("stage", "a", 0, 1, "web1.eu"),
        ("stage", "a", 0, 1, "web1.us"),
        ("stage", "a", 0, 1, "web2.eu"),
    ]
    assert rows[1].seconds == 2.0
    assert [row.host for row in store.records.folds(deploy_id, "WEB1.US%")] == ["web1.us"]
    assert store.records.beginnings([rows[1].digest], 3) == {rows[1].digest: ("sam", 5)}
    assert store.records.printed_on(deploy_id, [rows[1].digest], 2) == [
        ("stage", "z", rows[1].digest, "web1.eu"),
        ("stage", "z", rows[1].digest, "web1.us"),
    ]
    assert store.records.text(deploy_id, rows[1].digest) == "same\n"
    assert store.records.text(deploy_id + 1, rows[1].digest) is None


def test_checks_are_counted_and_those_not_well_listed(store: Store, deploy_id: int) -> None:
    seen = [
        Health("web1.eu", 0, "http://a/", Verdict.PASS, Outcome.HEALTHY, seen_at=7.0),
        Health("web1.us", 0, "http://b/", Verdict.PASS, Outcome.UNHEALTHY, seen_at=6.0),
        Health("web2.eu", 0, "http://c/", Verdict.PASS, Outcome.WATCHING),
    ]
    store.health.save(deploy_id, seen)
    assert store.health.counts(deploy_id) == [
        (0, "http://a/", Outcome.HEALTHY, Verdict.PASS, 1),
        (0, "http://b/", Outcome.UNHEALTHY, Verdict.PASS, 1),
        (0, "http://c/", Outcome.WATCHING, Verdict.PASS, 1),
    ]
    assert [one.host for one in store.health.unwell(deploy_id, 9)] == ["web1.us", "web2.eu"]
    assert store.health.decided(deploy_id, 5.0) == [
        (10, Outcome.UNHEALTHY, 1),
        (20, Outcome.HEALTHY, 1),
    ]
