"""Build commands on the deployer: each in the exported tree, until one fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from shiphorn.adapters.programs import end, start
from shiphorn.errors import SourceError
from shiphorn.model.deploy import CommandOutput
from shiphorn.model.settings import Command, Moment

OUTPUT_KEPT_BYTES = 8 << 20
LINE_KEPT_BYTES = 64 << 10
"""What is longer comes in parts."""


async def run_build(
    commands: Sequence[Command],
    directory: Path,
    env: Mapping[str, str],
    on_line: Callable[[str], None],
) -> list[CommandOutput]:
    """Run the commands; `on_line` gets each line as it comes.

    Raises SourceError SH220 when one fails or takes too long; its fact `outputs` is the list so far.
    """
    printed: list[CommandOutput] = []
    for command in commands:
        output = await _run(command, directory, env, on_line)
        printed.append(output)
        if output.exit_status != 0:
            last = output.output.rstrip().rpartition("\n")[2]
            ended = (
                "took too long" if output.exit_status is None else f"ended with status {output.exit_status}"
            )
            raise SourceError(
                "SH220",
                f'the build command "{command.run}" {ended}: {last}',
                hint="Its whole output: horn logs",
                facts={"outputs": printed},
            )
    return printed


async def _run(
    command: Command, directory: Path, env: Mapping[str, str], on_line: Callable[[str], None]
) -> CommandOutput:
    began = time.monotonic()
    kept = bytearray()
    process = await start(
        ["/bin/sh", "-c", command.run], directory=directory, env=env, stderr=asyncio.subprocess.STDOUT
    )
    status: int | None = None
    try:
        async with asyncio.timeout(command.timeout_seconds):
            await _read(process, kept, on_line)
            status = await process.wait()
    except TimeoutError:
        status = None
    finally:
        if process.returncode is None:
            await end(process)
    text = kept.decode(errors="replace")
    return CommandOutput(Moment.BUILD, command.run, status, text, time.monotonic() - began)


async def _read(process: asyncio.subprocess.Process, kept: bytearray, on_line: Callable[[str], None]) -> None:
    if process.stdout is None:
        return
    rest = b""
    while data := await process.stdout.read(65536):
        kept += data
        # Each cut moves the tail, so there are few.
        if len(kept) > 2 * OUTPUT_KEPT_BYTES:
            _cut(kept)
        *lines, rest = (rest + data).split(b"\n")
        if len(rest) > LINE_KEPT_BYTES:
            lines, rest = [*lines, rest], b""
        for line in lines:
            on_line(line.decode(errors="replace"))
    if len(kept) > OUTPUT_KEPT_BYTES:
        _cut(kept)
    if rest:
        on_line(rest.decode(errors="replace"))


def _cut(kept: bytearray) -> None:
    """Leave the middle out."""
    half = OUTPUT_KEPT_BYTES // 2
    kept[half:-half] = b"\n[...]\n"
