"""Other programs: run in a session of their own, and ended with all they started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from shiphorn.errors import MissingProgram

_spawning = Lock()
_started: WeakSet[asyncio.subprocess.Process] = WeakSet()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended and what it said."""

    status: int
    stdout: bytes
    stderr: str

    @property
    def last_words(self) -> str:
        """The last three lines of stderr, in one."""
        return " / ".join(line.strip() for line in self.stderr.strip().splitlines()[-3:])


async def run(
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    timeout_seconds: float | None = None,
) -> Ended:
    """Run a program to its end. Raises MissingProgram SH701, TimeoutError; what it started is killed."""
    process = await start(arguments, directory=directory, env=env, reads=stdin is not None)
    try:
        async with asyncio.timeout(timeout_seconds):
            stdout, stderr = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            await end(process)
    return Ended(process.returncode or 0, stdout, stderr.decode(errors="replace"))


async def start(
    arguments: Sequence[str],
    *,
    directory: Path | None = None,
    env: Mapping[str, str] | None = None,
    reads: bool = False,
    stderr: int = asyncio.subprocess.PIPE,
) -> asyncio.subprocess.Process:
    """Start a program as the leader of its own session. Raises MissingProgram SH701."""
    try:
        async with _one_loop_at_a_time():
            process = await asyncio.create_subprocess_exec(
                *arguments,
                cwd=directory,
                env=dict(env) if env is not None else None,
                stdin=asyncio.subprocess.PIPE if reads else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
    except FileNotFoundError as error:
        if directory is not None and not directory.is_dir():
            raise
        raise MissingProgram(
            "SH701",
            f"the program {arguments[0]} is not installed, or not on the PATH.",
            hint=f"Install it: apt-get install {Path(arguments[0]).name}",
        ) from error
    _started.add(process)
    return process


@asynccontextmanager
async def _one_loop_at_a_time() -> AsyncIterator[None]:
    """A service has an event loop in each of two threads: uvloop refuses to start a program in one while
    the other one does so. It takes milliseconds.
    """
    while not _spawning.acquire(blocking=False):  # noqa: ASYNC110 - an event is of one loop
        await asyncio.sleep(0.001)
    try:
        yield
    finally:
        _spawning.release()


async def end(process: asyncio.subprocess.Process, grace_seconds: float = 2.0) -> None:
    """End a program and its session: asked first, then killed."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                await process.wait()
                return


def kill_started() -> None:
    """Kill whatever still runs of what was started, for a process that is about to leave at once."""
    for process in list(_started):
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
