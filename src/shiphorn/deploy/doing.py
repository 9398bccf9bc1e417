"""What a deploy does this moment, for other processes to read: events that are told and not kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace

from shiphorn.model.events import BuildOutput, Event, WatchProgress

EVERY_SECONDS = 1.0
LONGEST_LINE = 500


class Doing:
    """Hands the last of such events to `write` as JSON, at most once a second; "" when there is none.

    What comes sooner waits for its second, and gives way to what comes after it. What comes in must be
    redacted already.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._text = self._written = ""
        self._written_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None

    def say(self, event: Event) -> bool:
        """Take an event, if it is one of those; whether it was."""
        if isinstance(event, BuildOutput):
            event = replace(event, line=event.line[:LONGEST_LINE])
        elif not isinstance(event, WatchProgress):
            return False
        self._text = json.dumps(event.as_json())
        wait = self._written_at + EVERY_SECONDS - time.monotonic()
        if wait <= 0:
            self._out()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self._out)
        return True

    def clear(self) -> None:
        """It is over: what waits is dropped, and what was written is taken back."""
        self._text = ""
        self._out()

    def _out(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._text != self._written:
            self._written, self._written_at = self._text, time.monotonic()
            self._write(self._text)
