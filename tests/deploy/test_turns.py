"""Whose turn it is in an environment, who is pushed out, and what is looked up anew."""

from __future__ import annotations

import time
from typing import Any

import pytest

from shiphorn.deploy import resolve
from shiphorn.deploy.deployment import open_deployment
from shiphorn.deploy.queue import before, push_out, supersedes
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.deploy import NOBODY_YET, Deploy, DeployState, Kind, Order
from shiphorn.model.target import Selection
from shiphorn.store.store import Store

CONFIG = """\
app: sample
repo: /nowhere
deploy_to: /srv/sample
environments: {production: {hosts: [web1]}}
"""
EU = Selection(regions=("eu",))
ALIVE, DEAD = "alive", "dead"


def lives(executor: str) -> bool:
    return executor == ALIVE


def made(store: Store, state: DeployState, *, executor: str = ALIVE, **values: Any) -> Deploy:
    """A deploy that stands like this."""
    order = Order("sample", "production", ref="main", actor="ada")
    number = store.deploys.open(order, ("deploy.yml", CONFIG), executor, time.time()).id
    store.deploys.update(number, state=state, **values)
    found = store.deploys.get(number)
    assert found is not None
    return found


def holding(store: Store, **values: Any) -> Deploy:
    holder = made(store, DeployState.RUNNING, **values)
    assert store.deploys.lock(holder, 1.0)
    return holder


def state_of(store: Store, deploy: Deploy) -> str:
    found = store.deploys.get(deploy.id)
    assert found is not None
    return found.state


def ahead(store: Store, mine: Deploy) -> int | None:
    found, _ = before(store, mine, lives)
    return found.id if found else None


def test_each_comes_right_behind_the_one_with_the_next_lower_number(world: World) -> None:
    store = world.store
    holder = holding(store)
    second, third = (made(store, DeployState.QUEUED) for _ in range(2))
    assert ahead(store, holder) is None
    assert ahead(store, second) == holder.id
    assert ahead(store, third) == second.id
    assert ahead(store, made(store, DeployState.RUNNING)) == third.id


def test_who_is_still_at_its_gates_is_not_waited_for(world: World) -> None:
    made(world.store, DeployState.RUNNING)
    assert ahead(world.store, made(world.store, DeployState.QUEUED)) is None


def test_the_dead_that_stand_before_one_are_abandoned(world: World) -> None:
    store = world.store
    dead = [
        holding(store, executor=DEAD),
        made(store, DeployState.QUEUED, executor=DEAD),
        made(store, DeployState.RUNNING, executor=DEAD),
    ]
    mine = made(store, DeployState.QUEUED)
    found, note = before(store, mine, lives)
    assert found is None
    assert note.startswith("took over from deploy 1 of main by ada since ")
    assert [state_of(store, one) for one in dead] == ["abandoned"] * 3
    assert store.deploys.lock(mine, 2.0)


def test_one_that_died_at_its_flip_is_left_alone(world: World) -> None:
    store = world.store
    dead = holding(store, executor=DEAD, flip_at=5.0)
    with pytest.raises(Refused, match="SH502"):
        before(store, made(store, DeployState.QUEUED), lives)
    assert state_of(store, dead) == "running"


@pytest.mark.parametrize(
    ("newer", "older", "ends"),
    [
        ((Kind.DEPLOY, Selection()), (Kind.DEPLOY, Selection()), True),
        ((Kind.DEPLOY, Selection()), (Kind.DEPLOY, EU), True),
        ((Kind.DEPLOY, EU), (Kind.DEPLOY, EU), True),
        ((Kind.DEPLOY, EU), (Kind.DEPLOY, Selection()), False),
        ((Kind.ROLLBACK, Selection()), (Kind.DEPLOY, Selection()), True),
        ((Kind.DEPLOY, Selection()), (Kind.ROLLBACK, Selection()), False),
        ((Kind.CONVERGE, Selection()), (Kind.DEPLOY, Selection()), False),
        ((Kind.DEPLOY, Selection()), (Kind.CONVERGE, Selection()), False),
    ],
)
def test_only_a_deploy_whose_hosts_are_covered_is_needless(
    newer: tuple[Kind, Selection], older: tuple[Kind, Selection], ends: bool
) -> None:
    first, second = (Order("sample", "production", kind, selection=which) for kind, which in (newer, older))
    assert supersedes(first, second) is ends


def test_who_comes_late_with_a_lower_number_gives_way_to_the_newer_one(world: World) -> None:
    store = world.store
    late = made(store, DeployState.QUEUED)
    holding(store)
    with pytest.raises(Refused, match=r"SH541 deploy 2 of main by ada since"):
        push_out(store, late, lives)


def test_who_died_in_the_queue_neither_pushes_out_nor_is_taken_from_those_who_resume_it(world: World) -> None:
    store = world.store
    mine = made(store, DeployState.QUEUED)
    dead = made(store, DeployState.QUEUED, executor=DEAD)
    push_out(store, mine, lives)
    assert ahead(store, mine) is None
    assert state_of(store, dead) == "queued"


def test_who_runs_is_never_pushed_out(world: World) -> None:
    store = world.store
    holder = holding(store)
    push_out(store, made(store, DeployState.QUEUED), lives)
    assert state_of(store, holder) == "running"


def test_at_its_turn_a_deploy_gets_a_release_later_than_all_and_knows_what_is_live(world: World) -> None:
    store = world.store
    mine = made(store, DeployState.QUEUED, release="20261125100000", sha="a" * 40)
    made(store, DeployState.SUCCEEDED, release="20261125100001", sha="b" * 40, token=7)
    deployment = open_deployment(world, mine)
    resolve.again(deployment)
    assert deployment.record.release > "20261125100001"
    assert deployment.record.from_sha == "b" * 40


def test_what_is_live_came_last_whatever_its_number(world: World) -> None:
    store = world.store
    made(store, DeployState.SUCCEEDED, sha="a" * 40, token=9)
    made(store, DeployState.SUCCEEDED, sha="b" * 40, token=8)
    assert resolve.live_sha(store, "sample", "production") == "a" * 40


def converge(world: World, release: str) -> Deploy:
    order = Order("sample", "production", Kind.CONVERGE, release, Selection(hosts=("web1",)), "ada")
    return world.store.deploys.open(order, ("deploy.yml", CONFIG), ALIVE, time.time())


def test_a_converge_that_another_deploy_overtook_does_not_bring_an_old_release_back(world: World) -> None:
    made(world.store, DeployState.SUCCEEDED, release="20261125100000", token=1)
    mine = converge(world, "20261125100000")
    resolve.again(open_deployment(world, mine))
    made(world.store, DeployState.SUCCEEDED, release="20261125100001", token=2, finished_at=time.time())
    with pytest.raises(Refused) as refused:
        resolve.again(open_deployment(world, mine))
    assert refused.value.code == "SH541"
    assert "the hosts are to run 20261125100001, not 20261125100000" in refused.value.message


def test_who_was_moved_ahead_comes_ahead(world: World) -> None:
    holder = holding(world.store)
    first, second = made(world.store, DeployState.QUEUED), made(world.store, DeployState.QUEUED)
    third = made(world.store, DeployState.QUEUED, turn=first.id - 0.5)
    assert [ahead(world.store, one) for one in (third, first, second)] == [holder.id, third.id, first.id]
    assert [one.id for one in world.store.deploys.active()] == [holder.id, third.id, first.id, second.id]


def test_one_that_nobody_has_taken_yet_is_taken_once(world: World) -> None:
    new = made(world.store, DeployState.RUNNING, executor=NOBODY_YET)
    assert world.store.deploys.take(new.id, ALIVE)
    assert not world.store.deploys.take(new.id, "another")
    assert world.store.deploys.take(new.id, ALIVE)


def test_a_request_that_comes_again_makes_no_second_deploy(world: World) -> None:
    order = Order("sample", "production", ref="main", actor="ada")
    config = ("deploy.yml", CONFIG)
    first, again = (world.store.deploys.open(order, config, ALIVE, 1.0, ("key", "digest")) for _ in range(2))
    assert again.id == first.id
    assert world.store.deploys.by_request("ada", "key") == (first.id, "digest")
    assert world.store.deploys.by_request("bob", "key") is None
    assert len(world.store.deploys.history("sample")) == 1
