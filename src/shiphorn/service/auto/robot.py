"""The robot: deploys what is to go out by itself, and looks after branches that are out.

Several may work on a database, and each may die at any moment: an order is known by its commit and round, and
makes one deploy however often it is given.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from shiphorn.config.load import Config
from shiphorn.deploy.gates import REFUSED
from shiphorn.errors import ConfigError, DatabaseError, NotFound, Refused, ShiphornError
from shiphorn.model.auto import AutoRecord, AutoState
from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.gates import Answer, Verdict
from shiphorn.model.history import DeployRow, Place
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service import orders
from shiphorn.service.audit import record as audit
from shiphorn.service.auto.branches import Branches
from shiphorn.service.auto.decide import Decision, decide
from shiphorn.service.auto.facts import OnRecord, facts_of, on_record
from shiphorn.service.auto.mirrors import REFRESH_SECONDS, Mirrors
from shiphorn.service.service import Service
from shiphorn.service.worker import ACTOR

LOOK_SECONDS = 5.0
"""How often it looks when nobody has news: what ends meanwhile, such as a deploy, is only on record."""
REFRESH_LOOK_SECONDS = 1.0
ASK_SECONDS = 15.0
"""How often gates are asked that did not pass."""
REFUSED_SECONDS = 300.0
"""How long a commit is left alone whose deploy a gate refused that had just let it pass."""
AT_ONCE = 8
TOLD_CHARACTERS = 300

_log = logging.getLogger(__name__)

ROBOT = Caller(ACTOR, "service", grants=(Grant(Role.DEPLOYER),))


class Robot:
    """Works until it is cancelled."""

    def __init__(self, service: Service, *, refresh_seconds: float = REFRESH_SECONDS) -> None:
        self._service = service
        self._mirrors = Mirrors(service.world, refresh_seconds=refresh_seconds)
        self._branches = Branches(service, self._mirrors)
        # What gates said of a commit, and when they are asked again.
        self._asked: dict[Place, tuple[str, float, Decision]] = {}
        service.heard.on_fetch.append(self._mirrors.fetched)
        service.heard.on_push.append(self._mirrors.pushed)
        service.heard.on_pull_request.append(self._branches.pull_request)

    async def work(self) -> None:
        """Look for what is to be done, and do it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_mirrors())
            while True:
                try:
                    await self.look()
                except DatabaseError as error:
                    _log.warning("auto deploy: %s", error)
                await self._service.news.wait(LOOK_SECONDS)

    async def look(self) -> None:
        """Look at every environment once."""
        places = self._places()
        if not places and not await self._any_out():
            return
        before = [(one.app, auto.after) for one, name in places if (auto := one.auto(name)) and auto.after]
        wanted = [(config.app, name) for config, name in places]
        store, now = self._service.store, time.time()
        known = await asyncio.to_thread(on_record, store, wanted, before, now)
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(config: Config, environment: str) -> None:
            async with gate:
                await self._look_at(config, environment, known)

        await asyncio.gather(*(one(config, name) for config, name in places))
        for lock in known.locks:
            if lock.branch:
                await self._branches.look_at(lock, known)

    async def refresh(self) -> bool:
        """Bring mirrors up to date that are too old: whether a branch has moved."""
        apps = self._service.apps
        wanted = [config for config, _ in self._places()]
        locks = await asyncio.to_thread(self._service.store.locks.in_force, time.time())
        out = {lock.app for lock in locks if lock.branch}
        wanted += [apps.config(name) for name in apps.names() if name in out]
        return await self._mirrors.refresh(wanted)

    async def _keep_mirrors(self) -> None:
        while True:
            if await self.refresh():
                self._service.news.tell()
            await asyncio.sleep(REFRESH_LOOK_SECONDS)

    async def _any_out(self) -> bool:
        locks = await asyncio.to_thread(self._service.store.locks.in_force, time.time())
        return any(lock.branch for lock in locks)

    def _places(self) -> list[tuple[Config, str]]:
        found = []
        for name in self._service.apps.names():
            try:
                config = self._service.apps.config(name)
            except NotFound:
                # Its file went since the names were asked for.
                continue
            found += [(config, one) for one in config.environments if config.auto(one) is not None]
        return found

    async def _look_at(self, config: Config, environment: str, known: OnRecord) -> None:
        """One that fails does not keep others from being looked at."""
        place = (config.app, environment)
        record = known.record(place)
        try:
            if _is_to_settle(record, known):
                record = await asyncio.to_thread(self._settle, record, known)
            decision = await self._decided(config, environment, record, known)
        except ShiphornError as error:
            if isinstance(error, DatabaseError):
                raise
            decision = Decision(AutoState.WAITS, f"{error.code} {error.message}")
        except Exception:  # noqa: BLE001 - the others are looked at
            _log.exception("auto deploy: a defect", extra={"app": config.app})
            return
        if _is_news(decision, record):
            await asyncio.to_thread(self._note, place, decision)

    async def _decided(
        self, config: Config, environment: str, record: AutoRecord, known: OnRecord
    ) -> Decision:
        """What is to be done, and it is done."""
        auto, place = config.auto(environment), (config.app, environment)
        if auto is None:
            raise ConfigError("SH178", f"{config.app} does not deploy to {environment} by itself any more.")
        store = self._service.store
        facts, seen = await facts_of(store, self._mirrors, config, environment, auto, record, known)
        if dict(seen) != dict(record.seen):
            await asyncio.to_thread(lambda: store.auto.note(*place, seen=dict(seen)))
        decision = decide(facts, known.at)
        if decision.state != AutoState.SHIPS:
            self._asked.pop(place, None)
            return decision
        return await self._ship(place, record, decision)

    async def _ship(self, place: Place, record: AutoRecord, decision: Decision) -> Decision:
        """Order it, unless a gate does not let it through now: then it waits, and nothing has failed."""
        asked = self._asked.get(place)
        if asked is not None and asked[0] == decision.sha and time.monotonic() < asked[1]:
            return asked[2]
        service, store, sha = self._service, self._service.store, decision.sha
        order = Order(*place, ref=sha, actor=ACTOR, reason=decision.reason)
        why = await orders.why(service, ROBOT, order)
        if not why.open:
            waits = _waits(sha, why.answers)
            self._asked[place] = (sha, time.monotonic() + ASK_SECONDS, waits)
            return waits
        # Ahead of the order: whoever goes on after a crash finds the deploy by it.
        await asyncio.to_thread(lambda: store.auto.note(*place, sha=sha, deploy_id=None))
        try:
            number = (await orders.ship(service, ROBOT, order, key=record.key(sha))).id
        except Refused as error:
            if error.code != "SH581":
                raise
            # Another service ordered it, for a reason that reads otherwise.
            number = store.deploys.by_requests(ACTOR, [record.key(sha)])[record.key(sha)]
        await asyncio.to_thread(lambda: store.auto.note(*place, deploy_id=number))
        _log.info("auto deploy: deploy %d of %s to %s: %s", number, *place, decision.reason)
        return Decision(AutoState.SHIPS, f"deploy {number}: {decision.reason}", sha)

    def _settle(self, record: AutoRecord, known: OnRecord) -> AutoRecord:
        """Look at how what was ordered has ended: after a failure nothing more goes out by itself."""
        store, place = self._service.store, (record.app, record.environment)
        last = known.standings.last.get(place)
        if not record.state and not record.settled and last is not None:
            # What was before it was to deploy by itself says nothing.
            store.auto.note(*place, settled=last.id)
            return store.auto.get(*place)
        ordered = self._ordered(record)
        if ordered is not None and ordered.id > record.settled and not ordered.state.active:
            if ordered.state == DeployState.SUPERSEDED or ordered.code == REFUSED:
                store.auto.again(record, settled=ordered.id)
                if ordered.code == REFUSED:
                    waits = Decision(AutoState.WAITS, _first_line(ordered), ordered.sha)
                    self._asked[place] = (ordered.sha, time.monotonic() + REFUSED_SECONDS, waits)
            elif ordered.state != DeployState.SUCCEEDED:
                words = f"deploy {ordered.id} {ordered.state.replace('_', ' ')}: {_first_line(ordered)}"
                self._stop(record, words, ordered.id, known.at)
            else:
                store.auto.note(*place, settled=ordered.id, deploy_id=ordered.id)
        if last is not None and last.id > record.settled and _is_back(last):
            self._stop(record, f"{last.actor} went back: rollback {last.id}", last.id, known.at)
        return store.auto.get(*place)

    def _ordered(self, record: AutoRecord) -> Deploy | None:
        store, number = self._service.store, record.deploy_id
        if number is None and record.sha:
            number = store.deploys.by_requests(ACTOR, [record.key(record.sha)]).get(record.key(record.sha))
        return store.deploys.get(number) if number is not None else None

    def _stop(self, record: AutoRecord, reason: str, settled: int, now: float) -> None:
        """It is told in the log, on pages and in the audit log; the deploy itself was told of before."""
        store, scope = self._service.store, Scope(record.app, record.environment)
        if store.auto.stop(*(record.app, record.environment), ACTOR, reason, now, settled=settled):
            audit(store, ROBOT, "stop auto deploy", scope, now, reason=reason, facts={"deploy": settled})
            _log.warning("auto deploy of %s is stopped: %s", scope, reason, extra={"deploy": settled})

    def _note(self, place: Place, decision: Decision) -> None:
        """Write down what it does, when that is something else than before."""
        store = self._service.store
        before = store.auto.get(*place)
        if before.stopped_at is not None:
            return
        if _is_news(decision, before):
            state, reason, until = decision.state, decision.reason, decision.until
            store.auto.note(*place, at=time.time(), state=state, reason=reason, until=until)


def _waits(sha: str, answers: Sequence[Answer]) -> Decision:
    closed = [one for one in answers if one.verdict != Verdict.PASS]
    ends = [one.until for one in closed]
    until = max((end for end in ends if end is not None), default=None) if None not in ends else None
    told = "; ".join(f"{one.gate}: {one.reason}" for one in closed)
    return Decision(AutoState.WAITS, f"{sha[:8]} is held by a gate: {told}", sha, until)


def _is_to_settle(record: AutoRecord, known: OnRecord) -> bool:
    """Whether something was ordered whose end was not looked at, or somebody went back."""
    last = known.standings.last.get((record.app, record.environment))
    if record.stopped_at is not None:
        return False
    if record.sha and (record.deploy_id is None or record.deploy_id > record.settled):
        return True
    is_first = not record.state and not record.settled
    return last is not None and (is_first or (last.id > record.settled and _is_back(last)))


def _is_news(decision: Decision, record: AutoRecord) -> bool:
    told = (decision.state, decision.reason, decision.until)
    return told != (record.state, record.reason, record.until)


def _is_back(row: DeployRow) -> bool:
    return row.kind == Kind.ROLLBACK and row.state == DeployState.SUCCEEDED


def _first_line(deploy: Deploy) -> str:
    words = f"{deploy.code} {deploy.message}".strip().splitlines()
    return words[0][:TOLD_CHARACTERS] if words else "nobody knows why"
