"""Bad marks as people set and clear them: a commit that bears one is not deployed again."""

from __future__ import annotations

import time

from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.locks import BadMark
from shiphorn.model.release import Commit


async def mark(world: World, config: Config, ref: str, reason: str, actor: str) -> tuple[Commit, BadMark]:
    """Mark a commit as bad. Raises Refused SH543 (no reason), SourceError."""
    commit = await _commit(world, config, ref, reason)
    return commit, world.store.marks.mark(config.app, commit.sha, reason, actor, time.time())


async def clear(world: World, config: Config, ref: str, reason: str, actor: str) -> Commit:
    """Take the marks off a commit. Raises Refused SH543 (no reason), SH548 (it bears none), SourceError."""
    commit = await _commit(world, config, ref, reason)
    if not world.store.marks.clear(config.app, commit.sha, actor, reason, time.time()):
        raise Refused("SH548", f"{commit.short} is not marked bad.", hint="See what is: horn bad")
    return commit


async def _commit(world: World, config: Config, ref: str, reason: str) -> Commit:
    if not reason.strip():
        raise Refused("SH543", "a mark needs a reason.", hint="Whoever meets it will read it: --reason TEXT")
    return await resolve.find(world.source(config), ref)
