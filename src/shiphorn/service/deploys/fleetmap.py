"""The fleet map: where the hosts of a deploy stand in it, and how each fares, one byte a host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from shiphorn.model.deploy import HostState, Placed

CODES = {str(state): number for number, state in enumerate(HostState)}
"""The byte of each state, in the order of `HostState`:

0 waiting, 1 probed, 2 staged, 3 armed, 4 flipped, 5 restarted, 6 done, 7 failed, 8 broken, 9 unknown,
10 removed, 11 reverted.
"""


def layout(hosts: Sequence[Placed]) -> dict[str, Any]:
    """The hosts by region, zone and first role, each with its position, in the order of the inventory.

    `{"states": [name, ...], "hosts": count, "regions": [{"name", "zones": [{"name", "roles": [{"name",
    "hosts": [[position, name], ...]}]}]}]}`. A host of several roles has all of them as a third part.
    """
    regions: dict[str, dict[str, dict[str, list[Any]]]] = {}
    for host in hosts:
        zones = regions.setdefault(host.region, {})
        block = zones.setdefault(host.zone, {}).setdefault(next(iter(host.roles), ""), [])
        further = [list(host.roles)] if len(host.roles) > 1 else []
        block.append([host.position, host.name, *further])
    return {
        "states": list(CODES),
        "hosts": len(hosts),
        "regions": [
            {
                "name": region,
                "zones": [
                    {
                        "name": zone,
                        "roles": [{"name": role, "hosts": block} for role, block in roles.items()],
                    }
                    for zone, roles in zones.items()
                ],
            }
            for region, zones in regions.items()
        ],
    }


def snapshot(states: Iterable[str]) -> bytes:
    """One byte a host, by position: the code of its state. `states` are in the order of the positions."""
    return bytes(map(CODES.__getitem__, states))


def changes(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """(position, code) of the hosts whose state differs. Both are of the same hosts."""
    if before == after:
        return []
    return [(place, new) for place, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
