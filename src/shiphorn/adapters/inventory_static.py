"""The inventory that stands in the config file itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shiphorn.model.target import Host


class StaticInventory:
    """Hosts as the config lists them."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._hosts = tuple(hosts)

    async def hosts(self, region: str) -> Sequence[Host]:
        """The hosts, in the order of the config."""
        return [replace(host, region=region) for host in self._hosts]
