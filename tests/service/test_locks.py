"""Who may place and release which lock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shiphorn.deploy.lock import lock_after_failure
from shiphorn.errors import Refused
from shiphorn.model.deploy import Order
from shiphorn.model.locks import Lock, Scope
from shiphorn.service import locks
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

HERE, APP, EVERYTHING = Scope("shop", "production"), Scope("shop"), Scope()
NOW = 1795600800.0
"""2026-11-25 10:00 UTC."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_sqlite(tmp_path / "state.db"))
    yield opened
    opened.close()


def place(
    store: Store,
    scope: Scope,
    actor: str,
    reason: str = "why",
    *,
    until: float | None = None,
    steal: bool = False,
) -> locks.Placed:
    return locks.place(store, scope, reason, actor, NOW, until=until, steal=steal)


def in_force(store: Store) -> list[tuple[str, Scope]]:
    return [(lock.owner, lock.scope) for lock in store.locks.in_force(NOW + 1)]


def fail(store: Store) -> Lock:
    number = store.deploys.open(Order("shop", "production"), ("", ""), "one", NOW).id
    return lock_after_failure(store, "shop", "production", "the watch failed", number, NOW)


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_lock_without_a_reason_is_refused(store: Store, reason: str) -> None:
    with pytest.raises(Refused, match="SH543"):
        place(store, HERE, "ada", reason)


def test_a_lock_that_would_be_over_already_is_refused(store: Store) -> None:
    with pytest.raises(Refused, match="SH546"):
        place(store, HERE, "ada", until=NOW)


@pytest.mark.parametrize("scope", [HERE, APP, EVERYTHING])
def test_where_somebody_elses_lock_is_in_force_they_are_named(store: Store, scope: Scope) -> None:
    place(store, scope, "bob", "the database moves", until=NOW + 7200)
    with pytest.raises(Refused) as refused:
        place(store, HERE, "ada")
    assert refused.value.code == "SH542"
    assert 'by bob since 10:00 UTC, "the database moves", until 12:00 UTC (in 2 h).' in refused.value.message
    assert refused.value.facts["owner"] == "bob"


def test_a_stolen_lock_stays_on_record_with_who_stole_it_and_why(store: Store) -> None:
    place(store, HERE, "bob")
    placed = place(store, HERE, "ada", "an incident", steal=True)
    assert [lock.owner for lock in placed.released] == ["bob"]
    assert in_force(store) == [("ada", HERE)]
    old = store.locks.history()[1]
    assert (old.released_by, old.release_reason) == ("ada", "stolen by ada: an incident")


def test_everything_can_be_locked_over_the_locks_of_others_which_stay(store: Store) -> None:
    place(store, HERE, "bob")
    placed = place(store, EVERYTHING, "ada")
    assert [lock.owner for lock in placed.below] == ["bob"]
    assert in_force(store) == [("bob", HERE), ("ada", EVERYTHING)]


def test_to_lock_again_changes_the_reason_and_the_time(store: Store) -> None:
    place(store, HERE, "ada", "lunch", until=NOW + 60)
    place(store, HERE, "ada", "a long lunch")
    assert [(lock.reason, lock.until) for lock in store.locks.in_force(NOW)] == [("a long lunch", None)]


def test_another_persons_lock_is_released_for_a_reason_only(store: Store) -> None:
    place(store, HERE, "bob")
    with pytest.raises(Refused, match="SH545"):
        locks.release(store, HERE, "ada", NOW)
    assert len(locks.release(store, HERE, "ada", NOW, reason="bob went home")) == 1
    assert store.locks.history()[0].release_reason == "bob went home"


def test_ones_own_lock_and_that_of_a_failed_deploy_need_no_reason(store: Store) -> None:
    place(store, HERE, "ada")
    fail(store)
    assert [lock.by for lock in locks.release(store, HERE, "ada", NOW)] == ["ada", "deploy 1"]
    assert in_force(store) == []


def test_who_releases_what_is_not_locked_is_told_what_is(store: Store) -> None:
    with pytest.raises(Refused, match="SH544 production of shop is not locked"):
        locks.release(store, HERE, "ada", NOW)
    place(store, EVERYTHING, "bob")
    with pytest.raises(Refused, match=r"horn unlock --everything"):
        locks.release(store, HERE, "ada", NOW)


def test_an_expired_lock_is_in_nobodys_way(store: Store) -> None:
    place(store, HERE, "bob", until=NOW + 60)
    locks.place(store, HERE, "mine", "ada", NOW + 60)
    assert in_force(store) == [("ada", HERE)]
    assert [lock.owner for lock in locks.listed(store, NOW + 61, history=True)] == ["ada", "bob"]
