"""The log of what forges and builds sent, and what makes sure that each of it is taken once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from shiphorn.model.forge import Receipt
from shiphorn.store.patience import patient
from shiphorn.store.tables import received

TAKEN, IGNORED, REFUSED, FAILED = "taken", "ignored", "refused", "failed"
_SHOWN = tuple(
    received.c[name]
    for name in ("id", "sender", "delivery", "kind", "address", "at", "size", "outcome", "problem")
)


@patient
class ReceivedLog:
    """The table of what was received."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def take(self, nonce: str, once: str, digest: str, **values: Any) -> bool:
        """Take something in; False when it was taken before, by its name or by its content.

        `nonce` is unique to this receipt; `values` are the other columns.
        """
        row = values | {"nonce": nonce, "once": once or None, "digest": digest or None}
        row |= {"outcome": TAKEN, "problem": ""}
        try:
            with self._database.begin() as connection:
                connection.execute(insert(received).values(row))
        except IntegrityError:
            mine = select(received.c.once).where(received.c.nonce == nonce)
            with self._database.connect() as connection:
                return connection.execute(mine).first() is not None
        return True

    def refuse(self, nonce: str, problem: str, **values: Any) -> None:
        """Write down that something was not taken, and why."""
        row = values | {"nonce": nonce, "outcome": REFUSED, "problem": problem}
        try:
            with self._database.begin() as connection:
                connection.execute(insert(received).values(row))
        except IntegrityError:
            return

    def end(self, nonce: str, outcome: str, problem: str = "") -> None:
        """Write down what came of it. What failed may come again."""
        values: dict[str, Any] = {"outcome": outcome, "problem": problem}
        if outcome == FAILED:
            values |= {"once": None, "digest": None}
        with self._database.begin() as connection:
            connection.execute(update(received).where(received.c.nonce == nonce).values(values))

    def page(self, sender: str = "", before: int | None = None, limit: int = 50) -> list[Receipt]:
        """The last that came, from one sender or from all, numbered below `before`; the newest first."""
        query = select(*_SHOWN)
        if sender:
            query = query.where(received.c.sender == sender)
        if before is not None:
            query = query.where(received.c.id < before)
        with self._database.connect() as connection:
            found = connection.execute(query.order_by(received.c.id.desc()).limit(limit))
            return [_receipt(row) for row in found]

    def last(self) -> dict[str, Receipt]:
        """The last that came from each sender."""
        newest = select(func.max(received.c.id)).group_by(received.c.sender)
        with self._database.connect() as connection:
            found = connection.execute(select(*_SHOWN).where(received.c.id.in_(newest)))
            return {row.sender: _receipt(row) for row in found}

    def forget(self, before: float) -> None:
        """Drop what came before some time.."""
        with self._database.begin() as connection:
            connection.execute(delete(received).where(received.c.at < before))


def _receipt(row: Row[Any]) -> Receipt:
    return Receipt(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
