"""Who executes: one id per process, and whether that process still lives.

Two processes never share an id, or each would recover the other's work.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO, Protocol


class Executor(Protocol):
    """This process among those that execute. `id` is unique, and lives until `release`."""

    id: str

    def lives(self, executor_id: str) -> bool:
        """Whether the process of an executor still runs."""

    def claim(self, executor_id: str) -> bool:
        """Take over what a dead executor left: True for one process only, and then until its own end.

        An executor that was only out of reach, and was claimed meanwhile, ends when it comes back.
        """

    def release(self) -> None:
        """Say that this process is done with its work."""


class FileExecutor:
    """An executor among the processes of one machine.

    A lock on a file tells life from death: the kernel lets go of it however a process ends, where a
    pid or a heartbeat could lie.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._held: dict[str, IO[str]] = {}
        self.claim(self.id)

    def lives(self, executor_id: str) -> bool:
        """See `Executor`."""
        if executor_id == self.id:
            return True
        try:
            with (self._directory / executor_id).open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return executor_id not in self._held
        return False

    def claim(self, executor_id: str) -> bool:
        """See `Executor`."""
        if executor_id in self._held:
            return True
        file = (self._directory / executor_id).open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._held[executor_id] = file
        return True

    def release(self) -> None:
        """See `Executor`."""
        for executor_id, file in self._held.items():
            (self._directory / executor_id).unlink(missing_ok=True)
            file.close()
        self._held.clear()


def anybody_lives(directory: Path) -> bool:
    """Whether the process of any executor of this machine runs."""
    for path in directory.glob("*") if directory.exists() else ():
        try:
            with path.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            continue
    return False
