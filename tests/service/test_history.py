"""Deploys of the past: pages, files and estimates."""

from __future__ import annotations

import csv
import json

import pytest

from shiphorn.model.deploy import DeployState
from shiphorn.model.events import PhaseFinished
from shiphorn.model.history import DeployFilter
from shiphorn.model.locks import Scope
from shiphorn.model.people import local
from shiphorn.service import sight
from shiphorn.service.deploys.estimate import Estimate, estimate
from shiphorn.service.history import search as history
from shiphorn.store.store import Store
from tests.service.past import BLOG, SHOP, STAGING, deploy, row, somebody

ADA = local("ada")


def test_a_page_says_where_the_next_one_begins(store: Store) -> None:
    for _ in range(3):
        deploy(store)
    first = history.page(store, ADA, DeployFilter(), limit=2)
    assert ([one.id for one in first.deploys], first.next) == ([3, 2], 2)
    second = history.page(store, ADA, DeployFilter(), before=2, limit=2)
    assert ([one.id for one in second.deploys], second.next) == ([1], None)


def test_a_search_looks_at_so_many_deploys_a_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "SEARCHED", 2)
    for reason in ("needle", "", "", "needle", ""):
        deploy(store, reason=reason)
    pages, before = [], None
    for _ in range(3):
        found = history.page(store, ADA, DeployFilter(text="needle"), before=before)
        before = found.next
        pages.append(([one.id for one in found.deploys], found.next))
    assert pages == [([4], 4), ([], 2), ([1], None)]


def test_people_see_the_deploys_of_what_they_have_a_role_in(store: Store) -> None:
    for place in (SHOP, STAGING, BLOG):
        deploy(store, place)
    caller = somebody(Scope("shop", "staging"), Scope("blog"))
    assert [one.id for one in history.page(store, caller, DeployFilter()).deploys] == [3, 2]
    assert history.counts(store, caller, DeployFilter(app="shop")) == {DeployState.SUCCEEDED: 1}
    assert [one.id for one in history.every(store, somebody(), DeployFilter())] == []


def test_a_token_narrows_what_is_seen() -> None:
    assert sight.scopes(ADA) is None
    everywhere = somebody(Scope(), Scope("blog"))
    assert sight.scopes(everywhere) is None
    assert sight.scopes(somebody(Scope(), limit=Scope("shop"))) == (Scope("shop"),)
    assert sight.scopes(somebody(Scope("", "staging"), limit=Scope("shop"))) == (Scope("shop", "staging"),)
    assert sight.scopes(somebody(Scope("blog"), limit=Scope("shop"))) == ()


def test_csv_has_a_heading_and_times_that_people_read() -> None:
    heading, line = csv.reader(history.as_csv([row(7, 1795600800.0, actor="ada", flip_at=None)]))
    told = dict(zip(heading, line, strict=True))
    assert heading[:6] == ["id", "app", "environment", "kind", "ref", "actor"]
    assert (told["id"], told["state"], told["actor"], told["seconds"]) == ("7", "succeeded", "ada", "10.0")
    assert (told["finished_at"], told["flip_at"]) == ("2026-11-25T10:00:00+00:00", "")


@pytest.mark.parametrize("text", ["=1+2", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_csv_has_no_text_that_a_spreadsheet_takes_for_a_formula(text: str) -> None:
    heading, line = csv.reader(history.as_csv([row(1, reason=text)]))
    assert line[heading.index("reason")] == f"'{text}"


def test_csv_quotes_what_would_break_a_line() -> None:
    text = 'a "quoted", long\nreason'
    assert list(history.as_csv([row(1, reason=text)]))[1].count('"a ""quoted"", long\nreason"') == 1


def test_json_lines_are_objects() -> None:
    (line,) = history.as_json_lines([row(1, reason="=1")])
    told = json.loads(line)
    assert (told["id"], told["reason"], told["seconds"], told["state"]) == (1, "=1", 10.0, "succeeded")


def took(store: Store, number: int, **seconds: float) -> None:
    store.records.add_events([PhaseFinished(number, 1.0, phase, each) for phase, each in seconds.items()])


def test_an_estimate_is_the_median_of_each_phase_but_for_the_wait(store: Store) -> None:
    for seconds in (10.0, 20.0, 90.0):
        took(store, deploy(store), lock=600.0, build=seconds, watch=30.0)
    took(store, deploy(store, state=DeployState.FAILED), build=1000.0)
    assert estimate(store, *SHOP) == Estimate(50.0, [("build", 20.0), ("watch", 30.0)], 3)


def test_a_watch_takes_no_less_than_the_bake_times(store: Store) -> None:
    took(store, deploy(store), build=20.0, watch=30.0)
    found = estimate(store, *SHOP, waves=3, bake_seconds=60.0)
    assert found == Estimate(200.0, [("build", 20.0), ("watch", 180.0)], 1)


def test_of_what_was_never_deployed_nothing_is_known(store: Store) -> None:
    deploy(store, BLOG)
    assert estimate(store, *SHOP) is None
    assert estimate(store, *BLOG) is None
