"""Pause: a deploy waits for a person, for a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from shiphorn.deploy.deployment import ENDING, Deployment
from shiphorn.engine.crashpoints import reach
from shiphorn.model.deploy import DeployState, Wish
from shiphorn.model.events import Continued, Paused

POLL_SECONDS = 0.5


async def if_wished(deployment: Deployment) -> None:
    """Pause if a person asked for it. Raises Refused SH530 when the deploy is to end."""
    wish, actor = deployment.wish()
    if wish == Wish.PAUSE:
        await wait(deployment, f"{actor} paused it")
    deployment.check_stop()


async def wait(deployment: Deployment, reason: str, **going_on: Any) -> bool:
    """Wait for a person: whether to go on. The columns `going_on` are then set in the same instant."""
    goes_on = await hold(deployment, reason)
    release(deployment, **(going_on if goes_on else {}))
    return goes_on


async def hold(deployment: Deployment, reason: str) -> bool:
    """Pause until a person says how to go on, and stay paused: whether to go on.

    When nobody comes in time, the deploy takes itself back. Regions may wait side by side, and another
    process may begin again: the time that has passed counts, and so does what was said meanwhile.
    """
    if deployment.record.paused_at is None:
        _begin(deployment, reason)
    until = (deployment.record.paused_at or 0.0) + deployment.limits.pause_timeout_seconds
    wish, _ = deployment.wish()
    while wish not in (Wish.CONTINUE, *ENDING):
        if time.time() >= until:
            deployment.change(wish=Wish.STOP, wish_by="the time limit of the pause")
        else:
            await asyncio.sleep(POLL_SECONDS)
        wish, _ = deployment.wish()
    return wish == Wish.CONTINUE


def release(deployment: Deployment, **values: Any) -> None:
    """End the pause, and set columns with it: what dies right behind it does not ask again."""
    if deployment.record.paused_at is None:
        return
    deployment.change(state=DeployState.RUNNING, pause_reason="", paused_at=None, **values)
    reach("pause:over")
    wish, actor = deployment.wish()
    if wish == Wish.CONTINUE:
        deployment.tell(Continued(deployment.id, time.time(), actor))


def _begin(deployment: Deployment, reason: str) -> None:
    now = time.time()
    # Whoever said to go on before this pause did not mean it.
    deployment.world.store.deploys.clear_wish(deployment.id, Wish.CONTINUE)
    deployment.change(state=DeployState.PAUSED, pause_reason=reason, paused_at=now)
    reach("pause:begun")
    until = now + deployment.limits.pause_timeout_seconds
    deployment.tell(Paused(deployment.id, now, reason, until))
