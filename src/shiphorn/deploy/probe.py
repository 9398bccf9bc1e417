"""Probe: look at every host before anything changes, and learn how far off its clock is."""

from __future__ import annotations

import asyncio
import time

from shiphorn.deploy import build, watch
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.model.deploy import HostState, Observed, Phase
from shiphorn.ports import Exchange, Script
from shiphorn.remote import scripts
from shiphorn.remote.answers import ProbeFacts, clock_offset, parse_probe

PINGS = 3
PING_PAUSE_SECONDS = 0.005
"""Pings leave without waiting for the answer to the last: the best of three costs one round trip."""


async def host(deployment: Deployment, target: Target) -> None:
    """Probe a host; what it runs is remembered, and how well."""
    facts = await look(deployment, target)
    await watch.baseline(deployment, target, facts)
    deployment.note(
        target,
        Phase.PROBE,
        HostState.PROBED,
        previous=facts.live_release,
        previous_sha=facts.live_revision,
    )
    deployment.observe(
        Observed(target.host.name, facts.live_release, facts.live_revision, facts.releases, time.time())
    )


async def look(deployment: Deployment, target: Target) -> ProbeFacts:
    """What the probe finds; asked once per process. Raises ConnectError, HostError."""
    if target.facts is None:
        shell = await deployment.shell(target)
        asked = await script(deployment, target)
        clock = shell.start(scripts.clock())
        sent = await _ping(clock)
        reply = await shell.run(asked, timeout_seconds=deployment.timeout_seconds)
        deployment.require_success(reply)
        target.offset = await _offset(clock, sent, deployment.timeout_seconds)
        target.facts = parse_probe(reply)
    return target.facts


async def script(deployment: Deployment, target: Target) -> Script:
    """What looks at a host."""
    artifact = build.find(deployment)
    return scripts.probe(await deployment.plan(target), needed_bytes=artifact.tar_bytes if artifact else 0)


async def _ping(clock: Exchange) -> list[float]:
    """Send the pings, each at its own time; the answers come when they come."""
    sent = []
    for _ in range(PINGS):
        sent.append(time.time())
        await clock.send(b"ping\n")
        await asyncio.sleep(PING_PAUSE_SECONDS)
    await clock.send(b"done\n")
    return sent


async def _offset(clock: Exchange, sent: list[float], timeout_seconds: float) -> tuple[float, float] | None:
    reply = await clock.reply(timeout_seconds=timeout_seconds)
    answers = [frame for frame in reply.frames if frame.verb == "clock"]
    return clock_offset(
        [(at, int(frame.args[0]), frame.at) for at, frame in zip(sent, answers, strict=False)]
    )
