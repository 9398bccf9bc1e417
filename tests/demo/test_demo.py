"""`horn demo`, the first thing that a new user runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

HORN = [sys.executable, "-c", "from shiphorn.cli.main import main; main()"]


def test_the_demo_shows_the_whole_story_and_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    done = subprocess.run(
        [*HORN, "demo", "--hosts", "3"],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    deployed = re.findall(r"Deployed \w+ \w+ to production: 3 hosts in .* switched within", done.stdout)
    assert len(deployed) == 2
    assert "Deploy 3 rolled back after" in done.stdout
    assert "3 hosts: run what they ran before, switched back" in done.stdout
    assert "Rolled back sample in production to" in done.stdout
    assert "horn init" in done.stdout
    assert "Traceback" not in done.stderr
    assert list(scratch.iterdir()) == []
