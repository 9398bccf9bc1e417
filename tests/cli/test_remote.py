"""The command line against a service: sign in, and then every command as it is on one machine."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.relay import Relay
from tests.running_service import HORN, Site, environment_of

pytestmark = pytest.mark.timeout(300)
PASSWORD = "correct horse battery"


class Laptop:
    """A machine with horn and nothing else on it."""

    def __init__(self, folder: Path, **more: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.env = environment_of(folder) | {"COLUMNS": "160"} | more

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(HORN), *arguments],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def horn(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def said(self, *arguments: str) -> str:
        done = self.horn(*arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self.horn(*arguments, "--json").stdout)

    @property
    def token(self) -> str:
        kept = json.loads((self.folder / "config" / "shiphorn" / "services.json").read_text())
        return str(kept["current"]["token"])


@contextmanager
def signing_in(laptop: Laptop, site: Site) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """`horn login` as it waits: the code in the address of the page, the code to compare, the process."""
    process = laptop.start("login", site.url)
    assert process.stdout is not None
    code = ""
    for line in process.stdout:
        found = re.search(r"code=(\S+)", line)
        code = found[1] if found else code
        if code and re.fullmatch(r"\w{4}-\w{4}", line.strip()):
            yield code, line.strip(), process
            return
    raise AssertionError("it did not wait for anybody")


def sign_in(laptop: Laptop, site: Site, client: httpx.Client) -> Laptop:
    with signing_in(laptop, site) as (code, _, process):
        site.send(client, "/cli/authorize", {"code": code, "agree": "yes"})
        out, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (0, ""), out
    return laptop


@pytest.fixture(scope="module")
def ada(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    with site.client() as client:
        return sign_in(Laptop(tmp_path_factory.mktemp("ada"), HORN_APP="shop"), site, client)


@pytest.fixture(scope="module")
def alone(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    """A machine with a deploy.yml of the same app and hosts, that knows no service."""
    laptop = Laptop(tmp_path_factory.mktemp("alone"))
    shutil.copytree(site.folder / "fleet", laptop.folder / "fleet", ignore=shutil.ignore_patterns("hosts"))
    service = yaml.safe_load((site.folder / "shiphorn.yml").read_text())
    config = {
        "app": "shop",
        "repo": str(site.folder / "shop.git"),
        "commands": {"build": ["bin/build"]},
        **service["defaults"],
        "environments": {"staging": {"deploy_to": "~/alone/shop", "regions": site.regions}},
    }
    (laptop.folder / "deploy.yml").write_text(yaml.safe_dump(config, sort_keys=False))
    return laptop


@pytest.fixture
def slow(site: Site, ada: Laptop) -> Iterator[str]:
    """An app that takes a while to build, and was not built before."""
    path, mark = site.folder / "apps" / "slow.yml", f": {time.time_ns()}"
    text = {"app": "slow", "repo": "../blog.git", "commands": {"build": [f"sleep 6; bin/build {mark}"]}}
    path.write_text(yaml.safe_dump(text))
    until = time.monotonic() + 30
    while mark not in ada.horn("deploy", "slow", "to", "staging", "--plan", "--json").stdout:
        assert time.monotonic() < until, "the service does not see the app"
    yield "slow"
    path.unlink()


def shape(value: Any, at: str = "") -> set[str]:
    """The keys of JSON, with where they are; those of mappings that are named by people are left out."""
    if isinstance(value, list):
        return {key for one in value for key in shape(one, f"{at}[]")}
    if isinstance(value, dict):
        free = at.endswith((".env", ".settings", ".scripts", ".headers"))
        return {at} if free else {key for name, one in value.items() for key in shape(one, f"{at}.{name}")}
    return {at}


def lines_of(text: str) -> list[str]:
    """Lines of progress, without what differs each time."""
    text = re.sub(r"\b[0-9a-f]{8}\b|\b\d{14}\b", "ID", text)
    text = re.sub(r"#\d+ by \S+", "#N by SOMEBODY", text)
    # Whether it was built before depends on what else was deployed in the same service.
    text = text.replace("built before, ", "")
    return [" ".join(line.split()) for line in re.sub(r"\d+\.\d+ (ms|s)\b", r"T \1", text).splitlines()]


def test_a_person_agrees_in_the_browser_and_the_command_line_is_signed_in(
    site: Site, page: Page, tmp_path: Path
) -> None:
    laptop = Laptop(tmp_path)
    with signing_in(laptop, site) as (code, short, process):
        page.goto(f"/cli/authorize?code={code}")
        expect(page.get_by_text(short)).to_be_visible()
        page.get_by_role("button", name="Yes, sign it in").click()
        expect(page.get_by_role("heading", name="Signed in")).to_be_visible()
        out, _ = process.communicate(timeout=30)
    assert f"Signed in to {site.url} as ada." in out
    kept = tmp_path / "config" / "shiphorn" / "services.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert laptop.said("login") == f"You are ada at {site.url}. Sign out: horn logout\n"


def test_signing_out_makes_the_token_good_no_more(site: Site, tmp_path: Path) -> None:
    with site.client() as client:
        laptop = sign_in(Laptop(tmp_path), site, client)
    headers = {"authorization": f"Bearer {laptop.token}"}
    assert httpx.get(f"{site.url}/api/v1/me", headers=headers).status_code == 200
    assert laptop.said("logout") == f"Signed out of {site.url}.\n"
    assert httpx.get(f"{site.url}/api/v1/me", headers=headers).status_code == 401
    assert laptop.horn("status").stderr.startswith("SH100 there is no deploy.yml")


def test_a_person_says_no_and_nobody_is_signed_in(site: Site, tmp_path: Path) -> None:
    with site.client() as client, signing_in(Laptop(tmp_path), site) as (code, _, process):
        site.send(client, "/cli/authorize", {"code": code, "agree": ""})
        _, err = process.communicate(timeout=30)
    assert process.returncode == 2
    assert err.startswith("SH168 you were turned away")


def test_a_token_signs_in_without_a_browser_and_a_wrong_one_does_not(
    site: Site, ada: Laptop, tmp_path: Path
) -> None:
    laptop = Laptop(tmp_path)
    refused = laptop.horn("login", site.url, "--token", "horn_wrong")
    assert refused.returncode == 5
    assert refused.stderr.startswith(f"SH584 {site.url} does not know this token.")
    assert "Signed in" in laptop.said("login", site.url, "--token", ada.token)
    bad = Laptop(tmp_path, HORN_SERVICE=site.url, HORN_TOKEN="horn_wrong")
    assert f"Sign in again: horn login {site.url}" in bad.horn("status", "--of", "shop").stderr


def test_a_deploy_looks_and_ends_as_it_does_on_one_machine(ada: Laptop, alone: Laptop) -> None:
    there = lines_of(ada.said("deploy", "staging", "--yes"))
    here = lines_of(alone.said("deploy", "staging", "--yes"))
    assert there == here
    assert there[0] == "Deploying shop to staging #N by SOMEBODY"
    assert there[6] == "✓ probe T s eu 2/2 us 2/2 ap 2/2"
    assert there[-1] == "Deployed shop ID to staging: 6 hosts in T s, switched within T ms, release ID"


def test_the_horn_sounds_in_a_terminal_where_the_environment_wants_it(ada: Laptop) -> None:
    heard, programs = ada.folder / "heard", ada.folder / "programs"
    programs.mkdir()
    (programs / "paplay").write_text(f'#!/bin/sh\nhead -c 4 "${{1:-/dev/stdin}}" >>{heard}\n')
    (programs / "paplay").chmod(0o755)
    env = ada.env | {"PATH": f"{programs}:{ada.env['PATH']}", "TERM": "xterm"}
    for arguments in (
        ["rollback", "staging"],
        ["rollback", "production", "--mute"],
        ["deploy", "production"],
    ):
        assert not heard.exists()
        outside, inside = pty.openpty()
        process = subprocess.Popen(
            [HORN, *arguments, "--yes"], cwd=ada.folder, env=env, stdin=inside, stdout=inside, stderr=inside
        )
        os.close(inside)
        with os.fdopen(outside, "rb", buffering=0) as terminal, suppress(OSError):
            while terminal.read(4096):
                pass
        process.wait(60)
    assert heard.read_text() == "RIFF"


def test_json_has_the_same_keys_as_on_one_machine(ada: Laptop, alone: Laptop) -> None:
    for command in (
        "deploy staging",
        "deploy staging --plan",
        "status staging",
        "releases staging",
        "hosts staging",
        "history -n 1",
        "logs",
        "why staging",
        "exec staging -- true",
        "explain",
    ):
        words = command.replace("explain", "config explain staging").split()
        at = words.index("--") if "--" in words else len(words)
        words = [*words[:at], "--json", *words[at:]]
        there, here = (json.loads(one.horn(*words).stdout) for one in (ada, alone))
        assert shape(there) == shape(here), command


def test_questions_are_answered_and_locks_are_placed_and_released(ada: Laptop) -> None:
    ada.said("deploy", "staging", "--yes")
    assert re.search(r"eu +\d{14} +[0-9a-f]{8} +2", ada.said("status", "staging"))
    assert "all 6 hosts" in ada.said("exec", "staging", "--", "cat", "REVISION")
    assert ada.said("lock", "staging", "--reason", "it moves").startswith("Locked staging of shop: it moves")
    assert "it moves" in ada.said("locks")
    assert "it moves" in ada.said("status", "staging")
    assert ada.said("unlock", "staging") == "Released the lock of ada on staging of shop: it moves\n"
    assert ada.said("why", "staging").startswith("ada may deploy shop")
    assert "is marked bad." in ada.said("bad", "main", "--reason", "rotten")
    assert ada.horn("why", "staging").returncode == 5
    assert "not marked bad any more" in ada.said("bad", "main", "--clear", "--reason", "it is not")
    assert ada.said("queue") == "Nothing is deployed right now.\n"
    assert ada.said("report", "main", "--context", "ci/build", "--state", "success").endswith(" is green.\n")
    assert "✓ ci/build" in ada.said("builds", "main")


def test_the_app_is_that_of_deploy_yml_or_is_named(site: Site, ada: Laptop, tmp_path: Path) -> None:
    laptop = Laptop(tmp_path, HORN_SERVICE=site.url, HORN_TOKEN=ada.token)
    unnamed = laptop.horn("status", "staging")
    assert unnamed.returncode == 2
    assert "Name it with --of APP: blog" in unnamed.stderr
    assert laptop.said("hosts", "staging", "--of", "blog").count("~/staging/blog") == 6
    (tmp_path / "deploy.yml").write_text("app: shop\n")
    assert laptop.said("hosts", "staging").count("~/staging/shop") == 6


def test_a_person_stops_a_deploy_by_ctrl_c(ada: Laptop, slow: str) -> None:
    process, _ = deploying(ada, slow)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (6, "")
    assert "ada asked to stop: stopping, and taking everything back" in out
    assert re.search(r"Deploy \d+ stopped after", out)


def test_a_second_ctrl_c_leaves_and_the_deploy_can_be_looked_at_again(
    ada: Laptop, slow: str, site: Site, tmp_path: Path
) -> None:
    with closing(Relay(site.url)) as relay:
        far = Laptop(tmp_path, HORN_SERVICE=relay.url, HORN_TOKEN=ada.token)
        process, _ = deploying(far, slow)
        # The wish does not arrive, so that there is time to leave.
        relay.cut(for_good=True)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        for line in process.stderr:
            if "could not be asked to stop" in line:
                break
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    found = re.search(r"Look at it again: horn resume (\d+)", err)
    assert found is not None
    until = time.monotonic() + 60
    while ada.json("logs", found[1])["deploy"]["state"] == "running":
        assert time.monotonic() < until
    assert ada.json("logs", found[1])["deploy"]["state"] == "succeeded"


def test_a_deploy_is_followed_over_a_connection_that_drops(
    ada: Laptop, slow: str, site: Site, tmp_path: Path
) -> None:
    with closing(Relay(site.url)) as relay:
        far = Laptop(tmp_path, HORN_SERVICE=relay.url, HORN_TOKEN=ada.token)
        process, begun = deploying(far, slow)
        relay.cut()
        number = begun.partition("#")[2].split()[0]
        again = ada.said("resume", number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "is lost; deploy" in err
    out = begun + out
    assert again == out
    assert passed(out) == [
        *("resolve", "gates", "lock", "discover", "build", "probe"),
        *("stage", "flip", "restart", "watch", "finish"),
    ]
    assert "built public/index.html" in ada.said("logs", "--of", "slow")


def test_a_service_that_is_away_is_told_of(ada: Laptop, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = Laptop(tmp_path, HORN_SERVICE=url, HORN_TOKEN=ada.token).horn("status", "--of", "shop")
    assert done.returncode == 4
    assert done.stderr.startswith(f"SH310 {url} cannot be reached: ")
    assert "To work on this machine instead: --local" in done.stderr


def test_a_viewer_is_refused_with_the_reason(site: Site, ada: Laptop, tmp_path: Path) -> None:
    headers = {"authorization": f"Bearer {ada.token}"}
    person = {"login": "vic", "grants": [{"role": "viewer"}]}
    made = httpx.post(f"{site.url}/api/v1/people", json=person, headers=headers).json()
    with httpx.Client(base_url=site.url, follow_redirects=True) as client:
        path = made["link"].removeprefix(site.url)
        assert site.send(client, path, {"password": PASSWORD}).status_code == 200
        vic = sign_in(Laptop(tmp_path, HORN_APP="shop"), site, client)
    refused = vic.horn("deploy", "staging", "--yes")
    assert refused.returncode == 5
    assert refused.stderr.startswith(
        "SH550 vic may not deploy staging of shop: that takes the role deployer in staging of shop; "
        "vic is viewer there."
    )
    assert vic.horn("status", "staging").returncode == 0


def test_nothing_is_sent_in_the_clear_unless_a_person_insists(tmp_path: Path) -> None:
    done = Laptop(tmp_path).horn("login", "http://192.0.2.1:8400", "--token", "horn_secret")
    assert done.returncode == 2
    assert done.stderr.startswith("SH163 http://192.0.2.1:8400 is not encrypted")


def test_local_and_an_empty_variable_stay_on_this_machine(site: Site, ada: Laptop) -> None:
    assert ada.horn("status", "--local").stderr.startswith("SH100")
    ada.env["HORN_SERVICE"] = ""
    try:
        assert ada.horn("status").stderr.startswith("SH100")
    finally:
        del ada.env["HORN_SERVICE"]


def deploying(laptop: Laptop, app: str) -> tuple[subprocess.Popen[str], str]:
    """A deploy that builds, and what was said of it so far."""
    process = laptop.start("deploy", app, "to", "staging", "--yes")
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if "discover" in line:
            return process, said
    raise AssertionError(said)


def passed(text: str) -> list[str]:
    """The phases that a deploy went through."""
    return [line.split()[1] for line in text.splitlines() if line.startswith("✓")]
