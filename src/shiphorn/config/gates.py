"""`gates` of an environment: what has to be true of a commit before it goes out there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from shiphorn.config.near import near
from shiphorn.config.positions import Key
from shiphorn.config.strict import Strict
from shiphorn.config.values import Duration, EnvValue, Glob, Name, Patience, Text, Variable

BUILT_IN = (
    "locked",
    "marked_bad",
    "frozen",
    "contains_live",
    "up_to_date",
    "tests",
    "after",
    "approval",
    "commands",
)
"""The gates that there always are, by the names that files know them by."""


class ApprovalEntry(Strict):
    """Who has to approve: others than whoever ordered the deploy, with the role deployer there."""

    people: int = Field(1, ge=1, le=20, description="How many.")
    expires: Duration = Field(86_400.0, description="How long an approval counts.")


class AfterEntry(Strict):
    """Where the commit has to have been before."""

    environment: Name = Field(description="The environment, on all of its hosts.")
    healthy: Patience = Field(0.0, description="How long it has to have stood there.")


class GateCommand(Strict):
    """A command on the deployer: 0 lets the deploy through, 75 has it wait, anything else refuses it."""

    name: Annotated[Text, Field(min_length=1, max_length=40)] = Field(description="What people know it by.")
    run: str = Field(min_length=1, description="The command, for `sh`; it gets `HORN_SHA` and the like.")
    timeout: Duration = Field(60.0, le=600.0, description="How long it may take.")
    every: Duration = Field(30.0, description="How long its answer counts before it is asked again.")
    env: dict[Variable, EnvValue] = Field({}, description="Its environment; a value may be `{secret: NAME}`.")


class GatesEntry(Strict):
    """What has to be true of a commit before it is deployed; rollbacks and converges pass by these."""

    tests: bool | list[Glob] = Field(
        default=False, description="Contexts that have to be green, globs allowed; true for whatever is said."
    )
    tests_timeout: Duration = Field(1800.0, description="How long a deploy waits for them.")
    contains_live: bool | Literal["strict"] = Field(
        default=True,
        description="Refuse to overwrite what is live by a commit that lacks it; `strict`: also to go back.",
    )
    up_to_date: bool | Literal["merge"] = Field(
        default=False,
        description="Refuse a branch that lacks commits of the app's branch; `merge` merges them into it.",
    )
    approval: ApprovalEntry | None = Field(None, description="People have to approve.")
    after: AfterEntry | None = Field(None, description="Another environment comes first.")
    commands: list[GateCommand] = Field([], description="Commands on the deployer that are asked.")
    plugins: dict[Name, dict[Text, Any] | None] = Field(
        {}, description="Gates of plug-ins by the names of their entry points, with their options."
    )
    wait: Duration = Field(86_400.0, description="How long a deploy waits before a gate that waits refuses.")
    never_override: list[Text] = Field(
        [], description="Gates that nobody gets by, by these keys or by the name of a command or plug-in."
    )

    @model_validator(mode="after")
    def _known(self) -> GatesEntry:
        known = [*BUILT_IN, *(one.name for one in self.commands), *self.plugins]
        for name in self.never_override:
            if name not in known:
                meant = near(name, known)
                hint = f"did you mean {meant}?" if meant else f"there are {', '.join(known)}"
                raise ValueError(f"never_override: there is no gate {name}; {hint}")
        names = [one.name for one in self.commands]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"commands: there are two with the name {twice}")
        if self.tests == []:
            raise ValueError("tests: name contexts, or write true for whatever is said")
        return self


def problems(data: dict[str, Any]) -> list[tuple[Key, str]]:
    """What no single key shows: environments and secrets that are not there. (key, what is wrong) pairs."""
    found: list[tuple[Key, str]] = []
    environments, secrets = data.get("environments"), data.get("secrets")
    entries = environments if isinstance(environments, dict) else {}
    known = secrets if isinstance(secrets, dict) else {}
    for name, entry in entries.items():
        gates = entry.get("gates") if isinstance(entry, dict) else None
        if not isinstance(gates, dict):
            continue
        place: Key = ("environments", name, "gates")
        after = gates.get("after")
        first = after.get("environment") if isinstance(after, dict) else None
        if isinstance(first, str) and (first == name or first not in entries):
            wrong = "it cannot come after itself" if first == name else f"there is no environment {first}"
            found.append(((*place, "after", "environment"), wrong))
        commands = gates.get("commands")
        for index, command in enumerate(commands if isinstance(commands, list) else []):
            env = command.get("env") if isinstance(command, dict) else None
            for variable, value in (env if isinstance(env, dict) else {}).items():
                if isinstance(value, dict) and str(value.get("secret", "")) not in ("", *known):
                    lacking = f"the secret {value['secret']} is not defined under secrets"
                    found.append(((*place, "commands", index, "env", variable), lacking))
    return found
