"""A list of things as a table that queries join with: one query then answers for all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import CTE, JSON, Engine, cast, column, func, literal, select

Since = tuple[str, str, int, float]
"""An app, an environment, the number of a deploy and when that began."""


def places(database: Engine, wanted: Iterable[tuple[str, str]]) -> CTE:
    """A table of (app, environment)."""
    return _table(database, ("app", "environment"), wanted)


def places_since(database: Engine, wanted: Iterable[Since]) -> CTE:
    """A table of (app, environment, deploy_id, since)."""
    return _table(database, ("app", "environment", "deploy_id", "since"), wanted)


def releases(database: Engine, wanted: Iterable[tuple[str, str, str]]) -> CTE:
    """A table of (app, environment, release)."""
    return _table(database, ("app", "environment", "release"), wanted)


def hosts(database: Engine, wanted: Iterable[tuple[str, str, str]]) -> CTE:
    """A table of (app, environment, host)."""
    return _table(database, ("app", "environment", "host"), wanted)


def _table(database: Engine, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> CTE:
    """Rows as one parameter, in JSON: thousands of parameters take longer to prepare than to answer."""
    given = literal(json.dumps(list(rows)), sqlalchemy.Text)
    if database.dialect.name == "postgresql":
        entries = func.json_array_elements(cast(given, JSON)).table_valued(column("value", JSON))
    else:
        entries = func.json_each(given).table_valued(column("value", JSON))
    typed = {"deploy_id": "as_integer", "since": "as_float"}
    columns = [
        getattr(entries.c.value[number], typed.get(name, "as_string"))().label(name)
        for number, name in enumerate(names)
    ]
    # Or else PostgreSQL takes each entry apart again whenever it compares it.
    return select(*columns).cte("listed").prefix_with("MATERIALIZED")
