"""Vhosts of endpoints as hosts get them: by a real nginx, and by Caddy's own word."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from shiphorn.demo.project import free_port
from shiphorn.model.settings import Command
from shiphorn.ports import Reply
from shiphorn.remote import scripts
from shiphorn.remote.answers import problems_of
from shiphorn.remote.scripts import HostPlan
from shiphorn.remote.vhost import RENDER, Answering, Vhost, custom
from tests.nginx import Nginx, nginx_in
from tests.programs import program
from tests.remote.host import SHELLS, ScriptHost, pack, plan_for

HOST = "one.example.com"
MARK = "shop staging~one"
NOTHING = (404, "nothing here\n")


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with nginx_in(tmp_path_factory.mktemp("nginx")) as running:
        yield running


@pytest.fixture
def shell() -> str:
    """What the host runs scripts with, where a test does not go through all of them."""
    return "dash"


@pytest.fixture
def host(shell: str, tmp_path: Path, nginx: Nginx) -> Iterator[ScriptHost]:
    made = ScriptHost(tmp_path / "home", shell)
    yield made
    made.end()
    for path in nginx.vhosts.iterdir():
        path.unlink()
    subprocess.run(nginx.reload.split(), check=True, capture_output=True)


def vhost(nginx: Nginx, text: str = "", **more: str) -> Vhost:
    answering = Answering(HOST, (f"127.0.0.1:{nginx.port}",), secure=False)
    text = text or RENDER["nginx"](answering, "a test")
    return replace(Vhost(str(nginx.vhosts / "shiphorn-one.conf"), text, nginx.test, nginx.reload), **more)


def plan(number: int, wanted: Vhost | None, **more: object) -> HostPlan:
    return plan_for(number, deploy_to="~/endpoints/one", endpoint=MARK, vhost=wanted, **more)


def deploy(host: ScriptHost, mine: HostPlan, page: str) -> Reply:
    """Stage and flip: what the flip answers."""
    packing, data = pack({"index.html": page})
    staged = host.run(scripts.prepare(mine, packing, []), data)
    assert problems_of(staged) == []
    host.send(scripts.flip(mine, []))
    host.wait_for("armed")
    host.say(b"go now\n")
    return host.reply()


def codes(reply: Reply) -> list[str]:
    return [one.code for one in problems_of(reply)]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_vhost_answers_for_what_is_live_and_is_written_once(host: ScriptHost, nginx: Nginx) -> None:
    counting = f"echo >>{host.home}/reloads; {nginx.reload}"
    for number, page in ((1, "first"), (2, "second")):
        assert codes(deploy(host, plan(number, vhost(nginx, reload=counting)), page)) == []
        nginx.until_answers(HOST, (200, page))
    assert (host.home / "reloads").read_text() == "\n"
    assert nginx.get(HOST, "/.horn")[0] == 404
    assert nginx.files == ["shiphorn-one.conf"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_nginx_refuses_is_taken_back_and_harms_nobody(host: ScriptHost, nginx: Nginx) -> None:
    assert codes(deploy(host, plan(1, vhost(nginx)), "first")) == []
    before = (nginx.vhosts / "shiphorn-one.conf").read_text()
    bad = deploy(host, plan(2, vhost(nginx, "server { lisssten 80; }\n")), "second")
    assert codes(bad) == ["SH441"]
    assert 'unknown directive "lisssten"' in problems_of(bad)[0].message
    assert (nginx.vhosts / "shiphorn-one.conf").read_text() == before
    assert sorted(path.name for path in nginx.vhosts.iterdir()) == [".shiphorn.lock", "shiphorn-one.conf"]
    assert subprocess.run(nginx.test.split(), check=False, capture_output=True).returncode == 0
    new = deploy(host, plan(3, vhost(nginx, "nonsense", path=str(nginx.vhosts / "shiphorn-two.conf"))), "x")
    assert codes(new) == ["SH441"]
    assert nginx.files == ["shiphorn-one.conf"]


def test_a_reload_that_fails_takes_the_vhost_back(host: ScriptHost, nginx: Nginx) -> None:
    reply = deploy(host, plan(1, vhost(nginx, reload="echo not allowed; exit 3")), "first")
    assert codes(reply) == ["SH443"]
    assert "not allowed" in problems_of(reply)[0].message
    assert nginx.files == []


def test_a_config_that_was_broken_before_is_told_as_such(host: ScriptHost, nginx: Nginx) -> None:
    (nginx.vhosts / "other.conf").write_text("nonsense")
    assert codes(deploy(host, plan(1, vhost(nginx)), "first")) == ["SH442"]
    assert nginx.files == ["other.conf"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_killed_deploy_left_untested_is_taken_back_first(host: ScriptHost, nginx: Nginx) -> None:
    assert codes(deploy(host, plan(1, vhost(nginx)), "first")) == []
    # As kill -9 leaves it between writing a file and having it tested, of two endpoints.
    good = nginx.vhosts / "shiphorn-one.conf"
    shutil.copy(good, nginx.vhosts / ".shiphorn-one.conf.before")
    (nginx.vhosts / ".shiphorn-one.conf.unproven").touch()
    good.write_text("nonsense")
    (nginx.vhosts / ".shiphorn-new.conf.unproven").touch()
    (nginx.vhosts / "shiphorn-new.conf").write_text("nonsense")
    assert codes(deploy(host, plan(2, vhost(nginx)), "second")) == []
    assert nginx.files == ["shiphorn-one.conf"]
    assert not list(nginx.vhosts.glob(".*.unproven"))
    nginx.until_answers(HOST, (200, "second"))


def test_a_folder_that_is_not_there_is_told(host: ScriptHost, nginx: Nginx) -> None:
    wanted = vhost(nginx, path="/nonexistent/vhosts/one.conf")
    assert codes(deploy(host, plan(1, wanted), "first")) == ["SH440"]


def test_a_home_that_a_config_would_not_take_as_a_path_is_refused(tmp_path: Path, nginx: Nginx) -> None:
    home = tmp_path / "a;b{c} $d"
    host = ScriptHost(home)
    try:
        assert codes(deploy(host, plan(1, vhost(nginx)), "first")) == ["SH440"]
        assert nginx.files == []
    finally:
        host.end()


@pytest.mark.parametrize("shell", SHELLS)
def test_removing_takes_everything_and_can_be_done_again(host: ScriptHost, nginx: Nginx) -> None:
    mine = plan(1, vhost(nginx))
    assert codes(deploy(host, mine, "first")) == []
    nginx.until_answers(HOST, (200, "first"))
    last = Command('cat index.html >"$HOME/said" && pwd >>"$HOME/said"')
    for attempt in (1, 2):
        reply = host.run(scripts.remove(replace(mine, run=f"remove-{attempt}"), [last]))
        assert (codes(reply), [one.verb for one in reply.frames][-1]) == ([], "gone")
    assert (host.home / "said").read_text().startswith("first")
    assert list((host.home / "endpoints").iterdir()) == []
    nginx.until_answers(HOST, NOTHING)
    assert nginx.files == []


def test_a_last_command_that_fails_keeps_everything_and_is_tried_again(
    host: ScriptHost, nginx: Nginx
) -> None:
    mine = plan(1, vhost(nginx))
    assert codes(deploy(host, mine, "first")) == []
    last = Command('[ -e "$HOME/ready" ] || { echo the database is in use; exit 1; }')
    reply = host.run(scripts.remove(replace(mine, run="remove-1"), [last]))
    assert codes(reply) == ["SH423"]
    assert "the database is in use" in problems_of(reply)[0].message
    nginx.until_answers(HOST, (200, "first"))
    (host.home / "ready").touch()
    assert codes(host.run(scripts.remove(replace(mine, run="remove-2"), [last]))) == []
    assert not (host.home / "endpoints" / "one").exists()


def test_a_removal_that_was_killed_half_way_is_finished(host: ScriptHost, nginx: Nginx) -> None:
    mine = plan(1, None)
    assert codes(deploy(host, mine, "first")) == []
    base = host.home / "endpoints" / "one"
    base.rename(base.with_name("one.gone"))
    shutil.rmtree(base.with_name("one.gone") / "releases")
    assert codes(host.run(scripts.remove(replace(mine, run="remove-2"), []))) == []
    assert list((host.home / "endpoints").iterdir()) == []


@pytest.mark.parametrize(
    "deploy_to", ["/", "", "~", "~/", "//", "/srv", "/srv/../etc", "~/app/..", "~/./app", "/.", "/etc/"]
)
def test_no_other_directory_is_ever_removed(tmp_path: Path, deploy_to: str) -> None:
    host = ScriptHost(tmp_path / "home")
    (host.home / "app" / ".horn").mkdir(parents=True)
    (host.home / "app" / ".horn" / "endpoint").write_text(f"{MARK}\n")
    (host.home / ".horn").mkdir()
    (host.home / ".horn" / "endpoint").write_text(f"{MARK}\n")
    try:
        mine = plan_for(1, deploy_to=deploy_to, endpoint=MARK)
        assert codes(host.run(scripts.remove(replace(mine, run="remove-1"), []))) == ["SH444"]
        assert (host.home / "app" / ".horn" / "endpoint").exists()
    finally:
        host.end()


@pytest.mark.parametrize("mark", ["", "shop staging~two", "blog staging~one"])
def test_a_directory_of_something_else_is_neither_deployed_to_nor_removed(tmp_path: Path, mark: str) -> None:
    host = ScriptHost(tmp_path / "home")
    base = host.home / "app"
    (base / ".horn").mkdir(parents=True)
    (base / "precious").touch()
    if mark:
        (base / ".horn" / "endpoint").write_text(f"{mark}\n")
    try:
        mine = plan_for(1, endpoint=MARK)
        assert codes(host.run(scripts.remove(replace(mine, run="remove-1"), []))) == ["SH444"]
        packing, data = pack({"index.html": "x"})
        assert codes(host.run(scripts.prepare(mine, packing, []), data)) == ["SH445"]
        assert (base / "precious").exists()
    finally:
        host.end()


def test_shared_files_that_are_missing_come_from_the_environment(tmp_path: Path) -> None:
    host = ScriptHost(tmp_path / "home")
    (host.home / "shop" / "shared" / "config").mkdir(parents=True)
    (host.home / "shop" / "shared" / "config" / "key").write_text("secret")
    mine = plan_for(1, endpoint=MARK, shared_files=("config/key",), shared_from="~/shop")
    packing, data = pack({"index.html": "x"})
    try:
        assert codes(host.run(scripts.probe(mine, needed_bytes=1))) == []
        assert codes(host.run(scripts.prepare(mine, packing, []), data)) == []
        copied = host.base / "shared" / "config" / "key"
        assert (copied.read_text(), copied.is_symlink()) == ("secret", False)
        assert (host.base / "releases" / mine.release / "config" / "key").read_text() == "secret"
    finally:
        host.end()


CADDYFILE = """\
{{
    admin localhost:{admin}
    auto_https off
    storage file_system {folder}/storage
}}
http://other.example.com:{port} {{
    respond "another"
}}
import {folder}/vhosts/*.caddy
"""


def test_caddy_answers_for_endpoints_too(tmp_path: Path) -> None:
    caddy = program("caddy", "/usr/bin:/usr/local/bin")
    port, admin = free_port(), free_port()
    (tmp_path / "vhosts").mkdir()
    config = tmp_path / "Caddyfile"
    config.write_text(CADDYFILE.format(folder=tmp_path, port=port, admin=admin))
    env = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    where = f"--config {config} --adapter caddyfile"
    text = RENDER["caddy"](Answering(HOST, (f"127.0.0.1:{port}",), secure=False), "a test")
    wanted = Vhost(
        str(tmp_path / "vhosts" / "shiphorn-one.caddy"),
        text,
        f"{caddy} validate {where}",
        f"{caddy} reload {where} --address localhost:{admin}",
    )
    host = ScriptHost(tmp_path / "home")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([caddy, "run", *where.split()], env=env, stdout=log, stderr=log)
    try:
        until(lambda: get(port, "other.example.com") == (200, "another"))
        assert codes(deploy(host, plan(1, wanted), "first")) == []
        until(lambda: get(port, HOST) == (200, "first"))
        assert get(port, HOST, "/.horn/fence")[0] == 404
        bad = deploy(host, plan(2, replace(wanted, text="http://x {\n  nonsense\n}\n")), "second")
        assert codes(bad) == ["SH441"]
        assert get(port, HOST) == (200, "second")
        assert codes(host.run(scripts.remove(replace(plan(1, wanted), run="remove-1"), []))) == []
        until(lambda: get(port, HOST)[0] != 200 or get(port, HOST)[1] == "")
        assert get(port, "other.example.com") == (200, "another")
    finally:
        host.end()
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.mark.parametrize("server", ["nginx", "caddy"])
@pytest.mark.parametrize(
    "answering",
    [
        Answering(HOST, ("80",), secure=False, root="public"),
        Answering(HOST, (), secure=True, php="unix:/run/php/php-fpm.sock"),
        Answering(HOST, ("8080",), secure=False, php="127.0.0.1:9000", root="web"),
        Answering(HOST, ("127.0.0.1:8080",), secure=False, proxy="127.0.0.1:21000"),
        Answering(HOST, ("8080",), secure=False, proxy="unix:@BASE@/shared/app.sock"),
    ],
    ids=["files", "php by a socket", "php by a port", "a port", "a socket"],
)
def test_every_kind_of_vhost_is_valid(tmp_path: Path, server: str, answering: Answering) -> None:
    text = RENDER[server](answering, "a test").replace("@BASE@", "/srv/shop-endpoints/one")
    file = tmp_path / "vhost"
    file.write_text(text)
    if server == "nginx":
        (tmp_path / "fastcgi_params").touch()
        whole = tmp_path / "nginx.conf"
        whole.write_text(f"pid {tmp_path}/pid; events {{}} http {{ include {file}; }}")
        binary = program("nginx", "/usr/sbin:/usr/local/sbin:/usr/bin")
        command = [binary, "-p", str(tmp_path), "-c", str(whole), "-t"]
    else:
        caddy = program("caddy", "/usr/bin:/usr/local/bin")
        command = [caddy, "adapt", "--config", str(file), "--adapter", "caddyfile"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_template_of_ones_own_has_its_braces_left_alone() -> None:
    text = "server { server_name {host}; location ~ ^/[0-9]{3} { root {root}; } }"
    assert custom(text, {"host": HOST, "root": "/srv/x"}, "a note") == (
        "# a note\nserver { server_name one.example.com; location ~ ^/[0-9]{3} { root /srv/x; } }\n"
    )


def get(port: int, host: str, path: str = "/") -> tuple[int, str]:
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}{path}", headers={"host": f"{host}:{port}"})
    except httpx.TransportError:
        return 0, ""
    return answer.status_code, answer.text


def until(holds: Callable[[], bool]) -> None:
    given_up_at = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < given_up_at
        time.sleep(0.02)
