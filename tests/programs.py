"""Programs of other people that tests run against."""

from __future__ import annotations

import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest


def end_all_of(folder: Path) -> None:
    """Kill what was started with a home in a folder: commands outlive deploys that are killed in a test."""
    mark = f"HOME={folder}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if any(one.startswith(mark) for one in path.read_bytes().split(b"\0")):
                os.kill(int(path.parent.name), signal.SIGKILL)


def program(name: str, folders: str = "") -> str:
    """The path of a program, looked for in `folders` when they are given. Without it the test is left out,
    and in CI that is a failure.
    """
    found = shutil.which(name, path=folders or f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave(f"{name} is not installed; scripts/debian_packages.txt has what the tests need")
    return found


def is_running(pid: int) -> bool:
    """Whether a process is there, and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
