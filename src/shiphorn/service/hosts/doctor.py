"""Doctor: whether everything that a deploy needs is there, before one is tried."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass

from shiphorn.config.load import Config
from shiphorn.deploy import plan
from shiphorn.deploy.world import World
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import Order
from shiphorn.model.settings import SecretRef
from shiphorn.model.target import Selection
from shiphorn.service.hosts.fleet import members


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `hint` says what to do when it is not well.

    Checks of hosts with the same `group` came to the same; "" for what is no host.
    """

    name: str
    well: bool
    found: str
    hint: str = ""
    group: str = ""


async def examine(world: World, config: Config, environment: str, actor: str) -> AsyncIterator[Check]:
    """Look at the deployer, then at an environment and its hosts when one is named."""
    yield Check("config", True, f"{config.path}: {config.app} in {', '.join(config.environments)}")
    yield Check("database", True, world.store.place)
    yield _git()
    yield await _repository(world, config)
    if not environment:
        return
    async for check in _environment(world, config, environment, actor):
        yield check


def _git() -> Check:
    path = shutil.which("git")
    return Check("git", path is not None, path or "not found", "" if path else "Install git.")


async def _repository(world: World, config: Config) -> Check:
    try:
        source = world.source(config)
        await source.refresh()
        commit = await source.resolve(config.branch)
    except ShiphornError as error:
        return Check("repository", False, f"{error.code} {error.message}", error.hint)
    return Check("repository", True, f"{config.branch} is {commit.short} {commit.subject}")


async def _environment(world: World, config: Config, environment: str, actor: str) -> AsyncIterator[Check]:
    try:
        found = await members(world, config, environment, Selection())
        yield Check("inventory", True, f"{len(found)} hosts in {environment}")
        names = {
            value.name
            for member in found
            for value in member.settings.env.values()
            if isinstance(value, SecretRef)
        }
        secrets = world.secrets(config)
        await asyncio.gather(*(secrets.get(name) for name in names))
        if names:
            yield Check("secrets", True, f"{len(names)} found")
        made = await plan.make(world, config, Order(config.app, environment, actor=actor))
    except ShiphornError as error:
        yield Check(environment, False, f"{error.code} {error.message}", error.hint)
        return
    for preview in made.hosts:
        problem, facts = preview.problem, preview.facts
        if problem is not None:
            told = f"{problem.code} {problem.message}"
            yield Check(preview.host.name, False, told, problem.hint, problem.group)
        elif facts is not None:
            live = f"live {facts.live_release or 'nothing'}"
            told = f"{facts.base}, {facts.free_bytes / 1e9:.1f} GB free, {live}"
            yield Check(preview.host.name, True, told, group=f"ready, {live}")
