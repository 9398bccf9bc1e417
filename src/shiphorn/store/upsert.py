"""Inserts that may meet a row with the same key, as SQLite and PostgreSQL both do them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

Rows = Sequence[dict[str, Any]]


def insert_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows; those whose key is there already stay as they are."""
    connection.execute(_insert(connection, table).on_conflict_do_nothing(), _in_order(table, rows))


def insert_or_update(connection: Connection, table: Table, rows: Rows, changed: Sequence[str]) -> None:
    """Insert rows; of those whose key is there already the `changed` columns are set."""
    statement = _insert(connection, table)
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key), set_={name: statement.excluded[name] for name in changed}
    )
    connection.execute(statement, _in_order(table, rows))


def _insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
        # 0.03 s to import, which SQLite does not have to pay.
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415

        return postgresql.insert(table)
    return sqlite.insert(table)


def _in_order(table: Table, rows: Rows) -> Rows:
    # Two transactions that insert the same keys in different orders would wait for each other for ever.
    keys = [column.name for column in table.primary_key]
    return sorted(rows, key=lambda row: [row[key] for key in keys])
