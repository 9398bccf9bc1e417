"""A command on the deployer that is asked for its opinion: how it ended, and what it printed first."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from shiphorn.adapters.programs import end, start

KEPT_BYTES = 64 << 10
"""What it prints beyond that is read, and dropped."""


async def ask_command(
    command: str, directory: Path | None, env: Mapping[str, str], timeout_seconds: float
) -> tuple[int | None, str]:
    """Run a command for `sh`: its status, None when it took too long, and the beginning of its output.

    Nothing that it started in its session outlives it, however this ends.
    """
    process = await start(
        ["/bin/sh", "-c", command], directory=directory, env=env, stderr=asyncio.subprocess.STDOUT
    )
    kept = bytearray()
    status: int | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            while process.stdout is not None and (chunk := await process.stdout.read(65536)):
                kept += chunk[: KEPT_BYTES - len(kept)]
            status = await process.wait()
    except TimeoutError:
        status = None
    finally:
        if process.returncode is None:
            await end(process)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    return status, kept.decode(errors="replace")
