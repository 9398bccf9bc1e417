"""`gates` of an environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.config.load import Config, guarded_by, load_text
from shiphorn.errors import ConfigError


def config(gates: dict[str, Any], **more: Any) -> Config:
    app = {
        "app": "shop",
        "repo": "/srv/shop.git",
        "deploy_to": "~/shop",
        "environments": {"staging": {"hosts": ["web1"]}, "production": {"hosts": ["web1"], "gates": gates}},
    }
    return load_text(yaml.safe_dump(app | more), Path("/etc/deploy.yml"))


def problems(gates: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as wrong:
        config(gates)
    return [one.partition(": ")[2] for one in wrong.value.problems]


def test_what_is_not_said_asks_for_nothing_but_not_to_overwrite_others() -> None:
    found = config({}).gates("production")
    assert (found.tests, found.up_to_date, found.approval, found.after) == (False, False, None, None)
    assert (found.contains_live, found.commands, found.never_override) == (True, [], [])


def test_all_of_it_is_read() -> None:
    found = config(
        {
            "tests": ["ci/*", "lint"],
            "tests_timeout": "10m",
            "contains_live": "strict",
            "up_to_date": "merge",
            "approval": {"people": 2, "expires": "4h"},
            "after": {"environment": "staging", "healthy": "30m"},
            "commands": [{"name": "ticket", "run": "bin/ticket", "timeout": "5s"}],
            "plugins": {"moon": {"phase": "full"}, "plain": None},
            "wait": "2h",
            "never_override": ["tests", "ticket", "moon"],
        }
    ).gates("production")
    assert found.approval is not None
    assert found.after is not None
    assert (found.tests, found.tests_timeout, found.approval.people) == (["ci/*", "lint"], 600.0, 2)
    assert (found.after.healthy, found.commands[0].timeout, found.wait) == (1800.0, 5.0, 7200.0)
    assert found.plugins == {"moon": {"phase": "full"}, "plain": None}


@pytest.mark.parametrize(
    ("gates", "told"),
    [
        ({"never_override": ["test"]}, "never_override: there is no gate test; did you mean tests?"),
        ({"after": {"environment": "stagging"}}, "there is no environment stagging"),
        ({"after": {"environment": "production"}}, "it cannot come after itself"),
        ({"approval": {"people": 0}}, "it should be greater than or equal to 1"),
        ({"tests": []}, "tests: name contexts, or write true for whatever is said"),
        ({"contains_live": "stric"}, "it should be 'strict'"),
        (
            {"commands": [{"name": "a", "run": "x", "env": {"T": {"secret": "TOKEN"}}}]},
            "TOKEN is not defined",
        ),
        ({"commands": [{"name": "a", "run": "x"}] * 2}, "commands: there are two with the name a"),
        ({"approvals": {}}, "there is no such key; did you mean approval?"),
    ],
)
def test_what_is_wrong_is_said(gates: dict[str, Any], told: str) -> None:
    assert any(told in one for one in problems(gates))


def test_a_commit_has_the_gates_of_the_branch_that_it_is_to_come_to() -> None:
    base = config({"approval": {"people": 2}, "tests": True})
    branch = config({"contains_live": False}, branch="sneaky")
    found = guarded_by(branch, base)
    assert found.gates("production") == base.gates("production")
    assert found.branch == "main"
    assert load_text(found.text, found.path).gates("production") == base.gates("production")
    assert guarded_by(base, base) is base
