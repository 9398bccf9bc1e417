"""Discover: which hosts, now."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from shiphorn.config.load import Config, Environment, RegionSource
from shiphorn.deploy.deployment import Deployment
from shiphorn.errors import ConfigError, Refused
from shiphorn.model.deploy import HostRun
from shiphorn.model.target import Host, Selection
from shiphorn.model.waves import split
from shiphorn.ports import Inventory


async def hosts(deployment: Deployment) -> str:
    """Ask the inventories, choose, and record the hosts that the deploy goes to."""
    selection = deployment.record.order.selection
    found = await choose(deployment.config, deployment.environment, selection, deployment.world.inventory)
    runs, store = in_waves(deployment.environment, found), deployment.world.store.hosts
    store.place(deployment.id, runs)
    waves = max(run.wave for run in runs)
    deployment.change(waves=waves)
    deployment.place(store.of_deploy(deployment.id))
    deployment.world.fleet.warm(deployment.targets.values())
    return f"{len(found)} hosts" + (f" in {waves} waves" if waves > 1 else "")


def in_waves(environment: Environment, hosts: Sequence[Host]) -> list[HostRun]:
    """The hosts in their order, each with the number of its wave."""
    waves = split(hosts, environment.limits.waves)
    number_of = {host.name: number for number, wave in enumerate(waves, 1) for host in wave}
    return [HostRun(host, position, wave=number_of[host.name]) for position, host in enumerate(hosts)]


async def choose(
    config: Config,
    environment: Environment,
    selection: Selection,
    inventory: Callable[[RegionSource], Inventory],
) -> list[Host]:
    """The selected hosts of an environment, by region. Raises Refused SH520 if none is left."""
    found = await everything(config, environment, inventory)
    chosen = [host for host in found if selection.matches(host)]
    if not chosen:
        regions = ", ".join(
            f"{region} ({count})" for region, count in Counter(host.region for host in found).items()
        )
        raise Refused(
            "SH520",
            f"no host of {environment.name} matches {selection}."
            if found
            else f"{environment.name} has no hosts.",
            hint=f"Its regions are {regions}; see: horn hosts {environment.name}"
            if found
            else "Add hosts to it in deploy.yml.",
        )
    return chosen


async def everything(
    config: Config, environment: Environment, inventory: Callable[[RegionSource], Inventory]
) -> list[Host]:
    """All hosts of an environment, by region.

    Raises ConfigError SH145 for a name that is there twice, and the first problem that an inventory has.
    """
    asked = await asyncio.gather(
        *(_of_region(config, environment, region, inventory) for region in environment.regions),
        return_exceptions=True,
    )
    problems = [one for one in asked if isinstance(one, BaseException)]
    if problems:
        raise problems[0]
    named = [host for one in asked if not isinstance(one, BaseException) for host in one]
    found = [host for host in named if environment.includes(host)]
    twice = [name for name, count in Counter(host.name for host in found).items() if count > 1]
    if twice:
        raise ConfigError(
            "SH145",
            f"these hosts of {environment.name} are listed more than once: {', '.join(twice[:10])}.",
            hint="A host belongs to one region; take it out of the others.",
        )
    return found


async def _of_region(
    config: Config,
    environment: Environment,
    region: RegionSource,
    inventory: Callable[[RegionSource], Inventory],
) -> list[Host]:
    found = list(await inventory(region).hosts(region.name))
    if region.inventory_command:
        for host in found:
            config.check_host(environment.name, host)
    return found
