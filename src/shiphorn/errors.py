"""Every error a person may read, in one tree.

ShiphornError
├── ConfigError        SH1xx  the config file or an option is wrong; nothing was touched
├── SourceError        SH2xx  git, the build or the artifact
├── ConnectError       SH3xx  a host cannot be reached or does not prove who it is
├── HostError          SH4xx  a host was reached and something on it is not as it must be
├── Refused            SH5xx, SH9xx  shiphorn says no: a lock, a gate, a fence, a bad request
│   ├── NotFound              what was asked for is not there
│   ├── Forbidden             this person may not do that
│   └── Unknown               nobody knows who asks: sign in
├── DeployFailed       SH6xx  a deploy ended without success; hosts and reasons are attached
├── MissingProgram     SH7xx  a program that shiphorn needs here is not installed
└── DatabaseError      SH8xx  the database with shiphorn's own state cannot be used

The first digit of a code names the class; codes are never reused. Each error says what
happened and where (`message`), what to do (`hint`), and carries the facts for `--json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ShiphornError(Exception):
    """An expected failure. `code` is stable, `message` one sentence, `hint` what to do next."""

    exit_status = 1

    def __init__(
        self, code: str, message: str, *, hint: str = "", facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.facts: dict[str, Any] = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.code} {self.message}" + (f" {self.hint}" if self.hint else "")

    def as_json(self) -> dict[str, Any]:
        """The error as JSON for `--json` and the API: {code, message, hint, facts}."""
        return {
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "facts": self.facts,
        }


class ConfigError(ShiphornError):
    """The config file, or an option, is wrong. `problems` lists all of them, not the first."""

    exit_status = 2

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        problems: tuple[str, ...] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code, message, hint=hint, facts=facts)
        self.problems = problems
        if problems:
            self.facts["problems"] = list(problems)


class SourceError(ShiphornError):
    """Git, a build command or the artifact."""

    exit_status = 3


class ConnectError(ShiphornError):
    """A host cannot be reached, or is not who it must be."""

    exit_status = 4


class HostError(ShiphornError):
    """A host was reached, and something on it is not as it must be."""

    exit_status = 4


class Refused(ShiphornError):
    """shiphorn will not do what was asked; nothing was changed."""

    exit_status = 5


class NotFound(Refused):
    """What was asked for is not there."""


class Forbidden(Refused):
    """Whoever asks may not do that; somebody else may."""


class Unknown(Refused):
    """Nobody knows who asks."""


class DeployFailed(ShiphornError):
    """A deploy ended without success."""

    exit_status = 6


class MissingProgram(ShiphornError):
    """A program that is needed on this machine is not installed."""

    exit_status = 7


class DatabaseError(ShiphornError):
    """The database that shiphorn keeps its state in cannot be used, or went away."""

    exit_status = 8


_CLASSES: dict[str, type[ShiphornError]] = {
    "SH1": ConfigError,
    "SH2": SourceError,
    "SH3": ConnectError,
    "SH4": HostError,
    "SH5": Refused,
    "SH6": DeployFailed,
    "SH7": MissingProgram,
    "SH8": DatabaseError,
    "SH9": Refused,
}


def error_from_json(data: Mapping[str, Any]) -> ShiphornError:
    """The error that `as_json` wrote; its code names the class."""
    code, facts = data["code"], data["facts"]
    kind = _CLASSES.get(code[:3], ShiphornError)
    if kind is ConfigError:
        problems = tuple(facts.get("problems", ()))
        return ConfigError(code, data["message"], hint=data["hint"], problems=problems, facts=facts)
    return kind(code, data["message"], hint=data["hint"], facts=facts)
