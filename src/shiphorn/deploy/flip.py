"""Flip: all hosts switch `current` at one agreed instant, or none does.

Each host holds its new link ready and waits on its stdin. When enough of them do, an instant is
agreed on and told to each in the time of its own clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress

from shiphorn.deploy import probe
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.judge import require_enough
from shiphorn.engine.crashpoints import reach, when_said
from shiphorn.engine.fanout import each
from shiphorn.errors import ConnectError, HostError, ShiphornError
from shiphorn.model.deploy import HostState, Phase
from shiphorn.model.events import Flipped
from shiphorn.model.settings import Moment
from shiphorn.ports import Exchange
from shiphorn.remote import scripts
from shiphorn.remote.answers import Flipped as SwitchedLink
from shiphorn.remote.answers import parse_flipped

LEAD_SECONDS = 0.03
LEAD_SECONDS_PER_HOST = 0.001
"""The word needs half a round trip and a margin, and 0.5 ms of our time for each host (measured)."""


async def agree(deployment: Deployment) -> str:
    """The barrier: with enough hosts armed, agree on the instant. Raises DeployFailed SH601, SH602."""
    await each(
        deployment.going_in_wave(),
        lambda target: _arm_or_fail(deployment, target),
        at_once=deployment.at_once,
    )
    deployment.save(list(deployment.targets.values()))
    require_enough(deployment, Phase.FLIP)
    armed = deployment.going_in_wave()
    agree_on_instant(deployment, armed)
    return f"{len(armed)} hosts armed"


def agree_on_instant(deployment: Deployment, targets: Sequence[Target]) -> None:
    """Choose an instant that the word can reach all these hosts before."""
    trips = [target.offset[1] for target in targets if target.offset]
    lead = 0.6 * max(trips, default=0.4) + LEAD_SECONDS + LEAD_SECONDS_PER_HOST * len(targets)
    deployment.change(flip_at=time.time() + lead)


async def host(deployment: Deployment, target: Target) -> None:
    """Have a host flip, and read back that it did.

    A host that was lost before it answered is armed anew: it has flipped, or does so at once.
    """
    await switched(deployment, target)


async def switched(deployment: Deployment, target: Target) -> Exchange:
    """What a host answers on that has flipped: its restart commands come next."""
    exchange = target.flip or await arm(deployment, target)
    flipped, at = await switch(deployment, target, exchange)
    previous = flipped.previous or target.run.previous
    deployment.note(target, Phase.FLIP, HostState.FLIPPED, flipped_at=at, previous=previous)
    return exchange


async def switch(deployment: Deployment, target: Target, exchange: Exchange) -> tuple[SwitchedLink, float]:
    """Give an armed host the word: what it answers, and when it switched on our clock.

    Raises ConnectError, HostError.
    """
    await _give_the_word(deployment, target, exchange)
    reach("flip:told")
    frame = await exchange.wait_for("flipped", timeout_seconds=deployment.timeout_seconds)
    if frame is None:
        deployment.require_success(await exchange.reply(timeout_seconds=deployment.timeout_seconds))
        raise HostError("SH499", f"{target.host.name} took back the switch without a word why.")
    flipped = parse_flipped(frame)
    offset = target.offset[0] if target.offset else 0.0
    return flipped, flipped.at_ns / 1e9 - offset if flipped.at_ns else frame.at


async def arm(deployment: Deployment, target: Target) -> Exchange:
    """Send the flip script to a host, and wait until it is armed. Raises ConnectError, HostError."""
    target.flip = None
    await probe.look(deployment, target)
    shell = await deployment.shell(target)
    restart = deployment.commands(target, Moment.RESTART)
    script = scripts.flip(await deployment.plan(target), restart)
    exchange = shell.start(script, on_frame=when_said("flip"))
    await wait_until_armed(deployment, exchange)
    target.flip = exchange
    deployment.note(target, Phase.STAGE, HostState.ARMED)
    return exchange


async def wait_until_armed(deployment: Deployment, exchange: Exchange) -> None:
    """Wait until a host holds its link ready. Raises ConnectError, HostError."""
    if await exchange.wait_for("armed", timeout_seconds=deployment.timeout_seconds) is None:
        deployment.require_success(await exchange.reply(timeout_seconds=deployment.timeout_seconds))


async def disarm(targets: Iterable[Target]) -> None:
    """Take the word back from hosts that wait for it; one that is gone has nothing armed."""
    for target in targets:
        if target.flip is not None:
            with suppress(ConnectError):
                await target.flip.send(b"stop\n")
            target.flip = None


async def measure(deployment: Deployment) -> str:
    """Read back how far apart the hosts of the wave switched."""
    wave = [target.run for target in deployment.targets.values() if target.run.wave == deployment.record.wave]
    times = [run.flipped_at for run in wave if run.flipped_at]
    if not times:
        return "no host switched"
    skew_ms = (max(times) - min(times)) * 1000
    deployment.change(skew_ms=max(skew_ms, deployment.record.skew_ms or 0.0))
    deployment.tell(Flipped(deployment.id, time.time(), len(times), skew_ms))
    return "1 host switched" if len(times) == 1 else f"{len(times)} hosts switched within {skew_ms:.1f} ms"


async def _arm_or_fail(deployment: Deployment, target: Target) -> None:
    if target.flip is not None and deployment.world.fleet.is_connected(target):
        return
    try:
        await arm(deployment, target)
    except ShiphornError as error:
        deployment.fail(target, Phase.STAGE, error, HostState.FAILED)


async def _give_the_word(deployment: Deployment, target: Target, exchange: Exchange) -> None:
    at = deployment.record.flip_at or 0.0
    if target.offset is not None:
        offset, _ = target.offset
        await exchange.send(b"go %d\n" % int((at + offset) * 1e9))
        return
    # A host whose `date` has no nanoseconds cannot wait for an instant: the word itself is timed.
    await asyncio.sleep(max(0.0, at - time.time()))
    await exchange.send(b"go now\n")
