"""Restart: what has to notice the new release is told; it runs right behind a host's flip."""

from __future__ import annotations

from shiphorn.deploy import flip
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.settings import Moment
from shiphorn.remote.answers import outputs_of


async def host(deployment: Deployment, target: Target) -> None:
    """Wait for the restart commands, which began when the host flipped."""
    exchange = target.flip or await flip.switched(deployment, target)
    commands = deployment.commands(target, Moment.RESTART)
    reply = await exchange.reply(timeout_seconds=deployment.patience(commands))
    deployment.keep_outputs(target.host.name, outputs_of(reply, commands))
    deployment.require_success(reply)
    deployment.note(target, Phase.RESTART, HostState.RESTARTED)
