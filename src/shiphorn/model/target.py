"""Where a deploy goes: hosts, and the selection that a person made among them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

DEFAULT_REGION = "default"
"""The region of hosts that stand directly below an environment."""


@dataclass(frozen=True, slots=True)
class Host:
    """A machine with sshd, as the inventory names it.

    `address` is what is dialled (the name if the inventory gives none); `port` 0 means that
    ssh settings decide. `settings` is the host layer of the config: a mapping of overridable keys.
    """

    name: str
    address: str
    port: int = 0
    region: str = DEFAULT_REGION
    zone: str = ""
    roles: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which hosts of an environment a person asked for. An empty part selects all.

    Each part is a tuple of alternatives; `hosts` are shell globs on the host name.
    """

    regions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()

    def matches(self, host: Host) -> bool:
        """Whether the host has one of the alternatives of every part."""
        return (
            (not self.regions or host.region in self.regions)
            and (not self.zones or host.zone in self.zones)
            and (not self.roles or not set(self.roles).isdisjoint(host.roles))
            and (not self.hosts or any(fnmatchcase(host.name, glob) for glob in self.hosts))
        )

    @property
    def everything(self) -> bool:
        """Whether nothing was narrowed."""
        return not (self.regions or self.zones or self.roles or self.hosts)

    def __str__(self) -> str:
        parts = [
            f"{word} {', '.join(values)}"
            for word, values in (
                ("region", self.regions),
                ("zone", self.zones),
                ("role", self.roles),
                ("hosts", self.hosts),
            )
            if values
        ]
        return "; ".join(parts) or "all hosts"
