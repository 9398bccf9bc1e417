"""The fleet kept in memory: an environment is read again when one of its hosts or deploys changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from shiphorn.model.history import Place, Standings
from shiphorn.service.hosts.listed import FleetHost, HostCounts, listed, tallied
from shiphorn.store.store import Store

_State = tuple[object, ...]
_NONE = HostCounts()


class KeptFleet:
    """All hosts of a fleet, a few hundred bytes each. Threads may share it."""

    def __init__(self) -> None:
        self._kept: dict[Place, tuple[_State, list[FleetHost], HostCounts]] = {}
        self._lock = threading.Lock()

    def __call__(self, store: Store, places: Sequence[Place], standings: Standings) -> list[FleetHost]:
        """What `hosts.listed` gives, as it is at this moment."""
        with self._lock:
            self._freshen(store, places, standings)
            return [one for place in places for one in self._kept[place][1]]

    def counted(self, store: Store, places: Sequence[Place], standings: Standings) -> dict[Place, HostCounts]:
        """What `hosts.counted` gives, as it is at this moment."""
        with self._lock:
            self._freshen(store, places, standings)
            found = ((place, self._kept[place][2]) for place in places if place in standings.live)
            return {place: counts for place, counts in found if counts != _NONE}

    def _freshen(self, store: Store, places: Sequence[Place], standings: Standings) -> None:
        """Read again what has changed. The looks are read first: one that comes meanwhile shows later."""
        looks = store.members.looks()
        states = {place: _state(place, standings, looks.get(place)) for place in places}
        stale = [place for place in places if self._state_of(place) != states[place]]
        fresh: dict[Place, list[FleetHost]] = {place: [] for place in stale}
        for one in listed(store, stale, standings) if stale else ():
            fresh[one.host.app, one.host.environment].append(one)
        self._kept |= {
            place: (states[place], found, tallied((one.standing, 1) for one in found))
            for place, found in fresh.items()
        }

    def _state_of(self, place: Place) -> _State | None:
        kept = self._kept.get(place)
        return kept[0] if kept else None


def _state(place: Place, standings: Standings, look: tuple[int, float, float] | None) -> _State:
    """What the hosts of an environment hang on: what was shipped, and the last look at them."""
    live, last = standings.live.get(place), standings.last.get(place)
    if live is not None:
        return live.id, look
    # Until a deploy went well the last one says which hosts there are, once it knows them.
    return (last.id, last.phase, last.state, look) if last else (look,)
