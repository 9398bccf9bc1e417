"""Transactions that take turns, where what is written depends on what was read."""

from __future__ import annotations

from sqlalchemy import Connection, text


def alone(connection: Connection, what: str) -> None:
    """Wait until no other transaction is alone with the same thing; then be, until this one ends.

    Call it first in a transaction: what is read after it is what the one before has written.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": f"horn {what}"})
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
