"""A batch of hosts: the same work for each, bounded, written down as it goes, open to a stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shiphorn.deploy.deployment import ENDING, Deployment, Target
from shiphorn.engine.fanout import each
from shiphorn.errors import ConnectError, ShiphornError
from shiphorn.model.deploy import HostState, Phase

FLUSH_SECONDS = 0.5
"""How often states are written, and the wish to stop is looked for, while a batch runs."""


@dataclass(frozen=True, slots=True)
class HostWork:
    """A phase's work for one host. All of it may be done twice: hosts know what they did.

    `reached` are the states of a host that needs it no more. `also_failed` includes hosts that the
    deploy gave up on.
    """

    phase: Phase
    one: Callable[[Deployment, Target], Awaitable[None]]
    reached: frozenset[HostState]
    also_failed: bool = False

    def needed_by(self, target: Target) -> bool:
        """Whether the host is to be worked on."""
        return (self.also_failed or not target.failed) and target.run.state not in self.reached


async def work_on(deployment: Deployment, work: HostWork, targets: Sequence[Target]) -> None:
    """Do the work for each host that needs it; a failure is that host's alone.

    When a person asks the deploy to stop before its flip, what runs is dropped where it is.
    """
    waiting = [target for target in targets if work.needed_by(target)]
    stoppable = not (deployment.flipping or work.also_failed)
    async with asyncio.TaskGroup() as group:
        working = group.create_task(
            each(waiting, lambda target: _one(deployment, work, target), at_once=deployment.at_once)
        )
        while not working.done():
            await asyncio.wait({working}, timeout=FLUSH_SECONDS)
            deployment.save(waiting)
            if stoppable and not working.done() and deployment.wish()[0] in ENDING:
                working.cancel()
                await deployment.world.fleet.drop(waiting)
    deployment.save(waiting)


async def _one(deployment: Deployment, work: HostWork, target: Target) -> None:
    try:
        try:
            await work.one(deployment, target)
        except ConnectError as error:
            if error.code != "SH307":
                raise
            # A connection that broke says nothing about the host: it gets a second one.
            target.flip = None
            await work.one(deployment, target)
    except ShiphornError as error:
        if not target.failed:
            deployment.fail(target, work.phase, error, _state_after(work.phase, error))


def _state_after(phase: Phase, error: ShiphornError) -> HostState:
    if phase in (Phase.RESTART, Phase.FINISH):
        return HostState.BROKEN
    if phase == Phase.FLIP and isinstance(error, ConnectError):
        return HostState.UNKNOWN
    return HostState.FAILED
