"""The keeper of endpoints: takes off what has expired, and deploys what is pushed to their branches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Sequence

from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import Kind, Order
from shiphorn.model.endpoints import Endpoint, EndpointState
from shiphorn.model.graph import RefKind
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service import orders
from shiphorn.service.audit import record
from shiphorn.service.endpoints.removing import attempt, stop_deploys
from shiphorn.service.service import Service
from shiphorn.service.worker import ACTOR

LOOK_SECONDS = 5.0
FOLLOW_SECONDS = 30.0
"""How often the heads of branches are looked at, besides when there is news."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 3600.0
"""How long an endpoint is left alone whose removal failed: longer each time."""
_AT_ONCE = 4

_log = logging.getLogger(__name__)

ROBOT = Caller(ACTOR, "service", grants=(Grant(Role.DEPLOYER),))


class Keeper:
    """Works until it is cancelled. Several services may share a database: each removal is done by one."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._followed: dict[int, str] = {}
        self._follow_at = 0.0
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def work(self) -> None:
        """Look after the endpoints, round by round."""
        news = False
        while True:
            await self.round(time.time(), news=news)
            news = await self._service.news.wait(LOOK_SECONDS)

    async def round(self, now: float, *, news: bool = True) -> None:
        """Do what is due: removals first, then deploys of what was pushed."""
        store, there = self._service.store, await self._there()
        for one in there:
            if one.state == EndpointState.LIVE and one.has_expired(now):
                self._expire(one, now)
        there = await self._there()
        due = [one for one in there if one.state == EndpointState.REMOVING and _is_due(one, now)]
        await asyncio.gather(*(self._remove(one) for one in due))
        if due:
            there = await asyncio.to_thread(store.endpoints.there)
        self._service.apps.know(there)
        if news or now >= self._follow_at:
            self._follow_at = now + FOLLOW_SECONDS
            await self._follow([one for one in there if one.state == EndpointState.LIVE])

    async def _there(self) -> list[Endpoint]:
        return await asyncio.to_thread(self._service.store.endpoints.there)

    def _expire(self, endpoint: Endpoint, now: float) -> None:
        store = self._service.store
        if store.endpoints.begin_removal(endpoint.id):
            scope, facts = Scope(endpoint.app, endpoint.full_name), {"branch": endpoint.branch}
            record(store, ROBOT, "endpoint removed", scope, now, reason="its time is over", facts=facts)

    async def _remove(self, endpoint: Endpoint) -> None:
        """Take an endpoint off its hosts, unless a deploy of it has to end first."""
        async with self._slots:
            store, now = self._service.store, time.time()
            waits = stop_deploys(store, endpoint, ACTOR)
            if waits:
                store.endpoints.stuck(endpoint.id, f"deploy {waits[0].id} is to end first")
                self._service.wake()
                return
            if not store.endpoints.claim(endpoint, now):
                return
            async with self._service.world.visiting() as world:
                problems = await attempt(world, endpoint)
            if problems:
                _log.warning("%s of %s stays: %s", endpoint.full_name, endpoint.app, problems[0])
            else:
                _log.info("%s of %s is gone", endpoint.full_name, endpoint.app)

    async def _follow(self, live: Sequence[Endpoint]) -> None:
        """Deploy what has been pushed to the branches of endpoints."""
        by_app: defaultdict[str, list[Endpoint]] = defaultdict(list)
        for one in live:
            by_app[one.app].append(one)
        for app, mine in by_app.items():
            try:
                await self._follow_app(app, mine)
            except ShiphornError as error:
                _log.warning("%s: its endpoints do not follow their branches: %s", app, error)

    async def _follow_app(self, app: str, mine: Sequence[Endpoint]) -> None:
        config = self._service.apps.config(app)
        heads = {
            ref.name: ref.sha
            for ref in (await self._service.world.source(config).refs()).all
            if ref.kind == RefKind.BRANCH
        }
        for one in mine:
            known = one.environment in config.environments
            keys, head = config.endpoints(one.environment) if known else None, heads.get(one.branch)
            if keys is None or not keys.follow or head is None or self._followed.get(one.id) == head:
                continue
            found = self._service.store.deploys.history(app, one.full_name, limit=50)
            last = next((deploy for deploy in found if deploy.order.kind == Kind.DEPLOY), None)
            if last is None or last.started_at < one.created_at or (last.state.active and not last.sha):
                # It is being found out what that one brings.
                continue
            self._followed[one.id] = head
            if last.sha != head:
                order = Order(app, one.full_name, ref=one.branch, reason=f"{one.branch} was pushed to")
                await orders.ship(self._service, ROBOT, order)


def _is_due(endpoint: Endpoint, now: float) -> bool:
    if endpoint.tried_at is None:
        return True
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(endpoint.tries - 1, 16), LONGEST_PAUSE_SECONDS)
    return bool(now >= endpoint.tried_at + pause)
