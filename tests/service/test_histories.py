"""Histories of repositories: shown at once, fetched again behind the scenes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from shiphorn.config.load import Config, load_text
from shiphorn.service.commits.histories import Histories
from shiphorn.wiring import open_world
from tests.service.test_preview import Repository

TEXT = "app: shop\nrepo: ./shop.git\ndeploy_to: ~/shop\nenvironments: {staging: {hosts: [one]}}\n"


def config_in(folder: Path) -> Config:
    return load_text(TEXT, folder / "deploy.yml")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await true():
            await asyncio.sleep(0.01)


async def test_a_repository_that_was_never_fetched_is_waited_for(tmp_path: Path) -> None:
    Repository(tmp_path / "shop.git").commit("one")
    async with open_world(lambda _: None) as world, Histories() as histories:
        found = await histories.of(world, config_in(tmp_path))
    assert found.graph is not None
    assert (found.graph.total, found.trouble) == (1, "")


async def test_what_is_pushed_shows_later_and_nobody_waits_for_it(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop.git")
    repository.commit("one")
    async with open_world(lambda _: None) as world, Histories(fresh_seconds=0) as histories:
        config = config_in(tmp_path)
        await histories.of(world, config)
        repository.commit("two")
        old = await histories.of(world, config)
        assert old.graph is not None
        assert old.graph.total == 1

        async def has_come() -> bool:
            found = await histories.of(world, config)
            return found.graph is not None and found.graph.total == 2

        await until(has_come)


async def test_a_fetch_that_fails_is_told_and_the_old_graph_stays(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop.git")
    repository.commit("one")
    async with open_world(lambda _: None) as world, Histories(fresh_seconds=0) as histories:
        config = config_in(tmp_path)
        await histories.of(world, config)
        repository.folder.rename(tmp_path / "gone.git")

        async def has_trouble() -> bool:
            return "SH201" in (await histories.of(world, config)).trouble

        await until(has_trouble)
        kept = await histories.of(world, config)
        assert kept.graph is not None
        assert kept.graph.total == 1


async def test_a_fetch_that_is_asked_for_brings_what_was_pushed_until_then(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "shop.git")
    repository.commit("one")
    async with open_world(lambda _: None) as world, Histories() as histories:
        config = config_in(tmp_path)
        await histories.of(world, config)
        repository.commit("two")
        found = await histories.fetch(world, config)
        assert found.graph is not None
        assert found.graph.total == 2
