"""Deploys of the past: a page at a time, counted, and all of them as a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from shiphorn.model.deploy import DeployState
from shiphorn.model.history import DeployFilter, DeployRow
from shiphorn.model.people import Caller
from shiphorn.service import sight, spreadsheet
from shiphorn.store.history import COMMIT
from shiphorn.store.store import Store

SEARCHED = 10_000
"""A text is looked for in so many deploys a page: a database has no index for a part of a text."""


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Some deploys, newest first. `next` is the number to go on before; None is the end.

    A search for a text may have a `next` and few deploys, or none: it is how far it has looked.
    """

    deploys: Sequence[DeployRow]
    next: int | None


def page(
    store: Store, caller: Caller, wanted: DeployFilter, *, before: int | None = None, limit: int = 50
) -> HistoryPage:
    """The deploys that are wanted and that the caller sees."""
    down_to = 0
    if wanted.text and not COMMIT.fullmatch(wanted.text.lower()):
        down_to = max(0, (store.history.newest() + 1 if before is None else before) - SEARCHED)
    found = store.history.page(_within(wanted, caller), before=before, down_to=down_to, limit=limit + 1)
    if len(found) > limit:
        return HistoryPage(found[:limit], found[limit - 1].id)
    return HistoryPage(found, down_to if down_to > 1 else None)


def counts(store: Store, caller: Caller, wanted: DeployFilter) -> Mapping[DeployState, int]:
    """How many deploys are wanted and seen, by state."""
    return store.history.counts(_within(wanted, caller))


def every(store: Store, caller: Caller, wanted: DeployFilter) -> Iterator[DeployRow]:
    """All deploys that are wanted and seen, newest first, read as they are used."""
    return store.history.each(_within(wanted, caller))


def as_csv(rows: Iterable[DeployRow]) -> Iterator[str]:
    """Lines of CSV (RFC 4180), with a heading. Times are ISO 8601 in UTC.

    Texts that a spreadsheet could take for a formula begin with an apostrophe.
    """
    yield spreadsheet.line([*_FIELDS, "seconds"])
    for row in rows:
        seconds = "" if row.seconds is None else f"{row.seconds:.1f}"
        yield spreadsheet.line([*(_cell(name, getattr(row, name)) for name in _FIELDS), seconds])


def as_json_lines(rows: Iterable[DeployRow]) -> Iterator[str]:
    """A JSON object a line; times are Unix seconds."""
    for row in rows:
        yield json.dumps(asdict(row) | {"seconds": row.seconds}) + "\n"


_FIELDS = [field.name for field in fields(DeployRow)]


def _within(wanted: DeployFilter, caller: Caller) -> DeployFilter:
    return replace(wanted, scopes=sight.scopes(caller))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and name.endswith("_at"):
        return datetime.fromtimestamp(value, UTC).isoformat(timespec="seconds")
    return spreadsheet.harmless(value) if isinstance(value, str) else str(value)
