"""Roll back by itself: hosts that switched go back to what each ran before, all at one instant again.

Whoever can be reached goes back; that others cannot is no reason to wait.
"""

from __future__ import annotations

import time
from dataclasses import replace

from shiphorn.deploy import flip
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.engine.crashpoints import when_said
from shiphorn.engine.fanout import each
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.events import RollbackStarted
from shiphorn.model.settings import Command, Moment
from shiphorn.ports import Exchange, Script
from shiphorn.remote import scripts
from shiphorn.remote.answers import outputs_of, problems_of


async def agree(deployment: Deployment, error: ShiphornError) -> str:
    """Have the hosts hold their old link ready, and agree on the instant."""
    switched = deployment.switched()
    deployment.tell(RollbackStarted(deployment.id, time.time(), len(switched), error.code, error.message))
    outcomes = await each(switched, lambda target: _arm(deployment, target), at_once=deployment.at_once)
    armed = [target for target, one in zip(switched, outcomes, strict=True) if target.flip is one]
    flip.agree_on_instant(deployment, armed)
    return f"{len(armed)} hosts armed"


async def host(deployment: Deployment, target: Target) -> None:
    """Switch a host back, and run its restart commands there."""
    exchange = target.flip or await _arm(deployment, target)
    target.flip = None
    await flip.switch(deployment, target, exchange)
    commands = _commands(deployment, target)
    reply = await exchange.reply(timeout_seconds=deployment.patience(commands))
    printed = [replace(one, phase=Phase.ROLLBACK) for one in outputs_of(reply, commands)]
    deployment.keep_outputs(target.host.name, printed)
    problems = problems_of(reply)
    if problems:
        deployment.fail(target, Phase.ROLLBACK, problems[0], HostState.REVERTED)
    else:
        deployment.note(target, Phase.ROLLBACK, HostState.REVERTED)


async def script(deployment: Deployment, target: Target) -> Script:
    """The text that switches a host back."""
    plan = await deployment.plan_back(target)
    return scripts.flip(plan, _commands(deployment, target), ends=deployment.record.run)


async def tally(deployment: Deployment) -> str:
    """How many went back."""
    back = sum(target.run.state == HostState.REVERTED for target in deployment.targets.values())
    left = len(deployment.switched())
    return f"{back} hosts switched back" + (f", {left} could not be" if left else "")


async def _arm(deployment: Deployment, target: Target) -> Exchange:
    """Send the script that goes back, and wait until it is armed. Raises ConnectError, HostError."""
    target.flip = None
    if target.run.state == HostState.FLIPPED:
        # Its shell is still at the restart commands of the new release.
        await deployment.world.fleet.drop([target])
    shell = await deployment.shell(target)
    exchange = shell.start(await script(deployment, target), on_frame=when_said("rollback"))
    await flip.wait_until_armed(deployment, exchange)
    target.flip = exchange
    return exchange


def _commands(deployment: Deployment, target: Target) -> tuple[Command, ...]:
    """What has to notice the change back: nothing, where nothing ran before."""
    return deployment.commands(target, Moment.RESTART) if target.run.previous else ()
