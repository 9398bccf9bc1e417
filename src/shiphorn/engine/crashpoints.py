"""Named moments at which this process can be made to die, so that tests can see what is left then.

`HORN_CRASH_AT=NAME` kills it with SIGKILL the first time that it reaches NAME, `NAME#3` the third
time. `HORN_CRASH_LIST=FILE` appends every name reached to a file, one a line, to choose from.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Protocol

_times: Counter[str] = Counter()
_WHENEVER = "out"
"""What a host says as time goes by: how often is chance."""


class Said(Protocol):
    """A message of a host."""

    @property
    def verb(self) -> str:
        """What it is about."""


def reach(name: str) -> None:
    """Die here if the environment says so."""
    crash_at, listed = os.environ.get("HORN_CRASH_AT", ""), os.environ.get("HORN_CRASH_LIST", "")
    if not (crash_at or listed):
        return
    _times[name] += 1
    if listed:
        # One write to a file opened for appending stays whole beside those of other processes.
        file = os.open(listed, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, f"{name}\n".encode())
        os.close(file)
    wanted, _, which = crash_at.partition("#")
    if name == wanted and _times[name] == int(which or 1):
        os.kill(os.getpid(), signal.SIGKILL)


def when_said(script: str) -> Callable[[Said], None]:
    """Crash points `said:SCRIPT:VERB`: a host has said so, and nothing was made of it here."""

    def on_frame(said: Said) -> None:
        if said.verb != _WHENEVER:
            reach(f"said:{script}:{said.verb}")

    return on_frame
