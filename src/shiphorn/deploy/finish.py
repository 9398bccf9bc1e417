"""Finish: the last commands, the record on the host, and room for the next release."""

from __future__ import annotations

import time

from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.engine.crashpoints import when_said
from shiphorn.model.deploy import HostState, Observed, Phase
from shiphorn.model.settings import Moment
from shiphorn.remote import scripts
from shiphorn.remote.answers import outputs_of, parse_inspect, problems_of


async def host(deployment: Deployment, target: Target) -> None:
    """Run the finish commands of a host, clean up, and note what it runs."""
    commands = deployment.commands(target, Moment.FINISH)
    shell = await deployment.shell(target)
    reply = await shell.run(
        scripts.finish(await deployment.plan(target), commands),
        timeout_seconds=deployment.patience(commands),
        on_frame=when_said("finish"),
    )
    deployment.keep_outputs(target.host.name, outputs_of(reply, commands))
    problems = problems_of(reply)
    if problems:
        deployment.fail(target, Phase.FINISH, problems[0], HostState.BROKEN)
        return
    deployment.note(target, Phase.FINISH, HostState.DONE)
    seen = parse_inspect(reply)
    deployment.observe(
        Observed(target.host.name, seen.live_release, seen.live_revision, seen.releases, time.time())
    )
