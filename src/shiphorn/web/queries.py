"""What stands behind the `?` of pages: links that keep a filter, numbers, and names to choose from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from shiphorn.errors import Refused
from shiphorn.model.people import Caller
from shiphorn.model.times import moment_of
from shiphorn.service import sight
from shiphorn.service.service import Service


def link(path: str, query: Mapping[str, Any]) -> str:
    """A path with a query, without the parts that are empty."""
    given = {name: str(value) for name, value in query.items() if value not in ("", None)}
    return f"{path}?{urlencode(given)}" if given else path


def numbered(text: str) -> int | None:
    """A number to go on before; None for "". Raises Refused SH503."""
    if not text:
        return None
    if not text.isdecimal() or len(text) > 15:
        raise Refused("SH503", f"{text!r} is no number to go on from.", hint="Begin at the first page.")
    return int(text)


def moment(text: str, now: float) -> float | None:
    """The moment that is meant, in Unix seconds; None for "". Raises Refused SH504."""
    found = moment_of(text, now) if text.strip() else None
    if text.strip() and found is None:
        raise Refused("SH504", f"{text!r} is no time.", hint="Write it as 2026-11-26, 09:00 or 2h.")
    return found


def names(service: Service, caller: Caller) -> dict[str, list[str]]:
    """The apps and environments that a caller sees, to choose from."""
    seen = sight.seen(service.places(), caller)
    return {
        "apps": list(dict.fromkeys(app for app, _ in seen)),
        "environments": list(dict.fromkeys(name for _, name in seen)),
    }
