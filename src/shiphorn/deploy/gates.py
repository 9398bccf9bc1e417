"""Gates: what must be true of a commit and its environment before it may go out.

The one place that asks them, for deploys, plans and questions alike. All gates are asked, also when
one has refused, so that a person hears everything at once. Each is a `ports.Gate`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict

from shiphorn.config.load import Config
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.world import World
from shiphorn.engine.fanout import each
from shiphorn.errors import Refused, ShiphornError
from shiphorn.model.deploy import Kind, Order
from shiphorn.model.events import GatesAnswered, GatesOverridden
from shiphorn.model.freezes import Freeze, in_force, opens_at
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.locks import BadMark, Lock, Scope
from shiphorn.model.times import ahead, exact
from shiphorn.ports import Gate
from shiphorn.store.store import Store

REFUSED = "SH540"
"""The code of the error that says which gates refuse."""
ASK_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 2.0
"""How often gates are asked again that say to wait."""
_AT_ONCE = 16


class Locked:
    """Refuses while a lock of somebody else's is in force, or one of a failed deploy."""

    name = "locked"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """Its answer. Of several locks the one that lasts longest is told; `horn locks` lists all."""
        order = question.order
        found = self._store.locks.in_force(question.at, Scope(order.app, order.environment))
        closed = [lock for lock in found if lock.refuses(order.actor, order.kind)]
        if not closed:
            own = next((lock for lock in found if lock.deploy_id is None and lock.owner == order.actor), None)
            return Answer(self.name, Verdict.PASS, "locked by you" if own else "not locked")
        first = max(closed, key=lambda lock: lock.until or float("inf"))
        more = f"; and {len(closed) - 1} more, see: horn locks" if len(closed) > 1 else ""
        how = first.unlock if first.deploy_id is not None else f"{first.unlock} --reason TEXT"
        reason = f"{described(first, question.at)}{more}"
        return Answer(self.name, Verdict.REFUSE, reason, first.cleared_by, how, first.until)


class MarkedBad:
    """Refuses a commit that somebody, or a failed deploy, has marked as bad."""

    name = "marked bad"

    def __init__(self, store: Store) -> None:
        self._store = store

    async def ask(self, question: Question) -> Answer:
        """Its answer. A converge passes: it brings hosts to what the others run, whatever that is."""
        order, sha = question.order, question.sha
        marks = self._store.marks.of_commit(order.app, sha) if sha else []
        if not marks or order.kind == Kind.CONVERGE:
            return Answer(self.name, Verdict.PASS, "not marked bad")
        reason = f"{sha[:8]} was marked bad by {_marked(marks[0], question.at)}"
        how = f"horn bad {sha[:12]} --clear --reason TEXT"
        return Answer(self.name, Verdict.REFUSE, reason, "anybody with a reason", how)


class Frozen:
    """Refuses deploys in the freeze windows of the environment."""

    name = "frozen"

    def __init__(self, freezes: Sequence[Freeze]) -> None:
        self._freezes = freezes

    async def ask(self, question: Question) -> Answer:
        """Its answer. The end is that of all windows that follow on each other, None if none is in sight."""
        order = question.order
        closed = in_force(self._freezes, question.at)
        if not closed:
            return Answer(self.name, Verdict.PASS, "not frozen")
        if order.kind != Kind.DEPLOY:
            return Answer(self.name, Verdict.PASS, f"frozen, but not for a {order.kind}")
        windows = " and ".join(f'"{one.reason}" ({one})' if one.reason else str(one) for one in closed)
        return Answer(
            self.name,
            Verdict.REFUSE,
            f"{order.environment} of {order.app} is frozen: {windows}",
            "whoever may override gates, with a reason",
            f"horn deploy {order.environment} --force REASON",
            opens_at(self._freezes, question.at),
        )


def described(lock: Lock, now: float) -> str:
    """`production of sample is locked by bob since 09:12 UTC, "the database moves"`."""
    return f'{lock.scope} is locked by {lock.by} since {exact(lock.placed_at, now)}, "{lock.reason}"'


def _marked(mark: BadMark, now: float) -> str:
    return f'{mark.by} at {exact(mark.marked_at, now)}, "{mark.reason}"'


def standing(world: World, config: Config, environment: str) -> list[Gate]:
    """All gates: the built-in ones first."""
    return [Locked(world.store), MarkedBad(world.store), Frozen(config.freezes(environment)), *world.gates]


async def ask_all(world: World, config: Config, question: Question) -> list[Answer]:
    """What every gate says, in their order. One that cannot be asked refuses, and says why."""
    found = standing(world, config, question.order.environment)
    answers = await each(found, lambda gate: _ask(gate, question), at_once=_AT_ONCE)
    return [
        _unasked(gate, one) if isinstance(one, ShiphornError) else one
        for gate, one in zip(found, answers, strict=True)
    ]


async def pass_all(deployment: Deployment) -> str:
    """Ask every gate of a deploy, rollback or converge; while some say to wait, ask again.

    Raises Refused SH540 with all that refuse, unless the order is forced: that is on record.
    """
    order, told = deployment.record.order, None
    while True:
        answers = await ask_all(deployment.world, deployment.config, _question(deployment))
        if answers != told:
            told = answers
            deployment.tell(GatesAnswered(deployment.id, time.time(), tuple(answers)))
        closed = [one for one in answers if one.verdict != Verdict.PASS]
        if not closed:
            return ", ".join(one.reason for one in answers)
        if order.forced:
            names = tuple(one.gate for one in closed)
            deployment.tell(GatesOverridden(deployment.id, time.time(), names, order.actor, order.forced))
            return f"overridden: {', '.join(names)}"
        require_open(order, answers)
        deployment.check_stop()
        await asyncio.sleep(POLL_SECONDS)


def require_open(order: Order, answers: Sequence[Answer]) -> None:
    """Raise Refused SH540 if a gate refuses: one error that tells of all of them."""
    refusing = [one for one in answers if one.verdict == Verdict.REFUSE]
    if not refusing:
        return
    now = time.time()
    what = f"{order.kind} of {order.app} to {order.environment}"
    told = [f"{one.gate}: {in_words(one, now)}" for one in refusing]
    count = "a gate refuses" if len(told) == 1 else f"{len(told)} gates refuse"
    raise Refused(
        REFUSED,
        f"{count} this {what}.\n  " + "\n  ".join(told),
        hint=f"Or insist, on record: horn {order.kind} {order.environment} --force REASON",
        facts={"gates": [asdict(one) for one in answers]},
    )


def in_words(answer: Answer, now: float) -> str:
    """Why, until when, who can clear it and how, in one line."""
    text = answer.reason
    if answer.until is not None:
        text += f"; until {ahead(answer.until, now)}"
    if answer.cleared_by:
        text += f"; cleared by {answer.cleared_by}"
    return f"{text}: {answer.how}" if answer.how else text


def _question(deployment: Deployment) -> Question:
    record = deployment.record
    sha, order = record.sha, record.order
    if order.kind == Kind.ROLLBACK and order.ref and not sha:
        history = deployment.world.store.deploys.history(order.app, order.environment, limit=1000)
        sha = next((one.sha for one in history if one.release == order.ref and one.sha), "")
    return Question(order, sha, record.from_sha, time.time())


async def _ask(gate: Gate, question: Question) -> Answer:
    try:
        async with asyncio.timeout(ASK_TIMEOUT_SECONDS):
            return await gate.ask(question)
    except TimeoutError:
        raise Refused("SH549", f"no answer within {ASK_TIMEOUT_SECONDS:.0f} s") from None


def _unasked(gate: Gate, error: ShiphornError) -> Answer:
    return Answer(gate.name, Verdict.REFUSE, f"it could not be asked: {error}", "whoever repairs it")
