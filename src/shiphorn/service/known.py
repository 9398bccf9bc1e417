"""What was worked out from the record, kept as long as what it hangs on is the same. Never by time alone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shiphorn.model.deploy import DeployState
from shiphorn.model.health import Outcome
from shiphorn.model.history import DeployRow, Place, Standings
from shiphorn.service.hosts.kept import KeptFleet
from shiphorn.service.hosts.listed import HostCounts
from shiphorn.store.store import Store

OUTCOMES_AT_MOST = 10_000


@dataclass
class _Kept:
    """The standings of some environments, and the deploys of which they are."""

    state: tuple[object, ...] = ()
    looked_at: set[Place] = field(default_factory=set)
    last: dict[Place, DeployRow] = field(default_factory=dict)
    live: dict[Place, DeployRow] = field(default_factory=dict)


class Known:
    """How environments stand, as it is at this moment. Threads may share it. `fleet` are all hosts."""

    def __init__(self) -> None:
        self.fleet = KeptFleet()
        self._kept = _Kept()
        self._outcomes: dict[int, dict[Outcome, int]] = {}
        self._lock = threading.Lock()

    def standings(self, store: Store, places: Sequence[Place]) -> Standings:
        """What `store.history.standings` gives.

        It is another one when a deploy was put on record or has ended. Those under way are read each time,
        and after the mark: one that came in between is behind the mark, and looked for the next time.
        """
        mark = store.history.mark()
        active = {row.id: row for row in store.history.active()}
        state = (mark, tuple(active))
        with self._lock:
            if self._kept.state != state:
                self._kept = _Kept(state)
            kept = self._kept
            if missing := [place for place in places if place not in kept.looked_at]:
                found = store.history.standings(missing)
                kept.last |= found.last
                kept.live |= found.live
                kept.looked_at.update(missing)
            last = [(place, kept.last[place]) for place in places if place in kept.last]
            live = {place: kept.live[place] for place in places if place in kept.live}
        return Standings({place: active.get(row.id, row) for place, row in last}, live)

    def counted(
        self, store: Store, places: Sequence[Place], standings: Standings
    ) -> Mapping[Place, HostCounts]:
        """What `hosts.counted` gives."""
        return self.fleet.counted(store, places, standings)

    def outcomes(self, store: Store, rows: Iterable[DeployRow]) -> dict[int, dict[Outcome, int]]:
        """How many checks of some deploys came to what. Of one that is over that stays as it is."""
        over = {row.id: not DeployState(row.state).active for row in rows}
        with self._lock:
            kept = self._outcomes
        missing = [number for number in sorted(over) if not (over[number] and number in kept)]
        found = store.health.outcomes(missing) if missing else {}
        with self._lock:
            if len(self._outcomes) > OUTCOMES_AT_MOST:
                self._outcomes = {}
            self._outcomes |= {number: found.get(number, {}) for number in missing if over[number]}
        wanted = {number: found[number] if number in found else kept.get(number, {}) for number in over}
        return {number: counts for number, counts in wanted.items() if counts}
