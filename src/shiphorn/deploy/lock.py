"""Lock: one deploy at a time in an environment, and never a lock without a living owner."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from shiphorn.deploy import branches, gates, resolve
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.queue import before, described, push_out
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState
from shiphorn.model.events import Queued
from shiphorn.model.locks import Lock, Scope
from shiphorn.store.store import Store

POLL_SECONDS = 0.5
"""How often a deploy that waits looks whether it is its turn."""


async def take(deployment: Deployment, lives: Callable[[str], bool]) -> str:
    """Take the environment when it is this deploy's turn; what had been looked up before is looked up anew.

    `lives` tells whether an executor still runs. Raises Refused SH502 (another deploy died at its
    flip), SH530 (a person ended the wait), SH541 (another deploy did), and what gates raise.
    """
    began = time.time()
    token, note = await _turn(deployment, lives)
    reach("lock:taken")
    deployment.change(token=token, state=DeployState.RUNNING)
    waited = time.time() - began
    resolve.again(deployment)
    if _another_ended(deployment):
        note = ", ".join(filter(None, (note, await gates.pass_all(deployment))))
    note = ", ".join(filter(None, (note, await branches.claim(deployment))))
    return f"waited {waited:.1f} s, {note}" if waited > POLL_SECONDS else note


def take_at_once(store: Store, record: Deploy, lives: Callable[[str], bool]) -> None:
    """Take the environment for a deploy that was just recorded, or end it: it does not want to wait.

    Raises Refused SH501 (another deploy holds it, or waits for it), SH502.
    """
    refusal = _refusal(store, record, lives)
    if refusal is None:
        return
    store.deploys.update(
        record.id,
        state=DeployState.FAILED,
        finished_at=time.time(),
        code=refusal.code,
        message=refusal.message,
        hint=refusal.hint,
    )
    raise refusal


def lock_after_failure(
    store: Store, app: str, environment: str, reason: str, deploy_id: int, now: float
) -> Lock:
    """Close an environment to deploys because one failed; a second call for it changes nothing."""
    return store.locks.place_for_deploy(Scope(app, environment), reason, deploy_id, now)


def _refusal(store: Store, record: Deploy, lives: Callable[[str], bool]) -> Refused | None:
    """Take the environment, or say why not."""
    try:
        ahead, _ = before(store, record, lives)
    except Refused as error:
        return error
    if ahead is None and store.deploys.lock(record, time.time()) is not None:
        return None
    stop = f", or ask it to stop: horn stop {ahead.id}" if ahead else ""
    return Refused(
        "SH501",
        f"{record.order.environment} is locked by {described(ahead) if ahead else 'another deploy'}.",
        hint=f"Leave --no-wait out to wait for it{stop}",
        facts={"holder": ahead.id, "actor": ahead.order.actor} if ahead else {},
    )


async def _turn(deployment: Deployment, lives: Callable[[str], bool]) -> tuple[int, str]:
    """Wait for the turn, and take it: the token, and whom it was taken over from."""
    store, record, note, told = deployment.world.store, deployment.record, "", ""
    while True:
        ahead, taken_over = before(store, record, lives)
        note = taken_over or note
        token = store.deploys.lock(record, time.time()) if ahead is None else None
        if token is not None:
            return token, note
        deployment.check_stop()
        _stay(deployment, lives)
        if ahead is not None and described(ahead) != told:
            told = described(ahead)
            deployment.tell(Queued(deployment.id, time.time(), told))
        await asyncio.sleep(POLL_SECONDS)


def _stay(deployment: Deployment, lives: Callable[[str], bool]) -> None:
    """Be in the queue. Raises Refused when another deploy has ended this one."""
    now = deployment.world.store.deploys.get(deployment.id)
    if now is not None and not now.state.active:
        raise Refused(now.code, now.message, hint=now.hint)
    if deployment.record.state != DeployState.QUEUED:
        deployment.change(state=DeployState.QUEUED)
    if deployment.environment.limits.supersede:
        push_out(deployment.world.store, deployment.record, lives)


def _another_ended(deployment: Deployment) -> bool:
    """Whether another deploy of the environment has ended since this one began, and asked the gates."""
    record = deployment.record
    history = deployment.world.store.deploys.history(record.order.app, record.order.environment, limit=1000)
    return any(
        one.id != record.id and one.finished_at is not None and one.finished_at >= record.started_at
        for one in history
    )
