"""Light rows of deploys, many at once, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from shiphorn.model.deploy import DeployState, HostRun, HostState, Kind, Observed, Order
from shiphorn.model.events import PhaseFinished
from shiphorn.model.health import Health, Outcome
from shiphorn.model.history import DeployFilter
from shiphorn.model.locks import Scope
from shiphorn.model.target import Host, Selection
from shiphorn.store.store import Store

SHOP, BLOG = ("shop", "production"), ("blog", "staging")
EVERYTHING = DeployFilter()


def deploy(
    store: Store,
    place: tuple[str, str] = SHOP,
    at: float = 1.0,
    order: dict[str, Any] | None = None,
    **values: Any,
) -> int:
    made = store.deploys.open(Order(*place, **(order or {})), ("deploy.yml", "a large text"), "one", at)
    store.deploys.update(made.id, **{"state": DeployState.SUCCEEDED, "finished_at": at + 5.0} | values)
    return made.id


def numbers(store: Store, wanted: DeployFilter, **page: int) -> list[int]:
    return [row.id for row in store.history.page(wanted, **page)]


def test_pages_go_on_where_the_last_one_ended(store: Store) -> None:
    for _ in range(5):
        deploy(store)
    assert numbers(store, EVERYTHING, limit=2) == [5, 4]
    assert numbers(store, EVERYTHING, limit=2, before=4) == [3, 2]
    assert numbers(store, EVERYTHING, limit=2, before=2) == [1]
    assert numbers(store, EVERYTHING, down_to=4) == [5, 4]
    assert store.history.newest() == 5


def test_a_row_has_what_lists_show(store: Store) -> None:
    deploy(
        store,
        at=10.0,
        order={"ref": "main", "actor": "ada", "reason": "why", "selection": Selection(regions=("eu",))},
        sha="a" * 40,
        release="20261125100000",
        flip_at=12.0,
    )
    (row,) = store.history.page(EVERYTHING)
    assert (row.place, row.kind, row.ref, row.actor, row.reason) == (SHOP, Kind.DEPLOY, "main", "ada", "why")
    assert (row.state, row.sha, row.release, row.flip_at) == (
        DeployState.SUCCEEDED,
        "a" * 40,
        "20261125100000",
        12.0,
    )
    assert (row.started_at, row.finished_at, row.seconds, row.narrowed) == (10.0, 15.0, 5.0, True)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (DeployFilter(app="shop"), [3, 1]),
        (DeployFilter(environment="staging"), [2]),
        (DeployFilter(states=(DeployState.FAILED, DeployState.STOPPED)), [2]),
        (DeployFilter(kinds=(Kind.ROLLBACK,)), [3]),
        (DeployFilter(actor="bob"), [2]),
        (DeployFilter(text="HOTFIX"), [1]),
        (DeployFilter(text="100%"), [3]),
        (DeployFilter(text="disk full"), [2]),
        (DeployFilter(text="abcdef0"), [1]),
        (DeployFilter(text="ABCDEF01"), [1]),
        (DeployFilter(text="abcdef02"), []),
        (DeployFilter(since=20.0), [3, 2]),
        (DeployFilter(until=20.0), [1]),
        (DeployFilter(since=20.0, until=30.0), [2]),
        (DeployFilter(since=40.0), []),
        (DeployFilter(scopes=(Scope("shop"),)), [3, 1]),
        (DeployFilter(scopes=(Scope("shop", "staging"), Scope("", "staging"))), [2]),
        (DeployFilter(scopes=(Scope(),)), [3, 2, 1]),
        (DeployFilter(scopes=()), []),
        (DeployFilter(app="shop", kinds=(Kind.DEPLOY,)), [1]),
    ],
)
def test_deploys_are_found_by_what_is_known_of_them(
    store: Store, wanted: DeployFilter, found: list[int]
) -> None:
    deploy(store, at=10.0, order={"ref": "hotfix/a", "actor": "ada"}, sha="abcdef01" + "0" * 32)
    deploy(store, BLOG, 20.0, {"actor": "bob"}, state=DeployState.FAILED, message="web1: disk full")
    deploy(store, at=30.0, order={"kind": Kind.ROLLBACK, "actor": "ada", "reason": "100% errors"})
    assert numbers(store, wanted) == found
    assert sum(store.history.counts(wanted).values()) == len(found)


def test_all_are_read_however_many_there_are(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shiphorn.store.history.EXPORT_PAGE", 2)
    for _ in range(5):
        deploy(store)
    assert [row.id for row in store.history.each(EVERYTHING)] == [5, 4, 3, 2, 1]
    assert [row.id for row in store.history.each(DeployFilter(app="blog"))] == []


def test_counts_and_actors(store: Store) -> None:
    for state, actor in (
        (DeployState.FAILED, "bob"),
        (DeployState.SUCCEEDED, "ada"),
        (DeployState.FAILED, ""),
    ):
        deploy(store, order={"actor": actor}, state=state)
    assert store.history.counts(EVERYTHING) == {DeployState.FAILED: 2, DeployState.SUCCEEDED: 1}
    assert store.history.actors() == ["ada", "bob"]


def test_the_last_and_the_live_deploy_of_many_environments_are_found_at_once(store: Store) -> None:
    deploy(store, token=10)
    deploy(store, token=30, sha="b" * 40)
    deploy(store, token=20)
    deploy(store, state=DeployState.FAILED, token=40)
    deploy(store, BLOG, state=DeployState.QUEUED, finished_at=None)
    standings = store.history.standings([SHOP, BLOG, ("never", "deployed")])
    assert {place: row.id for place, row in standings.last.items()} == {SHOP: 4, BLOG: 5}
    assert {place: row.id for place, row in standings.live.items()} == {SHOP: 2}
    assert [row.id for row in store.history.active()] == [5]
    assert store.history.standings([]).last == {}


def test_what_was_shipped_comes_with_its_selections(store: Store) -> None:
    eu = Selection(regions=("eu",))
    deploy(store, token=1, release="r1")
    deploy(store, token=2, release="r2", order={"selection": eu})
    deploy(store, token=3, release="r3", state=DeployState.FAILED)
    shipped = store.history.shipped([SHOP, BLOG])
    assert [(one.deploy_id, one.release, one.selection) for one in shipped[SHOP]] == [
        (2, "r2", eu),
        (1, "r1", Selection()),
    ]
    assert shipped[BLOG] == []


def test_phases_that_come_once_a_wave_are_summed_up(store: Store) -> None:
    number = deploy(store)
    store.records.add_events(
        [
            PhaseFinished(number, 1.0, "build", 7.0),
            PhaseFinished(number, 2.0, "flip", 1.0),
            PhaseFinished(number, 3.0, "flip", 2.0),
        ]
    )
    assert store.history.phases([number, 99]) == {number: {"build": 7.0, "flip": 3.0}}


def test_outcomes_of_checks_are_counted_by_deploy(store: Store) -> None:
    number = deploy(store)
    store.health.save(
        number,
        [
            Health("web1", 0, "http", outcome=Outcome.HEALTHY),
            Health("web2", 0, "http", outcome=Outcome.HEALTHY),
            Health("web2", 1, "unit", outcome=Outcome.UNHEALTHY),
        ],
    )
    assert store.health.outcomes([number, 99]) == {number: {Outcome.HEALTHY: 2, Outcome.UNHEALTHY: 1}}


def run(name: str, position: int = 0, state: HostState = HostState.DONE) -> HostRun:
    host = Host(name, name, region="eu", zone="eu-a", roles=("web", "cron"))
    return HostRun(host, position, state, previous="r0", flipped_at=3.0)


def test_hosts_are_those_that_a_deploy_went_to_or_that_were_seen_since(store: Store) -> None:
    deploy(store, at=10.0)
    store.hosts.place(1, [run("gone"), run("web1", 1)])
    deploy(store, at=20.0)
    store.hosts.place(2, [run("web1"), run("away", 1, HostState.FAILED)])
    store.hosts.observe(
        *SHOP,
        [
            Observed("web1", "r2", "b" * 40, ("r2",), 25.0),
            Observed("gone", "r1", "a" * 40, ("r1",), 15.0),
            Observed("joined", "", "", (), 26.0),
        ],
    )
    wanted = [(*SHOP, 2, 20.0)]
    found = {one.name: one for one in store.members.listed(wanted)}
    assert sorted(found) == ["away", "joined", "web1"]
    web = found["web1"]
    assert (web.region, web.zone, web.roles) == ("eu", "eu-a", ("web", "cron"))
    assert (web.deploy_id, web.state, web.runs, web.seen_at) == (2, HostState.DONE, "r2", 25.0)
    assert (found["away"].runs, found["away"].seen_at) == (None, None)
    assert (found["joined"].runs, found["joined"].deploy_id, found["joined"].region) == ("", None, "default")
    assert store.members.releases(wanted) == {SHOP: {"r2": 1, "": 1}}


def test_a_host_that_joined_later_is_told_of_by_the_deploy_that_brought_it_up(store: Store) -> None:
    deploy(store, at=10.0)
    store.hosts.place(1, [run("web1")])
    deploy(store, at=20.0, order={"kind": Kind.CONVERGE})
    store.hosts.place(2, [run("web2")])
    store.hosts.observe(*SHOP, [Observed("web2", "r1", "", ("r1",), 22.0)])
    found = {one.name: one for one in store.members.listed([(*SHOP, 1, 10.0)])}
    assert (found["web2"].deploy_id, found["web2"].zone) == (2, "eu-a")


def test_only_releases_of_good_deploys_are_known(store: Store) -> None:
    deploy(store, release="r1")
    deploy(store, release="r2", state=DeployState.ROLLED_BACK)
    wanted = [(*SHOP, "r1"), (*SHOP, "r2"), (*BLOG, "r1"), (*SHOP, "strange")]
    assert store.members.known(wanted) == {(*SHOP, "r1")}


def test_visits_are_what_deploys_did_to_a_host_newest_first(store: Store) -> None:
    for place in (SHOP, BLOG, SHOP):
        store.hosts.place(deploy(store, place), [run("web1"), run("web2", 1)])
    found = store.members.visits("web1", scopes=None)
    assert [(one.deploy.id, one.deploy.app, one.state, one.previous) for one in found] == [
        (3, "shop", HostState.DONE, "r0"),
        (2, "blog", HostState.DONE, "r0"),
        (1, "shop", HostState.DONE, "r0"),
    ]
    assert found[0].flipped_at == 3.0
    assert [one.deploy.id for one in store.members.visits("web1", scopes=(Scope("shop"),))] == [3, 1]
    assert [one.deploy.id for one in store.members.visits("web1", scopes=None, before=3, limit=1)] == [2]
