"""`auto` and `branches` of an environment: what goes out by itself, and what becomes of branches."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from shiphorn.config.positions import Key
from shiphorn.config.strict import Short, Strict
from shiphorn.config.values import Glob, Name, Patience, Text

_OF_BRANCH = ("branch", "on", "required", "delay")


class AutoEntry(Short):
    """What is deployed by itself: `true` for the app's branch as soon as it is green, or a mapping."""

    short: ClassVar[dict[str, Any]] = {"type": "boolean"}

    branch: Text = Field("", description="The branch; the app's if left out.")
    on: Literal["green", "push"] = Field(
        "green", description="When: `green` waits for builds, `push` does not."
    )
    required: list[Glob] = Field(
        [],
        description="Contexts that have to be green, globs allowed; those of `gates` if left out, else "
        "whatever is said of the commit.",
    )
    delay: Patience = Field(0.0, description="How long a commit has to have been green, or there.")
    after: Name | None = Field(
        None, description="Another environment: what that one runs comes next, in place of a branch."
    )
    healthy: Patience = Field(0.0, description="after: how long it has to have stood there.")

    @model_validator(mode="before")
    @classmethod
    def _from_true(cls, value: Any) -> Any:
        return {} if value is True else value

    @model_validator(mode="after")
    def _one_way(self) -> AutoEntry:
        given = [name for name in _OF_BRANCH if name in self.model_fields_set]
        if self.after is not None and given:
            raise ValueError(f"it goes by what {self.after} runs, and has no {' and no '.join(given)} then")
        if self.after is None and "healthy" in self.model_fields_set:
            raise ValueError("healthy needs after: the environment that comes before; delay is for a branch")
        return self


class BranchesEntry(Strict):
    """What becomes of an environment to which somebody deploys another branch than the base branch."""

    lock: bool = Field(
        default=False,
        description="Lock it for whoever deployed the branch, until that is merged or the base is back.",
    )
    redeploy: bool = Field(default=False, description="Deploy what is pushed to the branch meanwhile.")

    @model_validator(mode="after")
    def _whose(self) -> BranchesEntry:
        if self.redeploy and not self.lock:
            raise ValueError("redeploy needs lock: true, which says whose branch is out")
        return self


def _none_for_false(value: Any) -> Any:
    return None if value is False else value


Auto = Annotated[AutoEntry | None, BeforeValidator(_none_for_false)]


def problems(data: dict[str, Any]) -> list[tuple[Key, str]]:
    """What no single key shows: environments to come after that are not there. (key, what is wrong) pairs."""
    named = data.get("environments")
    entries: dict[str, Any] = named if isinstance(named, dict) else {}
    before = {name: _after(entry) for name, entry in entries.items()}
    found: list[tuple[Key, str]] = []
    for name, first in before.items():
        key: Key = ("environments", name, "auto", "after")
        if first and first not in entries:
            found.append((key, f"there is no environment {first}"))
        elif first and name in _chain(before, first):
            found.append((key, "it would wait for itself"))
    return found


def _after(entry: Any) -> str:
    auto = entry.get("auto") if isinstance(entry, dict) else None
    first = auto.get("after") if isinstance(auto, dict) else None
    return first if isinstance(first, str) else ""


def _chain(before: dict[str, str], name: str) -> list[str]:
    """An environment, and all that come before it."""
    found: list[str] = []
    while name and name not in found:
        found.append(name)
        name = before.get(name, "")
    return found
