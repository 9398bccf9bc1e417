"""How endpoints are taken off their hosts: by what their deploys have put there, wherever that was."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shiphorn.config.endpoints import EndpointSite
from shiphorn.config.load import Config, load_text
from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.world import World
from shiphorn.engine.fanout import each
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import Deploy, Wish
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.redact import Redactor
from shiphorn.model.settings import Command, HostSettings, Login, SecretRef
from shiphorn.model.target import Host
from shiphorn.remote import scripts
from shiphorn.remote.scripts import HostPlan
from shiphorn.service.records import ask
from shiphorn.store.store import Store

DEPLOYS_LOOKED_AT = 200
AT_ONCE = 64
_PROBLEMS_TOLD = 3
PATIENCE_SECONDS = 120.0
"""How long a host may take, the commands of the config apart."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an endpoint has on one host, by the config of a deploy of it."""

    host: Host
    settings: HostSettings
    site: EndpointSite
    config: Config

    @property
    def login(self) -> Login:
        """How to log in."""
        return self.settings.login


def under_way(store: Store, endpoint: Endpoint) -> list[Deploy]:
    """The deploys to an endpoint that are not over."""
    return store.deploys.active(endpoint.app, endpoint.full_name)


def stop_deploys(store: Store, endpoint: Endpoint, actor: str) -> list[Deploy]:
    """Ask what is still deployed to an endpoint to stop: what is under way. It is taken off behind that."""
    found = under_way(store, endpoint)
    for one in found:
        if one.wish != Wish.STOP:
            ask(store, one.id, Wish.STOP, actor)
    return found


async def attempt(world: World, endpoint: Endpoint) -> list[str]:
    """Take an endpoint off its hosts, and put on record what became of that: what is in the way."""
    problems = await take_off(world, endpoint, endpoint.tries + 1)
    if problems:
        more = len(problems) - _PROBLEMS_TOLD
        told = problems[:_PROBLEMS_TOLD] + ([f"and {more} more"] if more > 0 else [])
        world.store.endpoints.stuck(endpoint.id, "; ".join(told))
    else:
        world.store.endpoints.end(endpoint.id, time.time())
    return problems


async def take_off(world: World, endpoint: Endpoint, number: int) -> list[str]:
    """Take an endpoint off every host that it was deployed to: what is in the way, a sentence each.

    Hosts that have nothing of it any more have nothing to do.
    """
    try:
        places = _places(world.store, endpoint)
        secrets = await _secrets(world, places)
    except ShiphornError as error:
        return [str(error)]
    redactor = Redactor(secrets.values())

    async def one(place: Place) -> None:
        shell = await world.fleet.shell(place)
        commands = _commands(place, places)
        script = scripts.remove(_plan(endpoint, number, place, secrets), commands)
        patience = PATIENCE_SECONDS + sum(command.timeout_seconds for command in commands)
        Deployment.require_success(await shell.run(script, timeout_seconds=patience))

    ended = await each(places, one, at_once=AT_ONCE)
    return [
        redactor.text(f"{place.host.name}: {error}")
        for place, error in zip(places, ended, strict=True)
        if isinstance(error, ShiphornError)
    ]


def _places(store: Store, endpoint: Endpoint) -> list[Place]:
    """Where deploys of an endpoint have been: the last ones first, by the config of each."""
    found: dict[tuple[str, str, str], Place] = {}
    configs: dict[str, Config] = {}
    for deploy in store.deploys.history(endpoint.app, endpoint.full_name, limit=DEPLOYS_LOOKED_AT):
        if deploy.started_at < endpoint.created_at:
            break
        if deploy.config_text not in configs:
            configs[deploy.config_text] = load_text(deploy.config_text, Path(deploy.config_path))
        config = configs[deploy.config_text]
        site = config.environment(endpoint.full_name).endpoint
        for run in store.hosts.of_deploy(deploy.id) if site is not None else ():
            settings = config.settings(endpoint.full_name, run.host)
            key = (run.host.name, settings.deploy_to, site.vhost.path if site and site.vhost else "")
            if site is not None:
                found.setdefault(key, Place(run.host, settings, site, config))
    return list(found.values())


def _commands(place: Place, places: Sequence[Place]) -> list[Command]:
    """The last commands that a host runs: those of its roles, `once` ones on the first host of them."""
    return [
        command
        for command in place.site.remove
        if _has_role(place, command)
        and (not command.once or next(one for one in places if _has_role(one, command)) is place)
    ]


def _has_role(place: Place, command: Command) -> bool:
    return not command.roles or not set(command.roles).isdisjoint(place.host.roles)


async def _secrets(world: World, places: Sequence[Place]) -> dict[str, str]:
    """The secrets that the last commands get, by name; none where there are no such commands."""
    values: dict[str, str] = {}
    for place in places if any(one.site.remove for one in places) else ():
        for value in place.settings.env.values():
            if isinstance(value, SecretRef) and value.name not in values:
                values[value.name] = await world.secrets(place.config).get(value.name)
    return values


def _plan(endpoint: Endpoint, number: int, place: Place, secrets: Mapping[str, str]) -> HostPlan:
    env = place.settings.env
    return HostPlan(
        run=f"remove-{endpoint.id}-{number}",
        token=0,
        release="",
        revision="",
        deploy_to=place.settings.deploy_to,
        env={name: value for name, value in env.items() if isinstance(value, str)},
        secrets={
            name: secrets[value.name]
            for name, value in env.items()
            if isinstance(value, SecretRef) and value.name in secrets
        },
        branch=endpoint.branch,
        endpoint=place.site.mark,
        vhost=place.site.vhost,
    )
