"""The only place where text becomes shell text."""

from __future__ import annotations

import re
import shlex

from shiphorn.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def quote(text: str) -> str:
    """One shell word that means exactly this text. Raises ConfigError SH120 for a NUL character.

    No shell can hold a NUL in a variable or an argument, so it is refused rather than cut off.
    """
    if "\0" in text:
        raise ConfigError(
            "SH120",
            f"a value holds a NUL character, which no shell can carry: {text[:40]!r}.",
            hint="Take the NUL out of the config value or the secret.",
        )
    return shlex.quote(text)


def assign(name: str, value: str | int) -> str:
    """A line that sets a shell variable. Raises ConfigError SH121 if `name` cannot be one."""
    if _NAME.fullmatch(name) is None:
        raise ConfigError(
            "SH121",
            f"{name!r} is not a name for a shell variable.",
            hint="Use letters, digits and underscores, not starting with a digit.",
        )
    return f"{name}={quote(str(value))}\n"
