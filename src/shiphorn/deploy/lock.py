"""Lock: one deploy at a time in an environment, and never a lock without a living owner."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from shiphorn.deploy.deployment import Deployment
from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, DeployState


async def take(deployment: Deployment, lives: Callable[[str], bool]) -> str:
    """Take the environment. `lives` tells whether an executor still runs.

    A deploy that died before its flip is abandoned and taken over: its token is lower, so hosts
    will not take orders from it again. One that died at its flip is not ours to guess about.
    Raises Refused SH501 (held), SH502 (died at the flip).
    """
    deploys, now = deployment.world.store.deploys, time.time()
    note = ""
    token = deploys.lock(deployment.record, now)
    if token is None:
        note = _take_over(deployment, lives)
        token = deploys.lock(deployment.record, now)
    if token is None:
        raise Refused("SH501", f"another deploy has just taken {deployment.environment.name}.")
    deployment.change(token=token)
    return note


def _take_over(deployment: Deployment, lives: Callable[[str], bool]) -> str:
    order, deploys = deployment.record.order, deployment.world.store.deploys
    number = deploys.holder(order.app, order.environment)
    holder = deploys.get(number) if number is not None else None
    if holder is None:
        return ""
    if lives(holder.executor):
        raise Refused(
            "SH501",
            f"{order.environment} is locked by {described(holder)}.",
            hint=f"Wait for it, or ask it to stop: horn stop {holder.id}",
            facts={"holder": holder.id, "actor": holder.order.actor},
        )
    if holder.flip_at is not None:
        raise Refused(
            "SH502",
            f"{described(holder)} died while it switched {order.environment}.",
            hint=f"Bring it to its end first: horn resume {holder.id}",
            facts={"holder": holder.id},
        )
    deploys.update(
        holder.id,
        state=DeployState.ABANDONED,
        finished_at=time.time(),
        code="SH605",
        message=f"its process died before the flip; deploy {deployment.id} took over",
    )
    deploys.unlock(holder.id)
    return f"took over from {described(holder)}, which died before its flip"


def described(deploy: Deploy) -> str:
    """`deploy 12 of main by ada since 12:03 UTC`."""
    since = datetime.fromtimestamp(deploy.started_at, UTC)
    what = f" of {deploy.order.ref}" if deploy.order.ref else ""
    return f"{deploy.order.kind} {deploy.id}{what} by {deploy.order.actor} since {since:%H:%M} UTC"
