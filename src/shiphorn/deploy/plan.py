"""Plan: everything that a deploy, rollback or converge would do, found out without changing anything.

The texts are made by the very functions that a deploy sends to hosts. Missing from them is what a deploy
gets only when it begins (its run, token and release), and the artifact's digest when it is not built yet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiphorn.config.load import Config
from shiphorn.deploy import build, discover, gates, looks, probe, resolve, rollback
from shiphorn.deploy.deployment import Deployment, Target
from shiphorn.deploy.problems import problem_of
from shiphorn.deploy.world import World
from shiphorn.engine.fanout import each
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import Deploy, Kind, Observed, Order, Problem
from shiphorn.model.gates import Answer, Question
from shiphorn.model.health import Check
from shiphorn.model.release import Artifact, Commit, Packing
from shiphorn.model.settings import Command, Limits, Moment
from shiphorn.model.target import Host
from shiphorn.remote import scripts
from shiphorn.remote.answers import ProbeFacts
from shiphorn.remote.checks import look
from shiphorn.remote.driver import bootstrap

NOT_BUILT = Packing("zstd", "", "0" * 64, 0)
"""Stands in a plan for an artifact that is not built yet."""
_ON_HOSTS = (Moment.STAGE, Moment.RESTART, Moment.FINISH)


@dataclass(frozen=True, slots=True)
class HostPreview:
    """What one host would get. `scripts` is moment -> the exact text that it would run, in their order.

    `connect` is the one command that is executed; the others are sent to its stdin. `undo` and `rollback`
    run only if something goes wrong. `commands` are the config's own among them, as far as they are this
    host's. `clock_ms` is how far its clock is ahead of ours, None if that is not known.

    `back_to` is the release that it would go back to if the deploy went wrong, "" for none. `checks`
    are what is watched; `scripts` has `watch` if the host makes some of these looks itself.
    """

    host: Host
    wave: int
    back_to: str
    deploy_to: str
    facts: ProbeFacts | None
    problem: Problem | None
    scripts: dict[str, str]
    commands: dict[Moment, tuple[Command, ...]]
    clock_ms: float | None
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deploy would do. `commits` go out newest first, `removed` would be taken back.

    `live_sha` is what the hosts run now, "" when they run nothing known. `artifact` is None when
    the commit has still to be built. `limits` say how many hosts may fail, and what happens then;
    `staying` are the commands whose effects a rollback does not take back. `gates` is what each gate
    says now. `release` is the one that a rollback or converge goes to; a deploy makes a new one.
    """

    order: Order
    commit: Commit
    live_sha: str
    commits: Sequence[Commit]
    removed: Sequence[Commit]
    build: tuple[str, ...]
    artifact: Artifact | None
    hosts: Sequence[HostPreview]
    limits: Limits
    staying: tuple[str, ...]
    gates: Sequence[Answer]
    release: str = ""

    @property
    def switches_back(self) -> bool:
        """Whether hosts only switch to what they have: nothing is built, and nothing brought to them."""
        return self.order.kind == Kind.ROLLBACK


async def make(world: World, config: Config, order: Order) -> Plan:
    """Look at everything and change nothing. Raises what it itself would raise before a build."""
    environment = config.environment(order.environment)
    if order.kind == Kind.DEPLOY:
        ref = resolve.named(world.store, order.app, order.environment, order.ref or config.branch)
    elif order.kind == Kind.CONVERGE:
        ref = resolve.sha_to_catch_up_with(world.store, order)
    else:
        ref = ""
    hosts = await discover.choose(config, environment, order.selection, world.inventory)
    record = Deploy(
        id=0,
        run="plan",
        order=order,
        config_path=str(config.path),
        config_text=config.text,
        executor="",
        started_at=time.time(),
    )
    deployment = Deployment(world, record, config, environment)
    deployment.place(discover.in_waves(environment, hosts))
    world.fleet.warm(deployment.targets.values())
    if ref:
        commit = await resolve.find(deployment.source, ref)
        makes = order.kind == Kind.DEPLOY
        release = resolve.next_release(world.store, order) if makes else order.ref
        deployment.preview(sha=commit.sha, release=release)
    targets = list(deployment.targets.values())
    found = await each(targets, lambda target: probe.look(deployment, target), at_once=deployment.at_once)
    if not ref:
        commit, release = await _kept(deployment, found)
    live = _live(found) or resolve.live_sha(world.store, order.app, order.environment)
    source = deployment.source
    known = bool(live) and bool(commit.sha) and await source.has(live) and await source.has(commit.sha)
    switches_back = order.kind == Kind.ROLLBACK
    return Plan(
        order,
        commit,
        live,
        await source.log(live, commit.sha) if known else [],
        await source.log(commit.sha, live) if known else [],
        () if switches_back else tuple(command.run for command in environment.build),
        None if switches_back else build.find(deployment),
        [await _preview(deployment, target, facts) for target, facts in zip(targets, found, strict=True)],
        environment.limits,
        () if switches_back else _staying(deployment),
        await gates.ask_all(world, config, Question(order, commit.sha, live, time.time())),
        "" if order.kind == Kind.DEPLOY else release,
    )


async def _kept(deployment: Deployment, found: Sequence[ProbeFacts | ShiphornError]) -> tuple[Commit, str]:
    """The release that hosts would go back to, by what those keep that answer, and its commit.

    Raises Refused SH513, SH514.
    """
    seen = [
        Observed(target.host.name, facts.live_release, facts.live_revision, facts.releases, time.time())
        for target, facts in zip(deployment.targets.values(), found, strict=True)
        if isinstance(facts, ProbeFacts)
    ]
    release, sha, _, _ = resolve.to_go_back_to(deployment.world.store, deployment.record.order, seen)
    deployment.preview(sha=sha, release=release)
    source = deployment.source
    if sha and not await source.has(sha):
        await source.refresh()
    if sha and await source.has(sha):
        return await source.resolve(sha), release
    return Commit(sha, f"release {release}", "", 0), release


def _staying(deployment: Deployment) -> tuple[str, ...]:
    """Commands of the new release that have run by the time that a rollback begins."""
    return tuple(
        dict.fromkeys(
            command.run
            for target in deployment.targets.values()
            for command in deployment.commands(target, Moment.STAGE)
        )
    )


async def _preview(deployment: Deployment, target: Target, found: ProbeFacts | ShiphornError) -> HostPreview:
    facts = None if isinstance(found, ShiphornError) else found
    problem = problem_of(found, target.host) if isinstance(found, ShiphornError) else None
    back_to = facts.live_release if facts else ""
    target.run = replace(target.run, previous=back_to, previous_sha=facts.live_revision if facts else "")
    checks = looks.checks_of(deployment, target)
    return HostPreview(
        host=target.host,
        wave=target.run.wave,
        back_to=back_to,
        deploy_to=target.settings.deploy_to,
        facts=facts,
        problem=problem,
        scripts=await _texts(deployment, target, facts, [check for check in checks if check.on_host]),
        commands={
            moment: deployment.commands(target, moment)
            for moment in _ON_HOSTS
            if moment != Moment.STAGE or deployment.record.order.kind != Kind.ROLLBACK
        },
        clock_ms=target.offset[0] * 1000 if target.offset else None,
        checks=checks,
    )


async def _texts(
    deployment: Deployment, target: Target, facts: ProbeFacts | None, watched: Sequence[Check]
) -> dict[str, str]:
    plan = await deployment.plan(target)
    stage, restart, finish = (deployment.commands(target, moment) for moment in _ON_HOSTS)
    switch = {
        "flip": scripts.flip(plan, restart).text,
        **({"watch": look(plan, watched).text} if watched else {}),
        "finish": scripts.finish(plan, finish).text,
    }
    looked = {
        "connect": bootstrap("NONCE"),
        "clock": scripts.clock().text,
        "probe": (await probe.script(deployment, target)).text,
    }
    back = {"rollback": (await rollback.script(deployment, target)).text}
    if deployment.record.order.kind == Kind.ROLLBACK:
        return looked | switch | back
    packing = NOT_BUILT
    if facts is not None and build.find(deployment) is not None:
        packing = await build.packing(deployment, facts.tools)
    stages = {"stage": scripts.prepare(plan, packing, stage).text}
    return looked | stages | switch | {"undo": scripts.undo(plan).text} | back


def _live(found: Sequence[ProbeFacts | ShiphornError]) -> str:
    running = [
        facts.live_revision for facts in found if isinstance(facts, ProbeFacts) and facts.live_revision
    ]
    return max(running, key=running.count, default="")
