"""Who executes: one id per process, and whether that process still lives.

A lock on a file tells life from death: the kernel lets go of it however a process ends, where a pid
or a heartbeat could lie. Two processes never share an id, or each would recover the other's work.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path


class Executor:
    """This process as an executor. `id` is unique; the lock is held until `release`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.id = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._path = directory / self.id
        self._file = self._path.open("w")
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def lives(self, executor_id: str) -> bool:
        """Whether the process of an executor still runs, on this machine."""
        return executor_id == self.id or lives(self._directory, executor_id)

    def release(self) -> None:
        """Say that this process is done with its work."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def lives(directory: Path, executor_id: str) -> bool:
    """Whether the process of an executor still runs, for those who are none themselves."""
    try:
        with (directory / executor_id).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
