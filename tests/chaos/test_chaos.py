"""Wherever the deployer dies, the deploy ends as if it had not, and what runs at most once ran once."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import picture
from tests.chaos.arena import Arena
from tests.chaos.conftest import ALL, POINTS, Undisturbed, crashes
from tests.chaos.scenarios import DEPLOY, SCENARIOS, carry_out, chosen, set_up

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(400)]

ONCE_MORE = [
    ("deploy", "start", "resume:claimed"),
    ("deploy", "said:stage:receiving#2", "resume:owned", "said:stage:receiving#2"),
    ("deploy", "said:stage:unpacked#2", "resume:taken", "stage 0:done"),
    ("deploy", "flip:told#2", "resume:recovered", "said:flip:flipped"),
    ("deploy", "restart 0:done", "said:finish:live#2"),
    ("failed wave", "said:flip:flipped#3", "said:rollback:armed#3", "said:rollback:flipped#2"),
    ("failed wave", "rollback 0:done", "close:judged"),
    ("one by one", "said:flip:flipped#2", "said:flip:flipped#2", "said:rollback:flipped#2"),
    ("rollback", "said:flip:flipped", "resume:taken", "flip 0:done"),
    ("converge", "stage 0:done", "flip begins:done"),
    ("paused", "pause:begun", "pause:over"),
    ("stopped", "undo 0:begin", "said:undo:undone#2"),
]
BEFORE_THE_FLIP = [
    "start",
    "lock:taken",
    "build:exported",
    "stage:sent",
    "said:stage:receiving#3",
    "said:stage:unpacked#2",
    "said:stage:command#2",
    "host:staged#4",
    "said:flip:armed#2",
    "stage ends:recorded",
    "flip begins:begin",
]


def on(*databases: str) -> list[str]:
    return list(databases) if ALL else ["sqlite"]


@pytest.mark.parametrize(("database", "name", "point"), crashes())
async def test_a_deploy_ends_the_same_wherever_its_deployer_died(
    arena: Arena, undisturbed: Undisturbed, record_property: Any, database: str, name: str, point: str
) -> None:
    note(record_property, name, database, point)
    expected = await undisturbed.end(name, database)
    assert await carry_out(arena, SCENARIOS[name], database, [point]) == expected


@pytest.mark.parametrize("database", on("sqlite", "postgresql"))
@pytest.mark.parametrize(
    ("name", "points"), [(name, points) for name, *points in ONCE_MORE][:: 1 if ALL else 6]
)
async def test_a_deploy_ends_the_same_if_whoever_resumes_it_dies_too(
    arena: Arena, undisturbed: Undisturbed, record_property: Any, database: str, name: str, points: list[str]
) -> None:
    note(record_property, name, database, *points)
    expected = await undisturbed.end(name, database)
    assert await carry_out(arena, SCENARIOS[name], database, points) == expected


@pytest.mark.parametrize("database", on("sqlite", "postgresql"))
@pytest.mark.parametrize("point", BEFORE_THE_FLIP if ALL else BEFORE_THE_FLIP[5::3])
async def test_the_next_deploy_takes_over_whatever_one_that_died_before_its_flip_was_at(
    arena: Arena, undisturbed: Undisturbed, record_property: Any, database: str, point: str
) -> None:
    note(record_property, "taken over", database, point)
    expected = await undisturbed.end("deploy", database)
    number = await set_up(arena, SCENARIOS["deploy"], database)
    await arena.crash(point, *DEPLOY)
    with arena.store() as store:
        dead = store.deploys.get(number)
    assert dead is not None
    if dead.release:
        arena.known[dead.release] = "dead"
    assert await arena.run(*DEPLOY) == 0, arena.out
    found = await picture.take(arena, number + 1)
    with arena.store() as store:
        assert [str(one.state) for one in store.deploys.history("sample", "production")][:2] == [
            "succeeded",
            "abandoned",
        ]
    for host in found["hosts"].values():
        assert all(labels.count("dead") <= 1 for labels in host["ran"].values())
    assert without_the_dead(found) == without_the_dead(expected)


async def test_an_upgraded_deployer_resumes_what_an_older_one_began(
    arena: Arena, undisturbed: Undisturbed
) -> None:
    expected = await undisturbed.end("deploy", "sqlite")
    found = await carry_out(arena, SCENARIOS["deploy"], "sqlite", ["host:flipped#2"], version="99.0")
    assert found == expected


@pytest.mark.parametrize("database", on("sqlite", "postgresql"))
async def test_undisturbed_deploys_end_as_they_should(undisturbed: Undisturbed, database: str) -> None:
    deploy = await undisturbed.end("deploy", database)
    assert deploy["record"]["state"] == "succeeded"
    assert pages(deploy) == ["two"] * 4
    assert ran(deploy, "web1.eu") == {
        "ran.finish": ["v0", "v1", "new"],
        "ran.migrate": ["v0", "v1", "new"],
        "ran.restart": ["v0", "v1", "new"],
        "ran.stage": ["v0", "v1", "new"],
    }
    assert "ran.migrate" not in ran(deploy, "web2.us")
    failed = await undisturbed.end("failed wave", database)
    assert failed["record"]["state"] == "rolled_back"
    assert pages(failed) == ["one"] * 4
    assert ran(failed, "web2.us")["ran.restart"] == ["v0", "v1", "new", "v1"]
    assert [lock[0] for lock in failed["record"]["locks"]] == [3]
    assert [mark[1] for mark in failed["record"]["bad"]] == [3]
    converge = await undisturbed.end("converge", database)
    assert set(converge["record"]["hosts"]) == {"web2.eu", "web2.us"}
    assert pages(converge) == ["two"] * 4
    assert ran(converge, "web1.eu")["ran.migrate"] == ["v0", "v1", "v2"]
    stopped = await undisturbed.end("stopped", database)
    assert stopped["record"]["state"] == "stopped"
    assert [one["releases"] for one in stopped["hosts"].values()] == [["v0", "v1"]] * 4
    assert not any(one["late"] for one in stopped["hosts"].values())
    rollback = await undisturbed.end("rollback", database)
    assert pages(rollback) == ["zero"] * 4
    for one in (deploy, failed, converge, stopped, rollback):
        assert (one["running"], one["temporary"]) == ([], [])
        assert (one["record"]["active"], one["record"]["holder"]) == ([], None)
        assert set(one["record"]["standing"].values()) == {"as intended"}


@pytest.mark.skipif(not ALL, reason="make chaos asks for all points")
@pytest.mark.parametrize("name", SCENARIOS)
async def test_no_point_is_left_out(arena: Arena, name: str) -> None:
    (arena.folder / "points").unlink(missing_ok=True)
    await carry_out(arena, SCENARIOS[name], "sqlite", listing=True)
    reached = chosen((arena.folder / "points").read_text().splitlines())
    if os.environ.get("HORN_CHAOS_WRITE"):
        path = Path(__file__).parent / "points.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {name: reached}, indent=1) + "\n")
    else:
        assert reached == POINTS[name]


def note(record_property: Any, name: str, database: str, *points: str) -> None:
    """For the table at the end."""
    for key, value in (("scenario", name), ("database", database), ("points", ", ".join(points))):
        record_property(key, value)


def without_the_dead(end: dict[str, Any]) -> dict[str, Any]:
    """What does not depend on whether there was a deploy before, that died."""
    found = copy.deepcopy(end)
    for host in found["hosts"].values():
        del host["fence"]
        host["horn"] = [path for path in host["horn"] if not path.startswith("runs/")]
        host["ran"] = {
            name: [label for label in labels if label != "dead"] for name, labels in host["ran"].items()
        }
    # What it built is not built again.
    found["record"]["outputs"] = [one for one in found["record"]["outputs"] if one[1] != "build"]
    return found


def pages(end: dict[str, Any]) -> list[str]:
    return [host["page"] for host in end["hosts"].values()]


def ran(end: dict[str, Any], name: str) -> dict[str, list[str]]:
    return dict(end["hosts"][name]["ran"])
