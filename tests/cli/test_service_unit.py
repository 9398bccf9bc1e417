"""`horn service unit`: a unit that systemd takes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path, PurePath

import pytest

from shiphorn.service.operations.unit import Installation, unit

HORN = [sys.executable, "-c", "from shiphorn.cli.main import main; main()"]


def printed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*HORN, "service", "unit", *arguments]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)


def test_the_unit_starts_this_horn_as_a_user_that_systemd_makes() -> None:
    lines = printed("--listen", "127.0.0.1:8500").stdout.splitlines()
    start = next(line for line in lines if line.startswith("ExecStart="))
    assert start.startswith("ExecStart=/")
    assert start.endswith("horn serve --log json --listen 127.0.0.1:8500 --config /etc/shiphorn/shiphorn.yml")
    wanted = {"DynamicUser=yes", "Restart=on-failure", "KillSignal=SIGTERM", "ProtectSystem=strict"}
    assert wanted <= set(lines)


def test_a_user_of_ones_own_takes_the_place_of_one_that_systemd_makes() -> None:
    lines = printed("--user", "deploy", "--proxies", "127.0.0.1").stdout.splitlines()
    assert "User=deploy" in lines
    assert "DynamicUser=yes" not in lines
    assert any(line.endswith("--proxies 127.0.0.1") for line in lines)


def test_a_program_in_a_home_can_be_read_and_others_see_no_home() -> None:
    config = PurePath("/etc/shiphorn/shiphorn.yml")
    here = Installation(PurePath("/home/ada/.local/bin/horn"), "127.0.0.1:8400", config)
    there = Installation(PurePath("/opt/100%/bin/horn"), "127.0.0.1:8400", config)
    assert "\nProtectHome=read-only\n" in unit(here)
    assert "\nProtectHome=yes\n" in unit(there)
    assert "ExecStart=/opt/100%%/bin/horn serve" in unit(there)


def test_what_is_no_address_makes_no_unit() -> None:
    refused = printed("--listen", "everywhere")
    assert (refused.returncode, "SH155" in refused.stderr, refused.stdout) == (2, True, "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_it(tmp_path: Path) -> None:
    (tmp_path / "shiphorn.service").write_text(
        unit(Installation(PurePath("/bin/true"), "[::1]:8400", PurePath("/etc/x")))
    )
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / "shiphorn.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "shiphorn.service" not in done.stderr, done.stderr
