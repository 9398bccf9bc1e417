"""Whether the process of a deploy still lives, asked of real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from shiphorn.engine.executor import Executor

OTHER = """
import sys, time, pathlib
from shiphorn.engine.executor import Executor
mine = Executor(pathlib.Path(sys.argv[1]))
print(mine.id, flush=True)
time.sleep(60)
"""


def test_a_killed_process_is_dead_at_once(tmp_path: Path) -> None:
    mine = Executor(tmp_path)
    other = subprocess.Popen([sys.executable, "-c", OTHER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    its_id = other.stdout.readline().strip()
    assert mine.lives(its_id)
    assert mine.lives(mine.id)
    other.kill()
    other.wait()
    other.stdout.close()
    assert not mine.lives(its_id)
    mine.release()


def test_who_is_done_or_never_was_does_not_live(tmp_path: Path) -> None:
    mine, other = Executor(tmp_path), Executor(tmp_path)
    assert mine.id != other.id
    other.release()
    assert not mine.lives(other.id)
    assert not mine.lives("1-nobody")
    mine.release()
