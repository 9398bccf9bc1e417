"""Forges are asked how commits stand: those that may go out next, and those that deploys wait for.

A webhook may not come, or not be set up; what it would have told is found here, and a forge that is down
is asked again later. No deploy waits for an answer: gates read what is on record.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from math import inf

from shiphorn.config.load import Config
from shiphorn.errors import DatabaseError, SourceError
from shiphorn.model.deploy import Phase
from shiphorn.model.forge import Forge
from shiphorn.model.graph import RefKind
from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.service.builds.clients import Clients
from shiphorn.service.builds.incoming import Wanted
from shiphorn.service.builds.repositories import named, of_forge
from shiphorn.service.service import Service
from shiphorn.service.telling.notifiers import pause

PREFIX = "asked:"
"""How the rows of `store.notified` begin that say when a forge was asked last."""
LOOK_SECONDS = 1.0
CLAIM_SECONDS = 300.0
AT_ONCE = 4
BRANCHES, BRANCH_SECONDS = 10, 7 * 86400.0
"""So many branches are asked about besides the one that is deployed, if they are no older than that."""
SETTLED_SECONDS = 600.0
"""A commit whose builds are over is asked about so often; one that was never built, too, when it is old."""
YOUNG_SECONDS = 3600.0
MOST_REMEMBERED = 20_000
LET_NOBODY_IN = 401

_log = logging.getLogger(__name__)


class Asker:
    """Asks all forges, each when it is its time. Several may work on a database: each is asked by one."""

    def __init__(self, service: Service, clients: Clients) -> None:
        self._service = service
        self._clients = clients
        self._asked_at: dict[Wanted, float] = {}
        self._names: list[str] | None = None

    async def work(self) -> None:
        """Look whom to ask, and ask, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                _log.warning("forges: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Ask the forges whose time it is."""
        forges = [one for one in self._service.apps.service.forges if one.is_asked]
        due = await asyncio.to_thread(self.make_due, forges)
        asked = {one.forge for one in self._service.incoming.asked}
        async with asyncio.TaskGroup() as group:
            for forge, failures, free_at in due:
                if free_at <= time.time() or (forge.name in asked and not failures):
                    group.create_task(self.ask(forge))

    def make_due(self, forges: list[Forge]) -> list[tuple[Forge, int, float]]:
        """Give all of these a place: each with how often in a row it failed, and when its time is."""
        notified, names = self._service.store.notified, [f"{PREFIX}{one.name}" for one in forges]
        if names != self._names:
            notified.keep(names, PREFIX)
            self._names = names
        listed = notified.listed() if names else {}
        found = [(one, listed.get(f"{PREFIX}{one.name}")) for one in forges]
        return [(one, at.failures, at.free_at) for one, at in found if at is not None]

    async def ask(self, forge: Forge) -> str:
        """Ask a forge now: "" when all went well, else what did not."""
        notified, name = self._service.store.notified, f"{PREFIX}{forge.name}"
        standing = (await asyncio.to_thread(notified.listed)).get(name)
        if standing is None or not await asyncio.to_thread(
            notified.claim, standing, time.time() + CLAIM_SECONDS
        ):
            return ""
        problem, pause_seconds = await self._all(forge)
        now = time.time()
        if problem:
            failures = standing.failures + 1
            await asyncio.to_thread(notified.refused, name, failures, problem, now)
            _log.warning("%s", problem)
            rest = max(pause_seconds, pause(failures)) if pause_seconds >= 0 else forge.poll_seconds
        else:
            await asyncio.to_thread(notified.took, name, now)
            rest = forge.poll_seconds
        await asyncio.to_thread(notified.free, name, now + rest)
        return problem

    async def _all(self, forge: Forge) -> tuple[str, float]:
        """Ask about all that is wanted: what went wrong, and how long the forge is left alone.

        Below 0 it need not be: it answers, but not about every repository.
        """
        wanted = await self._wanted(forge)
        problem, pause_seconds = "", -1.0
        for first in range(0, len(wanted), AT_ONCE):
            some = wanted[first : first + AT_ONCE]
            answers = await asyncio.gather(*(self._one(forge, one) for one in some))
            for error in [one for one in answers if one is not None]:
                problem = str(error)
                if error.code in ("SH225", "SH227") or error.facts.get("status") == LET_NOBODY_IN:
                    # It would not answer the next question either.
                    return problem, float(error.facts.get("pause_seconds", 0.0))
        return problem, pause_seconds

    async def _one(self, forge: Forge, wanted: Wanted) -> SourceError | None:
        try:
            found = await self._clients.of(forge).statuses(wanted.path, wanted.sha)
        except SourceError as error:
            return error
        finally:
            self._remember(wanted)
        said = named(found, forge.name, wanted.repository)
        changed = await asyncio.to_thread(self._service.store.statuses.put, said) if said else []
        if changed:
            self._service.news.tell()
        return None

    def _remember(self, wanted: Wanted) -> None:
        self._service.incoming.asked.discard(wanted)
        self._asked_at[wanted] = time.time()
        if len(self._asked_at) > MOST_REMEMBERED:
            self._asked_at = dict(list(self._asked_at.items())[MOST_REMEMBERED // 2 :])

    async def _wanted(self, forge: Forge) -> list[Wanted]:
        """What to ask a forge about now; first that of which it said itself that there is news."""
        told = [one for one in self._service.incoming.asked if one.forge == forge.name]
        waited = await asyncio.to_thread(self._waited_for)
        found = dict.fromkeys(told)
        for key, configs in of_forge(self._service.apps, forge).items():
            path = forge.path_of(key)
            heads = await self._heads(configs)
            shas = [sha for config in configs for sha in waited.get(config.app, [])]
            for sha in shas:
                found[Wanted(forge.name, key, path, sha)] = None
            if not heads:
                continue
            known = await asyncio.to_thread(self._service.store.statuses.of_commits, list(heads), key)
            for sha, made_at in heads.items():
                one = Wanted(forge.name, key, path, sha)
                if is_due(known.get(sha, []), made_at, self._asked_at.get(one, -inf), time.time()):
                    found[one] = None
        return list(found)

    def _waited_for(self) -> dict[str, list[str]]:
        """The commits of deploys that are not through their gates, by app."""
        found: dict[str, list[str]] = {}
        for deploy in self._service.store.deploys.active():
            if deploy.sha and deploy.phase in ("", Phase.RESOLVE, Phase.GATES, Phase.LOCK):
                found.setdefault(deploy.order.app, []).append(deploy.sha)
        return found

    async def _heads(self, configs: Iterable[Config]) -> dict[str, float]:
        """The commits that branches of a repository are at, and when they were made."""
        found: dict[str, float] = {}
        others: dict[str, float] = {}
        for config in configs:
            history = await self._service.histories.of(self._service.world, config, wait_seconds=10)
            graph = history.graph
            for ref in graph.refs.all if graph is not None else ():
                row = graph.row_of(ref.sha) if graph is not None else None
                if graph is None or row is None or ref.kind != RefKind.BRANCH:
                    continue
                of_config = ref.name in (config.branch, graph.refs.default)
                (found if of_config else others)[ref.sha] = float(graph.node(row).commit.committed_at)
        young = time.time() - BRANCH_SECONDS
        newest = sorted((sha for sha, at in others.items() if at > young), key=lambda sha: -others[sha])
        return found | {sha: others[sha] for sha in newest[:BRANCHES]}


def is_due(statuses: list[CommitStatus], made_at: float, asked_at: float, now: float) -> bool:
    """Whether a forge is to be asked about a commit again: seldom once there is nothing to wait for."""
    under_way = any(one.state == BuildState.PENDING for one in statuses)
    waiting = under_way or (not statuses and made_at > now - YOUNG_SECONDS)
    return waiting or asked_at <= now - SETTLED_SECONDS
