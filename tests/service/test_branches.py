"""Which deploys lock an environment for a branch, and which release it again."""

from __future__ import annotations

import pytest

from shiphorn.model.deploy import Kind, Order
from shiphorn.model.locks import Scope
from shiphorn.service import orders
from tests.service.town import ADA, Town


@pytest.fixture
def out(shop: Town) -> str:
    """The commit of the branch `fast`; production is locked while a branch is out."""
    shop.write(branches={"lock": True})
    shop.commit("one")
    shop.git("checkout", "--quiet", "-b", "fast")
    fast = shop.commit("faster")
    shop.git("checkout", "--quiet", "main")
    return fast


async def test_a_commit_of_the_base_locks_nothing_and_one_named_by_its_id_has_a_branch(
    shop: Town, out: str
) -> None:
    await shop.ship(shop.git("rev-parse", "main"))
    assert shop.locks() == []
    await shop.ship(out)
    assert shop.locks() == [("ada", "fast")]


async def test_a_commit_without_a_branch_is_known_by_its_id(shop: Town, out: str) -> None:
    shop.git("checkout", "--quiet", "fast")
    shop.commit("fastest")
    await shop.ship(out)
    assert shop.locks() == [("ada", out)]


async def test_a_branch_that_did_not_go_out_leaves_no_lock_behind(shop: Town, out: str) -> None:
    await shop.ship("main")
    shop.write(commands={"stage": ["false"]})
    assert (await shop.ship("fast")).state == "failed"
    assert shop.locks() == []
    (released,) = shop.store.locks.history()
    assert (released.branch, released.release_reason) == ("fast", "fast did not go out: deploy 2")


async def test_what_fails_while_a_branch_is_out_leaves_it_locked(shop: Town, out: str) -> None:
    await shop.ship("fast")
    shop.write(commands={"stage": ["false"]})
    assert (await shop.ship("main")).state == "failed"
    assert shop.locks() == [("ada", "fast")]


async def test_who_rolls_back_to_the_base_releases_it_too(shop: Town, out: str) -> None:
    await shop.ship("main")
    await shop.ship("fast")
    back = await orders.ship(shop.service, ADA, Order("shop", "production", Kind.ROLLBACK))
    assert (await shop.end(back.id)).state == "succeeded"
    assert shop.locks() == []


async def test_a_lock_that_was_placed_by_hand_is_left_to_its_owner(shop: Town, out: str) -> None:
    orders.lock(shop.service, ADA, Scope("shop", "production"), "the database moves")
    await shop.ship("fast")
    await shop.ship("main")
    assert shop.locks() == [("ada", "")]


async def test_another_branch_of_the_same_person_takes_its_place(shop: Town, out: str) -> None:
    await shop.ship("fast")
    shop.git("checkout", "--quiet", "-b", "faster-yet", "fast")
    shop.commit("fastest")
    await shop.ship("faster-yet")
    assert shop.locks() == [("ada", "faster-yet")]


async def test_nothing_is_locked_where_that_is_not_asked_for(shop: Town, out: str) -> None:
    shop.write(branches={})
    await shop.ship("fast")
    assert shop.locks() == []
