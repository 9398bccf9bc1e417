"""A batch of hosts: the same work for each, bounded, written down as it goes, open to a stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from shiphorn.deploy import pause
from shiphorn.deploy.deployment import ENDING, Deployment, Target
from shiphorn.deploy.fleet import LOST, PASSING
from shiphorn.engine.fanout import each
from shiphorn.errors import ConnectError, ShiphornError
from shiphorn.model.deploy import HostState, Phase, Wish

TOOK_TOO_LONG = "SH420"
FLUSH_SECONDS = 0.5
"""How often states are written, and the wish to stop is looked for, while a batch runs."""

RECONNECT_SECONDS = 5.0
RECONNECT_PAUSE_SECONDS = 0.5
"""How long, and how often, a host is tried again whose connection broke: its sshd may be restarting."""


@dataclass(frozen=True, slots=True)
class HostWork:
    """A phase's work for one host. All of it may be done twice: hosts know what they did.

    `needed_by` says which hosts still need it. `stoppable` work is dropped where it is when a person
    ends the deploy, and begins on no further host while it is paused. `takes_back` is for hosts that
    the deploy gave up on, too. `judged` work is followed by the question whether enough hosts are left.
    """

    phase: Phase
    one: Callable[[Deployment, Target], Awaitable[None]]
    needed_by: Callable[[Deployment, Target], bool]
    stoppable: bool = True
    takes_back: bool = False
    judged: bool = True

    def waiting(self, deployment: Deployment, targets: Iterable[Target]) -> list[Target]:
        """The hosts to be worked on."""
        return [
            target
            for target in targets
            if (self.takes_back or not target.failed) and self.needed_by(deployment, target)
        ]


async def work_on(deployment: Deployment, work: HostWork, targets: Sequence[Target]) -> None:
    """Do the work for each host that needs it; a failure is that host's alone."""
    waiting = work.waiting(deployment, targets)
    may_begin, begun = asyncio.Event(), 0
    may_begin.set()

    async def one(target: Target) -> None:
        nonlocal begun
        await may_begin.wait()
        begun += 1
        try:
            await _one(deployment, work, target)
        finally:
            begun -= 1

    async with asyncio.TaskGroup() as group:
        working = group.create_task(each(waiting, one, at_once=deployment.at_once))
        while not working.done():
            await asyncio.wait({working}, timeout=FLUSH_SECONDS)
            deployment.save(waiting)
            wish, actor = deployment.wish() if work.stoppable else (Wish.NOTHING, "")
            if wish in ENDING and not working.done():
                working.cancel()
                await deployment.world.fleet.drop(waiting)
            elif wish == Wish.PAUSE:
                may_begin.clear()
                if not begun and not working.done():
                    await pause.wait(deployment, f"{actor} paused it")
            else:
                may_begin.set()
    deployment.save(waiting)


async def _one(deployment: Deployment, work: HostWork, target: Target) -> None:
    try:
        try:
            await work.one(deployment, target)
        except ConnectError as error:
            if error.code != LOST:
                raise
            await _again(deployment, work, target)
    except ShiphornError as error:
        if not target.failed or work.phase == Phase.ROLLBACK:
            deployment.fail(target, work.phase, error, _state_after(work.phase, target, error))


async def _again(deployment: Deployment, work: HostWork, target: Target) -> None:
    """Do the work over a second connection: that the first broke says nothing about the host."""
    until = time.monotonic() + RECONNECT_SECONDS
    while True:
        target.flip = None
        try:
            return await work.one(deployment, target)
        except ConnectError as error:
            if error.code == LOST or error.code not in PASSING or time.monotonic() > until:
                raise
        await asyncio.sleep(RECONNECT_PAUSE_SECONDS)


def _state_after(phase: Phase, target: Target, error: ShiphornError) -> HostState:
    if phase in (Phase.RESTART, Phase.FINISH):
        return HostState.BROKEN
    if phase == Phase.ROLLBACK:
        return HostState.UNKNOWN if target.run.state == HostState.UNKNOWN else HostState.BROKEN
    if phase == Phase.FLIP and (isinstance(error, ConnectError) or error.code == TOOK_TOO_LONG):
        return HostState.UNKNOWN
    return HostState.FAILED
