"""Patience with a database that went away: what was asked of it is asked again, for a while."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from shiphorn.errors import DatabaseError
from shiphorn.store.postgres import PATIENCE, place

LONGEST_PAUSE_SECONDS = 1.0
_PASSING = ("08", "53", "57", "25P03", "40001", "40P01")
"""SQLSTATEs by their beginning: connection, resources, operator intervention, session ended for idleness
in a transaction, serialization, deadlock. Nothing was committed after any of them."""

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def patient(cls: C) -> C:
    """Have every public method of a class with a `_database` wait for a database that went away.

    All of them must be fit to be done twice: a connection can break after the commit and before
    the word of it. They raise DatabaseError SH803 when the database stays away.
    """
    for name, method in vars(cls).copy().items():
        if callable(method) and not name.startswith("_"):
            setattr(cls, name, insisting(method))
    return cls


def insisting(method: Callable[P, R]) -> Callable[P, R]:
    """One method of such a class."""

    @functools.wraps(method)
    def insist(*args: P.args, **kwargs: P.kwargs) -> R:
        given_up_at, pause = 0.0, 0.05
        while True:
            try:
                return method(*args, **kwargs)
            except DBAPIError as error:
                if not is_passing(error):
                    raise
                database: Engine = args[0]._database  # type: ignore[attr-defined] # noqa: SLF001
                seconds = database.get_execution_options().get(PATIENCE, 0.0)
                given_up_at = given_up_at or time.monotonic() + seconds
                if time.monotonic() >= given_up_at:
                    raise _lost(database, seconds, error) from error
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - only to spread the load
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    return insist


def is_passing(error: DBAPIError) -> bool:
    """Whether the database said nothing about what it was asked: it went away, or was too busy."""
    # Only psycopg's errors have a `sqlstate`: None when there is no connection that could tell one.
    state = getattr(error.orig, "sqlstate", "")
    return error.connection_invalidated or state is None or state.startswith(_PASSING)


def _lost(database: Engine, seconds: float, error: DBAPIError) -> DatabaseError:
    words = str(error.orig).strip()
    return DatabaseError("SH803", f"{place(database.url)} has been out of reach for {seconds:.0f} s: {words}")
