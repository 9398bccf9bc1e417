"""Out: what is live is a branch that went out under a lock, and what gives way to the base branch again."""

from __future__ import annotations

import re

from shiphorn.config.load import Config
from shiphorn.errors import SourceError
from shiphorn.model.locks import Lock, Scope
from shiphorn.ports import Source
from shiphorn.store.store import Store

MERGED_AS = re.compile(r"merged as ([0-9a-f]{8,40})")
"""Why a lock is released whose branch was merged."""


def out_with(store: Store, app: str, environment: str) -> Lock | None:
    """The lock under which what is live went out as a branch, in force or not; None when it did not."""
    row = store.history.standings([(app, environment)]).live.get((app, environment))
    lock = store.locks.last_branch(Scope(app, environment)) if row is not None else None
    if row is None or lock is None or row.actor != lock.owner or row.finished_at is None:
        return None
    held = lock.placed_at <= row.finished_at and (lock.released_at or row.finished_at) >= row.finished_at
    return lock if held else None


async def leads_back(store: Store, source: Source, config: Config, environment: str, sha: str) -> str:
    """The branch that is live and gives way to the base branch again, by this commit of it; "" for none.

    Whether whoever deploys may do so is for the lock to say.
    """
    lock = out_with(store, config.app, environment)
    if lock is None:
        return ""
    try:
        head = await source.resolve(f"refs/heads/{config.base(environment)}")
    except SourceError:
        return ""
    return lock.branch if await source.contains(head.sha, sha) else ""
