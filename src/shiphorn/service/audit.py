"""The audit log as it is written and read: who did what, to what, from where and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import Any

from shiphorn.model.audit import Act
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import spreadsheet
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.store.audit import Wanted
from shiphorn.store.store import Store

_COLUMNS = tuple(field.name for field in fields(Act))


def record(
    store: Store,
    caller: Caller,
    act: str,
    scope: Scope,
    now: float,
    *,
    reason: str = "",
    facts: Mapping[str, Any] | None = None,
) -> Act:
    """Write an act down. `act` is a verb and its object; `facts` are JSON, without secrets."""
    return store.audit.add(
        Act(
            now,
            caller.name,
            caller.via,
            caller.address,
            act,
            scope.app,
            scope.environment,
            reason,
            dict(facts or {}),
        )
    )


def require_reader(caller: Caller) -> None:
    """Let who may read the log pass: it tells of people. Raises Forbidden SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "read the audit log")


def page(
    store: Store, *, before_id: int | None = None, limit: int = 50, wanted: Wanted | None = None
) -> Sequence[Act]:
    """The last acts that are wanted, numbered below `before_id`; the newest first."""
    return store.audit.page(before_id, limit, wanted)


def verify(store: Store) -> list[str]:
    """What is wrong with the log, a sentence each; nothing when all is as it was written."""
    return store.audit.verify()


def json_lines(store: Store, wanted: Wanted | None = None) -> Iterator[str]:
    """The acts that are wanted as JSON, one a line, the oldest first; with all that makes their digest."""
    for act in store.audit.export(wanted):
        yield json.dumps(asdict(act), ensure_ascii=False) + "\n"


def csv_lines(store: Store, wanted: Wanted | None = None) -> Iterator[str]:
    """The acts that are wanted as CSV with a head, the oldest first; times are in words, and UTC.

    A cell that a spreadsheet would compute begins with an apostrophe.
    """
    yield spreadsheet.line(_COLUMNS)
    for act in store.audit.export(wanted):
        row = asdict(act) | {
            "at": datetime.fromtimestamp(act.at, UTC).isoformat(timespec="milliseconds"),
            "facts": json.dumps(act.facts, ensure_ascii=False),
        }
        yield spreadsheet.line([spreadsheet.harmless(str(row[name])) for name in _COLUMNS])
