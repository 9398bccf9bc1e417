"""What no single key shows: names used twice, secrets that nobody defined, a missing deploy_to.

It looks at the values as they stand in the file, so that such problems are told together with those
of single keys. What a key's own check will refuse is passed over here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shiphorn.config import auto
from shiphorn.config.positions import Key, Positions
from shiphorn.model.endpoints import is_endpoint


def problems(data: dict[str, Any]) -> list[tuple[Key, str]]:
    """(key, what is wrong) pairs."""
    found: list[tuple[Key, str]] = []
    for name, environment in _named(data, "environments"):
        found += _hosts_twice(environment, ("environments", name))
        if is_endpoint(name) != isinstance(environment.get("endpoint"), dict):
            found.append((("environments", name), "only shiphorn itself writes environments of endpoints"))
        if not data.get("deploy_to") and not _sets_deploy_to(environment):
            found.append((("environments", name), "deploy_to is missing: set it here, or at the top"))
    found += auto.problems(data)
    secrets = _mapping(data, "secrets")
    for key, place in places(data):
        for variable, value in _mapping(place, "env").items():
            if isinstance(value, dict) and str(value.get("secret", "")) not in ("", *secrets):
                lacking = f"the secret {value['secret']} is not defined under secrets"
                found.append(((*key, "env", variable), lacking))
        is_inner = len(key) > 2 or key[:1] == ("roles",)
        if is_inner and _mapping(place, "commands").get("build"):
            found.append(((*key, "commands", "build"), "builds are for the app or a whole environment"))
    return found


def keep_env_as_written(data: dict[str, Any], positions: Positions) -> None:
    """Turn numbers in `env` into the text that was written: `1.10` is a version, not 1.1."""
    for key, place in places(data):
        env = _mapping(place, "env")
        for variable in env:
            env[variable] = positions.written((*key, "env", variable)) or env[variable]


def places(data: dict[str, Any]) -> Iterator[tuple[Key, dict[str, Any]]]:
    """Every mapping that may set the keys of all layers, with where it stands."""
    yield (), data
    yield from ((("roles", role), entry) for role, entry in _named(data, "roles"))
    for name, environment in _named(data, "environments"):
        place: Key = ("environments", name)
        yield place, environment
        yield (*place, "endpoints"), _mapping(environment, "endpoints")
        yield from _hosts(environment, place)
        yield from (((*place, "roles", role), entry) for role, entry in _named(environment, "roles"))
        for region, entry in _named(environment, "regions"):
            inner = (*place, "regions", region)
            yield inner, entry
            yield from _hosts(entry, inner)


def _hosts_twice(environment: dict[str, Any], place: Key) -> list[tuple[Key, str]]:
    regions = [((*place, "regions", region), entry) for region, entry in _named(environment, "regions")]
    found: list[tuple[Key, str]] = []
    seen: set[str] = set()
    for key, entry in regions or [(place, environment)]:
        for index, host in enumerate(_listed(entry, "hosts")):
            name = host.get("name") if isinstance(host, dict) else host
            if isinstance(name, str) and name in seen:
                found.append(((*key, "hosts", index), f"the host {name} is there twice"))
            seen.add(str(name))
    return found


def _sets_deploy_to(environment: dict[str, Any]) -> bool:
    if environment.get("deploy_to"):
        return True
    regions = [entry for _, entry in _named(environment, "regions")]
    return bool(regions) and all(
        region.get("deploy_to") or _all_set_deploy_to(_listed(region, "hosts")) for region in regions
    )


def _all_set_deploy_to(hosts: list[Any]) -> bool:
    return bool(hosts) and all(isinstance(host, dict) and host.get("deploy_to") for host in hosts)


def _hosts(entry: dict[str, Any], place: Key) -> Iterator[tuple[Key, dict[str, Any]]]:
    for index, host in enumerate(_listed(entry, "hosts")):
        if isinstance(host, dict):
            yield (*place, "hosts", index), host


def _named(data: dict[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    return [(name, value) for name, value in _mapping(data, key).items() if isinstance(value, dict)]


def _mapping(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _listed(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key)
    return value if isinstance(value, list) else []
