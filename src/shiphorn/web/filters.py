"""How values read on pages."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup, escape

from shiphorn.model.times import span

_STEPS = ((60, "s", 1), (3600, "min", 60), (86_400, "h", 3600), (30 * 86_400, "d", 86_400))
_ADDRESS = re.compile(r"(https?://[^\s<>\"'()]+)")
MONTH_SECONDS, YEAR_SECONDS = 30 * 86_400, 365 * 86_400


def ago(at: float | None) -> Markup:
    """A moment as `5 min ago` or `in 2 h`, with the exact time on hover; "" for None."""
    if at is None:
        return Markup("")
    exact = datetime.fromtimestamp(at, UTC)
    moment, day, hour = relative(at, time.time()), f"{exact:%Y-%m-%d}", f"{exact:%H:%M:%S}"
    # Nothing of it needs escaping; a board of 600 of them takes half as long without.
    return Markup(f'<time datetime="{day}T{hour}+00:00" title="{day} {hour} UTC" data-ago>{moment}</time>')  # noqa: S704


def relative(at: float, now: float) -> str:
    """`just now`, `5 min ago`, `in 2 h`."""
    seconds = abs(now - at)
    if seconds < 5:
        return "just now"
    for below, unit, size in _STEPS:
        if seconds < below:
            amount = f"{seconds // size:.0f} {unit}"
            break
    else:
        amount = (
            f"{seconds // MONTH_SECONDS:.0f} mo"
            if seconds < YEAR_SECONDS
            else f"{seconds // YEAR_SECONDS:.0f} y"
        )
    return f"{amount} ago" if at <= now else f"in {amount}"


def seconds(value: float | None) -> str:
    """A duration: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if value is None:
        return ""
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        return f"{value // 60:.0f} min {value % 60:.0f} s"
    return f"{value // 3600:.0f} h {value % 3600 // 60:.0f} min"


def clock(at: float) -> Markup:
    """A moment as the time of its day in UTC, to the second; the date on hover."""
    exact = datetime.fromtimestamp(at, UTC)
    return Markup('<span title="{}">{}</span>').format(f"{exact:%Y-%m-%d %H:%M:%S} UTC", f"{exact:%H:%M:%S}")


def marked(text: str, wanted: str) -> Markup:
    """Text in which what somebody looks for stands out, whatever its case."""
    if not wanted:
        return escape(text)
    parts = re.split(f"({re.escape(wanted)})", text, flags=re.IGNORECASE)
    marks = (
        Markup("<mark>{}</mark>").format(one) if odd % 2 else escape(one) for odd, one in enumerate(parts)
    )
    return Markup("").join(marks)


def brief(value: float | None) -> str:
    """A duration in one or two units: `45 s`, `3 min`, `2 h 30 min`, `4 d 6 h`."""
    return "" if value is None else span(value)


def day(at: float) -> str:
    """A moment as a date: `26 Nov`."""
    return f"{datetime.fromtimestamp(at, UTC):%-d %b}"


def short(sha: str) -> str:
    """The first eight digits of a commit."""
    return sha[:8]


def plural(count: int, word: str) -> str:
    """`1 host`, `3 hosts`."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def linked(text: str, base: str = "") -> Markup:
    """Text in which `deploy 12` leads to that deploy."""
    words = str(escape(text)).split(" ")
    for index, word in enumerate(words[1:], 1):
        number = word.rstrip(".,;:")
        if words[index - 1] in ("deploy", "rollback") and number.isdecimal():
            words[index] = f'<a href="{base}/deploys/{number}">{word}</a>'
    return Markup(" ".join(words))  # noqa: S704 - escaped above


def outward(text: str) -> Markup:
    """Text in which addresses of web pages are links."""
    parts = _ADDRESS.split(text)
    links = (
        Markup('<a href="{}" rel="noopener noreferrer">{}</a>').format(one, one) if odd % 2 else escape(one)
        for odd, one in enumerate(parts)
    )
    return Markup("").join(links)


def note(cookie: str) -> str:
    """A note as `Site.back` put it into a cookie."""
    return unquote(cookie)


ALL: dict[str, Any] = {
    "ago": ago,
    "seconds": seconds,
    "clock": clock,
    "marked": marked,
    "brief": brief,
    "day": day,
    "short": short,
    "plural": plural,
    "linked": linked,
    "outward": outward,
    "note": note,
}
