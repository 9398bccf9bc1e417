"""What goes out by itself, with a real repository, hosts and a worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shiphorn.model.deploy import Kind, Order
from shiphorn.model.forge import PullRequest, PullState
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.statuses import BuildState, repository_key
from shiphorn.service import orders
from shiphorn.service.auto.robot import Robot
from shiphorn.service.auto.standing import resume, stop
from tests.postgres import Database
from tests.service.town import ADA, Town, town

ROBOT = "shiphorn"
WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done'


def everywhere(shop: Town, name: str) -> bool:
    homes = list((shop.folder / "fleet" / "hosts").iterdir())
    return all((home / name).exists() for home in homes)


def let_go(shop: Town) -> None:
    for home in (shop.folder / "fleet" / "hosts").iterdir():
        (home / "go").touch()


async def test_a_green_commit_goes_out_once_and_a_red_one_does_not(shop: Town) -> None:
    shop.write(auto=True)
    one = shop.commit("one", green=False)
    await shop.look()
    assert shop.reason() == f"{one[:8]} waits for a first word of its builds"
    shop.build(one, BuildState.FAILURE)
    await shop.look()
    assert (shop.reason(), shop.deploys()) == (f"{one[:8]} is red: ci/build", [])
    shop.build(one)
    await shop.look()
    assert shop.reason() == "deploy 1: main is green: ci/build; auto deploy"
    assert (await shop.end(1)).order.reason == "main is green: ci/build; auto deploy"
    await shop.until("main is live")
    assert shop.deploys() == [(ROBOT, one, "succeeded")]


async def test_while_one_runs_only_the_newest_green_commit_goes_next(shop: Town) -> None:
    one = shop.commit("one")
    shop.write(auto=True, commands={"stage": [WAIT]})
    await shop.look()
    for text in ("two", "three"):
        newest = shop.commit(text)
    red = shop.commit("four", green=False)
    await shop.until(f"{newest[:8]} goes next, after deploy 1 by shiphorn")
    let_go(shop)
    await shop.end(1)
    await shop.until(f"{red[:8]} waits for a first word of its builds")
    await shop.end(2)
    assert shop.deploys() == [(ROBOT, one, "succeeded"), (ROBOT, newest, "succeeded")]


async def test_it_stops_after_a_failure_until_a_person_has_looked(shop: Town) -> None:
    one = shop.commit("one")
    shop.write(auto=True, commands={"stage": ["false"]})
    await shop.look()
    failed = await shop.end(1)
    two = shop.commit("two")
    await shop.look()
    reason = f"deploy 1 failed: {failed.code} {failed.message.splitlines()[0]}"
    assert shop.reason() == reason
    await shop.look()
    assert shop.deploys() == [(ROBOT, one, "failed")]
    (act,) = [one for one in shop.store.audit.page(None, 10, None) if one.act == "stop auto deploy"]
    assert (act.actor, act.reason, act.facts) == (ROBOT, reason, {"deploy": 1})

    shop.write(commands={})
    resume(shop.service, ADA, "shop", "production", "a full disk")
    await shop.look()
    await shop.end(2)
    await shop.until("main is live")
    assert shop.deploys() == [(ROBOT, one, "failed"), (ROBOT, two, "succeeded")]


async def test_who_goes_back_is_not_overruled(shop: Town) -> None:
    shop.write(auto=True)
    for number in (1, 2):
        shop.commit(f"version {number}")
        await shop.look()
        await shop.end(number)
    back = await orders.ship(shop.service, ADA, Order("shop", "production", Kind.ROLLBACK))
    await shop.end(back.id)
    await shop.look()
    assert shop.reason() == "ada went back: rollback 3"
    assert len(shop.deploys()) == 3


async def test_it_waits_for_locks_and_freezes_and_fails_nothing(shop: Town) -> None:
    one = shop.commit("one")
    shop.write(auto=True)
    orders.lock(shop.service, ADA, Scope("shop", "production"), "the database moves")
    await shop.look()
    assert shop.reason().startswith(
        f"{one[:8]} is held by a gate: locked: production of shop is locked by ada"
    )
    assert shop.deploys() == []
    orders.unlock(shop.service, ADA, Scope("shop", "production"))
    await Robot(shop.service, refresh_seconds=0.0).look()
    assert (await shop.end(1)).sha == one


async def test_what_the_gate_of_tests_requires_has_to_be_green_and_an_approval_is_waited_for(
    shop: Town,
) -> None:
    one = shop.commit("one")
    shop.write(auto=True, gates={"tests": ["ci/*", "lint"], "approval": {"people": 1}})
    await shop.look()
    assert shop.reason() == f"{one[:8]} waits for lint"
    shop.write(gates={"tests": ["ci/*"], "approval": {"people": 1}})
    await shop.look()
    assert shop.reason().startswith(f"{one[:8]} is held by a gate: approval: ")
    assert shop.deploys() == []


async def test_it_never_goes_back_nor_sideways(shop: Town) -> None:
    shop.write(auto={"on": "push"})
    first = shop.commit("one")
    shop.git("checkout", "--quiet", "-b", "other")
    other = shop.commit("other")
    await shop.ship(other)
    await shop.look()
    assert shop.reason() == f"{other[:8]} is live, and main at {first[:8]} does not contain it"
    shop.git("checkout", "--quiet", "main")
    main = shop.commit("two")
    await shop.look()
    assert shop.reason() == f"{other[:8]} is live, and main at {main[:8]} does not contain it"
    assert len(shop.deploys()) == 1


async def test_a_commit_that_says_so_is_passed_over_for_an_older_one(shop: Town) -> None:
    shop.write(auto={"on": "push"})
    one = shop.commit("one")
    skipped = shop.commit("two\n\nnot yet [Skip Deploy]")
    await shop.look()
    assert (await shop.end(1)).sha == one
    await shop.until(f"{skipped[:8]} says [skip deploy]")
    assert shop.deploys() == [(ROBOT, one, "succeeded")]


async def test_what_staging_runs_is_promoted_after_a_while_unless_it_is_a_branch(shop: Town) -> None:
    one = shop.commit("one")
    shop.write(auto={"after": "staging", "healthy": "1h"})
    await shop.look()
    assert shop.reason() == "there is no good deploy to staging"
    await shop.ship("main", "staging")
    await shop.look()
    assert shop.reason() == f"{one[:8]} is well in staging so far"
    shop.write(auto={"after": "staging"})
    await shop.look()
    assert shop.reason() == "deploy 2: staging has run it well; auto deploy"
    await shop.end(2)
    shop.git("checkout", "--quiet", "-b", "fast")
    branch = shop.commit("faster")
    await shop.ship("fast", "staging")
    await shop.look()
    assert shop.reason() == f"{branch[:8]} waits: staging runs a branch, and main does not contain it"
    assert shop.deploys() == [(ROBOT, one, "succeeded")]


async def test_a_branch_that_is_out_keeps_others_away_until_it_is_merged(shop: Town) -> None:
    shop.write(auto=True, branches={"lock": True, "redeploy": True})
    shop.commit("one")
    await shop.look()
    await shop.end(1)
    shop.git("checkout", "--quiet", "-b", "fast")
    shop.commit("faster", green=False)
    assert (await shop.ship("fast")).state == "succeeded"
    assert shop.locks() == [("ada", "fast")]

    await shop.look()
    assert shop.reason() == "main is live" or shop.reason().startswith("waits while")
    fastest = shop.commit("fastest", green=False)
    await shop.look()
    redeployed = await shop.end(3)
    assert (redeployed.order.actor, redeployed.sha, redeployed.state) == ("ada", fastest, "succeeded")
    assert redeployed.order.reason == "fast was pushed to; it is out"
    await shop.look()
    assert len(shop.deploys()) == 3

    shop.git("checkout", "--quiet", "main")
    shop.git("merge", "--quiet", "--no-ff", "--message", "Merge fast", "fast")
    merge = shop.git("rev-parse", "HEAD")
    shop.git("branch", "--quiet", "-D", "fast")
    await shop.look()
    assert shop.locks() == []
    (released,) = shop.store.locks.history()
    assert (released.released_by, released.release_reason) == (ROBOT, f"merged as {merge[:8]}")
    (act,) = [one for one in shop.store.audit.page(None, 10, None) if one.act == "unlock"]
    assert (act.actor, act.reason) == (ROBOT, f"merged as {merge[:8]}")
    shop.build(merge)
    await shop.look()
    assert (await shop.end(4)).sha == merge


async def test_a_branch_that_is_gone_without_a_merge_stays_locked_unless_it_was_squashed(shop: Town) -> None:
    shop.write(branches={"lock": True})
    shop.commit("one")
    shop.git("checkout", "--quiet", "-b", "fast")
    shop.commit("faster")
    await shop.ship("fast")
    shop.git("checkout", "--quiet", "main")
    shop.git("branch", "--quiet", "-D", "fast")
    await shop.look()
    assert shop.locks() == [("ada", "fast")]
    told = shop.store.auto.get("shop", "production").branch
    assert told == "fast is gone, and main does not contain it: deploy main, or unlock it by hand"

    key = repository_key(shop.service.apps.config("shop").repo)
    pull = PullRequest("hub", key, 7, "fast", "main", PullState.MERGED, merged_sha="c" * 40)
    others: list[dict[str, Any]] = [
        {"from_fork": True},
        {"repository": "else"},
        {"base": "dev"},
        {"state": PullState.CLOSED},
    ]
    for other in others:
        await shop.service.heard.pull_request(replace(pull, **other))
    assert shop.locks() == [("ada", "fast")]
    await shop.service.heard.pull_request(pull)
    assert shop.locks() == []
    assert shop.store.locks.history()[0].release_reason == "merged as cccccccc"


async def test_after_a_squash_the_base_branch_goes_out_by_itself_again(shop: Town) -> None:
    shop.write(auto={"on": "push"}, branches={"lock": True})
    shop.commit("one")
    await shop.look()
    await shop.end(1)
    shop.git("checkout", "--quiet", "-b", "fast")
    fast = shop.commit("faster")
    await shop.ship("fast")
    shop.git("checkout", "--quiet", "main")
    shop.git("merge", "--quiet", "--squash", "fast")
    shop.git("commit", "--quiet", "--message", "Faster (#7)")
    squashed = shop.git("rev-parse", "HEAD")
    await shop.look()
    assert shop.reason() == "waits while branch fast is out, by ada"
    key = repository_key(shop.service.apps.config("shop").repo)
    pull = PullRequest("hub", key, 7, "fast", "main", PullState.MERGED, fast, merged_sha=squashed)
    await shop.service.heard.pull_request(pull)
    await shop.look()
    assert (await shop.end(3)).sha == squashed
    await shop.until("main is live")


async def test_a_base_branch_that_has_moved_on_is_the_way_back(shop: Town) -> None:
    shop.write(branches={"lock": True})
    shop.commit("one")
    shop.git("checkout", "--quiet", "-b", "fast")
    shop.commit("faster")
    await shop.ship("fast")
    shop.git("checkout", "--quiet", "main")
    main = shop.commit("two")
    back = await shop.ship("main")
    assert (back.sha, back.state, shop.locks()) == (main, "succeeded", [])


async def test_who_may_not_deploy_any_more_has_nothing_redeployed(shop: Town) -> None:
    shop.write(branches={"lock": True, "redeploy": True})
    shop.commit("one")
    grant = Grant(Role.DEPLOYER, Scope("shop"))
    person = shop.store.people.add("bob", 1.0, held=[grant])
    assert person is not None
    shop.git("checkout", "--quiet", "-b", "fast")
    shop.commit("faster")
    await shop.ship("fast", caller=Caller("bob", "web", grants=(grant,)))
    shop.store.people.drop_grant(person.id, Scope("shop"))
    fastest = shop.commit("fastest")
    await shop.look()
    told = shop.store.auto.get("shop", "production").branch
    assert told == f"{fastest[:8]} waits: bob may not deploy there any more"
    assert len(shop.deploys()) == 1


async def test_two_robots_on_one_database_ship_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres: Database
) -> None:
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("HORN_DATABASE", postgres.url)
    async with town(tmp_path) as shop:
        one = shop.commit("one")
        shop.write(auto=True)
        others = [Robot(shop.service, refresh_seconds=0.0) for _ in range(3)]
        await shop.robot.refresh()
        await asyncio.gather(*(robot.look() for robot in (shop.robot, *others)))
        await asyncio.gather(*(robot.look() for robot in (shop.robot, *others)))
        await shop.end(1)
        # One that died between its order and the word of it.
        shop.store.auto.note("shop", "production", deploy_id=None)
        await asyncio.gather(*(robot.look() for robot in (shop.robot, *others)))
        assert shop.deploys() == [(ROBOT, one, "succeeded")]


async def test_after_a_person_has_stopped_it_a_person_resumes_it(shop: Town) -> None:
    shop.write(auto=True)
    shop.commit("one")
    await shop.look()
    await shop.end(1)
    await shop.until("main is live")
    stop(shop.service, ADA, "shop", "production", "the database moves")
    two = shop.commit("two")
    await shop.look()
    assert (shop.reason(), len(shop.deploys())) == ("the database moves", 1)
    resume(shop.service, ADA, "shop", "production")
    await shop.look()
    assert (await shop.end(2)).sha == two
