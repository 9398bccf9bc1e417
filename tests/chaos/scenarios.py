"""What is interrupted: deploys of every kind, each with an end that is the same each time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shiphorn.model.deploy import DeployState, Wish
from shiphorn.service.records import ask
from tests.chaos import picture
from tests.chaos.arena import COUNTED, Arena

CHECK = {"command": "test -f index.txt", "interval": "100ms", "successes": 2, "failures": 1}
FAILS_ON_US2 = (
    f'{COUNTED % "restart"}; [ "$HORN_REVISION" != "$BAD" ] || case "$HOME" in *web2.us) exit 1;; esac'
)
WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.1; done; touch "$HOME/late"'


@dataclass(frozen=True)
class Scenario:
    """An order on top of a prepared state, and how `horn` ends it. `person` acts while it is carried out."""

    name: str
    order: tuple[str, ...]
    base: str = "two"
    configure: Callable[[Arena, dict[str, Any]], None] = lambda _arena, _environment: None
    person: Callable[[Arena, int], Awaitable[None]] | None = None
    status: int = 0
    sample: tuple[str, ...] = ()


def _deploy(arena: Arena, environment: dict[str, Any]) -> None:
    environment["waves"] = [2]
    arena.config["watch"] = [CHECK]
    arena.config["commands"]["build"] = ["cp index.txt built.txt"]


def _failed(arena: Arena, environment: dict[str, Any]) -> None:
    environment["waves"] = [2]
    arena.config["env"] = {"BAD": arena.git("rev-parse", "HEAD")}
    arena.config["commands"]["restart"] = [FAILS_ON_US2]


def _one_by_one(arena: Arena, environment: dict[str, Any]) -> None:
    _failed(arena, environment)
    del environment["waves"]
    environment["concurrency"] = 1


def _paused(_arena: Arena, environment: dict[str, Any]) -> None:
    environment |= {"waves": {"sizes": [2], "pause": True}, "pause_timeout": 40}


def _stopped(arena: Arena, _environment: dict[str, Any]) -> None:
    arena.config["commands"]["stage"].append(WAIT)


async def _says_go_on(arena: Arena, number: int) -> None:
    with arena.store() as store:
        while (record := store.deploys.get(number)) is None or record.state != DeployState.PAUSED:
            await asyncio.sleep(0.1)
        ask(store, number, Wish.CONTINUE, "ben")


async def _says_stop(arena: Arena, number: int) -> None:
    while not arena.everywhere("waiting"):
        await asyncio.sleep(0.1)
    with arena.store() as store:
        ask(store, number, Wish.STOP, "ben")


DEPLOY = ("deploy", "production", "--yes")
SCENARIOS = {
    one.name: one
    for one in (
        Scenario(
            "deploy",
            DEPLOY,
            configure=_deploy,
            sample=("start", "said:stage:receiving#2", "flip:told#2", "said:flip:flipped", "close:ended"),
        ),
        Scenario(
            "failed wave",
            DEPLOY,
            configure=_failed,
            status=6,
            sample=("remedy:done", "said:rollback:armed#2", "said:rollback:flipped", "close:judged"),
        ),
        Scenario(
            "one by one",
            DEPLOY,
            configure=_one_by_one,
            status=6,
            sample=("said:flip:flipped#2", "said:rollback:flipped#2"),
        ),
        Scenario(
            "rollback",
            ("rollback", "production", "--yes"),
            sample=("lock:taken", "said:flip:armed", "flip 0:done"),
        ),
        Scenario(
            "converge",
            ("converge", "production"),
            base="behind",
            sample=("said:stage:unpacked", "finish 0:begin"),
        ),
        Scenario(
            "paused",
            DEPLOY,
            configure=_paused,
            person=_says_go_on,
            sample=("pause:begun", "pause:over"),
        ),
        Scenario(
            "stopped",
            DEPLOY,
            configure=_stopped,
            person=_says_stop,
            status=6,
            sample=("said:stage:unpacked#2", "said:undo:undone"),
        ),
    )
}


async def set_up(arena: Arena, scenario: Scenario, database: str) -> int:
    """Prepare a scenario: the number that its deploy will have."""
    await arena.prepare(scenario.base, database)
    scenario.configure(arena, arena.config["environments"]["production"])
    for name in arena.names:
        (arena.fleet.home(name) / "waiting").unlink(missing_ok=True)
    return arena.last + 1


async def carry_out(
    arena: Arena,
    scenario: Scenario,
    database: str,
    crashes: Sequence[str] = (),
    *,
    listing: bool = False,
    version: str = "",
) -> dict[str, Any]:
    """Carry out a scenario whose deployer dies at these points, one after the other: how all stands then."""
    number = await set_up(arena, scenario, database)
    person = asyncio.ensure_future(scenario.person(arena, number)) if scenario.person else None
    try:
        if not crashes:
            assert await arena.run(*scenario.order, listing=listing) == scenario.status, arena.out
        else:
            for place, point in enumerate(crashes):
                await arena.crash(point, *(scenario.order if place == 0 else ("resume", str(number))))
            await _resume(arena, number, scenario.status, version)
    finally:
        if person is not None:
            person.cancel()
            with suppress(asyncio.CancelledError):
                await person
    return await picture.take(arena, number)


async def _resume(arena: Arena, number: int, status: int, version: str) -> None:
    with arena.store() as store:
        record = store.deploys.get(number)
    assert record is not None
    found = await arena.run("resume", str(number), version=version)
    if record.state.active:
        assert found == status, arena.out
    else:
        assert (found, "SH523" in arena.out) == (5, True), arena.out


def chosen(reached: Sequence[str]) -> list[str]:
    """The points to die at: each name once, or its first, middle and last time."""
    points = []
    for name, times in Counter(reached).items():
        which = sorted({1, (times + 1) // 2, times})
        points += [name if number == 1 else f"{name}#{number}" for number in which]
    return sorted(points)
