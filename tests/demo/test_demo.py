"""`horn demo`, the first thing that a new user runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from shiphorn.demo.company import DOCS, SHOP
from shiphorn.demo.history import make_history

HORN = [sys.executable, "-c", "from shiphorn.cli.main import main; main()"]


def log_of(repository: Path, *arguments: str) -> list[str]:
    done = subprocess.run(
        ["git", "-C", str(repository), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.timeout(240)
def test_the_demo_ends_in_a_service_to_sign_in_to_and_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    process = subprocess.Popen(
        [*HORN, "demo", "--hosts", "3", "--mute"],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    told = ""
    for line in process.stdout:
        told += line
        if "stays up until Ctrl-C" in line:
            break
    assert process.stdout is not None
    assert "Deployed sample" in told
    assert "Deploy 2 rolled back after" in told
    assert "3 hosts: run what they ran before, switched back" in told
    shipped = re.findall(r"✓ +\d+ (\w+) \w+ to (\w+)", told)
    assert sorted(set(shipped)) == [
        ("docs", "production"),
        ("docs", "staging"),
        ("search", "production"),
        ("search", "staging"),
        ("shop", "production"),
        ("shop", "staging"),
    ]
    assert len(shipped) == 12
    assert re.search(r"↩ +\d+ shop \w+ to production .* by grace  failed its health check", told)
    assert "production of search is locked by grace: The index is being rebuilt" in told
    link = re.search(r"Open it: (http://127.0.0.1:\d+)(/link/\S+)", told)
    assert link is not None
    with httpx.Client(base_url=link[1], follow_redirects=True, timeout=60) as client:
        assert "Ada Lovelace" in client.get(link[2]).text
        form = {"_csrf_token": client.cookies["horn_csrf"], "password": ""}
        board = client.post(link[2], data=form)
        assert (board.status_code, board.url.path) == (200, "/")
        assert all(app in board.text for app in ("shop", "search", "docs"))
        assert "The index is being rebuilt" in board.text
    assert httpx.get(link[1] + link[2]).status_code == 404
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "horn init" in rest
    assert "Traceback" not in errors
    assert list(scratch.iterdir()) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(link[1])


def test_histories_are_the_same_each_time_with_branches_merges_and_several_people(tmp_path: Path) -> None:
    for name in ("one", "two"):
        make_history(tmp_path / name, {"a": "1\n"}, SHOP, 1_800_000_000, ("Last", {"a": "2\n"}))
    one, two = tmp_path / "one", tmp_path / "two"
    assert log_of(one, "rev-parse", "main") == log_of(two, "rev-parse", "main")
    assert len(log_of(one, "rev-list", "--merges", "main")) == 8
    assert len(set(log_of(one, "log", "--all", "--format=%an"))) == 5
    assert log_of(one, "tag") == ["v1.0", "v1.1", "v1.2", "v1.3", "v1.4", "v1.5", "v1.6", "v1.7"]
    assert log_of(one, "branch", "--format=%(refname:short)") == ["dark-mode", "main", "recommendations"]
    dates = [int(at) for at in log_of(one, "log", "--topo-order", "--first-parent", "--format=%ct", "main")]
    assert dates == sorted(dates, reverse=True)
    assert log_of(one, "show", "main:a") == ["2"]
    assert "- Refund within a day" in log_of(one, "show", "main:src/returns.md")


def test_a_history_without_a_last_commit_ends_with_a_merge(tmp_path: Path) -> None:
    make_history(tmp_path / "docs", {"a": "1\n"}, DOCS, 1_800_000_000)
    assert log_of(tmp_path / "docs", "log", "-1", "--format=%s", "main") == ["Merge branch 'anchors'"]
