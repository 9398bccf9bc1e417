"""Layers: defaults < app < environment < region < role < host; a later one wins, mappings merge."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shiphorn.config.metric_checks import INTERVAL_SECONDS, TIMEOUT_SECONDS
from shiphorn.config.positions import Key, Positions
from shiphorn.config.schema import OVERRIDABLE, CheckEntry, CommandEntry, Commands, Overrides
from shiphorn.config.values import PLACEHOLDER
from shiphorn.model.health import METRICS, Check, Kind
from shiphorn.model.settings import Command, HostSettings, Login, Moment
from shiphorn.model.target import Host

_FREE = ("env",)
"""Mappings whose keys are the person's own: they have no defaults."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A value, and where it comes from. `where` is `deploy.yml:12`, `inventory` or `default`."""

    key: str
    value: Any
    layer: str
    where: str


@dataclass(frozen=True, slots=True)
class Layer:
    """Overridable keys as one layer sets them; `key` is where they stand, None if in no file."""

    name: str
    key: Key | None
    values: dict[str, Any]


class Layers:
    """The layers that hold for a host, the weakest first."""

    def __init__(self) -> None:
        self._layers: list[Layer] = []

    def __iter__(self) -> Any:
        return iter(self._layers)

    def add(self, name: str, key: Key | None, values: dict[str, Any] | None) -> None:
        """Put a layer on top; one that sets nothing is left out."""
        own = {name: value for name, value in (values or {}).items() if name in OVERRIDABLE}
        if own:
            self._layers.append(Layer(name, key, own))

    def merged(self) -> dict[str, Any]:
        """The values, after all layers; defaults are not among them."""
        merged: dict[str, Any] = {}
        for layer in self._layers:
            merged = _merge(merged, layer.values)
        return merged

    def cache_key(self, environment: str, host: Host) -> Any:
        """The same for hosts whose settings are the same."""
        own = json.dumps(host.settings, sort_keys=True) if host.settings else ""
        name = host.name if self._mentions_host() else ""
        return environment, host.region, host.zone, host.roles, own, name

    def _mentions_host(self) -> bool:
        return any(
            "{host}" in str(layer.values.get(key, ""))
            for layer in self._layers
            for key in ("env", "deploy_to")
        )


def host_settings(
    layers: Layers, hooks: Commands, app: str, environment: str, host: Host, directory: Path
) -> HostSettings:
    """The merged layers as settings, `hooks` ahead, placeholders filled, paths made absolute."""
    entry = Overrides.model_validate(layers.merged())
    facts = facts_of(app, environment, host)
    ssh = entry.ssh
    return HostSettings(
        deploy_to=fill(entry.deploy_to, facts),
        keep_releases=entry.keep_releases,
        shared_dirs=tuple(entry.shared.dirs),
        shared_files=tuple(entry.shared.files),
        login=Login(
            ssh.user,
            ssh.port,
            _paths(ssh.identity_file, directory),
            _paths(ssh.known_hosts, directory),
            _paths(ssh.config, directory),
            ssh.jump,
            ssh.connect_timeout,
        ),
        commands={
            moment: tuple(map(command_of, [*getattr(hooks, moment), *getattr(entry.commands, moment)]))
            for moment in (Moment.STAGE, Moment.RESTART, Moment.FINISH)
        },
        env={
            name: fill(value, facts) if isinstance(value, str) else value for name, value in entry.env.items()
        },
        env_file=entry.env_file,
        watch=tuple(_check(number, one) for number, one in enumerate(entry.watch)),
    )


def command_of(entry: CommandEntry) -> Command:
    """A command as it stands in the file."""
    return Command(entry.run, tuple(entry.roles), entry.once, entry.repeatable, entry.timeout, entry.user)


def checks_of(settings: HostSettings, app: str, environment: str, host: Host) -> tuple[Check, ...]:
    """The checks of a host by its roles, placeholders filled.

    Apart from its settings: an address in them would make those of thousands of hosts all different.
    """
    facts = facts_of(app, environment, host)
    return tuple(
        replace(
            check,
            what=fill_check(check.kind, check.pattern, facts),
            headers={name: fill(value, facts) for name, value in check.headers.items()},
        )
        for check in settings.watch
        if not check.roles or not set(check.roles).isdisjoint(host.roles)
    )


def fill_check(kind: str, text: str, facts: dict[str, str]) -> str:
    """What a check looks at with placeholders filled; a command has its variables instead.

    Queries are filled when they are asked: `{hosts}` are others at each look. An IPv6 address stands in
    brackets, as URLs need it.
    """
    if kind == Kind.COMMAND or kind in METRICS:
        return text
    address = facts["address"]
    return fill(text, facts | {"address": f"[{address}]"} if ":" in address else facts)


def explained(layers: Layers, positions: Positions, facts: dict[str, str]) -> list[Explained]:
    """Each leaf with its origin, in the order of the schema; with `facts`, placeholders are filled."""
    rows = {key: Explained(key, value, "default", "default") for key, value in leaves(_defaults())}
    for layer in layers:
        for key, value in leaves(layer.values):
            where = positions.where((*layer.key, *key.split("."))) if layer.key is not None else "inventory"
            rows[key] = Explained(key, _filled(key, value, facts) if facts else value, layer.name, where)
    return list(rows.values())


def facts_of(app: str, environment: str, host: Host) -> dict[str, str]:
    """What placeholders stand for on a host."""
    return {
        "app": app,
        "environment": environment,
        "region": host.region,
        "zone": host.zone,
        "host": host.name,
        "address": host.address,
    }


def fill(text: str, facts: dict[str, str]) -> str:
    """The text with `{region}` and such replaced; `{{region}}` stands for itself in single braces."""
    return PLACEHOLDER.sub(lambda match: f"{{{match[1]}}}" if match[1] else facts[match[2]], text)


def _filled(key: str, value: Any, facts: dict[str, str]) -> Any:
    if isinstance(value, str) and (key == "deploy_to" or key.startswith("env.")):
        return fill(value, facts)
    if key == "watch":
        return [
            {name: fill_check(name, text, facts) if name in set(Kind) else text for name, text in one.items()}
            for one in value
        ]
    return value


def _check(position: int, entry: CheckEntry) -> Check:
    kind, metric, given = entry.kind, entry.metric, entry.model_fields_set
    pattern = getattr(entry, kind)
    # A comparison is one test: it fails when that does.
    tries = (1, 0) if metric and metric.compares else (entry.successes, entry.failures)
    return Check(
        kind=kind,
        what=pattern,
        pattern=pattern,
        position=position,
        roles=tuple(entry.roles),
        interval_seconds=entry.interval if not metric or "interval" in given else INTERVAL_SECONDS,
        successes=tries[0],
        failures=tries[1],
        timeout_seconds=entry.timeout if not metric or "timeout" in given else TIMEOUT_SECONDS,
        on_host=entry.from_ == "host" or kind not in (Kind.HTTP, Kind.TCP, *METRICS),
        status=entry.status,
        body=entry.body,
        within_seconds=entry.within or 0.0,
        headers=entry.headers,
        metric=metric,
    )


def _defaults() -> dict[str, Any]:
    return {key: value for key, value in Overrides().model_dump().items() if key not in _FREE}


def leaves(values: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """(key, value) of all that is no mapping, the keys joined by dots."""
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict) and set(value) != {"secret"}:
            found += leaves(value, f"{above}{key}.")
        else:
            found.append((above + key, value))
    return found


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        before = merged.get(key)
        is_secret = isinstance(value, dict) and set(value) == {"secret"}
        if isinstance(before, dict) and isinstance(value, dict) and not is_secret:
            merged[key] = _merge(before, value)
        else:
            merged[key] = value
    return merged


def _paths(names: list[str], directory: Path) -> tuple[str, ...]:
    return tuple(str(directory / Path(name).expanduser()) for name in names)
