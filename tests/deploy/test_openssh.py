"""Deploys to real OpenSSH servers, each with a home of its own, beside the real Capistrano."""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.conftest import Project
from tests.programs import is_running, program
from tests.sshd import SshLab

NAMES = ("web1", "web2", "web3")

CAPFILE = """
set :deploy_config_path, File.expand_path("config.rb", __dir__)
set :stage_config_path, File.expand_path("stages", __dir__)
require "capistrano/setup"
require "capistrano/deploy"
require "capistrano/scm/git"
install_plugin Capistrano::SCM::Git
"""


class Lab(Project):
    """Three sshd, a git repository, and a config for horn and for Capistrano."""

    def __init__(self, folder: Path, ssh: SshLab) -> None:
        super().__init__(folder)
        self.ssh = ssh
        self.hosts: list[dict[str, Any]] = []
        for name in NAMES:
            home = folder / name
            home.mkdir()
            server = ssh.start(f'ForceCommand HOME={home} exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')
            self.hosts.append({"name": name, "address": "127.0.0.1", "port": server.port})
        self.config = {
            "app": "sample",
            "repo": "app",
            "deploy_to": "~/sample",
            "keep_releases": 3,
            "shared": {"dirs": ["log"], "files": ["app.env"]},
            "ssh": {
                "user": getpass.getuser(),
                "identity_file": str(ssh.key),
                "known_hosts": str(ssh.known_hosts),
                "config": os.devnull,
            },
            "commands": {},
            "environments": {"production": {"hosts": self.hosts}},
        }
        for name in NAMES:
            shared = self.host(name) / "shared"
            shared.mkdir(parents=True)
            (shared / "app.env").write_text(f"WHO={name}\n")

    def host(self, name: str) -> Path:
        return self.folder / name / "sample"

    def pages(self) -> list[str]:
        return [(self.host(name) / "current" / "index.txt").read_text() for name in NAMES]

    def kept(self) -> list[list[str]]:
        return [sorted(path.name for path in (self.host(name) / "releases").iterdir()) for name in NAMES]

    def shared_links(self) -> list[tuple[str, bool]]:
        """What each release in use reads from the shared file, and whether its log is the shared one."""
        found = []
        for name in NAMES:
            current = self.host(name) / "current"
            log = (current / "log").resolve() == self.host(name) / "shared" / "log"
            found.append(((current / "app.env").read_text().strip(), log))
        return found

    async def cap(self, *tasks: str) -> None:
        """Run the real Capistrano to its end."""
        folder = self.folder / "cap"
        (folder / "stages").mkdir(parents=True, exist_ok=True)
        (folder / "Capfile").write_text(CAPFILE)
        servers = "\n".join(
            f'server "{getpass.getuser()}@127.0.0.1:{host["port"]}", roles: %w[app web], '
            f'deploy_to: "{self.host(host["name"])}"'
            for host in self.hosts
        )
        (folder / "stages" / "production.rb").write_text(servers + "\n")
        (folder / "config.rb").write_text(
            f"""
            set :application, "sample"
            set :repo_url, "{self.repo}"
            set :branch, "main"
            set :deploy_to, -> {{ "~/sample" }}
            set :tmp_dir, "{folder}"
            set :keep_releases, 3
            append :linked_dirs, "log"
            append :linked_files, "app.env"
            set :ssh_options, keys: ["{self.ssh.key}"], keys_only: true, config: false,
              user_known_hosts_file: "{self.ssh.known_hosts}", verify_host_key: :never
            """
        )
        process = await asyncio.create_subprocess_exec(
            program("cap"),
            "-f",
            "Capfile",
            "production",
            *tasks,
            cwd=folder,
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


@pytest.fixture
def lab(tmp_path: Path, ssh_lab: SshLab) -> Lab:
    return Lab(tmp_path, ssh_lab)


async def test_a_deploy_takes_one_login_and_one_execution_on_each_host(lab: Lab) -> None:
    lab.config["commands"] = {"stage": ["echo staged >>log/said"], "restart": ["echo restarted >>log/said"]}
    done = await lab.deploy("--json")
    assert (done.status, done.err) == (0, "")
    assert lab.pages() == ["one"] * 3
    assert lab.shared_links() == [(f"WHO={name}", True) for name in NAMES]
    for name, server in zip(NAMES, lab.ssh.servers, strict=True):
        assert (lab.host(name) / "shared" / "log" / "said").read_text() == "staged\nrestarted\n"
        assert server.sessions() == 1
        assert server.log.read_text().count("Starting session: ") == 1
    lab.commit("two")
    assert (await lab.deploy()).status == 0
    assert (await lab.horn("rollback", "production", "--yes")).status == 0
    assert lab.pages() == ["one"] * 3


async def test_what_capistrano_deployed_is_taken_over_and_handed_back(lab: Lab) -> None:
    await lab.cap("deploy")
    assert lab.pages() == ["one"] * 3
    theirs = lab.kept()

    lab.commit("two")
    planned = await lab.horn("deploy", "production", "--plan", "--json")
    assert [commit["subject"] for commit in planned.json["commits"]] == ["two"]
    assert (await lab.deploy()).status == 0
    assert lab.pages() == ["two"] * 3
    assert all(set(before) < set(after) for before, after in zip(theirs, lab.kept(), strict=True))
    assert lab.shared_links() == [(f"WHO={name}", True) for name in NAMES]

    lab.commit("three")
    await lab.cap("deploy")
    assert lab.pages() == ["three"] * 3
    await lab.cap("deploy:rollback")
    assert lab.pages() == ["two"] * 3

    lab.commit("four")
    assert (await lab.deploy()).status == 0
    assert (await lab.deploy()).status == 0
    assert lab.pages() == ["four"] * 3
    assert {len(kept) for kept in lab.kept()} == {3}
    for name in NAMES:
        log = (lab.host(name) / "revisions.log").read_text().splitlines()
        assert len(log) == 6
        assert " rolled back to release " in log[3]
        assert log[5].endswith(" by ada")


async def test_commands_run_as_another_user_through_sudo(lab: Lab) -> None:
    program("sudo")
    other = "nobody"
    allowed = subprocess.run(["sudo", "-n", "-u", other, "true"], check=False, capture_output=True)
    if allowed.returncode != 0:
        if os.environ.get("CI"):
            pytest.fail("sudo to nobody is refused here")
        pytest.skip("sudo to nobody is refused here")
    pwd.getpwnam(other)
    lab.config["env"] = {"WORD": 'it\'s $HOME "quoted"'}
    lab.config["commands"] = {"stage": [{"run": "id -un; printf '%s\\n' \"$WORD\"", "user": other}]}
    for folder in (*lab.folder.parents, lab.folder, *lab.folder.rglob("*")):
        if folder.is_dir() and os.access(folder, os.W_OK) and len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o055)
    done = await lab.deploy("--json")
    assert done.status == 0, done.out
    logs = await lab.horn("logs", "1", "--json")
    assert {one["output"] for one in logs.json["outputs"]} == {'nobody\nit\'s $HOME "quoted"\n'}


async def test_a_host_that_nobody_knows_is_refused_then_trusted(lab: Lab) -> None:
    lab.ssh.known_hosts.write_text("")
    done = await lab.deploy()
    assert done.status != 0
    assert "horn host trust" in done.out + done.err
    for name, server in zip(NAMES, lab.ssh.servers, strict=True):
        listed = subprocess.run(
            ["ssh-keygen", "-lf", f"{server.key}.pub"], capture_output=True, text=True, check=True
        )
        fingerprint = listed.stdout.split()[1]
        wrong = await lab.horn("host", "trust", name, "--fingerprint", "SHA256:wrong")
        assert wrong.status != 0
        assert "not the fingerprint" in wrong.err
        right = await lab.horn("host", "trust", name, "--fingerprint", fingerprint)
        assert right.status == 0, right.err
        assert fingerprint in right.out
    assert (await lab.deploy()).status == 0
    assert lab.pages() == ["one"] * 3


async def test_an_interrupted_execute_leaves_nothing_running(lab: Lab) -> None:
    assert (await lab.deploy()).status == 0
    process = await lab.start(
        "exec", "production", "--", "echo $$ >$HOME/new; mv $HOME/new $HOME/pid; sleep 100"
    )
    files = [lab.folder / name / "pid" for name in NAMES]
    await lab.until(lambda: all(file.exists() for file in files))
    pids = [int(file.read_text()) for file in files]
    process.send_signal(signal.SIGINT)
    assert (await lab.end(process)).status == 130
    await lab.until(lambda: not any(is_running(pid) for pid in pids))
