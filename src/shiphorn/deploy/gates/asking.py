"""Asking the gates: which ones stand before an environment, what all of them say, and waiting for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from shiphorn.config.load import Config
from shiphorn.deploy import resolve
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.gates.ancestry import ContainsLive, UpToDate
from shiphorn.deploy.gates.approval import Approved
from shiphorn.deploy.gates.closed import Frozen, Locked, MarkedBad
from shiphorn.deploy.gates.command import Command
from shiphorn.deploy.gates.plugged import Plugged
from shiphorn.deploy.gates.promotion import After
from shiphorn.deploy.gates.setting import Setting
from shiphorn.deploy.gates.tests_passed import TestsPassed
from shiphorn.deploy.world import World
from shiphorn.engine.fanout import each
from shiphorn.errors import Refused, ShiphornError
from shiphorn.model.deploy import Kind, Order
from shiphorn.model.events import GatesAnswered, GatesOverridden, Merged, PhaseFinished
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.times import ahead, span
from shiphorn.ports import Gate

REFUSED = "SH540"
"""The code of the error that says which gates refuse."""
ASK_TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 2.0
"""How often gates are asked again that say to wait."""
_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Standing:
    """A gate that stands before an environment, by its name in files."""

    key: str
    gate: Gate


BUILT_IN: dict[str, Callable[[Setting], Sequence[Gate]]] = {
    "locked": lambda setting: [Locked(setting.world.store)],
    "marked_bad": lambda setting: [MarkedBad(setting.world.store)],
    "frozen": lambda setting: [Frozen(setting.config.freezes(setting.environment))],
}
"""Gates for all that is ordered, each made as those of plug-ins are."""


def _contains_live(setting: Setting) -> Sequence[Gate]:
    wanted = setting.config.gates(setting.environment).contains_live
    return [ContainsLive(setting, strict=wanted == "strict")] if wanted else []


def _up_to_date(setting: Setting) -> Sequence[Gate]:
    wanted = setting.config.gates(setting.environment).up_to_date
    return [UpToDate(setting, merges=wanted == "merge")] if wanted else []


def _tests(setting: Setting) -> Sequence[Gate]:
    entry = setting.config.gates(setting.environment)
    return [TestsPassed(setting, entry)] if entry.tests else []


def _after(setting: Setting) -> Sequence[Gate]:
    entry = setting.config.gates(setting.environment).after
    return [After(setting, entry)] if entry else []


def _approval(setting: Setting) -> Sequence[Gate]:
    entry = setting.config.gates(setting.environment).approval
    return [Approved(setting, entry)] if entry else []


def _commands(setting: Setting) -> Sequence[Gate]:
    return [Command(setting, entry) for entry in setting.config.gates(setting.environment).commands]


OF_COMMITS: dict[str, Callable[[Setting], Sequence[Gate]]] = {
    "contains_live": _contains_live,
    "up_to_date": _up_to_date,
    "tests": _tests,
    "after": _after,
    "approval": _approval,
    "commands": _commands,
}
"""Gates for deploys alone: a rollback or a converge brings nothing that did not pass by them before."""


def standing(world: World, config: Config, order: Order) -> list[Standing]:
    """All gates that an order meets: the built-in ones first."""
    environment = order.environment
    setting = Setting(world, config, environment)
    makers = BUILT_IN | (OF_COMMITS if order.kind == Kind.DEPLOY else {})
    found = [Standing(key, gate) for key, make in makers.items() for gate in make(setting)]
    found += [
        Standing(name, Plugged(name, replace(setting, options=options or {})))
        for name, options in config.gates(environment).plugins.items()
    ]
    return [*found, *(Standing(gate.name, gate) for gate in world.gates)]


async def ask_all(world: World, config: Config, question: Question) -> list[Answer]:
    """What every gate says, in their order. One that cannot be asked refuses, and says why."""
    return await _ask_these(config, standing(world, config, question.order), question)


async def pass_all(deployment: Deployment) -> str:
    """Ask every gate of a deploy, rollback or converge; while some say to wait, ask again.

    Raises Refused SH540 with all that refuse, unless the order is forced, which is on record. Gates that
    are never overridden have their say all the same.
    """
    order, told = deployment.record.order, None
    found = standing(deployment.world, deployment.config, order)
    while True:
        question = _question(deployment)
        answers = await _ask_these(deployment.config, found, question)
        if answers != told:
            told = answers
            deployment.tell(GatesAnswered(deployment.id, time.time(), tuple(answers)))
        closed = [one for one in answers if one.verdict != Verdict.PASS]
        if not closed:
            return ", ".join(one.reason for one in answers)
        if not any(_holds(order, one) for one in closed):
            names = tuple(one.gate for one in closed)
            deployment.tell(GatesOverridden(deployment.id, time.time(), names, order.actor, order.forced))
            return f"overridden: {', '.join(names)}"
        require_open(order, answers)
        if await _merged(deployment, found, question, answers):
            continue
        deployment.check_stop()
        await asyncio.sleep(POLL_SECONDS)


def require_open(order: Order, answers: Sequence[Answer]) -> None:
    """Raise Refused SH540 if a gate refuses: one error that tells of all of them."""
    refusing = [one for one in answers if one.verdict == Verdict.REFUSE and _holds(order, one)]
    if not refusing:
        return
    now = time.time()
    what = f"{order.kind} of {order.app} to {order.environment}"
    told = [f"{one.gate}: {in_words(one, now)}" for one in refusing]
    count = "a gate refuses" if len(told) == 1 else f"{len(told)} gates refuse"
    firm = [one.gate for one in refusing if not one.overridable]
    insist = f"Or insist, on record: horn {order.kind} {order.environment} --force REASON"
    raise Refused(
        REFUSED,
        f"{count} this {what}.\n  " + "\n  ".join(told),
        hint=f"Nobody may override {', '.join(firm)}: this environment's config says so." if firm else insist,
        facts={"gates": [asdict(one) for one in answers]},
    )


def _holds(order: Order, answer: Answer) -> bool:
    return not order.forced or not answer.overridable


def in_words(answer: Answer, now: float) -> str:
    """Why, until when, who can clear it and how, in one line."""
    text = answer.reason
    if answer.until is not None:
        text += f"; until {ahead(answer.until, now)}"
    if answer.cleared_by:
        text += f"; cleared by {answer.cleared_by}"
    return f"{text}: {answer.how}" if answer.how else text


async def _ask_these(config: Config, found: Sequence[Standing], question: Question) -> list[Answer]:
    answers = await each(found, lambda one: _ask(one.gate, question), at_once=_AT_ONCE)
    entry = config.gates(question.order.environment)
    told = [
        _unasked(one.gate, answer) if isinstance(answer, ShiphornError) else answer
        for one, answer in zip(found, answers, strict=True)
    ]
    firm = set(entry.never_override)
    return [
        replace(_patient(answer, question, entry.wait), overridable=firm.isdisjoint((one.key, one.gate.name)))
        for one, answer in zip(found, told, strict=True)
    ]


async def _merged(
    deployment: Deployment, found: Sequence[Standing], question: Question, answers: Sequence[Answer]
) -> bool:
    """Have a branch that is behind be merged, and go on with that commit: whether there is a new one."""
    for one, answer in zip(found, answers, strict=True):
        if not isinstance(one.gate, UpToDate) or answer.verdict != Verdict.WAIT:
            continue
        if not _holds(deployment.record.order, answer):
            continue
        record = deployment.record
        branch = await one.gate.branch(question)
        sha = await one.gate.merged(question, record.started_at)
        if sha and sha != question.sha:
            # The event first: should this process die in between, the merge is found again, and told again.
            base = deployment.config.base(record.order.environment)
            deployment.tell(Merged(deployment.id, time.time(), base, branch, sha))
            deployment.change(sha=sha)
            return True
    return False


def _question(deployment: Deployment) -> Question:
    record = deployment.record
    sha, order = record.sha, record.order
    if order.kind == Kind.ROLLBACK and order.ref and not sha:
        history = deployment.world.store.deploys.history(order.app, order.environment, limit=1000)
        sha = next((one.sha for one in history if one.release == order.ref and one.sha), "")
    now, live = time.time(), record.from_sha
    if order.kind == Kind.DEPLOY:
        # Others may ship while this one waits.
        live = resolve.live_sha(deployment.world.store, order.app, order.environment)
    return Question(order, sha, live, now, _since(deployment, now), deployment.id, record.run)


def _since(deployment: Deployment, now: float) -> float:
    """When it began to ask, also if another process did so: it asks again when its turn in a queue comes."""
    since = now
    for _, body in reversed(deployment.world.store.records.events(deployment.id)):
        if body["kind"] == PhaseFinished.kind:
            break
        if body["kind"] == GatesAnswered.kind:
            since = body["at"]
    return since


def _patient(answer: Answer, question: Question, wait_seconds: float) -> Answer:
    """A gate that has a deploy wait for too long refuses it."""
    if answer.verdict != Verdict.WAIT or question.since is None:
        return answer
    if question.at < question.since + wait_seconds:
        return answer
    return replace(
        answer,
        verdict=Verdict.REFUSE,
        reason=f"{answer.reason}; it waited {span(wait_seconds)}, and no longer",
    )


async def _ask(gate: Gate, question: Question) -> Answer:
    limit: float = getattr(gate, "limit_seconds", ASK_TIMEOUT_SECONDS)
    try:
        async with asyncio.timeout(limit):
            return await gate.ask(question)
    except TimeoutError:
        raise Refused("SH549", f"no answer within {limit:.0f} s") from None


def _unasked(gate: Gate, error: ShiphornError) -> Answer:
    return Answer(gate.name, Verdict.REFUSE, f"it could not be asked: {error}", "whoever repairs it")
