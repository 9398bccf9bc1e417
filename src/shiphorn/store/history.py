"""The history of deploys as pages show it: light rows, many at once, and never one query an environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy
from sqlalchemy import (
    CTE,
    ColumnElement,
    Engine,
    Select,
    and_,
    cast,
    false,
    func,
    or_,
    select,
    true,
    union,
)

from shiphorn.model.deploy import DeployState, Kind
from shiphorn.model.endpoints import SEPARATOR
from shiphorn.model.history import DeployFilter, DeployRow, Place, Shipped, Standings
from shiphorn.model.locks import Scope
from shiphorn.model.target import Selection
from shiphorn.store.patience import patient
from shiphorn.store.places import places
from shiphorn.store.tables import deploys, events

EXPORT_PAGE = 2000
"""How many deploys an export reads at a time: no transaction stays open while somebody downloads."""

_KIND, _STATE = DeployRow.__slots__.index("kind"), DeployRow.__slots__.index("state")
COMMIT = re.compile("[0-9a-f]{7,40}")
"""A text that is looked up as the beginning of a commit id."""

_KINDS, _STATES = {str(kind): kind for kind in Kind}, {str(state): state for state in DeployState}
_ACTIVE = tuple(state for state in DeployState if state.active)
_EVERYTHING = json.dumps(asdict(Selection()))
_AT_ONCE = 200
_LATE = 200
"""How many numbers below the highest may come after it: PostgreSQL may show a lower one later."""
_STRAYS = 100
"""Numbers rise with the time of the start, unless clocks of deployers differ: by fewer deploys than this."""

columns = (
    *(deploys.c[name] for name in DeployRow.__slots__ if name != "narrowed"),
    (cast(deploys.c.selection, sqlalchemy.Text) != _EVERYTHING).label("narrowed"),
)
"""What a row is made from. As text the selection need not be taken apart for each of them."""


@patient
class History:
    """Questions to the table of deploys."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def page(
        self, wanted: DeployFilter, *, before: int | None = None, down_to: int = 0, limit: int = 50
    ) -> list[DeployRow]:
        """The newest deploys that are wanted, of those with numbers below `before` and from `down_to` on."""
        query = select(*columns).where(*self._conditions(wanted)).order_by(deploys.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(deploys.c.id < before)
        if down_to:
            query = query.where(deploys.c.id >= down_to)
        return self._rows(query)

    def newest(self) -> int:
        """The highest number of a deploy; 0 when there is none."""
        with self._database.connect() as connection:
            return connection.execute(select(func.max(deploys.c.id))).scalar() or 0

    def mark(self) -> tuple[int, int]:
        """The highest number, and how many are near it: others when a deploy was put on record."""
        newest = select(func.max(deploys.c.id)).scalar_subquery()
        late = select(func.count()).where(deploys.c.id > newest - _LATE).scalar_subquery()
        with self._database.connect() as connection:
            highest, near = connection.execute(select(newest, late)).one()
        return highest or 0, near

    def each(self, wanted: DeployFilter) -> Iterator[DeployRow]:
        """All deploys that are wanted, newest first, however many there are."""
        before: int | None = None
        while rows := self.page(wanted, before=before, limit=EXPORT_PAGE):
            yield from rows
            if len(rows) < EXPORT_PAGE:
                return
            before = rows[-1].id

    def counts(self, wanted: DeployFilter) -> dict[DeployState, int]:
        """How many deploys are wanted, by state."""
        query = (
            select(deploys.c.state, func.count()).where(*self._conditions(wanted)).group_by(deploys.c.state)
        )
        with self._database.connect() as connection:
            return {DeployState(state): count for state, count in connection.execute(query)}

    def actors(self) -> list[str]:
        """Everybody who ever ordered a deploy, by name."""
        with self._database.connect() as connection:
            found = connection.execute(select(deploys.c.actor).distinct()).scalars()
            return sorted(name for name in found if name)

    def standings(self, wanted: Sequence[Place]) -> Standings:
        """The last deploy, and the last good one, of each of some environments.

        Of good ones the last is the one with the highest token: tokens are in the order of their turns.
        """
        last: dict[Place, DeployRow] = {}
        live: dict[Place, DeployRow] = {}
        for row in self._rows(_newest_of(places(self._database, wanted))):
            if row.id > (last[row.place].id if row.place in last else 0):
                last[row.place] = row
            good = row.state == DeployState.SUCCEEDED
            if good and row.token > (live[row.place].token if row.place in live else -1):
                live[row.place] = row
        return Standings(last, live)

    def active(self) -> list[DeployRow]:
        """The deploys of all apps that are not over, by their numbers."""
        # Were it told to sort them, SQLite would rather read all deploys in their order.
        found = self._rows(select(*columns).where(deploys.c.state.in_(_ACTIVE)))
        return sorted(found, key=lambda row: row.id)

    def shipped(self, wanted: Sequence[Place]) -> dict[Place, list[Shipped]]:
        """The deploys of some environments that went well, with their selections, the last first."""
        found: dict[Place, list[Shipped]] = {place: [] for place in wanted}
        names = ("app", "environment", "id", "started_at", "release", "sha", "selection")
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            # Each by an index; for a join PostgreSQL would look at all deploys, and SQLite for an IN.
            here = [and_(deploys.c.app == app, deploys.c.environment == name) for app, name in some]
            query = (
                select(*(deploys.c[name] for name in names))
                .where(or_(*here), deploys.c.state == DeployState.SUCCEEDED)
                .order_by(deploys.c.token.desc())
            )
            with self._database.connect() as connection:
                for app, environment, number, at, release, sha, selection in connection.execute(query):
                    parts = {name: tuple(part) for name, part in selection.items()}
                    found[app, environment].append(Shipped(number, at, release, sha, Selection(**parts)))
        return found

    def phases(self, deploy_ids: Sequence[int]) -> dict[int, dict[str, float]]:
        """How many seconds each phase of some deploys took; one that comes once a wave is summed up."""
        query = select(events.c.deploy_id, events.c.body).where(
            events.c.deploy_id.in_(deploy_ids), events.c.kind == "phase_finished"
        )
        found: dict[int, dict[str, float]] = {}
        with self._database.connect() as connection:
            for deploy_id, body in connection.execute(query):
                one = found.setdefault(deploy_id, {})
                one[body["phase"]] = one.get(body["phase"], 0.0) + body["seconds"]
        return found

    def _rows(self, query: Select[Any]) -> list[DeployRow]:
        with self._database.connect() as connection:
            return [deploy_row(row) for row in connection.execute(query).all()]

    def _conditions(self, wanted: DeployFilter) -> list[ColumnElement[bool]]:
        named = (deploys.c.app, deploys.c.environment, deploys.c.actor)
        found = [column == value for column in named if (value := getattr(wanted, column.name))]
        if wanted.states:
            found.append(deploys.c.state.in_(wanted.states))
        if wanted.kinds:
            found.append(deploys.c.kind.in_(wanted.kinds))
        if wanted.text:
            found.append(self._contains(wanted.text))
        return [*found, *_in_period(wanted), *within(wanted.scopes)]

    def _contains(self, text: str) -> ColumnElement[bool]:
        if COMMIT.fullmatch(text.lower()):
            sha = deploys.c.sha
            its = (sha >= text.lower()) & (sha < text.lower() + "g")
            return deploys.c.id.in_(select(deploys.c.id).where(its))
        # SQLite's LIKE does not tell `A` from `a`, and SQLAlchemy's way around that takes twice as long.
        plain = self._database.dialect.name == "sqlite"
        wordy = (deploys.c.ref, deploys.c.reason, deploys.c.message)
        parts = [
            column.contains(text, autoescape=True) if plain else column.icontains(text, autoescape=True)
            for column in wordy
        ]
        return or_(*parts)


def deploy_row(row: Sequence[Any]) -> DeployRow:
    """A row of `columns`."""
    values = list(row)
    values[_KIND], values[_STATE] = _KINDS[values[_KIND]], _STATES[values[_STATE]]
    values[-1] = bool(values[-1])
    return DeployRow(*values)


def _newest_of(here: CTE) -> Select[Any]:
    """The last deploy and the last good one of each place: two look-ups in an index for each."""
    mine = select(deploys.c.id).where(_is_of(here)).limit(1).correlate(here)
    last = mine.order_by(deploys.c.id.desc()).scalar_subquery()
    good = mine.where(deploys.c.state == DeployState.SUCCEEDED).order_by(deploys.c.token.desc())
    ids = union(select(last.label("id")).select_from(here), select(good.scalar_subquery()).select_from(here))
    return select(*columns).where(deploys.c.id.in_(ids))


def _is_of(here: CTE) -> ColumnElement[bool]:
    return and_(deploys.c.app == here.c.app, deploys.c.environment == here.c.environment)


def _in_period(wanted: DeployFilter) -> list[ColumnElement[bool]]:
    """Bounds on the number, looked up by time, and exact ones that no index is chosen for (hence `+ 0`)."""
    found: list[ColumnElement[bool]] = []
    at = deploys.c.started_at
    if wanted.since is not None:
        first = select(deploys.c.id).where(at >= wanted.since).order_by(at).limit(_STRAYS).subquery()
        bound = select(func.min(first.c.id)).scalar_subquery()
        found += [deploys.c.id >= bound, at + 0 >= wanted.since]
    if wanted.until is not None:
        latest = select(deploys.c.id).where(at < wanted.until).order_by(at.desc()).limit(_STRAYS).subquery()
        bound = select(func.max(latest.c.id)).scalar_subquery()
        found += [deploys.c.id <= bound, at + 0 < wanted.until]
    return found


def within(scopes: Sequence[Scope] | None) -> list[ColumnElement[bool]]:
    """That a deploy is where somebody may look; see `DeployFilter`."""
    if scopes is None:
        return []
    parts = [
        and_(
            true(),
            *([deploys.c.app == scope.app] if scope.app else []),
            *([_is_in(scope.environment)] if scope.environment else []),
        )
        for scope in scopes
    ]
    return [or_(*parts) if parts else false()]


def _is_in(environment: str) -> ColumnElement[bool]:
    """That a deploy is one to an environment, or to an endpoint of it: who sees the one sees the other."""
    inner = deploys.c.environment.startswith(f"{environment}{SEPARATOR}", autoescape=True)
    return or_(deploys.c.environment == environment, inner)
