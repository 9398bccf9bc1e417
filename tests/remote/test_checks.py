"""Looks that hosts make themselves, run by real shells. No systemd runs where tests do: a program in its
place answers as `systemctl show` of systemd 252 does."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shiphorn.model.health import Check, Kind, Tried, Verdict
from shiphorn.remote import checks
from tests.little_web import Web
from tests.remote.host import SHELLS, ScriptHost, plan_for

SYSTEM = "/usr/bin:/bin"
NEEDED = (
    *("sh", "dd", "readlink", "setsid", "mktemp", "rm", "cat", "date", "sed"),
    *("tail", "head", "wc", "sleep", "mkdir", "mv", "ls"),
)


@pytest.fixture(params=list(SHELLS))
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ScriptHost]:
    made = ScriptHost(tmp_path / "home", request.param, PATH=f"{tmp_path}/bin:{SYSTEM}")
    release = made.base / "releases" / "20261124120001"
    release.mkdir(parents=True)
    (made.base / "current").symlink_to(release)
    (tmp_path / "bin").mkdir()
    yield made
    made.end()


def look(host: ScriptHost, *asked: Check, **changes: object) -> list[Tried]:
    return checks.tried(host.run(checks.look(plan_for(1, **changes), asked)), asked)


def command(text: str, **more: float) -> Check:
    return Check(Kind.COMMAND, text, text, **more)  # type: ignore[arg-type]


def http(url: str, **more: object) -> Check:
    return Check(Kind.HTTP, url, url, on_host=True, **more)  # type: ignore[arg-type]


def program(host: ScriptHost, name: str, text: str) -> None:
    path = host.home.parent / "bin" / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def only(host: ScriptHost, folder: str, *names: str) -> ScriptHost:
    """The same host, but with these programs only."""
    place = host.home.parent / folder
    place.mkdir()
    shell = SHELLS[host.shell][0]
    for name in {shell, *names, *NEEDED}:
        (place / name).symlink_to(str(shutil.which(name)))
    host.end()
    return ScriptHost(host.home, host.shell, PATH=str(place))


def test_a_command_runs_in_the_live_release_with_its_environment(host: ScriptHost) -> None:
    (host.base / "current" / "ok").touch()
    asked = command('test -f ok && test "$REGION $TOKEN $HORN_RELEASE" = "e u s3cr\'t 20261124120001"')
    (tried,) = look(host, asked, env={"REGION": "e u"}, secrets={"TOKEN": "s3cr't"})
    assert (tried.verdict, tried.message) == (Verdict.PASS, "ended with status 0")


@pytest.mark.parametrize(
    ("text", "verdict", "message", "cause"),
    [
        (
            "echo one; echo 'no database'; exit 3",
            "fail",
            "ended with status 3: no database",
            "ended with status 3",
        ),
        ("echo busy; exit 75", "unclear", "busy", ""),
        ("bin/not-there 2>/dev/null", "missing", "ended with status 127", "ended with status 127"),
        ("exec sh -c 'kill -9 $$'", "fail", "ended with status 137: Killed", "ended with status 137"),
    ],
)
def test_the_status_of_a_command_says_how_it_is(
    host: ScriptHost, text: str, verdict: str, message: str, cause: str
) -> None:
    (tried,) = look(host, command(text))
    assert (tried.verdict, tried.message, tried.cause) == (verdict, message, cause)


def test_all_looks_are_made_whatever_becomes_of_one(host: ScriptHost) -> None:
    found = look(
        host, command("exit 1"), command("trap '' TERM; sleep 30", timeout_seconds=0.3), command("true")
    )
    assert [one.verdict for one in found] == [Verdict.FAIL, Verdict.FAIL, Verdict.PASS]
    assert found[1].message == "gave no answer within 0.3 s"


def test_nothing_of_a_look_stays_on_the_host(host: ScriptHost, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    host.end()
    host = ScriptHost(host.home, host.shell, TMPDIR=str(place))
    asked = [command("sleep 987 & echo $! >$HOME/left; true"), command("sleep 987", timeout_seconds=1)]
    assert [one.verdict for one in look(host, *asked)] == [Verdict.PASS, Verdict.FAIL]
    assert list(place.iterdir()) == []
    stat = Path("/proc", (host.home / "left").read_text().strip(), "stat")
    deadline = time.monotonic() + 10
    # Dead, even if nobody has taken note of it yet.
    while stat.exists() and stat.read_text().split()[2] != "Z":
        assert time.monotonic() < deadline
    ps = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(place) not in ps
    host.end()


def test_nothing_of_a_look_stays_when_the_connection_is_lost_in_it(host: ScriptHost, tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    host.end()
    host = ScriptHost(host.home, host.shell, TMPDIR=str(place))
    text = "touch $HOME/began; sleep 987"
    host.send(checks.look(plan_for(1), [command(text, timeout_seconds=60)]))
    deadline = time.monotonic() + 20
    while not (host.home / "began").exists():
        assert time.monotonic() < deadline
    os.killpg(host.process.pid, signal.SIGHUP)
    while list(place.iterdir()):
        assert time.monotonic() < deadline
    host.end()


def test_without_a_release_a_command_is_missing_and_the_rest_is_looked_at(host: ScriptHost, web: Web) -> None:
    (host.base / "current").unlink()
    found = look(host, command("true"), http(f"http://127.0.0.1:{web.port}/"))
    assert [one.verdict for one in found] == [Verdict.MISSING, Verdict.PASS]


def test_a_look_that_cannot_even_begin_is_unclear(host: ScriptHost) -> None:
    program(host, "mktemp", "exit 1")
    (tried,) = look(host, command("true"))
    assert tried.verdict == Verdict.UNCLEAR


@pytest.mark.parametrize("client", ["curl", "wget", "busybox"])
def test_a_host_asks_by_http_with_what_it_has(host: ScriptHost, web: Web, client: str) -> None:
    if client == "busybox":
        host = only(host, "small")
        (host.home.parent / "small" / "wget").symlink_to(str(shutil.which("busybox")))
    else:
        host = only(host, "small", client)
    url = f"http://127.0.0.1:{web.port}"
    headers = {"Host": "it's.example.com", "X-Two": "a b"}
    web.body = "of two lines\nhorn 999 0\n"
    found = look(
        host,
        http(f"{url}/", body="two lines", headers=headers),
        http(f"{url}/500"),
        http(f"{url}/404", status="404"),
        http(f"{url}/", body="nowhere"),
        http("http://127.0.0.1:1/"),
        http(f"{url}/slow", timeout_seconds=1),
    )
    assert [one.verdict for one in found] == [
        Verdict.PASS,
        Verdict.FAIL,
        Verdict.PASS,
        Verdict.FAIL,
        Verdict.FAIL,
        Verdict.FAIL,
    ]
    assert {name: web.heads[0][name] for name in headers} == headers
    assert found[1].message == "answered 500, wanted 2xx"
    assert found[3].message == 'answered 200, but without "nowhere"'
    assert found[4].message == ("connection refused" if client == "curl" else "no answer")
    host.end()


def test_redirects_are_not_followed(host: ScriptHost, web: Web) -> None:
    (tried,) = look(host, http(f"http://127.0.0.1:{web.port}/302"))
    assert tried.message == "answered 302, wanted 2xx"


def test_a_host_without_a_client_cannot_tell(host: ScriptHost, web: Web) -> None:
    bare = only(host, "bare")
    found = look(
        bare,
        http(f"http://127.0.0.1:{web.port}/"),
        Check(Kind.UNIT, "app.service", ""),
        Check(Kind.TCP, f"127.0.0.1:{web.port}", ""),
    )
    assert [(one.verdict, one.message) for one in found[:2]] == [
        (Verdict.UNCLEAR, "neither curl nor wget is installed there"),
        (Verdict.UNCLEAR, "systemctl is not installed there"),
    ]
    if host.shell != "bash":
        assert found[2].message == "neither bash nor nc is installed there"
    bare.end()


def test_a_host_connects_by_tcp(host: ScriptHost, web: Web) -> None:
    found = look(host, Check(Kind.TCP, f"127.0.0.1:{web.port}", ""), Check(Kind.TCP, "127.0.0.1:1", ""))
    assert [one.verdict for one in found] == [Verdict.PASS, Verdict.FAIL]


@pytest.mark.parametrize(
    ("state", "verdict", "message", "mark"),
    [
        ("loaded active 3", "pass", "is active", "3"),
        ("loaded activating 4", "fail", "is activating", ""),
        ("loaded failed 0", "fail", "is failed", ""),
        ("not-found inactive 0", "missing", "is not known to systemd", ""),
    ],
)
def test_a_unit_is_as_systemd_says(
    host: ScriptHost, state: str, verdict: str, message: str, mark: str
) -> None:
    load, active, restarts = state.split()
    program(
        host,
        "systemctl",
        f'printf "%s\\n" "$@" >"$HOME/asked"; echo NRestarts={restarts}; echo LoadState={load}; '
        f"echo ActiveState={active}",
    )
    (tried,) = look(host, Check(Kind.UNIT, "it's@1.service", ""))
    assert (tried.verdict, tried.message, tried.mark) == (verdict, message, mark)
    assert (host.home / "asked").read_text().splitlines()[-2:] == ["--", "it's@1.service"]


def test_a_systemd_that_does_not_answer_is_unclear(host: ScriptHost) -> None:
    program(host, "systemctl", 'echo "Failed to connect to bus: No such file or directory" >&2; exit 1')
    (tried,) = look(host, Check(Kind.UNIT, "app.service", ""))
    assert tried.verdict == Verdict.UNCLEAR
    assert tried.message == (
        "systemctl ended with status 1: Failed to connect to bus: No such file or directory"
    )


def test_a_pid_file_names_a_process_that_lives_and_which(host: ScriptHost) -> None:
    check = Check(Kind.PROCESS, "shared/run/it's.pid", "")
    assert look(host, check)[0].verdict == Verdict.MISSING
    file = host.base / check.what
    file.parent.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        file.write_text(f"  {process.pid}\n")
        first, second = look(host, check)[0], look(host, check)[0]
        assert (first.verdict, first.message) == (Verdict.PASS, f"lives as {process.pid}")
        assert first.mark == second.mark
        os.kill(process.pid, signal.SIGKILL)
    tried = look(host, check)[0]
    assert (tried.verdict, tried.cause) == (Verdict.FAIL, "names no process that lives")
    for text in ("", "not a number\n", "0"):
        file.write_text(text)
        assert look(host, check)[0].verdict == Verdict.FAIL


def test_a_pid_file_may_stand_anywhere(host: ScriptHost) -> None:
    (host.home / "a.pid").write_text(f"{os.getpid()}\n")
    for path in ("~/a.pid", str(host.home / "a.pid")):
        assert look(host, Check(Kind.PROCESS, path, ""))[0].verdict == Verdict.PASS
