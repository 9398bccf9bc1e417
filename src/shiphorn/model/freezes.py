"""Freezes: windows in which nothing is deployed, each day, each week or once, by the clock of a time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = re.compile(
    r"(mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
    r"(?: +(\d{1,2}:\d{2}))?",
    re.IGNORECASE,
)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]+(\d{1,2}:\d{2}))?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}")
_MONDAY = date(2001, 1, 1)
"""The days of recurring windows are counted from here; a Monday."""
_YEARS = range(2001, 3000)
_STEPS = 100
"""So many windows that follow on each other are looked through for the moment that the last one ends."""


class Every(StrEnum):
    """How often a window comes."""

    ONCE = "once"
    DAY = "day"
    WEEK = "week"

    @property
    def days(self) -> int:
        """How many days lie between two, 0 if there is one only."""
        return {Every.ONCE: 0, Every.DAY: 1, Every.WEEK: 7}[self]


@dataclass(frozen=True, slots=True)
class Freeze:
    """A freeze window. `begins` and `ends` are what the clock of `zone` shows; the end is not part of it.

    Of a recurring one they are those of one occurrence: the others lie whole days or weeks from it.
    """

    every: Every
    begins: datetime
    ends: datetime
    zone: str = "UTC"
    reason: str = ""

    def __str__(self) -> str:
        """`every fri 16:00 to mon 08:00, Europe/London`."""
        often = {Every.ONCE: "", Every.DAY: "every day ", Every.WEEK: "every "}[self.every]
        return f"{often}{self._shown(self.begins)} to {self._shown(self.ends)}, {self.zone}"

    def _shown(self, moment: datetime) -> str:
        clock = f"{moment:%H:%M}"
        if self.every == Every.WEEK:
            return f"{DAYS[moment.weekday()]} {clock}"
        return clock if self.every == Every.DAY else f"{moment.date()} {clock}"


def read(text: str) -> tuple[Every, datetime]:
    """What stands for the beginning or the end of a window: `fri 16:00`, `22:00`, `2026-12-20 18:00`.

    A day or a date without a time is its first moment. Raises ValueError for what is none of them.
    """
    try:
        if _CLOCK.fullmatch(text):
            return Every.DAY, datetime.combine(_MONDAY, _clock(text))
        if day := _DAY.fullmatch(text):
            offset = timedelta(days=DAYS.index(day[1][:3].lower()))
            return Every.WEEK, datetime.combine(_MONDAY, _clock(day[2])) + offset
        if (found := _DATE.fullmatch(text)) and int(text[:4]) in _YEARS:
            return Every.ONCE, datetime.combine(date.fromisoformat(found[1]), _clock(found[2]))
    except ValueError:
        pass
    raise ValueError(f'{text!r} is no time: write "fri 16:00", "22:00" or "2026-12-20 18:00"')


def window(begins: str, ends: str, zone: str = "UTC", reason: str = "") -> Freeze:
    """The window from one moment to another, as `read` takes them; it may pass midnight or a Sunday.

    Raises ValueError if they do not go together.
    """
    (every, first), (other, last) = read(begins), read(ends)
    if every != other:
        kinds = {Every.DAY: "a time of the day", Every.WEEK: "a day of the week", Every.ONCE: "a date"}
        raise ValueError(f"from is {kinds[every]}, to is {kinds[other]}: they have to be of one kind")
    if every == Every.ONCE and last <= first:
        raise ValueError("it ends before it begins: to is exclusive, and has to be later than from")
    if first == last:
        raise ValueError("it ends when it begins; what is to be closed for good is locked: horn lock")
    if last < first:
        last += timedelta(days=every.days)
    return Freeze(every, first, last, zone, reason)


def closed_until(freeze: Freeze, now: float) -> float | None:
    """When the window ends that is in force now; None if none is. Times are Unix seconds."""
    return max((end for begin, end in _around(freeze, now) if begin <= now < end), default=None)


def next_beginning(freeze: Freeze, now: float) -> float | None:
    """When the window begins the next time; None for one that does not come again."""
    return min((begin for begin, end in _around(freeze, now) if now < begin < end), default=None)


def in_force(freezes: Sequence[Freeze], now: float) -> list[Freeze]:
    """The windows that are in force now, the one that lasts longest first."""
    until = {freeze: end for freeze in freezes if (end := closed_until(freeze, now)) is not None}
    return sorted(until, key=lambda freeze: -until[freeze])


def opens_at(freezes: Sequence[Freeze], now: float) -> float | None:
    """The first moment from now that lies in no window; None if there is none to be seen."""
    at = now
    for _ in range(_STEPS):
        ends = [end for freeze in freezes if (end := closed_until(freeze, at)) is not None]
        if not ends:
            return at
        at = max(ends)
    return None


def _clock(text: str | None) -> time:
    hour, _, minute = (text or "00:00").partition(":")
    return time(int(hour), int(minute))


def _around(freeze: Freeze, now: float) -> Iterator[tuple[float, float]]:
    """The occurrences around a moment, from one that lies before it to one that lies after it."""
    zone, days = ZoneInfo(freeze.zone), freeze.every.days
    number = 0
    if days:
        local = datetime.fromtimestamp(now, zone).replace(tzinfo=None)
        number = (local - freeze.begins).days // days
    # One that clocks leap over when they are put forward is empty: the one after the next begins then.
    for one in range(number - 1, number + 3) if days else (0,):
        shift = timedelta(days=one * days)
        yield _moment(freeze.begins + shift, zone), _moment(freeze.ends + shift, zone, last=True)


def _moment(local: datetime, zone: ZoneInfo, *, last: bool = False) -> float:
    """When a clock shows this, the first time or the `last` one.

    What it leaps over is counted on from before the leap (RFC 5545, 3.3.5).
    """
    first = local.replace(tzinfo=zone).timestamp()
    return max(first, local.replace(tzinfo=zone, fold=1).timestamp()) if last else first
