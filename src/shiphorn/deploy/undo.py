"""Undo: take back what a deploy did before its flip, wherever it got to."""

from __future__ import annotations

from shiphorn.deploy import flip
from shiphorn.deploy.deployment import SWITCHED, Deployment, Target
from shiphorn.engine.crashpoints import when_said
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.settings import Moment
from shiphorn.remote import scripts
from shiphorn.remote.answers import outputs_of

TIMEOUT_SECONDS = 60.0
"""A host that does not answer is left: its next deploy clears away what it finds."""


def is_needed(deployment: Deployment, target: Target) -> bool:
    """Whether something was brought to a host, or may have been, and it did not switch to it.

    A process that died in the stage phase may not have written down which hosts it had begun with.
    """
    run = target.run
    begun = run.phase in (Phase.STAGE, Phase.FLIP) or deployment.record.phase == Phase.STAGE
    untouched = run.phase == Phase.PROBE and run.state != HostState.PROBED
    return begun and not untouched and run.state not in (*SWITCHED, HostState.REMOVED)


async def host(deployment: Deployment, target: Target) -> None:
    """Disarm a host and remove its new release; it goes on with what it ran before.

    What its commands printed before they were ended is kept.
    """
    await flip.disarm([target])
    shell = await deployment.shell(target)
    reply = await shell.run(
        scripts.undo(await deployment.plan(target)),
        timeout_seconds=TIMEOUT_SECONDS,
        on_frame=when_said("undo"),
    )
    deployment.keep_outputs(target.host.name, outputs_of(reply, deployment.commands(target, Moment.STAGE)))
    deployment.require_success(reply)
    if not target.failed:
        deployment.note(target, Phase.STAGE, HostState.REMOVED)
