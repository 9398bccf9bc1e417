"""Locks and bad marks, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from shiphorn.model.deploy import DeployState, Order
from shiphorn.model.locks import Lock, Scope
from shiphorn.store.store import Store

HERE = Scope("shop", "production")


def deploy(store: Store, executor: str = "one") -> int:
    return store.deploys.open(Order("shop", "production"), ("deploy.yml", ""), executor, 1.0).id


def test_a_lock_comes_back_as_it_was_placed(store: Store) -> None:
    placed = store.locks.place(HERE, "database", "ada", 10.0, until=20.0)
    assert placed == Lock(1, "shop", "production", "database", "ada", 10.0, until=20.0)
    assert store.locks.in_force(11.0) == store.locks.in_force(11.0, HERE) == [placed]


def test_locks_in_force_are_found_by_what_they_cover(store: Store) -> None:
    for number, scope in enumerate([Scope("shop", "staging"), Scope("blog"), Scope("shop"), Scope(), HERE]):
        store.locks.place(scope, "why", "ada", float(number))
    assert [lock.scope for lock in store.locks.in_force(9.0, HERE)] == [Scope("shop"), Scope(), HERE]
    assert len(store.locks.in_force(9.0)) == 5


def test_of_two_people_who_lock_the_same_at_once_one_gets_it(store: Store) -> None:
    people = [f"person{number}" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        placed = list(pool.map(lambda who: store.locks.place(HERE, "why", who, 10.0), people))
    assert len([lock for lock in placed if lock is not None]) == 1
    assert len(store.locks.in_force(11.0)) == 1


def test_an_expired_lock_makes_room_and_stays_on_record(store: Store) -> None:
    store.locks.place(HERE, "lunch", "ada", 10.0, until=20.0)
    assert store.locks.in_force(20.0) == []
    assert store.locks.place(HERE, "supper", "bob", 30.0) is not None
    old = store.locks.history()[1]
    assert (old.released_at, old.released_by, old.release_reason) == (20.0, "", "expired")


def test_a_lock_in_place_of_another_is_one_act(store: Store) -> None:
    old = store.locks.place(HERE, "lunch", "ada", 10.0)
    assert old is not None
    assert store.locks.place(HERE, "mine", "bob", 20.0) is None
    assert store.locks.place(HERE, "mine", "bob", 20.0, instead_of=[old], why="stolen") is not None
    newest, oldest = store.locks.history()
    assert newest.owner == "bob"
    assert (oldest.released_at, oldest.released_by, oldest.release_reason) == (20.0, "bob", "stolen")


def test_a_lock_is_released_once(store: Store) -> None:
    lock = store.locks.place(HERE, "lunch", "ada", 10.0)
    assert lock is not None
    assert store.locks.release(lock.id, "ada", "", 20.0)
    assert not store.locks.release(lock.id, "bob", "", 30.0)
    assert store.locks.history()[0].released_by == "ada"


def test_a_failed_deploy_locks_once_and_beside_people(store: Store) -> None:
    number = deploy(store)
    store.locks.place(HERE, "testing", "ada", 10.0)
    first = store.locks.place_for_deploy(HERE, "it failed", number, 20.0)
    assert (first.owner, first.deploy_id) == ("", number)
    assert store.locks.place_for_deploy(HERE, "it failed", number, 30.0) == first
    assert [lock.owner for lock in store.locks.in_force(40.0)] == ["ada", ""]
    store.locks.release(first.id, "ada", "", 50.0)
    assert store.locks.place_for_deploy(HERE, "it failed", number, 60.0).released_by == "ada"
    assert [lock.owner for lock in store.locks.in_force(70.0)] == ["ada"]


def test_a_commit_is_bad_until_its_marks_are_cleared(store: Store) -> None:
    number = deploy(store)
    store.marks.mark("shop", "a" * 40, "slow", "ada", 10.0)
    store.marks.mark("shop", "a" * 40, "watch failed", "", 20.0, deploy_id=number)
    store.marks.mark("shop", "a" * 40, "watch failed", "", 25.0, deploy_id=number)
    assert [mark.by for mark in store.marks.of_commit("shop", "a" * 40)] == [f"deploy {number}", "ada"]
    assert store.marks.of_commit("blog", "a" * 40) == store.marks.of_commit("shop", "b" * 40) == []
    assert store.marks.clear("shop", "a" * 40, "bob", "it was the database", 30.0) == 2
    assert store.marks.clear("shop", "a" * 40, "bob", "again", 40.0) == 0
    assert store.marks.listed("shop") == []
    cleared = store.marks.listed("shop", all_of_them=True)
    assert {(mark.cleared_by, mark.cleared_at, mark.clear_reason) for mark in cleared} == {
        ("bob", 30.0, "it was the database")
    }


def test_a_deploy_that_was_ended_while_it_waited_does_not_get_the_environment(store: Store) -> None:
    store.deploys.update(deploy(store), state=DeployState.QUEUED)
    (waiting,) = store.deploys.active("shop", "production")
    assert store.deploys.end_as_seen(waiting, state=DeployState.SUPERSEDED)
    assert store.deploys.lock(waiting, 10.0) is None
    assert store.deploys.holder("shop", "production") is None
    assert store.deploys.active("shop") == []


@pytest.mark.parametrize(
    "moved_on", [{"state": DeployState.RUNNING}, {"executor": "another"}, {"flip_at": 5.0}]
)
def test_a_deploy_that_moved_on_is_not_ended(store: Store, moved_on: dict[str, object]) -> None:
    number = deploy(store)
    store.deploys.update(number, state=DeployState.QUEUED)
    (seen,) = store.deploys.active("shop")
    store.deploys.update(number, **moved_on)
    assert not store.deploys.end_as_seen(seen, state=DeployState.ABANDONED)


def test_who_gets_the_environment_runs_and_who_is_ended_frees_it(store: Store) -> None:
    store.deploys.update(deploy(store), state=DeployState.QUEUED)
    (waiting,) = store.deploys.active("shop")
    assert store.deploys.lock(waiting, 10.0) == 10_000
    (holder,) = store.deploys.active("shop")
    assert holder.state == DeployState.RUNNING
    assert store.deploys.end_as_seen(holder, state=DeployState.ABANDONED)
    assert store.deploys.holder("shop", "production") is None
