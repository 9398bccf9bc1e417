"""A dynamic inventory: a program that prints Ansible's JSON.

The format is that of Ansible's script inventories: `--list` prints groups and `_meta.hostvars`;
without `_meta`, `--host NAME` prints the variables of one host.
"""

from __future__ import annotations

import asyncio
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shiphorn.adapters.programs import run
from shiphorn.errors import ConfigError
from shiphorn.model.target import Host

LIST_TIMEOUT_SECONDS = 60.0
ASKED_AT_ONCE = 8
NO_ROLES = frozenset({"all", "ungrouped"})
_PLACES = ("zone", "availability_zone", "placement_availability_zone")


class ExecInventory:
    """Runs a command in a directory. Groups become roles, but for `all` and `ungrouped`."""

    def __init__(self, command: str, directory: Path, timeout_seconds: float = LIST_TIMEOUT_SECONDS) -> None:
        self._command = command
        self._directory = directory
        self._timeout_seconds = timeout_seconds

    async def hosts(self, region: str) -> Sequence[Host]:
        """The hosts, now, in the order that the program names them.

        Raises ConfigError SH140 (it failed), SH141 (took too long), SH142 (no such JSON), SH143 (a host).
        """
        groups = await self._ask("--list")
        meta = groups.pop("_meta", {})
        roles = self._roles(groups)
        variables = self._group_variables(groups, roles)
        known = _mapping(_mapping(meta, "_meta").get("hostvars", {}), "_meta.hostvars")
        if "hostvars" not in meta:
            known = await self._ask_each(list(roles))
        names = dict.fromkeys([*roles, *known])
        return [
            self._host(name, region, roles.get(name, []), {**variables.get(name, {}), **known.get(name, {})})
            for name in names
        ]

    async def _ask(self, *arguments: str) -> dict[str, Any]:
        text = f"{self._command} {' '.join(map(shlex.quote, arguments))}"
        try:
            ended = await run(
                ["/bin/sh", "-c", text], directory=self._directory, timeout_seconds=self._timeout_seconds
            )
        except TimeoutError:
            raise ConfigError(
                "SH141",
                f"the inventory {self._command} printed nothing within {self._timeout_seconds:.0f} s.",
            ) from None
        if ended.status != 0:
            raise ConfigError(
                "SH140",
                f"the inventory {self._command} ended with status {ended.status}: {ended.last_words}",
                hint=f"Try it yourself in {self._directory}: {text}",
            )
        try:
            return _mapping(json.loads(ended.stdout), "the whole")
        except ValueError as error:
            raise self._not_json(str(error)) from error

    async def _ask_each(self, names: Sequence[str]) -> dict[str, Any]:
        gate = asyncio.Semaphore(ASKED_AT_ONCE)

        async def one(name: str) -> dict[str, Any]:
            async with gate:
                return await self._ask("--host", name)

        async with asyncio.TaskGroup() as group:
            tasks = {name: group.create_task(one(name)) for name in names}
        return {name: task.result() for name, task in tasks.items()}

    def _roles(self, groups: Mapping[str, Any]) -> dict[str, list[str]]:
        """Host -> the groups that it is in, also by way of child groups."""
        roles: dict[str, list[str]] = {}
        for name in groups:
            for host in self._members(groups, name, ()):
                mine = roles.setdefault(host, [])
                if name not in NO_ROLES and name not in mine:
                    mine.append(name)
        return roles

    def _members(self, groups: Mapping[str, Any], name: str, above: tuple[str, ...]) -> list[str]:
        if name in above:
            raise self._not_json(f"the group {name} is its own child")
        group = groups.get(name, {})
        if isinstance(group, list):
            return [str(host) for host in group]
        group = _mapping(group, name)
        found = [str(host) for host in group.get("hosts", [])]
        for child in group.get("children", []):
            found += self._members(groups, child, (*above, name))
        return list(dict.fromkeys(found))

    def _group_variables(
        self, groups: Mapping[str, Any], roles: Mapping[str, Sequence[str]]
    ) -> dict[str, dict[str, Any]]:
        variables: dict[str, dict[str, Any]] = {host: {} for host in roles}
        # `all` is the weakest, as in Ansible.
        for name in sorted(groups, key=lambda group: group != "all"):
            group = groups[name]
            if isinstance(group, dict) and group.get("vars"):
                for host in self._members(groups, name, ()):
                    variables[host] |= _mapping(group["vars"], f"{name}.vars")
        return variables

    def _host(self, name: str, region: str, groups: Sequence[str], given: Mapping[str, Any]) -> Host:
        try:
            own = _mapping(given.get("horn", {}), "horn")
            settings = {key: value for key, value in own.items() if key not in ("zone", "roles")}
            ssh = dict(settings.get("ssh", {}))
            if "ansible_user" in given:
                ssh.setdefault("user", str(given["ansible_user"]))
            if "ansible_ssh_private_key_file" in given:
                ssh.setdefault("identity_file", str(given["ansible_ssh_private_key_file"]))
            if ssh:
                settings["ssh"] = ssh
            zone = own.get("zone") or next((given[key] for key in _PLACES if given.get(key)), "")
            return Host(
                name=name,
                address=str(given.get("ansible_host", name)),
                port=int(given.get("ansible_port", 0)),
                region=region,
                zone=str(zone),
                roles=tuple(dict.fromkeys([*groups, *map(str, own.get("roles", ()))])),
                settings=settings,
            )
        except (TypeError, ValueError) as error:
            raise ConfigError(
                "SH143",
                f"the inventory {self._command} describes {name} in a way that makes no sense: {error}.",
            ) from error

    def _not_json(self, why: str) -> ConfigError:
        return ConfigError(
            "SH142",
            f"the inventory {self._command} does not print an inventory: {why}.",
            hint="It has to print the JSON of an Ansible inventory script when called with --list.",
        )


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} is not a mapping")  # noqa: TRY004 - a wrong value, for the reader
    return value
