"""How a service ends, and how the next one goes on."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from shiphorn.demo.project import free_port
from tests.postgres import Database
from tests.running_service import (
    HORN,
    Site,
    environment_of,
    fleet_of,
    served,
    set_up,
    until_up,
    write_service,
)

AT_ONCE_SECONDS = 5.0
"""Far less than what pages under way are given to end."""


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that runs when a test starts it; deploys of shop wait on hosts until they are let go."""
    folder = tmp_path_factory.mktemp("stopped")
    with fleet_of(folder, 3) as regions:
        port = free_port()
        write_service(folder, regions, port)
        site = Site(f"http://127.0.0.1:{port}", folder, regions)
        wait = "echo begun >>~/begun; until [ -e ~/go ]; do sleep 0.05; done"
        app = {
            "app": "shop",
            "repo": "../shop.git",
            "commands": {"build": ["bin/build"], "stage": [wait]},
        }
        (folder / "apps" / "shop.yml").write_text(yaml.safe_dump(app))
        with served(folder, port) as process, httpx.Client(base_url=site.url, timeout=60) as client:
            set_up(site, client, process)
        yield site


def homes(site: Site) -> list[Path]:
    return sorted((site.folder / "fleet" / "hosts").iterdir())


def port_of(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_deploy_that_is_under_way_when_the_service_ends_is_ended_well_by_the_next(
    stopped: Site, how: signal.Signals
) -> None:
    for home in homes(stopped):
        (home / "go").unlink(missing_ok=True)
        (home / "begun").unlink(missing_ok=True)
    with served(stopped.folder, port_of(stopped)) as process:
        number = stopped.ship("shop", "staging")
        stopped.when(number, lambda _: all((home / "begun").exists() for home in homes(stopped)))
        process.send_signal(how)
        began = time.monotonic()
        status = process.wait(30)
    assert (status, time.monotonic() - began < AT_ONCE_SECONDS) == (
        (0 if how == signal.SIGTERM else -9),
        True,
    )
    for home in homes(stopped):
        (home / "go").touch()
    with served(stopped.folder, port_of(stopped)):
        ended = stopped.when(number, lambda deploy: not deploy.state.active)
    assert ended.state == "succeeded"
    # Each command was begun once: the second process found it again.
    assert [(home / "begun").read_text() for home in homes(stopped)] == ["begun\n"] * 3


def test_who_listens_is_told_that_it_is_over_and_keeps_nobody_waiting(stopped: Site) -> None:
    with (
        served(stopped.folder, port_of(stopped)) as process,
        httpx.Client(base_url=stopped.url, timeout=60, follow_redirects=True) as client,
    ):
        until_up(client)
        stopped.send(client, "/sign-in", {"login": "ada", "password": "correct horse battery"})
        with client.stream("GET", "/board/changes") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-accel-buffering"] == "no"
            process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            for _ in answer.iter_lines():
                pass
        assert process.wait(30) == 0
        assert time.monotonic() - began < AT_ONCE_SECONDS


def test_a_worker_ends_politely_too(tmp_path: Path, postgres: Database) -> None:
    (tmp_path / "shiphorn.yml").write_text("")
    env = environment_of(tmp_path) | {"HORN_DATABASE": postgres.url}
    command = [str(HORN), "worker", "--config", str(tmp_path / "shiphorn.yml")]
    process = subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True)
    # Beside the locks under which tables are made: the worker's own, and now and then one of the engine's.
    held = (
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid NOT IN (1752134254, 1234567890)"
    )

    def until(holds: Callable[[Any], bool]) -> None:
        given_up_at = time.monotonic() + 60
        while not holds(postgres.sql(held)[0][0]):
            assert time.monotonic() < given_up_at
            time.sleep(0.05)

    until(lambda count: count >= 1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    until(lambda count: count == 0)


def test_the_log_is_json_a_line_and_holds_no_secret(stopped: Site) -> None:
    log = stopped.folder / "horn-8.log"
    with (
        served(stopped.folder, port_of(stopped), "--log", "json") as process,
        httpx.Client(base_url=stopped.url, timeout=60) as client,
    ):
        until_up(client)
        stopped.send(client, "/sign-in", {"login": "ada", "password": "correct horse battery"})
        client.get("/", headers={"x-request-id": "from-a-proxy"})
        client.get("/sign-in?next=/secret-page")
        client.get("/link/secret-of-a-link")
        client.get("/elsewhere/secret-path")
        for home in homes(stopped):
            (home / "go").touch()
        number = stopped.ship("shop", "production")
        stopped.when(number, lambda deploy: not deploy.state.active)
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    text = log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert "secret-" not in text
    assert "correct horse" not in text
    board = next(line for line in lines if line.get("request") == "from-a-proxy")
    told = {name: board[name] for name in ("level", "method", "route", "status", "caller")}
    assert told == {"level": "info", "method": "GET", "route": "/", "status": 200, "caller": "ada"}
    assert isinstance(board["ms"], float)
    routes = [line["route"] for line in lines if line["message"] == "answered"]
    assert "/link/{secret}" in routes
    happened = [line["event"] for line in lines if line.get("deploy") == number and "event" in line]
    assert happened[0] == "deploy_started"
    assert happened[-1] == "deploy_finished"
    assert lines[-1]["message"].startswith("ended")
    assert any(line["logger"].startswith("uvicorn") for line in lines)
