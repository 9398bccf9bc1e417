"""Stage: bring the artifact to a host, make the release ready, and arm the flip.

The flip script is sent right behind the one that stages: it runs when that one is through, refuses
if it failed, and then waits for the word. So arming costs no round trip of its own. Hosts of later
waves are armed when it is their turn.
"""

from __future__ import annotations

from shiphorn.deploy import build, flip, probe
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.engine.crashpoints import reach, when_said
from shiphorn.model.deploy import HostState, Kind, Phase
from shiphorn.model.settings import Moment
from shiphorn.remote import scripts
from shiphorn.remote.answers import outputs_of


async def host(deployment: Deployment, target: Target) -> None:
    """Stage a host, and have it wait for the flip."""
    facts = await probe.look(deployment, target)
    if deployment.record.order.kind == Kind.CONVERGE and facts.has(deployment.record.release):
        deployment.note(target, Phase.STAGE, HostState.STAGED)
        return
    packing = await build.packing(deployment, facts.tools)
    commands = deployment.commands(target, Moment.STAGE)
    plan = await deployment.plan(target)
    shell = await deployment.shell(target)
    deployment.note(target, Phase.STAGE, HostState.PROBED)
    prepare = shell.start(
        scripts.prepare(plan, packing, commands), payload=packing, on_frame=when_said("stage")
    )
    reach("stage:sent")
    restart = deployment.commands(target, Moment.RESTART)
    if target.run.wave == 1:
        target.flip = shell.start(scripts.flip(plan, restart), on_frame=when_said("flip"))
    reply = await prepare.reply(timeout_seconds=deployment.patience(commands))
    deployment.keep_outputs(target.host.name, outputs_of(reply, commands))
    deployment.require_success(reply)
    deployment.note(target, Phase.STAGE, HostState.STAGED)
    if target.flip is not None:
        await flip.wait_until_armed(deployment, target.flip)
        deployment.note(target, Phase.STAGE, HostState.ARMED)
