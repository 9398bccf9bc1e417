"""Hosts on which things break, in one process and as real sshd. More runs of each with HORN_CHAOS=all."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from shiphorn.demo.fleet import DemoFleet, DemoHost, Fault, demo_hosts
from shiphorn.model.deploy import DeployState, Wish
from shiphorn.service.records import ask
from tests.deploy.conftest import Done, Site
from tests.deploy.test_openssh import NAMES, Lab
from tests.faults.invariants import opened, processes
from tests.faults.table import ALL
from tests.sshd import SshLab

WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done'
RUNS = 3 if ALL else 1
SHARED = {"dirs": ["log"], "files": ["app.env"]}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test of this folder runs so often."""
    if RUNS > 1 and "run_number" in metafunc.fixturenames:
        metafunc.parametrize("run_number", range(RUNS))


@pytest.fixture(autouse=True)
def run_number() -> int:
    return 0


class MortalFleet(DemoFleet):
    """A fleet in which more happens than that a connection breaks: `at_drop` is called then, by host."""

    def __init__(self, root: Path, hosts: Sequence[DemoHost]) -> None:
        super().__init__(root, hosts)
        self.at_drop: dict[str, Callable[[], None]] = {}

    def drop(self, name: str) -> None:
        self.at_drop.pop(name, lambda: None)()
        super().drop(name)

    def dies(self, fault: Fault, *names: str) -> None:
        """Have the power of hosts cut when a fault strikes."""
        for name in names:
            self.faults[name] = replace(fault)
            self.at_drop[name] = partial(self.kill, name)

    def parts(self, fault: Fault, *names: str) -> None:
        """Have the network of hosts cut when a fault strikes; what runs on them goes on."""
        for name in names:
            self.faults[name] = replace(fault)
            self.at_drop[name] = partial(self.part, name)

    def kill(self, name: str) -> None:
        self.part(name)
        kill_all(self.home(name))

    def part(self, name: str) -> None:
        self.faults.setdefault(name, Fault()).refuse = True


def kill_all(home: Path) -> None:
    """Kill whatever runs with this home folder, at once."""
    while found := processes(home):
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class FaultySite(Site):
    """A site of three hosts, each with shared files."""

    fleet: MortalFleet

    def __init__(self, folder: Path, fleet: MortalFleet) -> None:
        super().__init__(folder, fleet)
        self.config["shared"] = SHARED
        self.production["phase_timeout"] = 10
        for name in self.names:
            (self.host(name) / "shared").mkdir(parents=True)
            (self.host(name) / "shared" / "app.env").write_text(f"WHO={name}\n")

    @property
    def production(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config["environments"]["production"]
        return found

    def home(self, name: str) -> Path:
        return self.fleet.home(name)

    async def ships(self) -> str:
        """Deploy what there is, to the good: the commit."""
        done = await self.deploy()
        assert done.status == 0, done.out + done.err
        return self.git("rev-parse", "HEAD")


class FaultyLab(Lab):
    """Three real sshd; a host's power can be cut."""

    @property
    def names(self) -> list[str]:
        return list(NAMES)

    @property
    def production(self) -> dict[str, Any]:
        found: dict[str, Any] = self.config["environments"]["production"]
        return found

    def home(self, name: str) -> Path:
        return self.folder / name

    async def ships(self) -> str:
        """Deploy what there is, to the good: the commit."""
        done = await self.deploy()
        assert done.status == 0, done.out + done.err
        return self.git("rev-parse", "HEAD")

    async def armed(self) -> asyncio.subprocess.Process:
        """A deploy whose hosts are all armed, and which waits for `horn continue`."""
        self.config["commands"]["stage"] = [WAIT]
        deploying = await self.start("deploy", "production", "--yes", "--json")
        await self.until(lambda: all((self.home(name) / "waiting").exists() for name in NAMES))
        with opened(self) as store:
            number = store.deploys.active()[0].id
            ask(store, number, Wish.PAUSE, "ada")
            for name in NAMES:
                (self.home(name) / "go").touch()
            await self.until(lambda: store.deploys.active()[0].state == DeployState.PAUSED)
        return deploying

    async def goes_on(self, deploying: asyncio.subprocess.Process) -> Done:
        with opened(self) as store:
            ask(store, store.deploys.active()[0].id, Wish.CONTINUE, "ada")
        return await self.end(deploying)

    def kill(self, name: str) -> None:
        """Power off: sshd, its sessions and all that runs there are killed at once."""
        server = self.ssh.servers[NAMES.index(name)]
        server.kill()
        kill_all(self.home(name))

    def restart(self, name: str) -> None:
        """Start sshd there, with the key and on the port that it has."""
        self.ssh.servers[NAMES.index(name)].begin()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[FaultySite]:
    async with MortalFleet(tmp_path / "fleet", demo_hosts(3)) as fleet:
        yield FaultySite(tmp_path, fleet)


@pytest.fixture
def lab(tmp_path: Path, ssh_lab: SshLab) -> FaultyLab:
    made = FaultyLab(tmp_path, ssh_lab)
    made.production["phase_timeout"] = 10
    made.config["ssh"]["connect_timeout"] = 5
    return made


class Mounts:
    """File systems that a test mounts."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments], check=True)
        self._stack.callback(subprocess.run, ["umount", "--lazy", arguments[-1]], check=False)

    def small(self, folder: Path, size: str) -> None:
        """A small disk at a folder, with what the folder holds."""
        kept = folder.with_name(f"{folder.name}.kept")
        folder.rename(kept)
        folder.mkdir()
        self.mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
        subprocess.run(["cp", "-a", f"{kept}/.", str(folder)], check=True)

    def read_only(self, folder: Path) -> None:
        self.mount("--bind", str(folder), str(folder))
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)

    @staticmethod
    def end(folder: Path) -> None:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def only_root(what: str) -> None:
    """Leave a test out where this is not root; in CI it is."""
    if os.getuid() != 0:
        leave = pytest.fail if os.environ.get("CI") else pytest.skip
        leave(f"only root may {what}")


@pytest.fixture
def mounts() -> Iterator[Mounts]:
    only_root("mount")
    with ExitStack() as stack:
        yield Mounts(stack)
