"""A project and a fleet that are put back to how they were before each run, and `horn`s that die on order."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from shiphorn.demo.fleet import DemoFleet, Fault
from shiphorn.store.postgres import open_postgres
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Site
from tests.postgres import Postgres

KEPT = ("app", "cache", "fleet/hosts", "state")
"""What a run changes, below the folder of the project."""
LONG_SECONDS = 120.0
COUNTED = 'echo "$HORN_RELEASE" >>"$HOME/ran.%s"'


class Nursery:
    """Starts `horn`s, one at a time; see nursery.py."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    async def run(self, **request: Any) -> int:
        """The exit status of a `horn`; negative when a signal ended it. Raises TimeoutError."""
        try:
            async with asyncio.timeout(LONG_SECONDS):
                process = self._process or await self._open()
                assert process.stdin
                process.stdin.write(json.dumps(request).encode() + b"\n")
                return int(await _line(process))
        except TimeoutError:
            await self.close()
            raise

    async def close(self) -> None:
        """End it, and the `horn` that it started last."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
            self._process = None

    async def _open(self) -> asyncio.subprocess.Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.chaos.nursery",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert await _line(self._process) == "ready"
        return self._process


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout
    return (await process.stdout.readline()).decode().strip()


class Arena(Site):
    """The site of all runs of a process. `database` is sqlite or postgresql.

    Every run is at the same paths and ports, so that a prepared state can be copied: a link and a
    record name the same things in each.
    """

    def __init__(
        self, folder: Path, fleet: DemoFleet, nursery: Nursery, server: Callable[[], Postgres]
    ) -> None:
        super().__init__(folder, fleet)
        self.database = "sqlite"
        self.out = ""
        self.known: dict[str, str] = {}
        self._nursery = nursery
        self._server = server
        self._config = self.config
        self._prepared: set[tuple[str, str]] = set()
        (folder / "tmp").mkdir()

    @property
    def last(self) -> int:
        """The number of the last deploy of the prepared state."""
        return len(self.known)

    async def prepare(self, base: str, database: str) -> None:
        """Put everything to the state `base`: made once, copied from then on.

        `two`: versions zero and one were deployed, two is committed. `behind`: two was deployed as
        well, but a host of each region was away.
        """
        self.database = database
        self.config = copy.deepcopy(self._config)
        self.config["commands"] = {
            "stage": [{"run": COUNTED % "migrate", "once": True}, COUNTED % "stage"],
            "restart": [COUNTED % "restart"],
            "finish": [COUNTED % "finish"],
        }
        self.config["keep_releases"] = 2
        if (base, database) not in self._prepared:
            await self._make(base)
            self._prepared.add((base, database))
        self._put_back(base)
        with self.store() as store:
            history = store.deploys.history("sample", "production")
        self.known = {one.release: f"v{place}" for place, one in enumerate(reversed(history))}

    async def run(self, *arguments: str, crash: str = "", listing: bool = False, version: str = "") -> int:
        """Run `horn`: its exit status. It prints to `out`; with `listing` it lists its `points`."""
        self.write_config()
        out = self.folder / "out"
        out.unlink(missing_ok=True)
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "TMPDIR": str(self.folder / "tmp"),
            "HORN_ACTOR": "ada",
            "COLUMNS": "200",
        }
        if crash:
            env["HORN_CRASH_AT"] = crash
        if listing:
            env["HORN_CRASH_LIST"] = str(self.folder / "points")
        if self.database == "postgresql":
            env["HORN_DATABASE"] = self._url
        status = await self._nursery.run(
            arguments=arguments, env=env, folder=str(self.folder), out=str(out), version=version
        )
        self.out = out.read_text()
        return status

    async def crash(self, point: str, *arguments: str) -> None:
        """Run `horn`, which has to die at a point."""
        status = await self.run(*arguments, crash=point)
        assert status == -signal.SIGKILL, f"{point} was not reached: {status}\n{self.out}"

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What is on record."""
        store = Store(self._open())
        try:
            yield store
        finally:
            store.close()

    async def settled(self) -> list[str]:
        """Wait until nothing runs on the hosts any more: what does all the same."""
        until = time.monotonic() + LONG_SECONDS
        while (running := self._running()) and time.monotonic() < until:
            await asyncio.sleep(0.02)
        return [f"{pid} {command}" for pid, command in running.items()]

    def labelled(self, text: str) -> str:
        """A text with the names of releases in place of their ids."""
        for release, label in self.known.items():
            text = text.replace(release, label)
        return text

    @property
    def _url(self) -> str:
        return self._server().url("chaos")

    def _open(self) -> Engine:
        if self.database == "postgresql":
            return open_postgres(self._url, 10)
        return open_sqlite(self.folder / "state" / "shiphorn" / "state.db")

    async def _make(self, base: str) -> None:
        if base == "two":
            self._clear()
            for name in self.names:
                self.fleet.home(name).mkdir(parents=True)
            self._fresh_repository()
            if self.database == "postgresql":
                self._server().sql("DROP DATABASE IF EXISTS chaos WITH (FORCE)")
                self._server().sql("CREATE DATABASE chaos")
            for text in ("zero", "one"):
                self.commit(text)
                assert await self.run("deploy", "production", "--yes") == 0, self.out
            # More than an SSH window holds, so that a connection can break in the midst of it.
            (self.repo / "noise").write_bytes(random.Random(1).randbytes(3_000_000))
            self.commit("two")
        else:
            await self.prepare("two", self.database)
            self.config["environments"]["production"]["require"] = "50%"
            away = ("web2.eu", "web2.us")
            self.fleet.faults |= {name: Fault(refuse=True) for name in away}
            assert await self.run("deploy", "production", "--yes") == 0, self.out
            for name in away:
                del self.fleet.faults[name]
            del self.config["environments"]["production"]["require"]
        assert await self.settled() == []
        for name in KEPT:
            shutil.copytree(self.folder / name, self._kept(base) / name, symlinks=True)
        if self.database == "postgresql":
            self._server().sql(f"CREATE DATABASE chaos_{base} TEMPLATE chaos")

    def _fresh_repository(self) -> None:
        self.repo.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def _put_back(self, base: str) -> None:
        self._clear()
        for name in KEPT:
            shutil.copytree(self._kept(base) / name, self.folder / name, symlinks=True)
        if self.database == "postgresql":
            self._server().sql("DROP DATABASE IF EXISTS chaos WITH (FORCE)")
            self._server().sql(f"CREATE DATABASE chaos TEMPLATE chaos_{base}")

    def _clear(self) -> None:
        for name in KEPT:
            shutil.rmtree(self.folder / name, ignore_errors=True)
        for path in (self.folder / "tmp").iterdir():
            shutil.rmtree(path)

    def _kept(self, base: str) -> Path:
        return self.folder / "kept" / f"{base}-{self.database}"

    def _running(self) -> dict[int, str]:
        """The processes whose folder is ours: pid -> command line."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.readlink(path / "cwd").startswith(f"{self.folder}/"):
                    command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(path.name)] = command
        return found
