"""What the board says of every environment."""

from __future__ import annotations

from shiphorn.model.deploy import DeployState
from shiphorn.model.health import Health, Outcome
from shiphorn.model.locks import Scope
from shiphorn.model.people import local
from shiphorn.model.target import Selection
from shiphorn.service.board import Board, Cell, board
from shiphorn.service.hosts.listed import HostCounts
from shiphorn.store.store import Store
from tests.service.past import APPS, BLOG, SHOP, STAGING, deploy, observe, place_hosts, somebody

NOW = 100.0
ADA = local("ada")


def cell(found: Board, place: tuple[str, str]) -> Cell:
    return next(one for row in found.rows for one in row.cells if (one.app, one.environment) == place)


def test_apps_and_environments_stand_in_the_order_that_they_are_given_in(store: Store) -> None:
    found = board(store, APPS, NOW, ADA)
    assert [(row.app, [one.environment for one in row.cells]) for row in found.rows] == [
        ("shop", ["staging", "production"]),
        ("blog", ["production"]),
    ]
    never = cell(found, BLOG)
    assert (never.live, never.last, never.health, never.hosts) == (None, None, None, HostCounts())


def test_what_is_live_stays_so_when_the_last_deploy_failed(store: Store) -> None:
    deploy(store, sha="a" * 40, actor="ada")
    deploy(store, state=DeployState.ROLLED_BACK)
    found = cell(board(store, APPS, NOW, ADA), SHOP)
    assert found.live is not None
    assert found.last is not None
    assert (found.live.sha, found.live.release, found.live.actor) == ("a" * 40, "r1", "ada")
    assert (found.last.id, found.last.state) == (2, DeployState.ROLLED_BACK)


def test_what_moves_and_what_waits_are_told_apart(store: Store) -> None:
    deploy(store, state=DeployState.RUNNING, finished_at=None, phase="watch", wave=2, waves=3, actor="bob")
    deploy(store, state=DeployState.QUEUED, finished_at=None)
    deploy(store, BLOG, state=DeployState.PAUSED, finished_at=None)
    found = board(store, APPS, NOW, ADA)
    (moving,) = cell(found, SHOP).moving
    assert (moving.id, moving.phase, moving.actor, moving.wave, moving.waves) == (1, "watch", "bob", 2, 3)
    assert cell(found, SHOP).queued == 1
    assert (found.moving, found.queued) == (2, 1)


def test_locks_stand_where_they_cover(store: Store) -> None:
    store.locks.place(Scope("shop"), "sale", "bob", 10.0, until=200.0)
    store.locks.place(Scope(), "holidays", "eve", 20.0)
    store.locks.place(Scope("blog"), "over", "bob", 30.0, until=50.0)
    found = board(store, APPS, NOW, ADA)
    locks = cell(found, SHOP).locks
    assert [(one.reason, one.owner, one.until) for one in locks] == [
        ("sale", "bob", 200.0),
        ("holidays", "eve", None),
    ]
    assert [one.reason for one in cell(found, BLOG).locks] == ["holidays"]
    assert [one.reason for one in found.everywhere] == ["holidays"]


def test_health_is_that_of_the_last_deploy_that_had_checks(store: Store) -> None:
    store.health.save(deploy(store), [Health("eu1", 0, "http", outcome=Outcome.HEALTHY)])
    deploy(store, state=DeployState.FAILED)
    health = cell(board(store, APPS, NOW, ADA), SHOP).health
    assert health is not None
    assert (health.deploy_id, health.counts, health.is_well) == (1, {Outcome.HEALTHY: 1}, True)
    store.health.save(
        deploy(store, state=DeployState.ROLLED_BACK), [Health("eu1", 0, "http", outcome=Outcome.UNHEALTHY)]
    )
    health = cell(board(store, APPS, NOW, ADA), SHOP).health
    assert health is not None
    assert (health.deploy_id, health.is_well) == (1, True), "the hosts went back from what was not well"
    store.health.save(
        deploy(store, state=DeployState.FAILED), [Health("eu1", 0, "http", outcome=Outcome.UNHEALTHY)]
    )
    health = cell(board(store, APPS, NOW, ADA), SHOP).health
    assert health is not None
    assert (health.deploy_id, health.is_well) == (4, False)


def test_hosts_that_are_behind_and_that_have_drifted_are_counted(store: Store) -> None:
    place_hosts(store, deploy(store), "eu1", "eu2", "us1", "us2", seen="r1")
    place_hosts(store, deploy(store, at=20.0), "eu1", "eu2", "us1", "us2", seen="r2", at=22.0)
    observe(store, SHOP, 23.0, us1="r1", us2="by hand", joined="")
    assert cell(board(store, APPS, NOW, ADA), SHOP).hosts == HostCounts(5, 2, 1)


def test_hosts_that_a_narrowed_deploy_left_out_are_not_behind(store: Store) -> None:
    place_hosts(store, deploy(store), "eu1", "us1", "us2", seen="r1")
    place_hosts(
        store, deploy(store, at=20.0, selection=Selection(regions=("eu",))), "eu1", seen="r2", at=22.0
    )
    observe(store, SHOP, 23.0, us2="by hand")
    assert cell(board(store, APPS, NOW, ADA), SHOP).hosts == HostCounts(3, 0, 1)


def test_commits_behind_are_those_that_are_handed_in(store: Store) -> None:
    found = board(store, APPS, NOW, ADA, behind={SHOP: 3, BLOG: None})
    assert (cell(found, SHOP).behind, cell(found, BLOG).behind, cell(found, STAGING).behind) == (
        3,
        None,
        None,
    )


def test_people_see_what_they_have_a_role_in(store: Store) -> None:
    deploy(store, BLOG, state=DeployState.RUNNING, finished_at=None)
    found = board(store, APPS, NOW, somebody(Scope("shop", "staging")))
    assert [(row.app, [one.environment for one in row.cells]) for row in found.rows] == [
        ("shop", ["staging"])
    ]
    assert found.moving == 0
    assert board(store, APPS, NOW, somebody()).rows == []


def test_a_search_finds_apps_by_name_and_by_what_is_said_of_them(store: Store) -> None:
    deploy(store, sha="abcdef" + "0" * 34, ref="hotfix/1", actor="Bob")
    store.locks.place(Scope("blog"), "Big sale", "eve", 10.0)

    def apps(text: str) -> list[str]:
        return [row.app for row in board(store, APPS, NOW, ADA, text=text).rows]

    assert apps("SHO") == apps("abcde") == apps("hotfix") == apps("bob") == apps("stag") == ["shop"]
    assert apps("sale") == apps("eve") == ["blog"]
    assert apps("nothing") == []
    assert apps(" ") == ["shop", "blog"]
