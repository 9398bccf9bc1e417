"""Approvals, and until when they count."""

from __future__ import annotations

from dataclasses import replace

from shiphorn.model.approvals import Approval, digest
from shiphorn.model.target import Selection
from shiphorn.store.store import Store

EVERYTHING = Selection()
BOBS = Approval(
    0, "shop", "production", "a" * 40, EVERYTHING, digest(["web1", "web2"]), "bob", "it is fine", 10.0, 20.0
)


def test_an_approval_counts_until_it_expires(store: Store) -> None:
    given = store.approvals.give(BOBS)
    assert store.approvals.of_commit("shop", "production", "a" * 40, 19.9) == [given]
    assert store.approvals.of_commit("shop", "production", "a" * 40, 20.0) == []
    assert store.approvals.of_commit("shop", "staging", "a" * 40, 11.0) == []
    assert store.approvals.of_commit("shop", "production", "b" * 40, 11.0) == []


def test_the_same_person_has_one_approval_of_the_same_hosts_and_giving_it_twice_gives_one(
    store: Store,
) -> None:
    first = store.approvals.give(BOBS)
    assert store.approvals.give(BOBS) == first
    renewed = store.approvals.give(replace(BOBS, at=15.0, expires_at=25.0))
    narrow = store.approvals.give(replace(BOBS, hosts=digest(["web1"]), selection=Selection(hosts=("web1",))))
    assert store.approvals.of_commit("shop", "production", "a" * 40, 16.0) == [renewed, narrow]


def test_only_ones_own_approvals_are_withdrawn(store: Store) -> None:
    store.approvals.give(BOBS)
    eves = store.approvals.give(replace(BOBS, actor="eve"))
    assert store.approvals.withdraw("shop", "production", "a" * 40, "bob", 12.0) == 1
    assert store.approvals.withdraw("shop", "production", "a" * 40, "bob", 12.0) == 0
    assert store.approvals.of_commit("shop", "production", "a" * 40, 12.0) == [eves]


def test_hosts_are_the_same_in_any_order() -> None:
    assert digest(["web1", "web2"]) == digest(["web2", "web1"]) != digest(["web1"])
