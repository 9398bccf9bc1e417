"""Loading deploy.yml: from a file to an application with its environments, or to all its problems."""

from __future__ import annotations

import json
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from shiphorn.config import gates, sources, whole
from shiphorn.config.auto import AutoEntry, BranchesEntry
from shiphorn.config.endpoints import (
    EndpointSite,
    entry_of,
    env_of,
    facts_for,
    fill_own,
    only_of,
    vhost_of,
)
from shiphorn.config.gates import GatesEntry
from shiphorn.config.layers import (
    Explained,
    Layers,
    checks_of,
    command_of,
    explained,
    facts_of,
    fill,
    host_settings,
    leaves,
)
from shiphorn.config.near import near
from shiphorn.config.positions import Key, Positions, read
from shiphorn.config.problems import problems_error, told
from shiphorn.config.schema import (
    OVERRIDABLE,
    App,
    CommandEntry,
    Commands,
    EndpointsEntry,
    HostEntry,
    Overrides,
    SecretEntry,
)
from shiphorn.config.schema import Environment as EnvironmentEntry
from shiphorn.config.schema import Region as RegionEntry
from shiphorn.errors import ConfigError
from shiphorn.model.endpoints import Endpoint, base_of, is_endpoint
from shiphorn.model.freezes import Freeze
from shiphorn.model.health import Check
from shiphorn.model.settings import Command, HostSettings, Limits
from shiphorn.model.target import DEFAULT_REGION, Host
from shiphorn.model.waves import Waves

FILE_NAME = "deploy.yml"
_GUARDED = ("gates", "freezes", "auto", "branches")
_APP_KEYS = ("app", "repo", "repo_tree", "branch")
_HOST_KEYS = ("name", "address", "port", "zone", "roles")
_OF_ENDPOINTS = (
    *RegionEntry.model_fields,
    "regions",
    "roles",
    "require",
    "max_failures",
    "concurrency",
    "phase_timeout",
    "endpoints",
)
"""What the environment of an endpoint has of the one it is derived from: not its gates, freezes and waves."""


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
    """An environment: its regions, and how its hosts are treated together; `endpoint` where it is one's."""

    name: str
    regions: tuple[RegionSource, ...]
    limits: Limits
    sound: bool
    build: tuple[Command, ...]
    endpoint: EndpointSite | None = None

    def includes(self, host: Host) -> bool:
        """Whether a host of its regions belongs to it."""
        return self.endpoint is None or self.endpoint.only.matches(host)


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
    _freezes: dict[str, tuple[Freeze, ...]] = field(default_factory=dict)

    @property
    def environments(self) -> tuple[str, ...]:
        """The names of all environments, but for those of endpoints."""
        return tuple(name for name in self._model.environments if not is_endpoint(name))

    @property
    def endpoint_environments(self) -> tuple[str, ...]:
        """The names of the environments that endpoints have."""
        return tuple(name for name in self._model.environments if is_endpoint(name))

    def endpoints(self, environment: str) -> EndpointsEntry | None:
        """How branches get endpoints on the hosts of an environment; None where they get none."""
        return self._model.environments[environment].endpoints

    def with_endpoints(self, found: Iterable[Endpoint]) -> Config:
        """The same with an environment for each of the endpoints, as far as it still has what they are of."""
        entries = self._data["environments"]
        derived = {
            one.full_name: self._derived(entries[one.environment], one)
            for one in found
            if one.app == self.app and isinstance(entries.get(one.environment), dict)
            if entries[one.environment].get("endpoints")
        }
        if not derived:
            return self
        data = {**self._data, "environments": {**entries, **derived}}
        return load_data(data, self._positions, self.text, self.path)

    def text_for(self, environment: str) -> str:
        """The text that a deploy to an environment is kept with; an endpoint is written into it."""
        if not is_endpoint(environment):
            return self.text
        entry = {environment: self._data["environments"][environment]}
        return json.dumps({**self._data, "environments": entry})

    def environment(self, name: str) -> Environment:
        """An environment. Raises ConfigError SH110 if there is none of this name."""
        entry = self._model.environments.get(name)
        if entry is None:
            meant = near(name, self.environments)
            raise ConfigError(
                "SH110",
                f"{self.path.name} has no environment {name}.",
                hint=f"Did you mean {meant}?" if meant else f"It has {', '.join(self.environments)}.",
            )
        regions = entry.regions or {DEFAULT_REGION: entry}
        return Environment(
            name,
            tuple(self._region(name, region, one) for region, one in regions.items()),
            _limits(entry),
            entry.sound if entry.sound is not None else name == "production",
            tuple(map(command_of, [*self._model.hooks.build, *self._build(entry)])),
            self._site(name, entry),
        )

    def freezes(self, environment: str) -> tuple[Freeze, ...]:
        """The freeze windows of an environment, in their order."""
        if environment not in self._freezes:
            found = self._model.environments[environment].freezes
            self._freezes[environment] = tuple(one.freeze for one in found)
        return self._freezes[environment]

    def gates(self, environment: str) -> GatesEntry:
        """What has to be true before a deploy to an environment."""
        return self._model.environments[environment].gates

    def auto(self, environment: str) -> AutoEntry | None:
        """What an environment deploys by itself."""
        return self._model.environments[environment].auto

    def branches(self, environment: str) -> BranchesEntry:
        """What becomes of an environment while another branch is out there."""
        return self._model.environments[environment].branches

    def base(self, environment: str) -> str:
        """The branch that an environment is there for: what is on another one is out for a while."""
        auto = self.auto(environment)
        return (auto and auto.branch) or self.branch

    def where_frozen(self, environment: str) -> tuple[str, ...]:
        """Where each of its freeze windows stands: `shiphorn.yml:12`."""
        key: Key = ("environments", environment, "freezes")
        return tuple(self._positions.where((*key, at)) for at, _ in enumerate(self.freezes(environment)))

    def settings(self, environment: str, host: Host) -> HostSettings:
        """All overridable keys for a host, after all layers. Computed once for hosts that are alike."""
        layers = self._layers(environment, host, None)
        key = layers.cache_key(environment, host)
        if key not in self._cache:
            hooks, base, directory = self._hooks(environment), base_of(environment), self.path.parent
            found = host_settings(layers, hooks, self.app, base, host, directory)
            if is_endpoint(environment):
                above = self._layers(environment, host, None, endpoint=False).merged()["deploy_to"]
                found = replace(found, shared_from=fill(above, facts_of(self.app, base, host)))
            self._cache[key] = found
        return self._cache[key]

    def checks(self, environment: str, host: Host) -> tuple[Check, ...]:
        """What is watched on a host after a switch."""
        return checks_of(self.settings(environment, host), self.app, base_of(environment), host)

    def source(self, check: Check) -> sources.Source:
        """Where a check asks for metrics. Raises ConfigError SH192."""
        known = {name: entry.source(self.path.parent) for name, entry in self._model.sources.items()}
        return sources.source_of(check, known)

    def explain(self, environment: str, host: Host | None = None, key: str = "") -> list[Explained]:
        """Each value with the layer and the line that it comes from; `key` keeps those below it.

        Raises ConfigError SH111 for a key that there is not.
        """
        facts = facts_of(self.app, base_of(environment), host) if host else {}
        place = self._place_of(environment, host) if host else None
        rows = explained(self._layers(environment, host, place), self._positions, facts)
        rows += self._of_app() + self._of_environment(environment)
        chosen = [row for row in rows if not key or row.key == key or row.key.startswith(f"{key}.")]
        if not chosen:
            known = [row.key for row in rows]
            meant = near(key, dict.fromkeys([*known, *(one.partition(".")[0] for one in known)]))
            raise ConfigError(
                "SH111",
                f"nothing sets {key}, and it has no default.",
                hint=f"Did you mean {meant}?" if meant else f"All keys: horn config explain {environment}",
            )
        return chosen

    def check_host(self, environment: str, host: Host) -> None:
        """Check the keys that a dynamic inventory gave a host. Raises ConfigError SH101."""
        try:
            Overrides.model_validate(host.settings)
        except ValidationError as error:
            path = Path(f"the inventory of {environment}, {host.name}")
            raise problems_error(told(error, Overrides), Positions(path), path) from None

    def _of_app(self) -> list[Explained]:
        """The keys that only stand at the top, but for those with names of their own."""
        return [
            self._explained(("app", ()), self._data, name, value)
            for name, value in self._model.model_dump(include=set(_APP_KEYS)).items()
        ]

    def _of_environment(self, name: str) -> list[Explained]:
        """The keys that only environments have."""
        own = (
            set(EnvironmentEntry.model_fields)
            - set(RegionEntry.model_fields)
            - {"regions", "roles", "endpoint"}
        )
        layer: tuple[str, Key] = (f"environment {name}", ("environments", name))
        values = leaves(self._model.environments[name].model_dump(mode="json", by_alias=True, include=own))
        return [self._explained(layer, self._data["environments"][name], key, value) for key, value in values]

    def _explained(self, layer: tuple[str, Key], data: dict[str, Any], key: str, value: Any) -> Explained:
        if key.split(".", maxsplit=1)[0] not in data:
            return Explained(key, value, "default", "default")
        return Explained(key, value, layer[0], self._positions.where((*layer[1], *key.split("."))))

    def _build(self, entry: EnvironmentEntry) -> list[CommandEntry]:
        own = "build" in entry.commands.model_fields_set
        return entry.commands.build if own else self._model.commands.build

    @staticmethod
    def _derived(above: dict[str, Any], endpoint: Endpoint) -> dict[str, Any]:
        """The environment of an endpoint, as it would stand in the file."""
        own = {"endpoint": entry_of(endpoint), "queue": "newest"}
        return {name: above[name] for name in _OF_ENDPOINTS if name in above} | own

    def _site(self, name: str, entry: EnvironmentEntry) -> EndpointSite | None:
        """What makes an environment that of an endpoint."""
        keys, own = entry.endpoints, entry.endpoint
        if keys is None or own is None:
            return None
        base = base_of(name)
        return EndpointSite(
            mark=f"{self.app} {name}",
            name=own.name,
            branch=own.branch,
            url=own.url,
            only=only_of(keys),
            remove=tuple(map(command_of, keys.commands.remove)),
            vhost=vhost_of(keys, own, self.app, base),
        )

    def _hooks(self, environment: str) -> Commands:
        """The commands ahead of those of every layer; those that make an endpoint are the last of them."""
        hooks, entry = self._model.hooks, self._model.environments[environment]
        if entry.endpoint is None or entry.endpoints is None or not entry.endpoint.fresh:
            return hooks
        return hooks.model_copy(update={"stage": [*hooks.stage, *entry.endpoints.commands.create]})

    def _of_endpoint(self, environment: str, below: Layers) -> dict[str, Any]:
        """The keys that an endpoint sets, whatever the layers below it say."""
        entry = self._model.environments[environment]
        keys, own = entry.endpoints, entry.endpoint
        if keys is None or own is None:
            return {}
        beside = f"{below.merged().get('deploy_to', '')}-endpoints/{{name}}"
        facts = facts_for(own)
        return {
            "deploy_to": fill_own(keys.deploy_to or beside, facts),
            "env": env_of(keys, own),
            "watch": fill_own(keys.watch, facts),
        }

    def _layers(
        self, environment: str, host: Host | None, place: Key | None, *, endpoint: bool = True
    ) -> Layers:
        """The layers of a host, or of an environment; `place` is where the host stands in the file."""
        layers = self._layers_below(environment, host, place)
        if endpoint and is_endpoint(environment):
            key: Key = ("environments", base_of(environment), "endpoints")
            layers.add(f"endpoint {environment}", key, self._of_endpoint(environment, layers))
        return layers

    def _layers_below(self, environment: str, host: Host | None, place: Key | None) -> Layers:
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
        layers.add(f"host {host.name}", place, host.settings)
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
    return load_data(data, positions, text, path)


def load_data(data: dict[str, Any], positions: Positions, text: str, path: Path) -> Config:
    """Load what was read already; `text` is what is kept of it with a deploy. Raises as `load`."""
    whole.keep_env_as_written(data, positions)
    found = whole.problems(data) + gates.problems(data) + sources.problems(data)
    try:
        model = App.model_validate(data)
    except ValidationError as error:
        found = [*told(error, App), *found]
    if found:
        raise problems_error(found, positions, path)
    secrets = {name: source(entry) for name, entry in model.secrets.items()}
    repo = _repository(model.repo, path.parent)
    return Config(path, text, model.app, repo, model.repo_tree, model.branch, secrets, model, data, positions)


def guarded_by(config: Config, base: Config) -> Config:
    """A config of a commit with the gates of the branch that it is to come to: none takes off its own.

    Gates, freezes, and which branch that is, are those of `base`, in each environment that it has.
    """
    data = deepcopy(config._data)  # noqa: SLF001 - both are of this module
    if config.branch != base.branch:
        data["branch"] = base.branch
    for name, before in base._data["environments"].items():  # noqa: SLF001
        if name not in data["environments"]:
            continue
        entry = data["environments"][name] = dict(data["environments"][name] or {})
        for key in _GUARDED:
            entry.pop(key, None)
            if key in (before or {}):
                entry[key] = before[key]
    if data == config._data:  # noqa: SLF001
        return config
    return load_data(data, config._positions, json.dumps(data), config.path)  # noqa: SLF001


def source(entry: SecretEntry) -> SecretSource:
    """Where a secret comes from, by its entry in a file."""
    return SecretSource(*next((kind, str(value)) for kind, value in entry if value is not None))


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


def _repository(repo: str, directory: Path) -> str:
    """A local path made absolute; anything that git knows as a URL as it is."""
    is_url = "://" in repo or (":" in repo.split("/", 1)[0] and not repo.startswith((".", "/", "~")))
    if is_url:
        return repo
    return str((directory / Path(repo).expanduser()).resolve())


assert set(_HOST_KEYS).isdisjoint(OVERRIDABLE)  # noqa: S101 - a host's own keys are never overrides
