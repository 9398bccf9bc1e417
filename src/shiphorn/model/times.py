"""Times as people say them: spans, moments to come, and how both are written. All of it is UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?\s*(?:w|d|h|min|m|s)\s*)+")
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(w|d|h|min|m|s)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")


def moment_of(text: str, now: float) -> float | None:
    """The moment (Unix seconds) that a person means; None for what is not understood.

    A span counts from now: `2h`, `1h30m`, `3 d`. `09:00` is the next time that the clock shows it.
    A date, `2026-11-26` or `2026-11-26T09:00`, is one of UTC unless it names its own offset.
    """
    text = text.strip()
    if (seconds := seconds_of(text)) is not None:
        return now + seconds
    today = datetime.fromtimestamp(now, UTC)
    try:
        if clock := _CLOCK.fullmatch(text):
            found = today.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            return (found if found > today else found + timedelta(days=1)).timestamp()
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def seconds_of(text: str) -> float | None:
    """How long a span is: `2h`, `1h30m`, `3 d`; None for what is none."""
    text = text.strip()
    if not _SPAN.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def exact(at: float, now: float) -> str:
    """`09:00 UTC` for a moment of today, else `2026-11-26 09:00 UTC`."""
    moment = datetime.fromtimestamp(at, UTC)
    same_day = moment.date() == datetime.fromtimestamp(now, UTC).date()
    return moment.strftime("%H:%M UTC" if same_day else "%Y-%m-%d %H:%M UTC")


def span(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 30 min`, `4 d 6 h`: two units at most."""
    whole = int(seconds + 30) // 60 * 60 if seconds >= 3600 else int(seconds + 0.5)
    for size, unit, part, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            rest = whole % size // part
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole // 60} min" if whole >= 60 else f"{whole} s"


def ahead(at: float, now: float) -> str:
    """`11:00 UTC (in 1 h 58 min)`."""
    return f"{exact(at, now)} (in {span(at - now)})" if at > now else exact(at, now)


def ago(at: float, now: float) -> str:
    """`09:02 UTC (5 min ago)`."""
    return f"{exact(at, now)} ({span(max(0.0, now - at))} ago)"
