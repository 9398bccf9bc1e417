"""Watch: the health of the hosts before the deploy, after each switch, and after a way back.

What a check said before is its baseline: it only counts against the deploy if it was not red already.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from shiphorn.deploy import looks
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.judge import gone_wrong, tolerated
from shiphorn.deploy.metrics import Metrics, variant
from shiphorn.deploy.problems import causes, summary
from shiphorn.deploy.watcher import Watched, Watcher
from shiphorn.errors import DeployFailed
from shiphorn.model.deploy import HostRun, HostState, Phase, Problem
from shiphorn.model.health import EVERY, Check, Health, Outcome, Tried, Verdict, before
from shiphorn.remote.answers import ProbeFacts

_NOT_WELL = {Outcome.UNHEALTHY: "still unhealthy", Outcome.INCONCLUSIVE: "neither healthy nor unhealthy"}


async def baseline(deployment: Deployment, target: Target, facts: ProbeFacts) -> None:
    """Try each check of a host once, before anything changes. It takes one more exchange, or none.

    Not those of metrics: their source remembers how it was, and is asked when that matters.
    """
    checks = [check for check in looks.checks_of(deployment, target) if check.metric is None]
    if facts.live_release:
        runs = (facts.live_release, facts.live_revision)
        found = await looks.all_of(deployment, target, checks, runs)
    else:
        found = [Tried(Verdict.UNCLEAR, "nothing was deployed yet") for _ in checks]
    now = time.time()
    deployment.keep_health(
        before(target.host.name, check, tried, now) for check, tried in zip(checks, found, strict=True)
    )


async def health(deployment: Deployment) -> str:
    """Watch all hosts that have switched, for the bake time and until each check is decided.

    What is on record of this wave stays: a watch that was cut off goes on. Raises DeployFailed SH610
    as soon as too many hosts are unhealthy, or all together by a metric; SH611 if it cannot be told of some.
    """
    since = deployment.record.flip_at or time.time()
    targets = [target for target in deployment.going() if target.run.flipped_at is not None]
    if not targets:
        return "nothing to watch"
    known = _known(deployment)
    ill = {one.host for one in known.values() if one.outcome == Outcome.UNHEALTHY and one.seen_at >= since}

    ill = {name for name in ill if not name.startswith(EVERY)}
    worse: list[Watched] = []

    def give_up(one: Watched, tried: Tried) -> None:
        if one.health.outcome == Outcome.UNHEALTHY and one.check.together:
            worse.append(one)
        elif one.health.outcome == Outcome.UNHEALTHY and not one.target.failed:
            ill.add(one.target.host.name)
            deployment.fail(one.target, Phase.WATCH, _problem(one, tried), HostState.BROKEN)

    watcher = Watcher(
        deployment,
        _watched(deployment, targets, known, since),
        until=since + deployment.limits.bake_seconds,
        metrics=Metrics(deployment, since, since + deployment.limits.bake_seconds),
        on_change=give_up,
        enough=lambda: bool(worse) or _too_many(deployment, ill),
    )
    await watcher.run()
    if _too_many(deployment, ill):
        raise _unhealthy(deployment)
    if worse:
        raise _worse(worse)
    unclear = [
        one for one in watcher.watched if one.health.outcome == Outcome.INCONCLUSIVE and not one.given_up
    ]
    if any(one.check.together for one in unclear):
        raise _untold([one for one in unclear if one.check.together])
    if unclear:
        raise _inconclusive(targets, unclear)
    return _note(deployment, watcher.watched)


async def after_rollback(deployment: Deployment) -> str:
    """Watch the hosts that were switched back, until each check is decided. Raises nothing.

    Metrics are left out: what they say of this moment is still about the new release. The record keeps
    what the deploy came to; how they are afterwards is told.
    """
    known = _known(deployment)
    watcher = Watcher(
        deployment,
        [
            Watched(target, check, replace(_begun(known, target.host.name, check, None), mark=""))
            for target in deployment.targets.values()
            if target.run.state == HostState.REVERTED and target.run.previous
            for check in looks.checks_of(deployment, target)
            if check.metric is None
        ],
        until=time.time(),
        reverted=True,
    )
    await watcher.run()
    total = len({one.target.host.name for one in watcher.watched})
    if not total:
        return "nothing to watch"
    parts = []
    for outcome, words in _NOT_WELL.items():
        runs = _runs(one for one in watcher.watched if one.health.outcome == outcome)
        if runs:
            parts.append(
                f"{len(runs)} of {_hosts(total)} {'is' if len(runs) == 1 else 'are'} {words}: {summary(runs)}"
            )
    return "; ".join(parts) or f"{_hosts(total)} healthy again"


def _watched(
    deployment: Deployment, targets: Sequence[Target], known: Mapping[tuple[str, int], Health], since: float
) -> list[Watched]:
    """What is watched, by host; what all hosts are judged by together is there once for those alike."""
    found: list[Watched] = []
    kinds: list[Check] = []
    until = since + deployment.limits.bake_seconds
    names = {target.host.name for target in targets}
    together: set[tuple[str, int]] = set()
    for target in deployment.targets.values():
        for check in looks.checks_of(deployment, target):
            name = target.host.name
            if check.together:
                number = variant(kinds, check)
                name = f"{EVERY}{number + 1}" if number else EVERY
            if target.host.name not in names or (name, check.position) in together:
                continue
            together.add((name, check.position))
            one = Watched(target, check, _begun(known, name, check, since))
            if check.metric is not None and one.health.seen_at >= since:
                # Looks of a watch that was cut off count, too: there may only be so many.
                due = one.health.seen_at + check.interval_seconds
                one.due = until if one.health.seen_at < until < due else due
            found.append(one)
    return found


def _known(deployment: Deployment) -> dict[tuple[str, int], Health]:
    return {(one.host, one.position): one for one in deployment.world.store.health.of_deploy(deployment.id)}


def _begun(known: Mapping[tuple[str, int], Health], host: str, check: Check, since: float | None) -> Health:
    """How a check stands when a watch begins: as it is on record since the switch, or anew.

    What was found ill or unclear is looked at again.
    """
    found = known.get((host, check.position))
    if found is None:
        return Health(host, check.position, check.name)
    stays = found.outcome in (Outcome.WATCHING, Outcome.HEALTHY, Outcome.RED_BEFORE)
    return found if since is not None and found.seen_at >= since and stays else found.anew()


def _problem(one: Watched, tried: Tried) -> Problem:
    check, times = one.check, one.health.failures
    row = f", {times} times in a row" if times > 1 else ""
    return Problem(
        "SH431" if one.health.outcome == Outcome.UNHEALTHY else "SH432",
        f"{check.name} {tried.message}{row}",
        f"{check.group} {tried.group}",
    )


def _too_many(deployment: Deployment, ill: Collection[str]) -> bool:
    """Whether more hosts went wrong than may, by those that this watch found `ill`.

    Without any of those it is not for the watch to say: a person may have let the deploy go on.
    """
    return bool(ill) and len(gone_wrong(deployment)) > tolerated(deployment)


def _unhealthy(deployment: Deployment) -> DeployFailed:
    runs, total = [target.run for target in gone_wrong(deployment)], len(deployment.targets)
    told = f"{len(runs)} of {total} hosts went wrong after the switch, {tolerated(deployment)} may"
    return DeployFailed(
        "SH610",
        f"{told}: {summary(runs)}.",
        hint="max_failures says how many may.",
        facts=causes(runs),
    )


def _inconclusive(targets: Sequence[Target], unclear: Sequence[Watched]) -> DeployFailed:
    runs = _runs(unclear)
    return DeployFailed(
        "SH611",
        f"{len(runs)} of {len(targets)} hosts are neither healthy nor unhealthy: {summary(runs)}.",
        hint="Look at them, and decide.",
        facts=causes(runs),
    )


def _worse(watched: Sequence[Watched]) -> DeployFailed:
    return DeployFailed(
        "SH610",
        f"it went wrong after the switch: {_said(watched)}.",
        hint="All hosts that have switched are judged together by this.",
        facts={"checks": [one.check.name for one in watched]},
    )


def _untold(watched: Sequence[Watched]) -> DeployFailed:
    return DeployFailed(
        "SH611",
        f"it cannot be told whether it went well: {_said(watched)}.",
        hint="Look at it, and decide.",
        facts={"checks": [one.check.name for one in watched]},
    )


def _said(watched: Sequence[Watched]) -> str:
    return "; ".join(f"{one.check.name} {one.health.message.rstrip('.')}" for one in watched)


def _runs(watched: Iterable[Watched]) -> list[HostRun]:
    """The hosts of some checks, each with what its first one said as its problem."""
    found: dict[str, HostRun] = {}
    for one in watched:
        if one.last is not None:
            problem = _problem(one, one.last)
            found.setdefault(one.target.host.name, replace(one.target.run, problem=problem))
    return list(found.values())


def _note(deployment: Deployment, watched: Sequence[Watched]) -> str:
    bake = deployment.limits.bake_seconds
    if not watched:
        return f"baked for {bake:g} s" if bake else "nothing to watch"
    well = {one.target.host.name for one in watched if not one.target.failed}
    metrics = [one for one in watched if one.check.together and one.health.outcome == Outcome.HEALTHY]
    red = sum(one.health.outcome == Outcome.RED_BEFORE for one in watched)
    ill = {one.target.host.name for one in watched if one.target.failed}
    parts = [f"{_hosts(len(well))} healthy"] + ([f"{len(ill)} unhealthy"] if ill else [])
    parts.append(f"{len(watched)} check{'s' if len(watched) > 1 else ''}")
    if red:
        parts.append(f"{red} check{' was' if red == 1 else 's were'} red before")
    return "; ".join([", ".join(parts), *([_said(metrics)] if metrics else [])])


def _hosts(count: int) -> str:
    return f"{count} host{'s' if count != 1 else ''}"
