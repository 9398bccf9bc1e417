"""Endpoints on record, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from shiphorn.model.deploy import DeployState, Order
from shiphorn.model.endpoints import Endpoint, EndpointState
from shiphorn.store.store import Store

ONE = Endpoint(1, "shop", "staging", "one", "one", "https://one.x.org", "ada", 10.0, 20.0, port=21000)
TWO = replace(ONE, id=2, branch="two", name="two", url="https://two.x.org", port=21001)


def test_an_endpoint_comes_back_as_it_was_put_there(store: Store) -> None:
    assert store.endpoints.add(ONE) == store.endpoints.get(1) == ONE
    assert store.endpoints.add(TWO) == TWO
    assert store.endpoints.there() == store.endpoints.there("shop", "staging") == [ONE, TWO]
    assert (
        store.endpoints.there("blog") == store.endpoints.there("shop", "qa") == store.endpoints.gone() == []
    )
    assert store.endpoints.ports() == {21000, 21001}


def test_nothing_of_an_endpoint_is_another_ones_while_it_is_there(store: Store) -> None:
    store.endpoints.add(ONE)
    for same in ("name", "branch", "url", "port"):
        assert store.endpoints.add(replace(TWO, **{same: getattr(ONE, same)})) is None
    elsewhere = replace(ONE, environment="qa", url="https://one.qa.x.org", port=0)
    assert store.endpoints.add(elsewhere) is not None
    store.endpoints.end(1, 30.0)
    again = store.endpoints.add(replace(ONE, created_at=40.0))
    assert again is not None
    assert (again.created_at, [one.id for one in store.endpoints.gone("shop")]) == (40.0, [1])


def test_of_many_who_make_the_same_at_once_one_does(store: Store) -> None:
    people = [replace(ONE, owner=f"person{number}", created_at=float(number)) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = [one for one in pool.map(store.endpoints.add, people) if one is not None]
    assert len(made) == len(store.endpoints.there()) == 1


def test_it_is_fresh_until_a_deploy_of_it_has_gone_well(store: Store) -> None:
    store.endpoints.add(ONE)
    for started, environment in ((5.0, "staging~one"), (15.0, "staging~two"), (15.0, "staging")):
        deploy = store.deploys.open(Order("shop", environment), ("x", ""), "one", started)
        store.deploys.update(deploy.id, state=DeployState.SUCCEEDED)
    mine = store.deploys.open(Order("shop", "staging~one"), ("x", ""), "one", 15.0)
    assert [one.is_fresh for one in store.endpoints.there()] == [True]
    store.deploys.update(mine.id, state=DeployState.SUCCEEDED)
    assert [one.is_fresh for one in store.endpoints.there()] == [False]


def test_a_removal_is_begun_once_and_each_attempt_is_one_workers(store: Store) -> None:
    store.endpoints.add(ONE)
    assert store.endpoints.extend(1, 99.0)
    assert store.endpoints.begin_removal(1)
    assert not store.endpoints.begin_removal(1)
    assert not store.endpoints.extend(1, 199.0)
    seen = store.endpoints.get(1)
    assert seen is not None
    assert store.endpoints.claim(seen, 50.0)
    assert not store.endpoints.claim(seen, 50.0)
    store.endpoints.stuck(1, "web1 is away")
    (stuck,) = store.endpoints.there()
    assert (stuck.state, stuck.problem, stuck.tries, stuck.tried_at, stuck.expires_at) == (
        EndpointState.REMOVING,
        "web1 is away",
        1,
        50.0,
        99.0,
    )
    assert store.endpoints.claim(stuck, 60.0)
    assert store.endpoints.end(1, 70.0)
    assert not store.endpoints.end(1, 80.0)
    (gone,) = store.endpoints.gone()
    assert (gone.state, gone.problem, gone.removed_at) == (EndpointState.GONE, "", 70.0)
