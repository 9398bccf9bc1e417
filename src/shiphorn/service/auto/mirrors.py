"""The mirrors that auto deploys go by: refreshed now and then, looked at only when they may have changed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from shiphorn.config.load import Config
from shiphorn.deploy.world import World
from shiphorn.errors import ShiphornError, SourceError
from shiphorn.model.auto import Written
from shiphorn.model.forge import Pushed
from shiphorn.model.graph import RefKind
from shiphorn.model.statuses import repository_key

REFRESH_SECONDS = 60.0
"""How old a mirror may be when nobody tells of pushes."""
TOLD_REFRESH_SECONDS = 600.0
"""How old one may be whose forge has told of a push before: a word of it may still get lost."""
READ_SECONDS = 15.0
"""How often a mirror is looked at that others may have refreshed, as deploys do."""
AT_ONCE = 4
REFRESH_TIMEOUT_SECONDS = 300.0
KEPT_AT_MOST = 5_000

_log = logging.getLogger(__name__)


@dataclass
class _Mirror:
    """What is known of one. Times are of the monotonic clock."""

    heads: dict[str, str] = field(default_factory=dict)
    read_at: float = -inf
    refreshed_at: float = -inf
    told_of: bool = False
    trouble: str = ""


class Mirrors:
    """Branches of repositories, and what of them is part of what."""

    def __init__(self, world: World, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._world = world
        self._refresh_seconds = refresh_seconds
        self._known: dict[str, _Mirror] = {}
        # What commits are to each other never changes.
        self._contained: dict[tuple[str, str, str], bool] = {}
        self._ahead: dict[tuple[str, str, str], Sequence[Written]] = {}

    async def pushed(self, push: Pushed) -> None:
        """A forge tells of pushes: it need not be asked so often."""
        for repo, known in self._known.items():
            if repository_key(repo) == push.repository:
                known.told_of = True

    async def fetched(self, repository: str) -> None:
        """Somebody else has brought the mirror up to date."""
        for repo, known in self._known.items():
            if repository_key(repo) == repository:
                known.read_at = -inf

    async def heads(self, config: Config) -> dict[str, str]:
        """The commit of each branch. Raises SourceError when the repository was never reached."""
        known = self._known.setdefault(config.repo, _Mirror())
        if time.monotonic() - known.read_at > READ_SECONDS:
            try:
                refs = await self._world.source(config).refs()
            except SourceError as error:
                if known.trouble:
                    raise SourceError(error.code, known.trouble) from error
                raise
            known.heads = {one.name: one.sha for one in refs.all if one.kind == RefKind.BRANCH}
            known.read_at = time.monotonic()
        return known.heads

    async def contains(self, config: Config, whole: str, part: str) -> bool:
        """Whether a commit is another one, or comes after it."""
        key = (config.repo, whole, part)
        if key not in self._contained:
            found = await self._world.source(config).contains(whole, part)
            if not found and not await self._world.source(config).has(part):
                # It may still come.
                return False
            _make_room(self._contained)
            self._contained[key] = found
        return self._contained[key]

    async def whole(self, config: Config, sha: str) -> str:
        """A commit's whole id, "" when the mirror does not have it."""
        try:
            return (await self._world.source(config).resolve(sha)).sha
        except SourceError:
            return ""

    async def ahead(self, config: Config, live: str, head: str) -> Sequence[Written]:
        """The commits of a branch that come after what is live, newest first."""
        key = (config.repo, live, head)
        if key not in self._ahead:
            source = self._world.source(config)
            found = await source.ahead(live, head)
            if not found and live and not await source.has(live):
                return found
            _make_room(self._ahead)
            self._ahead[key] = found
        return self._ahead[key]

    async def refresh(self, configs: Sequence[Config]) -> bool:
        """Bring those up to date that are too old, a few at a time: whether a branch has moved."""
        now, gate = time.monotonic(), asyncio.Semaphore(AT_ONCE)
        repos = {one.repo: one for one in configs}
        for gone in self._known.keys() - repos.keys():
            del self._known[gone]
        old = [
            config
            for repo, config in repos.items()
            if now - (known := self._known.setdefault(repo, _Mirror())).refreshed_at > self._patience(known)
        ]

        async def one(config: Config) -> bool:
            async with gate:
                return await self._refreshed(config)

        return any(await asyncio.gather(*map(one, old)))

    def _patience(self, known: _Mirror) -> float:
        return max(self._refresh_seconds, TOLD_REFRESH_SECONDS) if known.told_of else self._refresh_seconds

    async def _refreshed(self, config: Config) -> bool:
        known = self._known.setdefault(config.repo, _Mirror())
        before = dict(known.heads)
        try:
            async with asyncio.timeout(REFRESH_TIMEOUT_SECONDS):
                await self._world.source(config).refresh()
            known.trouble, known.read_at = "", -inf
            return await self.heads(config) != before
        except TimeoutError:
            known.trouble = f"{config.app}: its repository did not answer in time"
        except ShiphornError as error:
            known.trouble = error.message
        finally:
            known.refreshed_at = time.monotonic()
        if before:
            _log.warning("auto deploy: %s", known.trouble, extra={"app": config.app})
        return False


def _make_room(kept: dict[tuple[str, str, str], Any]) -> None:
    if len(kept) >= KEPT_AT_MOST:
        kept.clear()
