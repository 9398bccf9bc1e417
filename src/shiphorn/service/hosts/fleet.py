"""Questions to the hosts of an environment, and single commands on them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shiphorn.config.load import Config
from shiphorn.deploy import discover, resolve
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.problems import problem_of
from shiphorn.deploy.world import World
from shiphorn.engine.fanout import each
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import CommandOutput, Deploy, Kind, Observed, Order, Problem
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.redact import Redactor
from shiphorn.model.settings import Command, HostSettings, Login, SecretRef
from shiphorn.model.target import Host, Selection
from shiphorn.remote import scripts
from shiphorn.remote.answers import outputs_of, parse_inspect, problems_of
from shiphorn.service.hosts.intent import Standing, intended_release, standing_of

LOOK_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Member:
    """A host of an environment with its settings."""

    host: Host
    settings: HostSettings

    @property
    def login(self) -> Login:
        """How to log in."""
        return self.settings.login


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a host runs, or why that is not known. `last` is what it was seen to run before.

    `intended` is the release that it should run, "" when nothing was deployed to it.
    """

    host: Host
    seen: Observed | None
    problem: Problem | None
    last: Observed | None
    intended: str
    standing: Standing


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """What an environment runs: its hosts, its last deploy, who holds it now, and the locks on it."""

    environment: str
    hosts: Sequence[HostStatus]
    last: Deploy | None
    holder: Deploy | None
    locks: Sequence[Lock] = ()


@dataclass(frozen=True, slots=True)
class KeptRelease:
    """A release that hosts keep. `sha` is "" when nobody knows; `live` counts hosts that run it."""

    release: str
    sha: str
    hosts: int
    live: int


async def members(world: World, config: Config, environment: str, selection: Selection) -> list[Member]:
    """The selected hosts of an environment, now."""
    chosen = await discover.choose(config, config.environment(environment), selection, world.inventory)
    return [Member(host, config.settings(environment, host)) for host in chosen]


def listed(config: Config, environment: str, selection: Selection) -> list[Member]:
    """The selected hosts that the config itself lists; no inventory is asked."""
    known = config.environment(environment)
    return [
        Member(host, config.settings(environment, host))
        for region in known.regions
        for host in region.hosts
        if selection.matches(host) and known.includes(host)
    ]


async def resolved(world: World, config: Config, environment: str, selection: Selection) -> list[Host]:
    """The selected hosts of an environment as its inventories name them now; none is asked anything.

    Raises ConfigError, HostError, Refused SH520: the first problem of an inventory.
    """
    return await discover.choose(config, config.environment(environment), selection, world.inventory)


async def status(world: World, config: Config, environment: str, selection: Selection) -> EnvironmentStatus:
    """Ask every host what it runs."""
    asked = await members(world, config, environment, selection)
    before = world.store.hosts.observed(config.app, environment)
    limit = config.environment(environment).limits.concurrency
    found = await each(asked, lambda member: _look(world, member), at_once=limit)
    world.store.hosts.observe(config.app, environment, [one for one in found if isinstance(one, Observed)])
    holder = world.store.deploys.holder(config.app, environment)
    shipped = resolve.shipped(world.store, config.app, environment)
    return EnvironmentStatus(
        environment,
        [
            _host_status(member.host, one, before.get(member.host.name), shipped)
            for member, one in zip(asked, found, strict=True)
        ],
        world.store.deploys.latest(config.app, environment),
        world.store.deploys.get(holder) if holder is not None else None,
        world.store.locks.in_force(time.time(), Scope(config.app, environment)),
    )


async def behind(
    world: World, config: Config, environment: str, selection: Selection, actor: str
) -> list[Order]:
    """Orders that bring hosts to the release that they should run: one a release, if any lack it."""
    return what_lacks(config.app, await status(world, config, environment, selection), actor)


def what_lacks(app: str, now: EnvironmentStatus, actor: str) -> list[Order]:
    """Those orders, by what the hosts were just seen to run."""
    lacking: defaultdict[str, list[str]] = defaultdict(list)
    for one in now.hosts:
        if one.standing in (Standing.BEHIND, Standing.DRIFTED):
            lacking[one.intended].append(one.host.name)
    return [
        Order(app, now.environment, Kind.CONVERGE, release, Selection(hosts=tuple(names)), actor)
        for release, names in sorted(lacking.items())
    ]


def releases(world: World, config: Config, now: EnvironmentStatus) -> list[KeptRelease]:
    """The releases that the hosts keep, newest first."""
    history = world.store.deploys.history(config.app, now.environment, limit=1000)
    shas = {deploy.release: deploy.sha for deploy in reversed(history) if deploy.sha}
    seen = [one.seen for one in now.hosts if one.seen is not None]
    shas |= {one.release: one.sha for one in seen if one.sha}
    return [
        KeptRelease(
            name,
            shas.get(name, ""),
            sum(name in one.releases for one in seen),
            sum(name == one.release for one in seen),
        )
        for name in sorted({name for one in seen for name in one.releases}, reverse=True)
    ]


async def execute(
    world: World,
    config: Config,
    environment: str,
    selection: Selection,
    command: str,
    *,
    timeout_seconds: float = 600.0,
    user: str = "",
) -> list[tuple[Host, CommandOutput | Problem]]:
    """Run a command in the live release of every host: what each printed, or why it could not."""
    asked = await members(world, config, environment, selection)
    secrets = world.secrets(config)
    names = {
        value.name
        for member in asked
        for value in member.settings.env.values()
        if isinstance(value, SecretRef)
    }
    values = {name: await secrets.get(name) for name in sorted(names)}
    redactor = Redactor(values.values())

    async def one(member: Member) -> CommandOutput | Problem:
        shell = await world.fleet.shell(member)
        env = member.settings.env
        script = scripts.execute(
            command,
            member.settings.deploy_to,
            in_current=True,
            env={key: value for key, value in env.items() if isinstance(value, str)},
            secrets={key: values[value.name] for key, value in env.items() if isinstance(value, SecretRef)},
            timeout_seconds=timeout_seconds,
            user=user,
        )
        reply = await shell.run(script, timeout_seconds=timeout_seconds + LOOK_TIMEOUT_SECONDS)
        for printed in outputs_of(reply, [Command(command)]):
            return replace(printed, output=redactor.text(printed.output))
        return problems_of(reply)[0]

    limit = config.environment(environment).limits.concurrency
    found = await each(asked, one, at_once=limit)
    return [
        (member.host, problem_of(one, member.host) if isinstance(one, ShiphornError) else one)
        for member, one in zip(asked, found, strict=True)
    ]


async def _look(world: World, member: Member) -> Observed:
    shell = await world.fleet.shell(member)
    reply = await shell.run(scripts.inspect(member.settings.deploy_to), timeout_seconds=LOOK_TIMEOUT_SECONDS)
    Deployment.require_success(reply)
    seen = parse_inspect(reply)
    return Observed(member.host.name, seen.live_release, seen.live_revision, seen.releases, time.time())


def _host_status(
    host: Host, found: Observed | ShiphornError, before: Observed | None, shipped: Sequence[Deploy]
) -> HostStatus:
    seen = found if isinstance(found, Observed) else None
    problem = problem_of(found, host) if isinstance(found, ShiphornError) else None
    release = intended_release(shipped, host)
    standing = standing_of(seen.release if seen else None, release, shipped)
    return HostStatus(host, seen, problem, before, release, standing)
