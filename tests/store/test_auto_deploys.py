"""How far environments are that deploy by themselves."""

from __future__ import annotations

from shiphorn.model.auto import AutoRecord
from shiphorn.store.store import Store


def test_nothing_is_known_of_an_environment_that_was_never_looked_at(store: Store) -> None:
    assert store.auto.get("shop", "production") == AutoRecord("shop", "production")
    assert store.auto.listed() == {}


def test_it_is_stopped_once_and_resumed_once_in_another_round(store: Store) -> None:
    store.auto.note(
        "shop", "production", sha="a" * 40, seen={"a": 1.0}, state="waits", reason="builds", at=5.0
    )
    before = store.auto.get("shop", "production")
    assert (before.seen, before.key("b")) == ({"a": 1.0}, "auto:shop:production:b:0")
    assert store.auto.stop("shop", "production", "ada", "the database moves", 10.0, settled=3)
    assert not store.auto.stop("shop", "production", "bob", "me too", 11.0, settled=4)
    stopped = store.auto.get("shop", "production")
    assert (stopped.stopped_by, stopped.stopped_at, stopped.state, stopped.settled) == (
        "ada",
        10.0,
        "stopped",
        3,
    )
    assert store.auto.resume("shop", "production", 20.0, settled=5)
    assert not store.auto.resume("shop", "production", 21.0, settled=6)
    resumed = store.auto.get("shop", "production")
    assert (resumed.stopped_at, resumed.stopped_by, resumed.state, resumed.round, resumed.settled) == (
        None,
        "",
        "",
        1,
        5,
    )
    assert resumed.key("b") == "auto:shop:production:b:1"


def test_of_two_that_let_a_commit_be_ordered_again_one_does(store: Store) -> None:
    record = store.auto.get("shop", "production")
    assert store.auto.again(record, settled=7)
    assert not store.auto.again(record, settled=7)
    assert store.auto.get("shop", "production").round == 1
