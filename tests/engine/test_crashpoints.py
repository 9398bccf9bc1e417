"""Crash points, in real processes that really die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.conftest import Project

WORK = """
from shiphorn.engine.crashpoints import reach
for name in ("one", "two", "one", "two:done", "one"):
    reach(name)
    print(name, flush=True)
"""


def run(**variables: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HORN_CRASH")}
    return subprocess.run(
        [sys.executable, "-c", WORK], env=env | variables, capture_output=True, text=True, check=False
    )


def test_nothing_happens_unless_it_is_asked_for() -> None:
    done = run()
    assert (done.returncode, done.stdout.split()) == (0, ["one", "two", "one", "two:done", "one"])


@pytest.mark.parametrize(
    ("point", "before"),
    [
        ("one", []),
        ("one#1", []),
        ("two", ["one"]),
        ("one#2", ["one", "two"]),
        ("two:done", ["one", "two", "one"]),
        ("one#3", ["one", "two", "one", "two:done"]),
    ],
)
def test_the_process_is_killed_where_it_was_told_to_be(point: str, before: list[str]) -> None:
    done = run(HORN_CRASH_AT=point)
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, before)


@pytest.mark.parametrize("point", ["one#4", "on", "three"])
def test_a_point_that_is_not_reached_kills_nobody(point: str) -> None:
    assert run(HORN_CRASH_AT=point).returncode == 0


def test_the_points_reached_are_listed_up_to_the_last_one(tmp_path: Path) -> None:
    listed = tmp_path / "points"
    run(HORN_CRASH_LIST=str(listed), HORN_CRASH_AT="one#2")
    run(HORN_CRASH_LIST=str(listed), HORN_CRASH_AT="two")
    assert listed.read_text().split() == ["one", "two", "one", "one", "two"]


async def test_every_step_of_a_deploy_has_its_points(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.config = {
        "app": "sample",
        "repo": "app",
        "deploy_to": "~/sample",
        "commands": {"build": ["exit 3"]},
        "environments": {"production": {"hosts": [{"name": "web1", "address": "127.0.0.1", "port": 1}]}},
    }
    project.env["HORN_CRASH_LIST"] = str(tmp_path / "points")
    assert (await project.deploy()).status == 6
    within = {"lock": ["lock:taken"], "build": ["build:exported"], "close": ["close:judged", "close:ended"]}
    assert (tmp_path / "points").read_text().splitlines() == ["start"] + [
        point
        for step in ("resolve", "gates", "lock", "discover", "build", "remedy", "undo 0", "close")
        for point in (f"{step}:begin", *within.get(step, ()), f"{step}:done", f"{step}:recorded")
    ]
