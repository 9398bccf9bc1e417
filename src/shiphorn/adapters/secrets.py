"""Secrets from where the config says: the environment, a file, or a command such as pass, op or vault."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from shiphorn.adapters.programs import run
from shiphorn.errors import ConfigError

COMMAND_TIMEOUT_SECONDS = 60.0


class Origin(Protocol):
    """Where one secret comes from. `kind` is env, file or command; `value` names it."""

    @property
    def kind(self) -> str:
        """The kind."""

    @property
    def value(self) -> str:
        """The variable, the path or the command."""


class ConfiguredSecrets:
    """Fetches each secret once. Neither a value nor what a command printed is ever in an error."""

    def __init__(self, origins: Mapping[str, Origin], directory: Path) -> None:
        self._origins = origins
        self._directory = directory
        self._values: dict[str, str] = {}
        self._lock = asyncio.Lock()

    async def get(self, name: str) -> str:
        """The value. Raises ConfigError SH130 if there is none."""
        async with self._lock:
            if name not in self._values:
                self._values[name] = await self._fetch(name)
            return self._values[name]

    async def _fetch(self, name: str) -> str:
        origin = self._origins.get(name)
        if origin is None:
            raise ConfigError("SH130", f"the secret {name} is not defined.", hint='Add it under "secrets".')
        match origin.kind:
            case "env":
                text = self._from_env(name, origin.value)
            case "file":
                text = await asyncio.to_thread(self._from_file, name, origin.value)
            case _:
                text = await self._from_command(name, origin.value)
        if not text or "\0" in text:
            raise ConfigError("SH130", f"the secret {name} is empty, or holds a NUL character.")
        return text

    @staticmethod
    def _from_env(name: str, variable: str) -> str:
        try:
            return os.environ[variable]
        except KeyError:
            raise ConfigError(
                "SH130", f"the secret {name} is not in the environment.", hint=f"Set {variable}."
            ) from None

    def _from_file(self, name: str, path: str) -> str:
        try:
            return (self._directory / Path(path).expanduser()).read_text().removesuffix("\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise ConfigError("SH130", f"the secret {name} cannot be read from {path}: {reason}.") from None

    async def _from_command(self, name: str, command: str) -> str:
        try:
            ended = await run(
                ["/bin/sh", "-c", command],
                directory=self._directory,
                timeout_seconds=COMMAND_TIMEOUT_SECONDS,
            )
            text = ended.stdout.decode()
        except (TimeoutError, UnicodeDecodeError):
            raise ConfigError("SH130", f"the command for the secret {name} gave no text in time.") from None
        if ended.status != 0:
            raise ConfigError(
                "SH130",
                f"the command for the secret {name} ended with status {ended.status}.",
                hint=f"Try it yourself: {command}",
            )
        return text.removesuffix("\n")
