"""What whole deploys need: a project, and a fleet to put it on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from shiphorn.demo.fleet import DemoFleet, demo_hosts
from shiphorn.deploy.world import World
from shiphorn.wiring import open_world
from tests.programs import end_all_of

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


@dataclass
class Done:
    """How a `horn` ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """A git repository with one commit, a config for it, and `horn` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repo = folder / "app"
        self.env: dict[str, str] = {}
        self.config: dict[str, Any] = {}
        self.repo.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.commit("one")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.repo), *arguments],
            env=os.environ | AUTHOR,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def commit(self, text: str) -> str:
        """Commit a new index.txt: the sha."""
        (self.repo / "index.txt").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", text)
        return self.git("rev-parse", "HEAD")

    def write_config(self) -> None:
        with (self.folder / "deploy.yml").open("w") as file:
            yaml.safe_dump(self.config, file, sort_keys=False)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        self.write_config()
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from shiphorn.cli.main import main; main()",
            *arguments,
            cwd=self.folder,
            env=os.environ
            | {
                "HOME": str(self.folder),
                "XDG_STATE_HOME": str(self.folder / "state"),
                "XDG_CACHE_HOME": str(self.folder / "cache"),
                "HORN_ACTOR": "ada",
                "COLUMNS": "200",
            }
            | self.env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def end(self, process: asyncio.subprocess.Process) -> Done:
        async with asyncio.timeout(90):
            out, err = await process.communicate()
        return Done(process.returncode or 0, out.decode(), err.decode())

    async def horn(self, *arguments: str) -> Done:
        """Run `horn` to its end."""
        return await self.end(await self.start(*arguments))

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.02)

    async def deploy(self, *arguments: str) -> Done:
        return await self.horn("deploy", "production", "--yes", *arguments)


class Site(Project):
    """A project with a fleet of demo hosts: everything that a deploy needs, real but for the machines."""

    def __init__(self, folder: Path, fleet: DemoFleet) -> None:
        super().__init__(folder)
        self.fleet = fleet
        self.config = {
            "app": "sample",
            "repo": "app",
            "deploy_to": "~/sample",
            "ssh": {
                "user": "demo",
                "identity_file": "fleet/id_ed25519",
                "known_hosts": "fleet/known_hosts",
                "connect_timeout": 5,
            },
            "commands": {},
            "environments": {"production": {"phase_timeout": 20, "regions": fleet.config_regions()}},
        }

    @property
    def names(self) -> list[str]:
        return list(self.fleet.hosts)

    def host(self, name: str) -> Path:
        """The deploy directory of a host."""
        return self.fleet.home(name) / "sample"

    def pages(self) -> list[str]:
        """What each host serves; "" for nothing."""
        found = []
        for name in self.names:
            page = self.host(name) / "current" / "index.txt"
            found.append(page.read_text() if page.exists() else "")
        return found

    def releases(self) -> set[tuple[str, ...]]:
        """The different lists of releases that hosts keep."""
        return {
            tuple(sorted(path.name for path in (self.host(name) / "releases").glob("*")))
            for name in self.names
        }

    async def paused(self) -> dict[str, Any]:
        """Wait until the last deploy is paused: how it stands."""
        async with asyncio.timeout(60):
            while True:
                for deploy in (await self.horn("history", "--json")).json[:1]:
                    if deploy["state"] == "paused":
                        return dict(deploy)

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        process.send_signal(signal.SIGKILL)
        await process.wait()

    def touch_everywhere(self, name: str) -> None:
        for host in self.names:
            (self.fleet.home(host) / name).touch()

    def everywhere(self, name: str) -> bool:
        return all((self.fleet.home(host) / name).exists() for host in self.names)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with DemoFleet(tmp_path / "fleet", demo_hosts(6)) as fleet:
        yield Site(tmp_path, fleet)
    end_all_of(tmp_path)


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """What deploys need from outside, with nothing on record yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    async with open_world(lambda _: None) as opened:
        yield opened
