"""Build commands, run for real."""

import os
from pathlib import Path

import pytest

from shiphorn.adapters.builder import run_build
from shiphorn.errors import SourceError
from shiphorn.model.settings import Command


async def test_commands_run_in_the_tree_until_one_fails(tmp_path: Path) -> None:
    lines: list[str] = []
    commands = [Command("echo one; pwd"), Command("echo $WHO >&2; exit 4"), Command("touch never")]
    with pytest.raises(SourceError) as raised:
        await run_build(commands, tmp_path, os.environ | {"WHO": "me"}, lines.append)
    assert str(raised.value).startswith(
        'SH220 the build command "echo $WHO >&2; exit 4" ended with status 4: me'
    )
    assert lines == ["one", str(tmp_path), "me"]
    assert [one.exit_status for one in raised.value.facts["outputs"]] == [0, 4]
    assert not (tmp_path / "never").exists()


async def test_a_command_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    command = Command("sleep 60 & echo $! >pid; wait", timeout_seconds=0.3)
    with pytest.raises(SourceError, match="took too long"):
        await run_build([command], tmp_path, os.environ, lambda _: None)
    state = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split(")")[1].split()[0] == "Z"


async def test_of_a_flood_a_head_and_a_tail_are_kept(tmp_path: Path) -> None:
    longest = 0

    def on_line(line: str) -> None:
        nonlocal longest
        longest = max(longest, len(line))

    flood = Command("echo first; head -c 60000000 /dev/zero | tr '\\0' x; echo; echo last")
    (printed,) = await run_build([flood], tmp_path, os.environ, on_line)
    assert printed.output.startswith("first\nxxx")
    assert printed.output.endswith("xxx\nlast\n")
    assert len(printed.output) == (8 << 20) + len("\n[...]\n")
    assert longest < 200_000
