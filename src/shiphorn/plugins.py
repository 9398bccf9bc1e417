"""Plug-ins: Python packages that add something by an entry point.

What is installed is not in force by that: a config names what it wants.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import Any

from shiphorn.errors import ConfigError


@cache
def load(group: str, name: str) -> Any:
    """What an entry point names. Raises ConfigError SH170 (none), SH172 (two), SH171 (it does not load)."""
    found = list(dict.fromkeys(entry_points(group=group, name=name)))
    if not found:
        known = ", ".join(names(group)) or "none"
        raise ConfigError(
            "SH170",
            f"no plug-in {name} is installed on this deployer.",
            hint=f"Install it where horn is installed. There are: {known}.",
        )
    if len(found) > 1:
        values = " and ".join(one.value for one in found)
        raise ConfigError("SH172", f"two plug-ins have the name {name}: {values}.", hint="Uninstall one.")
    try:
        return found[0].load()
    except Exception as error:
        raise ConfigError(
            "SH171", f"the plug-in {name} ({found[0].value}) does not load: {error}.", hint="Reinstall it."
        ) from error


def names(group: str) -> list[str]:
    """The names of what is installed, sorted."""
    return sorted({one.name for one in entry_points(group=group)})
