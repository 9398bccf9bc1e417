"""The audit log: every act of people, each row chained to the one before by its digest.

A digest is sha256 over the row and the digest before it, and `audit_head` knows how many rows there are
and the last digest. So it shows when a row was changed, or taken out of the middle or off the end.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, cast, func, insert, or_, select, update
from sqlalchemy import Text as PlainText

from shiphorn.model.audit import Act
from shiphorn.store.columns import storable
from shiphorn.store.patience import insisting, patient
from shiphorn.store.tables import audit, audit_head
from shiphorn.store.upsert import insert_missing

CHUNK_ROWS = 2000
MOST_PROBLEMS = 100
"""After so many `verify` stops: what is told about more of them helps nobody."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which acts are asked for; what is "" or None does not matter. Times are Unix seconds.

    `text` is looked for, in any case, in the act, its reason, its actor and its facts.
    """

    actor: str = ""
    act: str = ""
    app: str = ""
    environment: str = ""
    since: float | None = None
    until: float | None = None
    text: str = ""


@patient
class Audit:
    """The tables of acts and of the head of their chain."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add(self, act: Act) -> Act:
        """Append an act, once: as it is kept, with its number and digests."""
        return self._append(_as_kept(act), [])

    def page(self, before_id: int | None = None, limit: int = 50, wanted: Wanted | None = None) -> list[Act]:
        """The last acts that are wanted, numbered below `before_id`; the newest first."""
        conditions = _conditions(wanted or Wanted())
        if before_id is not None:
            conditions.append(audit.c.id < before_id)
        query = select(audit).where(*conditions).order_by(audit.c.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return [_act(row) for row in connection.execute(query)]

    def export(self, wanted: Wanted | None = None) -> Iterator[Act]:
        """All acts that are wanted, the oldest first; read in chunks."""
        after = 0
        while chunk := self._chunk(after, _conditions(wanted or Wanted())):
            yield from chunk
            after = chunk[-1].id

    def verify(self) -> list[str]:
        """What is wrong with the log, a sentence each; nothing when all is as it was written.

        Acts that are added meanwhile are left for the next time.
        """
        rows, digest = self._head()
        problems: list[str] = []
        last = Act(0.0, "", "", "", "")
        for act in self.export():
            if act.id > rows or len(problems) >= MOST_PROBLEMS:
                break
            problems += _problems(last, act)
            last = act
        if last.id < rows:
            problems.append(f"{_numbers(last.id + 1, rows)} missing from the end.")
        elif last.id == rows and last.digest != digest:
            problems.append(f"The head of the log does not know act {last.id} by its digest.")
        return problems[:MOST_PROBLEMS] + self._beyond()

    @insisting
    def _append(self, act: Act, tried: list[Act]) -> Act:
        with self._database.begin() as connection:
            # A write comes first: from it on the next writer waits, on both databases.
            rows, previous = _next(connection)
            if tried and (kept := _found(connection, tried)):
                # It was committed, and the connection lost before the word of that.
                connection.rollback()
                return kept
            act = replace(act, id=rows, previous=previous)
            act = replace(act, digest=digest_of(act))
            tried.append(act)
            connection.execute(insert(audit).values({name: getattr(act, name) for name in _COLUMNS}))
            connection.execute(update(audit_head).values(digest=act.digest))
        return act

    @insisting
    def _chunk(self, after: int, conditions: list[ColumnElement[bool]]) -> list[Act]:
        query = select(audit).where(audit.c.id > after, *conditions).order_by(audit.c.id).limit(CHUNK_ROWS)
        with self._database.connect() as connection:
            return [_act(row) for row in connection.execute(query)]

    def _head(self) -> tuple[int, str]:
        with self._database.connect() as connection:
            row = connection.execute(select(audit_head.c.rows, audit_head.c.digest)).first()
        return (row[0], row[1]) if row else (0, "")

    def _beyond(self) -> list[str]:
        """Acts that the head does not know of, in one look: a log that grows meanwhile is no problem."""
        known = select(func.coalesce(func.max(audit_head.c.rows), 0)).scalar_subquery()
        query = select(func.min(audit.c.id), func.max(audit.c.id)).where(
            or_(audit.c.id > known, audit.c.id < 1)
        )
        with self._database.connect() as connection:
            first, last = connection.execute(query).one()
        return [] if first is None else [f"{_numbers(first, last)} not known to the head of the log."]


_COLUMNS = [column.name for column in audit.columns]


def digest_of(act: Act) -> str:
    """What the digest of an act must be: sha256 hex of its other fields, in their order, as JSON."""
    fields = [getattr(act, name) for name in _COLUMNS if name != "digest"]
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _next(connection: Connection) -> tuple[int, str]:
    """Count one more row: its number, and the digest of the one before."""
    count = update(audit_head).where(audit_head.c.id == 1).values(rows=audit_head.c.rows + 1)
    if connection.execute(count).rowcount == 0:
        insert_missing(connection, audit_head, [{"id": 1, "rows": 0, "digest": ""}])
        connection.execute(count)
    row = connection.execute(select(audit_head.c.rows, audit_head.c.digest)).one()
    return row[0], row[1]


def _found(connection: Connection, tried: list[Act]) -> Act | None:
    for act in tried:
        mine = select(audit.c.id).where(audit.c.id == act.id, audit.c.digest == act.digest)
        if connection.execute(mine).first():
            return act
    return None


def _problems(last: Act, act: Act) -> list[str]:
    found = []
    if act.id != last.id + 1:
        found.append(f"{_numbers(last.id + 1, act.id - 1)} missing.")
    elif act.previous != last.digest:
        found.append(f"Act {act.id} does not follow the act before it, which is another one than it was.")
    if digest_of(act) != act.digest:
        found.append(f"Act {act.id} was changed.")
    return found


def _numbers(first: int, last: int) -> str:
    return f"Act {first} is" if first == last else f"Acts {first} to {last} are"


def _conditions(wanted: Wanted) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [
        audit.c[name] == getattr(wanted, name)
        for name in ("actor", "act", "app", "environment")
        if getattr(wanted, name)
    ]
    if wanted.since is not None:
        found.append(audit.c.at >= wanted.since)
    if wanted.until is not None:
        found.append(audit.c.at < wanted.until)
    if wanted.text:
        searched = (audit.c.act, audit.c.reason, audit.c.actor, cast(audit.c.facts, PlainText))
        found.append(or_(*(column.icontains(wanted.text, autoescape=True) for column in searched)))
    return found


def _as_kept(act: Act) -> Act:
    """The act as it comes back from the database, so that its digest can be computed again."""
    texts = ("actor", "via", "address", "act", "app", "environment", "reason")
    kept: dict[str, Any] = {name: storable(getattr(act, name)) for name in texts}
    return replace(act, at=float(act.at), facts=_plain(json.loads(json.dumps(act.facts))), **kept)


def _plain(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case list():
            return [_plain(one) for one in value]
        case dict():
            return {storable(key): _plain(one) for key, one in value.items()}
    return value


def _act(row: Row[Any]) -> Act:
    return Act(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
