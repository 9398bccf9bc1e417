"""Close: say how the deploy ended, and let go of the environment."""

from __future__ import annotations

import time
from collections import Counter

from shiphorn.deploy.deployment import STOPPED, Deployment
from shiphorn.deploy.problems import summary
from shiphorn.deploy.queue import SUPERSEDED
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import DeployState, HostState
from shiphorn.model.events import DeployFinished
from shiphorn.store.store import Store

_ENDED_BY = {STOPPED: DeployState.STOPPED, SUPERSEDED: DeployState.SUPERSEDED}


def deploy(deployment: Deployment, error: ShiphornError | None = None) -> str:
    """Record the end. `error` is what made the deploy give up. Gives the state."""
    now = time.time()
    state, code, message, hint = _verdict(deployment, error)
    counts = dict(Counter(str(target.run.state) for target in deployment.targets.values()))
    message = deployment.redactor.text(message)
    deployment.change(state=state, finished_at=now, code=code, message=message, hint=hint)
    deployment.world.store.deploys.unlock(deployment.id)
    seconds = now - deployment.record.started_at
    deployment.tell(DeployFinished(deployment.id, now, state, seconds, counts, code, message, hint))
    return state


def _verdict(deployment: Deployment, error: ShiphornError | None) -> tuple[DeployState, str, str, str]:
    if error is not None:
        return _ENDED_BY.get(error.code, DeployState.FAILED), error.code, error.message, error.hint
    runs = [target.run for target in deployment.targets.values()]
    bad = [run for run in runs if run.state in (HostState.BROKEN, HostState.UNKNOWN)]
    behind = [run for run in runs if run.state == HostState.FAILED]
    needed = deployment.environment.limits.required(len(runs))
    if bad or len(runs) - len(behind) < needed:
        wrong = f"{len(bad) + len(behind)} of {len(runs)} hosts went wrong after the flip"
        back = f"Deploy again, or: horn rollback {deployment.environment.name}"
        return (
            DeployState.FAILED,
            "SH603",
            f"{wrong}: {summary(bad + behind)}.",
            f"The others run {deployment.record.release}. {back}",
        )
    if behind:
        return (
            DeployState.SUCCEEDED,
            "SH604",
            f"{len(behind)} of {len(runs)} hosts are behind: {summary(behind)}.",
            "They are brought up to date by the next deploy that reaches them.",
        )
    return DeployState.SUCCEEDED, "", "", ""


def crashed(store: Store, deploy_id: int, error: Exception) -> None:
    """Record that a defect of shiphorn ended a deploy; before the flip the environment is freed.

    What is on the hosts is cleared away by their next deploy.
    """
    record = store.deploys.get(deploy_id)
    if record is None or record.flip_at is not None:
        return
    message = f"a defect of shiphorn ended it: {type(error).__name__}: {error}"
    store.deploys.update(
        deploy_id, state=DeployState.FAILED, finished_at=time.time(), code="SH699", message=message
    )
    store.deploys.unlock(deploy_id)
