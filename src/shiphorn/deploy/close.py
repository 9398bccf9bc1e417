"""Close: say how the deploy ended, and let go of the environment."""

from __future__ import annotations

import time
from collections import Counter

from shiphorn.deploy import branches
from shiphorn.deploy.deployment import STOPPED, Deployment
from shiphorn.deploy.judge import gone_wrong, tolerated
from shiphorn.deploy.lock import lock_after_failure
from shiphorn.deploy.problems import summary
from shiphorn.deploy.queue import SUPERSEDED
from shiphorn.engine.crashpoints import reach
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import DeployState, HostState, Kind, Phase
from shiphorn.model.events import DeployFinished
from shiphorn.store.store import Store

_ENDED_BY = {STOPPED: DeployState.STOPPED, SUPERSEDED: DeployState.SUPERSEDED}


async def deploy(deployment: Deployment, error: ShiphornError | None = None) -> str:
    """Record the end. `error` is what made the deploy give up. Gives the state."""
    now = time.time()
    state, code, message, hint = _verdict(deployment, error)
    counts = dict(Counter(str(target.run.state) for target in deployment.targets.values()))
    message = deployment.redactor.text(message)
    if state in (DeployState.ROLLED_BACK, DeployState.FAILED):
        _keep_others_from_it(deployment, f"{code} {message}", now)
    await branches.settle(deployment, state)
    reach("close:judged")
    seconds = now - deployment.record.started_at
    told = DeployFinished(deployment.id, now, state, seconds, counts, code, message, hint)
    deployment.end(told, state=state, finished_at=now, code=code, message=message, hint=hint)
    return state


def _keep_others_from_it(deployment: Deployment, reason: str, now: float) -> None:
    """After a rollback: close the environment until somebody has looked, and mark the commit bad.

    A host that could not catch up says nothing of the commit, and closes nothing. An endpoint is there to
    be broken, and repaired by the next push.
    """
    record, store = deployment.record, deployment.world.store
    order = record.order
    tried = any(target.run.phase == Phase.ROLLBACK for target in deployment.targets.values())
    if not tried or order.kind == Kind.CONVERGE or deployment.environment.endpoint is not None:
        return
    lock_after_failure(store, order.app, order.environment, reason, record.id, now)
    if order.kind == Kind.DEPLOY:
        store.marks.mark(order.app, record.sha, reason, "", now, deploy_id=record.id)


def _verdict(deployment: Deployment, error: ShiphornError | None) -> tuple[DeployState, str, str, str]:
    if error is not None:
        return _given_up(deployment, error)
    runs = [target.run for target in deployment.targets.values()]
    wrong = [target.run for target in gone_wrong(deployment)]
    behind = [run for run in runs if run.state == HostState.FAILED]
    release = deployment.record.release
    if len(wrong) > tolerated(deployment):
        # Only what comes last, behind the watch, gets here.
        return (
            DeployState.FAILED,
            "SH603",
            f"{len(wrong)} of {len(runs)} hosts went wrong at the end: {summary(wrong)}.",
            f"All run {release}. Deploy again, or: horn rollback {deployment.environment.name}",
        )
    if wrong or behind:
        catches_up = deployment.record.order.kind == Kind.CONVERGE
        told = f"{len(wrong) + len(behind)} of {len(runs)} hosts are not as they should be"
        converge = f"Bring hosts that are behind up to date: horn converge {deployment.environment.name}"
        return (
            DeployState.FAILED if catches_up else DeployState.SUCCEEDED,
            "SH604",
            f"{told}: {summary(wrong + behind)}.",
            converge if behind else f"They run {release}; what they printed: horn logs {deployment.id}",
        )
    return DeployState.SUCCEEDED, "", "", ""


def _given_up(deployment: Deployment, error: ShiphornError) -> tuple[DeployState, str, str, str]:
    runs = [target.run for target in deployment.targets.values()]
    back = [run for run in runs if run.state == HostState.REVERTED]
    stuck = [run for run in runs if run.phase == Phase.ROLLBACK and run.state != HostState.REVERTED]
    if stuck:
        told = f"{len(stuck)} of {len(stuck) + len(back)} hosts could not be switched back: {summary(stuck)}."
        hint = f"Once they can be reached: horn converge {deployment.environment.name}"
        return DeployState.FAILED, "SH608", f"{error.message} {told}", hint
    if error.code in _ENDED_BY:
        return _ENDED_BY[error.code], error.code, error.message, error.hint
    if not back:
        return DeployState.FAILED, error.code, error.message, error.hint
    environment = deployment.environment.name
    hint = f"Look at it: horn logs {deployment.id}. Then let others deploy again: horn unlock {environment}"
    return DeployState.ROLLED_BACK, error.code, error.message, hint


def crashed(store: Store, deploy_id: int, error: Exception) -> None:
    """Record that a defect of shiphorn ended a deploy; before the flip the environment is freed.

    What is on the hosts is cleared away by their next deploy.
    """
    record = store.deploys.get(deploy_id)
    if record is None or record.flip_at is not None:
        return
    message = f"a defect of shiphorn ended it: {type(error).__name__}: {error}"
    store.deploys.end(
        deploy_id, state=DeployState.FAILED, finished_at=time.time(), code="SH699", message=message
    )
