"""What people ask of a running service about apps and their hosts: each sees what their role lets them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.config.layers import Explained
from shiphorn.config.load import Config
from shiphorn.errors import NotFound
from shiphorn.model.health import Check
from shiphorn.model.locks import BadMark, Scope
from shiphorn.model.people import Caller
from shiphorn.model.redact import without_password
from shiphorn.model.settings import Command, HostSettings
from shiphorn.model.target import Host, Selection
from shiphorn.service import orders
from shiphorn.service.hosts import doctor as doctors
from shiphorn.service.hosts import fleet
from shiphorn.service.service import Service

EVERYTHING = Selection()


@dataclass(frozen=True, slots=True)
class App:
    """An app: where its code comes from, and the environments of it that the caller sees.

    `sounding` are those whose deploys sound the horn.
    """

    app: str
    repo: str
    branch: str
    environments: Sequence[str]
    sounding: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class HostConfig:
    """What the config makes of a host: its its settings, what is watched on it, and built for it."""

    host: Host
    settings: HostSettings
    checks: Sequence[Check]
    build: Sequence[Command] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """The releases that the hosts of an environment keep, and how many hosts there are."""

    releases: Sequence[fleet.KeptRelease]
    hosts: int


def apps(service: Service, caller: Caller) -> list[App]:
    """The apps that the caller sees, by name."""
    return [app(service, caller, name) for name in service.apps.names() if caller.sees(Scope(name))]


def app(service: Service, caller: Caller, name: str) -> App:
    """One of them. Raises NotFound SH580."""
    config = service.config(caller, name)
    seen = _seen(config, caller)
    sounding = [one for one in seen if config.environment(one).sound]
    return App(config.app, without_password(config.repo), config.branch, seen, sounding)


async def hosts(
    service: Service, caller: Caller, app: str, environment: str, selection: Selection = EVERYTHING
) -> list[fleet.Member]:
    """The hosts of an environment that the inventory has now. Raises NotFound SH580, ConfigError."""
    config = service.config(caller, app, environment)
    return await fleet.members(service.world, config, environment, selection)


async def releases(
    service: Service, caller: Caller, app: str, environment: str, selection: Selection = EVERYTHING
) -> Kept:
    """The releases that hosts keep, asked now. Raises NotFound SH580, ConfigError."""
    config = service.config(caller, app, environment)
    now = await orders.status(service, caller, app, environment, selection)
    return Kept(fleet.releases(service.world, config, now), len(now.hosts))


async def doctor(service: Service, caller: Caller, app: str, environment: str) -> list[doctors.Check]:
    """Whether everything is there that a deploy needs. Raises NotFound SH580, ConfigError SH110."""
    config = service.config(caller, app, environment)
    async with service.world.visiting() as world:
        return [check async for check in doctors.examine(world, config, environment, caller.name)]


async def check(service: Service, caller: Caller, app: str) -> dict[str, list[HostConfig]]:
    """What the hosts of each environment would get by the config. Raises NotFound SH580, ConfigError."""
    config = service.config(caller, app)
    return {
        name: [
            HostConfig(one.host, one.settings, config.checks(name, one.host), config.environment(name).build)
            for one in await fleet.members(service.world, config, name, EVERYTHING)
        ]
        for name in _seen(config, caller)
    }


async def explain(
    service: Service, caller: Caller, app: str, environment: str, host: str = "", key: str = ""
) -> list[Explained]:
    """Each value that holds for a host, or for the environment, and the layer and line that it comes from.

    Raises NotFound SH580, SH528 (no such host), ConfigError SH110, SH111 (no such key).
    """
    config = service.config(caller, app, environment)
    if not host:
        return config.explain(environment, None, key)
    found = await fleet.members(service.world, config, environment, EVERYTHING)
    chosen = next((one.host for one in found if one.host.name == host), None)
    if chosen is None:
        raise NotFound("SH528", f"{environment} has no host {host}.", hint="See its hosts for names.")
    return config.explain(environment, chosen, key)


def bad(service: Service, caller: Caller, app: str, *, all_of_them: bool = False) -> list[BadMark]:
    """The marks on commits of an app, newest first; `all_of_them` has those that were cleared, too."""
    service.config(caller, app)
    return service.store.marks.listed(app, all_of_them=all_of_them)


def _seen(config: Config, caller: Caller) -> list[str]:
    return [name for name in config.environments if caller.sees(Scope(config.app, name))]
