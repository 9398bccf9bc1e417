"""How often strangers may ask, so that nobody keeps a service busy who need not even sign in."""

from __future__ import annotations

import ipaddress
import math

from shiphorn.errors import Refused

MOST_KEPT = 10_000
"""Of so many networks at once it is remembered how often they asked."""


class Pace:
    """So many questions from each network in so many seconds; who paused may ask as many at once.

    A network is an IPv4 address, or the first half of an IPv6 address: one machine has all of the rest. It
    is kept in memory, so that each process of a service counts for itself, and used on one loop.
    """

    def __init__(self, most: int, within_seconds: float, most_kept: int = MOST_KEPT) -> None:
        self._most_kept = most_kept
        self._within = within_seconds
        self._step = within_seconds / most
        self._rested_at: dict[str, float] = {}

    def ask(self, address: str, now: float) -> None:
        """Count a question. `now` is of a clock that only goes on. Raises Refused SH516: too many."""
        network = network_of(address)
        rested_at = max(self._rested_at.get(network, now), now) + self._step
        wait = rested_at - now - self._within
        if wait > self._step / 1e6:
            raise Refused(
                "SH516",
                "too many questions at once from this address.",
                hint="Wait a moment, then ask again.",
                facts={"retry_after_seconds": math.ceil(wait)},
            )
        self._rested_at.pop(network, None)
        self._rested_at[network] = rested_at
        if len(self._rested_at) > self._most_kept:
            self._forget(now)

    def _forget(self, now: float) -> None:
        """Forget those who have rested; if all are busy, the one who asked longest ago."""
        busy = {network: at for network, at in self._rested_at.items() if at > now}
        if len(busy) > self._most_kept:
            del busy[next(iter(busy))]
        self._rested_at = busy


def network_of(address: str) -> str:
    """What counts as one who asks."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))
