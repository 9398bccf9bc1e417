"""Restart: what has to notice the new release is told; it runs right behind a host's flip."""

from __future__ import annotations

from shiphorn.deploy import flip
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.settings import Moment
from shiphorn.remote.answers import outputs_of, problems_of


async def host(deployment: Deployment, target: Target) -> None:
    """Wait for the restart commands, which began when the host flipped."""
    if target.flip is None:
        await flip.host(deployment, target)
    if target.flip is None or target.failed:
        return
    commands = deployment.commands(target, Moment.RESTART)
    reply = await target.flip.reply(timeout_seconds=deployment.patience(commands))
    deployment.keep_outputs(target.host.name, outputs_of(reply, commands))
    problems = problems_of(reply)
    if problems:
        deployment.fail(target, Phase.RESTART, problems[0], HostState.BROKEN)
    else:
        deployment.note(target, Phase.RESTART, HostState.RESTARTED)
