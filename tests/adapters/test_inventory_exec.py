"""Dynamic inventories: real programs that print what Ansible's print."""

import json
from pathlib import Path
from typing import Any

import pytest

from shiphorn.adapters.inventory_exec import ExecInventory
from shiphorn.errors import ConfigError


def program(folder: Path, listed: Any, hosts: dict[str, Any] | None = None) -> str:
    """A program that prints an inventory."""
    (folder / "list.json").write_text(json.dumps(listed))
    for name, variables in (hosts or {}).items():
        (folder / f"{name}.json").write_text(json.dumps(variables))
    path = folder / "hosts.sh"
    path.write_text('#!/bin/sh\nif [ "$1" = --list ]; then cat list.json; else cat "$2.json"; fi\n')
    path.chmod(0o755)
    return "./hosts.sh"


async def test_groups_become_roles_and_variables_become_settings(tmp_path: Path) -> None:
    listed = {
        "web": {"hosts": ["w1", "w2"], "vars": {"ansible_user": "www"}},
        "db": ["d1"],
        "all_web": {"children": ["web"]},
        "ungrouped": {"hosts": []},
        "all": {"children": ["web", "db"], "vars": {"ansible_port": 2222, "ansible_user": "any"}},
        "_meta": {
            "hostvars": {
                "w1": {"ansible_host": "192.0.2.1", "zone": "a"},
                "d1": {"ansible_port": 22, "horn": {"zone": "b", "roles": ["primary"], "env": {"X": "1"}}},
            }
        },
    }
    found = await ExecInventory(program(tmp_path, listed), tmp_path).hosts("us")
    shown = [(one.name, one.address, one.port, one.zone, one.roles, one.settings) for one in found]
    assert shown == [
        ("w1", "192.0.2.1", 2222, "a", ("web", "all_web"), {"ssh": {"user": "www"}}),
        ("w2", "w2", 2222, "", ("web", "all_web"), {"ssh": {"user": "www"}}),
        ("d1", "d1", 22, "b", ("db", "primary"), {"env": {"X": "1"}, "ssh": {"user": "any"}}),
    ]
    assert {one.region for one in found} == {"us"}


async def test_without_meta_each_host_is_asked_for(tmp_path: Path) -> None:
    command = program(tmp_path, {"web": ["w1"]}, {"w1": {"ansible_host": "192.0.2.9"}})
    (found,) = await ExecInventory(command, tmp_path).hosts("us")
    assert found.address == "192.0.2.9"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("echo no such cloud >&2; exit 3; :", "SH140"),
        ("sleep 30; :", "SH141"),
        ("echo not json; :", "SH142"),
        ("echo '[]'; :", "SH142"),
        ('echo \'{"a": {"children": ["a"]}, "_meta": {"hostvars": {}}}\'; :', "SH142"),
        ('echo \'{"a": ["x"], "_meta": {"hostvars": {"x": {"ansible_port": "ssh"}}}}\'; :', "SH143"),
    ],
)
async def test_what_makes_no_sense_is_told(tmp_path: Path, command: str, code: str) -> None:
    with pytest.raises(ConfigError) as raised:
        await ExecInventory(command, tmp_path, timeout_seconds=0.5).hosts("us")
    assert raised.value.code == code
