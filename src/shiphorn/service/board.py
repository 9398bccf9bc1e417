"""The board: what every environment of every app runs, what moves, and what is in the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from shiphorn.model.deploy import DeployState
from shiphorn.model.health import Outcome
from shiphorn.model.history import DeployRow, Place, Standings
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.people import Caller
from shiphorn.service import sight
from shiphorn.service.hosts.listed import HostCounts, counted
from shiphorn.service.known import Known
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class CheckCounts:
    """What the checks of a deploy came to: how many to what."""

    deploy_id: int
    counts: Mapping[Outcome, int]

    @property
    def is_well(self) -> bool:
        """Whether nothing speaks against it so far."""
        return not self.counts.get(Outcome.UNHEALTHY) and not self.counts.get(Outcome.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Cell:
    """An environment of an app.

    `live` is the last deploy that went well: its commit, release, when it ended and who ordered it. `last` is
    the last one of all. `moving` are those under way, without the `queued` that wait. `locks` cover
    the environment, the oldest first. `health` is of the last deploy that had checks, of `last` and
    `live`; not of one that was rolled back.
    `behind` is how many commits the branch has that are not live; None when nobody knows.
    """

    app: str
    environment: str
    live: DeployRow | None = None
    last: DeployRow | None = None
    moving: Sequence[DeployRow] = ()
    queued: int = 0
    locks: Sequence[Lock] = ()
    health: CheckCounts | None = None
    hosts: HostCounts = field(default_factory=HostCounts)
    behind: int | None = None


@dataclass(frozen=True, slots=True)
class BoardRow:
    """An app with its environments, in the order of its config."""

    app: str
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Board:
    """The apps that somebody sees and looks for. `everywhere` are locks on everything."""

    rows: Sequence[BoardRow]
    everywhere: Sequence[Lock]
    moving: int
    queued: int


def board(
    store: Store,
    apps: sight.Apps,
    now: float,
    caller: Caller,
    *,
    text: str = "",
    behind: Mapping[Place, int | None] | None = None,
    known: Known | None = None,
) -> Board:
    """Six queries, however many apps there are. `text` is part of the name of an app, or of what is said of
    an environment: its name, live commit, ref or release, people, reasons of locks. With what is `known`
    from before, only what changed is worked out.
    """
    places = sight.seen(apps, caller)
    standings = known.standings(store, places) if known else store.history.standings(places)
    active = _by_place(store.history.active())
    locks = store.locks.in_force(now)
    scoped = [(lock.scope, lock) for lock in locks]
    health = _health(store, standings, known)
    hosts = known.counted(store, places, standings) if known else counted(store, places, standings)
    cells = [
        Cell(
            *place,
            standings.live.get(place),
            standings.last.get(place),
            [row for row in active.get(place, ()) if row.state != DeployState.QUEUED],
            sum(row.state == DeployState.QUEUED for row in active.get(place, ())),
            [lock for scope, lock in scoped if scope.covers(here)],
            health.get(place),
            hosts.get(place, HostCounts()),
            (behind or {}).get(place),
        )
        for place, here in ((place, Scope(*place)) for place in places)
    ]
    rows = _rows(cells, text.strip().lower())
    shown = [cell for row in rows for cell in row.cells]
    return Board(
        rows,
        [lock for lock in locks if lock.scope == Scope()],
        sum(len(cell.moving) for cell in shown),
        sum(cell.queued for cell in shown),
    )


def _rows(cells: Iterable[Cell], text: str) -> list[BoardRow]:
    by_app: dict[str, list[Cell]] = {}
    for cell in cells:
        by_app.setdefault(cell.app, []).append(cell)
    return [BoardRow(app, mine) for app, mine in by_app.items() if _is_wanted(app, mine, text)]


def _is_wanted(app: str, cells: Iterable[Cell], text: str) -> bool:
    return not text or text in app.lower() or any(_speaks_of(cell, text) for cell in cells)


def _speaks_of(cell: Cell, text: str) -> bool:
    rows = [row for row in (cell.live, *cell.moving) if row is not None]
    words = [cell.environment]
    words += [word for row in rows for word in (row.ref, row.actor, row.release)]
    words += [word for lock in cell.locks for word in (lock.reason, lock.owner)]
    return any(text in word.lower() for word in words) or any(row.sha.startswith(text) for row in rows)


def _by_place(rows: Iterable[DeployRow]) -> dict[Place, list[DeployRow]]:
    found: dict[Place, list[DeployRow]] = {}
    for row in rows:
        found.setdefault(row.place, []).append(row)
    return found


def _health(store: Store, standings: Standings, known: Known | None) -> dict[Place, CheckCounts]:
    # What a release came to that the hosts have gone back from says nothing of how they are.
    last = [row for row in standings.last.values() if row.state != DeployState.ROLLED_BACK]
    deploys = [*standings.live.values(), *last]
    outcomes = (
        known.outcomes(store, deploys)
        if known
        else store.health.outcomes(sorted({row.id for row in deploys}))
    )
    # The last deploy comes after the live one, and takes its place.
    return {row.place: CheckCounts(row.id, outcomes[row.id]) for row in deploys if row.id in outcomes}
