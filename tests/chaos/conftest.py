"""The arena of each process, and which points are died at."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from shiphorn.demo.fleet import DemoFleet, demo_hosts
from tests.chaos.arena import Arena, Nursery
from tests.chaos.scenarios import SCENARIOS, carry_out

ALL = os.environ.get("HORN_CHAOS") == "all"
"""Whether to die at every point; else at the sample that each scenario names."""
POINTS: dict[str, list[str]] = json.loads((Path(__file__).parent / "points.json").read_text())
SAMPLE_ON_POSTGRES = (("deploy", "flip:told#2"), ("failed wave", "said:rollback:flipped"))


def crashes() -> list[tuple[str, str, str]]:
    """(database, scenario, point) of all runs that are interrupted."""
    if ALL:
        return [
            (database, name, point)
            for name in SCENARIOS
            for database in ("sqlite", "postgresql")
            for point in POINTS.get(name, [])
        ]
    sample = [("sqlite", name, point) for name, one in SCENARIOS.items() for point in one.sample]
    return sample + [("postgresql", name, point) for name, point in SAMPLE_ON_POSTGRES]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def arena(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Arena]:
    folder = tmp_path_factory.mktemp("chaos")
    nursery = Nursery()
    async with DemoFleet(folder / "fleet", demo_hosts(4, ("eu", "us"))) as fleet:
        yield Arena(folder, fleet, nursery, lambda: request.getfixturevalue("postgres_server"))
    await nursery.close()


class Undisturbed:
    """How scenarios end that nothing happens to; each is carried out once in a process."""

    def __init__(self, arena: Arena) -> None:
        self._arena = arena
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    async def end(self, name: str, database: str) -> dict[str, Any]:
        key = (name, database)
        if key not in self._known:
            self._known[key] = await carry_out(self._arena, SCENARIOS[name], database)
        return self._known[key]


@pytest.fixture(scope="session")
def undisturbed(arena: Arena) -> Undisturbed:
    return Undisturbed(arena)
