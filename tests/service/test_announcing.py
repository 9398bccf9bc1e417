"""What people are told of deploys, in words."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest
from inline_snapshot import snapshot

from shiphorn.model.deploy import Kind
from shiphorn.model.events import Continued, DeployFinished, Event, Paused, PhaseStarted, Queued
from shiphorn.model.locks import Scope
from shiphorn.model.notices import Audience, Moment, Notice, Quiet, Severity, address
from shiphorn.service.telling.announcing import Subject, announcement, moment_of, together, trial

SHA = "6957bb87" + "0" * 32
URL = "https://deploy.example.com/deploys/812"
NIGHT = Quiet(time(22), time(7), "Europe/Berlin")
ENDS = "eu1: status 502\n\nMore of it.\n"


def subject(kind: Kind = Kind.DEPLOY, ref: str = "intlrelease", sha: str = SHA) -> Subject:
    return Subject("mobile-api", "staging", kind, ref, sha, "Matt Heath", URL)


def text(event: Event, about: Subject) -> str:
    body = event.as_json()
    moment = moment_of(event.kind, body, about.kind)
    assert moment is not None
    return announcement(moment, body, about).text


def ended(state: str, message: str = "") -> DeployFinished:
    return DeployFinished(812, 2.0, state, 1.0, {}, "SH611" if message else "", message)


BEGUN = PhaseStarted(812, 1.0, "discover")


def test_a_deploy_is_told_of_in_the_words_of_the_talk() -> None:
    assert text(BEGUN, subject()) == snapshot(
        "mobile-api/intlrelease (6957bb87) is being deployed to staging by Matt Heath"
    )
    assert text(ended("succeeded"), subject()) == snapshot(
        "mobile-api/intlrelease successfully deployed to staging"
    )


def test_a_failure_has_its_first_cause_and_a_link() -> None:
    assert text(ended("failed", ENDS), subject()) == snapshot("""\
mobile-api/intlrelease (6957bb87) could not be deployed to staging: SH611 eu1: status 502
https://deploy.example.com/deploys/812\
""")
    assert text(ended("rolled_back", "x" * 600), subject())[-60:] == snapshot("""\
xxxxxxxxxxxxxxxxxxxx…
https://deploy.example.com/deploys/812\
""")
    assert text(ended("failed"), subject()) == snapshot("""\
mobile-api/intlrelease (6957bb87) could not be deployed to staging: no reason was given
https://deploy.example.com/deploys/812\
""")


def test_other_moments_have_their_words() -> None:
    assert text(Queued(812, 1.0, "deploy 811 of main by ada"), subject(sha="")) == snapshot(
        "mobile-api/intlrelease waits for its turn in staging, behind deploy 811 of main by ada"
    )
    assert text(Paused(812, 1.0, "2 of 6 hosts went wrong", 9.0), subject()) == snapshot("""\
mobile-api/intlrelease (6957bb87) is paused in staging: 2 of 6 hosts went wrong
https://deploy.example.com/deploys/812\
""")
    assert text(Continued(812, 1.0, "ada"), subject()) == snapshot(
        "mobile-api/intlrelease (6957bb87) goes on in staging, says ada"
    )
    assert text(ended("stopped", "ada stopped it"), subject()) == snapshot(
        "mobile-api/intlrelease (6957bb87) was stopped in staging: SH611 ada stopped it"
    )
    assert text(ended("superseded", "deploy 813 goes in its place."), subject()) == snapshot(
        "mobile-api/intlrelease was left out in staging: SH611 deploy 813 goes in its place."
    )


def test_a_rollback_has_words_of_its_own() -> None:
    back = subject(Kind.ROLLBACK, "20261125101500", "")
    assert text(BEGUN, back) == snapshot(
        "mobile-api is being rolled back in staging to 20261125101500 by Matt Heath"
    )
    assert text(ended("succeeded"), back) == snapshot("mobile-api successfully rolled back in staging")
    assert text(ended("failed", "no host keeps it"), back) == snapshot("""\
mobile-api could not be rolled back in staging: SH611 no host keeps it
https://deploy.example.com/deploys/812\
""")


@pytest.mark.parametrize("ref", ["6957bb87", SHA, ":live", ""])
def test_what_is_no_branch_is_not_named_as_one(ref: str) -> None:
    assert subject(ref=ref).whole == "mobile-api (6957bb87)"


@pytest.mark.parametrize(
    "event",
    [PhaseStarted(1, 1.0, "build"), DeployFinished(1, 1.0, "abandoned", 1.0)],
)
def test_the_rest_is_not_told(event: Event) -> None:
    assert moment_of(event.kind, event.as_json(), Kind.DEPLOY) is None


def test_hosts_that_are_brought_up_to_date_are_not_told_of() -> None:
    assert moment_of("deploy_finished", ended("failed").as_json(), Kind.CONVERGE) is None


def test_many_go_together_failures_first_of_all() -> None:
    notices = [Notice("", f"shop {number}", Severity.SUCCESS) for number in range(30)]
    notices[0] = Notice("", "shop 0 broke\nhttps://x", Severity.FAILURE)
    told = together(notices)
    assert told.severity == Severity.FAILURE
    assert told.title == "30 things happened, 1 of them failures"
    lines = told.text.splitlines()
    assert lines[:3] == ["30 things happened, 1 of them failures:", "- shop 0 broke https://x", "- shop 11"]
    assert lines[-2:] == ["- shop 29", "and 10 more"]


def test_a_test_says_who_tries_what() -> None:
    assert trial("team", "Ada", "https://horn").text == snapshot(
        "Ada tries the notifier team of shiphorn at https://horn. You will hear of deploys here."
    )


def at(clock: str) -> float:
    return datetime.fromisoformat(f"2026-11-25T{clock}").replace(tzinfo=UTC).timestamp()


def test_quiet_hours_go_over_midnight_by_the_clock_of_their_zone() -> None:
    held = [clock for clock in ("20:59", "21:00", "05:59", "06:00") if NIGHT.holds(at(clock))]
    assert held == ["21:00", "05:59"]
    assert Quiet(time(12), time(13)).holds(at("12:30"))
    assert not Quiet(time(12), time(13)).holds(at("13:00"))


@pytest.mark.parametrize(
    ("values", "moment", "clock", "wanted"),
    [
        ({}, Moment.STARTED, "12:00", True),
        ({}, Moment.QUEUED, "12:00", False),
        ({"quiet": NIGHT}, Moment.STARTED, "23:00", False),
        ({"quiet": NIGHT}, Moment.ROLLED_BACK, "23:00", True),
        ({"apps": ("mobile-*", "x")}, Moment.STARTED, "12:00", True),
        ({"apps": ("shop",)}, Moment.STARTED, "12:00", False),
        ({"environments": ("prod*",)}, Moment.FAILED, "12:00", False),
    ],
)
def test_each_is_told_what_it_wants(values: dict[str, Any], moment: Moment, clock: str, wanted: bool) -> None:
    audience = Audience("team", "json://x", **values)
    assert audience.wants(moment, Scope("mobile-api", "staging"), at(clock)) is wanted


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#deploys", "slack://…"),
        ("tgram://123:abc/456", "tgram://…"),
        ("https://hooks.slack.com/services/T1/B2/xyz", "https://hooks.slack.com"),
        ("mailto://horn:hunter2@mail.example.com:587?to=a@example.com", "mailto://mail.example.com:587"),
        ("jsons://user:p@ss@ci.example.com/hook?token=1", "jsons://ci.example.com"),
        ("json://us er:x@[::1]/", "json://…"),
    ],
)
def test_only_the_service_and_its_host_are_shown(url: str, shown: str) -> None:
    assert address(url) == shown
    assert url not in repr(Audience("team", url))
