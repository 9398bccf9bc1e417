"""Branches that are out: what is pushed to them goes out too, and their merge unlocks what they locked."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from enum import StrEnum

from shiphorn.config.load import Config
from shiphorn.errors import DatabaseError, NotFound, Refused, ShiphornError
from shiphorn.model.deploy import Order
from shiphorn.model.forge import PullRequest, PullState
from shiphorn.model.gates import Verdict
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.statuses import repository_key
from shiphorn.service import orders
from shiphorn.service.audit import record as audit
from shiphorn.service.auto.facts import OnRecord
from shiphorn.service.auto.mirrors import Mirrors
from shiphorn.service.service import Service
from shiphorn.service.worker import ACTOR

_LOOKED_BACK = 50
"""Deploys of the environment among which a commit is looked for: it is not deployed twice."""

_log = logging.getLogger(__name__)


class Step(StrEnum):
    """What is done about a branch that is out."""

    KEEP = "keep"
    RELEASE = "release"
    REDEPLOY = "redeploy"


@dataclass(frozen=True, slots=True)
class Out:
    """What is known of a branch that is out.

    `head` is the commit it is at, "" when it is gone; `live` is what the environment runs. `merged` is the
    commit of the base branch that brought what is live, "" for none. `tried` is whether `head` was deployed
    before, `skips` whether its message says [skip deploy].
    """

    branch: str
    base: str
    head: str
    live: str
    merged: str = ""
    moving: bool = False
    redeploys: bool = False
    tried: bool = False
    skips: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done, and why; "" when there is nothing to say."""

    step: Step
    words: str = ""


def decide(out: Out) -> Decision:
    """What to do about it."""
    if out.moving:
        return Decision(Step.KEEP)
    if out.merged:
        return Decision(Step.RELEASE, f"merged as {out.merged[:8]}")
    if not out.head:
        return Decision(
            Step.KEEP,
            f"{out.branch} is gone, and {out.base} does not contain it: "
            f"deploy {out.base}, or unlock it by hand",
        )
    if out.head == out.live or out.tried or not out.redeploys:
        return Decision(Step.KEEP)
    if out.skips:
        return Decision(Step.KEEP, f"{out.head[:8]} says [skip deploy]")
    return Decision(Step.REDEPLOY, f"{out.branch} was pushed to; it is out")


class Branches:
    """Looks after the locks of branches."""

    def __init__(self, service: Service, mirrors: Mirrors) -> None:
        self._service = service
        self._mirrors = mirrors

    async def look_at(self, lock: Lock, known: OnRecord) -> None:
        """Do what is to be done about one."""
        try:
            config = self._service.apps.config(lock.app)
            if lock.environment not in config.environments:
                return
            out = await self._known_of(config, lock, known)
            decision = decide(out)
            if decision.step == Step.RELEASE:
                await asyncio.to_thread(self._release_if_still, lock, decision.words)
                words = ""
            elif decision.step == Step.REDEPLOY:
                words = await self._redeploy(lock, out, decision.words)
            else:
                words = decision.words
            await asyncio.to_thread(self._tell, lock, words, known)
        except DatabaseError:
            raise
        except NotFound:
            return
        except ShiphornError as error:
            _log.warning("branch %s of %s: %s", lock.branch, lock.app, error)
        except Exception:  # noqa: BLE001 - the others are looked at
            _log.exception("branch %s of %s: a defect", lock.branch, lock.app)

    async def pull_request(self, pull: PullRequest) -> None:
        """A forge told of a pull request: one that is merged unlocks, also when it was squashed."""
        if pull.state != PullState.MERGED or pull.from_fork:
            return
        for lock in await asyncio.to_thread(self._service.store.locks.in_force, time.time()):
            if lock.branch != pull.branch:
                continue
            config = self._service.apps.config(lock.app)
            same = repository_key(config.repo) == pull.repository
            if (
                same
                and lock.environment in config.environments
                and config.base(lock.environment) == pull.base
            ):
                as_what = pull.merged_sha[:8] or f"pull request {pull.number}"
                await asyncio.to_thread(self._release, lock, f"merged as {as_what}")

    async def _known_of(self, config: Config, lock: Lock, known: OnRecord) -> Out:
        place = (lock.app, lock.environment)
        heads = await self._mirrors.heads(config)
        base, live, head = (
            config.base(lock.environment),
            known.live.get(place, ""),
            heads.get(lock.branch, ""),
        )
        history = await asyncio.to_thread(
            lambda: self._service.store.deploys.history(*place, limit=_LOOKED_BACK)
        )
        redeploys = config.branches(lock.environment).redeploy
        waits = redeploys and head not in ("", live)
        written = await self._mirrors.ahead(config, "", head) if waits else ()
        return Out(
            lock.branch,
            base,
            head,
            live,
            await self._merged(config, heads.get(base, ""), live),
            moving=bool(known.active.get(place)),
            redeploys=redeploys,
            tried=any(one.sha == head for one in history),
            skips=bool(written) and written[0].skips,
        )

    async def _merged(self, config: Config, base: str, live: str) -> str:
        """The commit of the base branch that brought what is live, "" when none did."""
        if not (base and live and await self._mirrors.contains(config, base, live)):
            return ""
        after = await self._mirrors.ahead(config, live, base)
        return after[-1].commit.sha if after else live

    async def _redeploy(self, lock: Lock, out: Out, reason: str) -> str:
        """Order it in the name of whoever has the branch out: what is to be said, "" for nothing."""
        caller = await asyncio.to_thread(self._owner, lock)
        scope = Scope(lock.app, lock.environment)
        if not caller.may(Role.DEPLOYER, scope):
            return f"{out.head[:8]} waits: {lock.owner} may not deploy there any more"
        order = Order(lock.app, lock.environment, ref=out.head, actor=lock.owner, reason=reason)
        why = await orders.why(self._service, caller, order)
        closed = [f"{one.gate}: {one.reason}" for one in why.answers if one.verdict != Verdict.PASS]
        if closed:
            return f"{out.head[:8]} is held by a gate: {'; '.join(closed)}"
        key = f"branch:{lock.app}:{lock.environment}:{out.head}"
        try:
            await orders.ship(self._service, caller, order, key=key)
        except Refused as error:
            if error.code != "SH581":
                raise
        return ""

    def _owner(self, lock: Lock) -> Caller:
        """Whoever has the branch out, with the rights they have now."""
        person = self._service.store.people.by_login(lock.owner)
        if person is None:
            # Somebody on the machine where the database is, out of whose reach nothing there is.
            return Caller(lock.owner, "service", grants=(Grant(Role.DEPLOYER, lock.scope),))
        held = person.grants if person.disabled_at is None else ()
        return Caller(person.login, "service", grants=held, person_id=person.id)

    def _release_if_still(self, lock: Lock, why: str) -> None:
        """Release it, unless its environment has begun to move since it was looked at."""
        if not self._service.store.deploys.active(lock.app, lock.environment):
            self._release(lock, why)

    def _release(self, lock: Lock, why: str) -> None:
        store, now = self._service.store, time.time()
        if store.locks.release(lock.id, ACTOR, why, now):
            robot = Caller(ACTOR, "service")
            facts = {"branch": lock.branch, "owners": [lock.owner]}
            audit(store, robot, "unlock", lock.scope, now, reason=why, facts=facts)
            _log.info("%s is unlocked: %s was %s", lock.scope, lock.branch, why)

    def _tell(self, lock: Lock, words: str, known: OnRecord) -> None:
        """Have pages say it; once it is in the log."""
        place = (lock.app, lock.environment)
        if known.record(place).branch != words:
            self._service.store.auto.note(*place, branch=words)
            if words:
                _log.warning("branch %s of %s: %s", lock.branch, lock.scope, words)
