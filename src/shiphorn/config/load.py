"""Loading deploy.yml: from a file to an application with its environments, or to all its problems."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shiphorn.config.layers import Explained, Layers, checks_of, explained, facts_of, host_settings
from shiphorn.config.positions import Key, Positions, read
from shiphorn.config.problems import as_config_error, problems_error
from shiphorn.config.schema import OVERRIDABLE, App, CommandEntry, HostEntry, Overrides
from shiphorn.config.schema import Environment as EnvironmentEntry
from shiphorn.config.schema import Region as RegionEntry
from shiphorn.errors import ConfigError
from shiphorn.model.health import Check
from shiphorn.model.settings import Command, HostSettings, Limits, SecretRef
from shiphorn.model.target import DEFAULT_REGION, Host
from shiphorn.model.waves import Waves

FILE_NAME = "deploy.yml"
_HOST_KEYS = ("name", "address", "port", "zone", "roles")


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Where a secret comes from. `kind` is env, file or command."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class RegionSource:
    """Where the hosts of a region come from: listed, or by a command that runs in `directory`."""

    name: str
    hosts: tuple[Host, ...]
    inventory_command: str
    directory: Path


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment: its regions, and how its hosts are treated together."""

    name: str
    regions: tuple[RegionSource, ...]
    limits: Limits
    sound: bool
    build: tuple[Command, ...]


@dataclass(frozen=True)
class Config:
    """A valid deploy.yml. `repo` is a URL, or an absolute path."""

    path: Path
    text: str
    app: str
    repo: str
    repo_tree: str
    branch: str
    secrets: dict[str, SecretSource]
    _model: App
    _data: dict[str, Any]
    _positions: Positions
    _cache: dict[Any, HostSettings] = field(default_factory=dict)

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments."""
        return tuple(self._model.environments)

    def environment(self, name: str) -> Environment:
        """An environment. Raises ConfigError SH110 if there is none of this name."""
        entry = self._model.environments.get(name)
        if entry is None:
            near = difflib.get_close_matches(name, self.environments, n=1)
            raise ConfigError(
                "SH110",
                f"{self.path.name} has no environment {name}.",
                hint=f"Did you mean {near[0]}?" if near else f"It has {', '.join(self.environments)}.",
            )
        regions = entry.regions or {DEFAULT_REGION: entry}
        return Environment(
            name,
            tuple(self._region(name, region, one) for region, one in regions.items()),
            _limits(entry),
            entry.sound if entry.sound is not None else name == "production",
            tuple(map(_command, (entry.commands.build or self._model.commands.build))),
        )

    def settings(self, environment: str, host: Host) -> HostSettings:
        """All overridable keys for a host, after all layers. Computed once for hosts that are alike."""
        layers = self._layers(environment, host)
        key = layers.cache_key(environment, host)
        if key not in self._cache:
            self._cache[key] = host_settings(layers, self.app, environment, host, self.path.parent)
        return self._cache[key]

    def checks(self, environment: str, host: Host) -> tuple[Check, ...]:
        """What is watched on a host after a switch."""
        return checks_of(self.settings(environment, host), self.app, environment, host)

    def explain(self, environment: str, host: Host | None = None, key: str = "") -> list[Explained]:
        """Each value with the layer and the line that it comes from; `key` keeps those below it."""
        facts = facts_of(self.app, environment, host) if host else {}
        rows = explained(self._layers(environment, host), self._positions, facts)
        return [row for row in rows if not key or row.key == key or row.key.startswith(f"{key}.")]

    def check_host(self, environment: str, host: Host) -> None:
        """Check the keys that a dynamic inventory gave a host. Raises ConfigError SH101."""
        try:
            Overrides.model_validate(host.settings)
        except ValidationError as error:
            path = Path(f"the inventory of {environment}, {host.name}")
            raise as_config_error(error, Overrides, Positions(path), path) from None

    def _layers(self, environment: str, host: Host | None) -> Layers:
        layers = Layers()
        layers.add("app", (), self._data)
        name: Key = ("environments", environment)
        entry = self._data["environments"][environment] or {}
        layers.add(f"environment {environment}", name, entry)
        if host is None:
            return layers
        if host.region in entry.get("regions", {}):
            layers.add(
                f"region {host.region}", (*name, "regions", host.region), entry["regions"][host.region]
            )
        for role in host.roles:
            layers.add(f"role {role}", ("roles", role), self._data.get("roles", {}).get(role))
            layers.add(f"role {role}", (*name, "roles", role), entry.get("roles", {}).get(role))
        layers.add(f"host {host.name}", self._place_of(environment, host), host.settings)
        return layers

    def _place_of(self, environment: str, host: Host) -> Key | None:
        name: Key = ("environments", environment)
        entry = self._data["environments"][environment] or {}
        if host.region in entry.get("regions", {}):
            name, entry = (*name, "regions", host.region), entry["regions"][host.region] or {}
        for index, one in enumerate(entry.get("hosts", [])):
            if isinstance(one, dict) and one.get("name") == host.name:
                return (*name, "hosts", index)
        return None

    def _region(self, environment: str, name: str, entry: RegionEntry) -> RegionSource:
        data = self._data["environments"][environment] or {}
        data = (
            data.get("regions", {}).get(name, data) if name != DEFAULT_REGION or "regions" in data else data
        )
        listed = (data or {}).get("hosts", [])
        hosts = tuple(_host(name, one, raw) for one, raw in zip(entry.hosts, listed, strict=True))
        command = entry.inventory.exec if entry.inventory else ""
        return RegionSource(name, hosts, command, self.path.parent)


def find(start: Path) -> Path:
    """deploy.yml in a directory or above it. Raises ConfigError SH100."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigError(
        "SH100", f"there is no {FILE_NAME} in {start} or above it.", hint="Write one: horn init"
    )


def load(path: Path) -> Config:
    """Load a file. Raises ConfigError SH100 (no file), SH101 (problems, all of them), SH102 (no YAML)."""
    try:
        return load_text(path.read_text(), path.absolute())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(
            "SH100", f"{path} cannot be read: {reason}.", hint="Write one: horn init"
        ) from error


def load_text(text: str, path: Path) -> Config:
    """Load a text as if it stood at `path`. Raises as `load`."""
    data, positions = read(text, path)
    try:
        model = App.model_validate(data)
    except ValidationError as error:
        raise as_config_error(error, App, positions, path) from None
    found = _more_problems(model)
    if found:
        raise problems_error(found, positions, path)
    secrets = {
        name: SecretSource(*next((kind, str(value)) for kind, value in entry if value is not None))
        for name, entry in model.secrets.items()
    }
    repo = _repository(model.repo, path.parent)
    return Config(path, text, model.app, repo, model.repo_tree, model.branch, secrets, model, data, positions)


def _more_problems(model: App) -> list[tuple[Key, str]]:
    """What no single key shows: names used twice, secrets that are not defined, no deploy_to."""
    found: list[tuple[Key, str]] = []
    for name, environment in model.environments.items():
        place: Key = ("environments", name)
        regions = environment.regions or {"": environment}
        seen: set[str] = set()
        for region, entry in regions.items():
            inner: Key = (*place, "regions", region) if region else place
            for index, host in enumerate(entry.hosts):
                if host.name in seen:
                    found.append(((*inner, "hosts", index), f"the host {host.name} is there twice"))
                seen.add(host.name)
        if not model.deploy_to and not _sets_deploy_to(environment):
            found.append((place, "deploy_to is missing: set it here, or at the top"))
    for key, overrides in _all_overrides(model):
        found += [
            ((*key, "env", variable), f"the secret {value.name} is not defined under secrets")
            for variable, value in overrides.env.items()
            if isinstance(value, SecretRef) and value.name not in model.secrets
        ]
        is_inner = len(key) > 2 or key[:1] == ("roles",)
        if is_inner and overrides.commands.build:
            found.append(((*key, "commands", "build"), "builds are for the app or a whole environment"))
    return found


def _sets_deploy_to(environment: EnvironmentEntry) -> bool:
    if environment.deploy_to:
        return True
    regions = environment.regions.values()
    return bool(regions) and all(
        region.deploy_to or (region.hosts and all(host.deploy_to for host in region.hosts))
        for region in regions
    )


def _all_overrides(model: App) -> list[tuple[Key, Overrides]]:
    found: list[tuple[Key, Overrides]] = [((), model)]
    found += [(("roles", role), entry) for role, entry in model.roles.items()]
    for name, environment in model.environments.items():
        place: Key = ("environments", name)
        found.append((place, environment))
        found += [((*place, "roles", role), entry) for role, entry in environment.roles.items()]
        regions = [((*place, "regions", region), entry) for region, entry in environment.regions.items()]
        found += regions
        for inner, listed in [(place, environment), *regions]:
            found += [((*inner, "hosts", index), host) for index, host in enumerate(listed.hosts)]
    return found


def _host(region: str, entry: HostEntry, raw: Any) -> Host:
    own = {key: value for key, value in raw.items() if key not in _HOST_KEYS} if isinstance(raw, dict) else {}
    return Host(
        entry.name, entry.address or entry.name, entry.port, region, entry.zone, tuple(entry.roles), own
    )


def _limits(entry: EnvironmentEntry) -> Limits:
    waves = entry.waves
    return Limits(
        require=entry.require,
        max_failures=entry.max_failures or "",
        on_failure=entry.on_failure,
        waves=Waves(
            tuple(waves.sizes), waves.per or "", waves.by or "", tuple(waves.order), pause=waves.pause
        ),
        bake_seconds=entry.bake,
        pause_timeout_seconds=entry.pause_timeout,
        supersede=entry.queue == "newest",
        concurrency=entry.concurrency,
        phase_timeout_seconds=entry.phase_timeout,
    )


def _command(entry: CommandEntry) -> Command:
    return Command(entry.run, tuple(entry.roles), entry.once, entry.repeatable, entry.timeout, entry.user)


def _repository(repo: str, directory: Path) -> str:
    """A local path made absolute; anything that git knows as a URL as it is."""
    is_url = "://" in repo or (":" in repo.split("/", 1)[0] and not repo.startswith((".", "/", "~")))
    if is_url:
        return repo
    return str((directory / Path(repo).expanduser()).resolve())


assert set(_HOST_KEYS).isdisjoint(OVERRIDABLE)  # noqa: S101 - a host's own keys are never overrides
