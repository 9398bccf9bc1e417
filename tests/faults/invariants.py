"""What must hold on every host after any fault. `check` asserts it; `recovers` asserts what comes after."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import subprocess
import tarfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

from shiphorn.config.load import load_text
from shiphorn.model.target import Selection
from shiphorn.service.hosts import fleet
from shiphorn.service.hosts.fleet import EnvironmentStatus
from shiphorn.service.hosts.intent import Standing
from shiphorn.store.store import Store
from shiphorn.wiring import open_store, open_world
from tests.deploy.conftest import Done
from tests.programs import is_running

KEPT = {"fence", "runs", "trash", "unfinished", "unproven"}
"""All that `.horn` holds when no deploy is under way; the middle three are empty folders then, but for
`unproven`."""


class Place(Protocol):
    """A project and its hosts: a `Site` or a `Lab`."""

    folder: Path
    repo: Path
    env: dict[str, str]
    config: dict[str, Any]

    @property
    def names(self) -> list[str]: ...
    def home(self, name: str) -> Path: ...
    def host(self, name: str) -> Path: ...
    def git(self, *arguments: str) -> str: ...
    def commit(self, text: str) -> str: ...
    async def horn(self, *arguments: str) -> Done: ...
    async def deploy(self, *arguments: str) -> Done: ...


async def check(
    place: Place,
    runs: Mapping[str, str],
    *,
    away: Collection[str] = (),
    keeps: Collection[str] = (),
    works: Collection[str] = (),
) -> None:
    """Assert that every host is on exactly one whole release, the one of the commit that `runs` says by
    host ("" for none), that its links lead somewhere, that nothing of a deploy still works there, and that
    `horn status` tells all this.

    Hosts that are `away` cannot be asked; those and the ones in `keeps` have what the next deploy sweeps.
    A shell that `works` on a host which nobody could tell of the end is ended by that, too.
    """
    for name in place.names:
        if name in works:
            assert processes(place.home(name)), name
        else:
            await _nothing_works(place.home(name))
        _whole(place, name, runs[name])
        if name not in (*away, *keeps):
            assert leftovers(place.host(name)) == [], name
    now = await status(place)
    told = {one.host.name: one.seen.sha if one.seen else None for one in now.hosts}
    assert told == {name: None if name in away else runs[name] for name in place.names}
    assert now.holder is None


async def recovers(place: Place) -> None:
    """Assert that with the fault gone a converge brings all hosts to what they should run, and that
    another deploy goes through and leaves no trace of what was.
    """
    place.config["commands"] = {}
    if (await status(place)).locks:
        assert (await place.horn("unlock", "production")).status == 0
    if {one.standing for one in (await status(place)).hosts} != {Standing.AS_INTENDED}:
        done = await place.horn("converge", "production", "--json")
        assert done.status == 0, done.out + done.err
    assert {one.standing for one in (await status(place)).hosts} == {Standing.AS_INTENDED}
    sha = place.commit(f"after {place.git('rev-parse', '--short', 'HEAD')}")
    done = await place.deploy("--json")
    assert done.status == 0, done.out + done.err
    await check(place, dict.fromkeys(place.names, sha))


async def status(place: Place) -> EnvironmentStatus:
    """What `horn status` shows, without a process for it."""
    path = place.folder / "deploy.yml"
    config = load_text(path.read_text(), path)
    with _at_home(place):
        async with open_world(lambda _: None) as world:
            return await fleet.status(world, config, "production", Selection())


@contextmanager
def opened(place: Place) -> Iterator[Store]:
    """The store of a place."""
    with _at_home(place), open_store() as store:
        yield store


@contextmanager
def _at_home(place: Place) -> Iterator[None]:
    homes = {"XDG_STATE_HOME": str(place.folder / "state"), "XDG_CACHE_HOME": str(place.folder / "cache")}
    with patch.dict(os.environ, homes | place.env):
        yield


def everywhere(place: Place, sha: str) -> dict[str, str]:
    return dict.fromkeys(place.names, sha)


def leftovers(base: Path) -> list[str]:
    """What a deploy left in `.horn` that it, or the next one, should have taken away."""
    horn = base / ".horn"
    if not horn.exists():
        return []
    found = [path.name for path in horn.iterdir() if path.name not in KEPT]
    return sorted(
        found + [f"{part}/{name}" for part in ("unfinished", "trash") for name in os.listdir(horn / part)]
    )


def processes(home: Path) -> dict[int, str]:
    """What runs with this home folder, or works below it: pid to command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            folder = os.readlink(entry / "cwd")
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        mine = f"HOME={home}".encode() in environment or Path(folder).is_relative_to(home)
        if mine and is_running(int(entry.name)):
            found[int(entry.name)] = command
    return found


async def _nothing_works(home: Path) -> None:
    """What was told to end has a moment for it."""
    until = time.monotonic() + 15
    while left := processes(home):
        assert time.monotonic() < until, left
        await asyncio.sleep(0.05)


def _whole(place: Place, name: str, sha: str) -> None:
    current = place.host(name) / "current"
    if not sha:
        assert not current.is_symlink(), name
        assert not current.exists(), name
        return
    assert current.is_symlink(), name
    release = current.resolve(strict=True)
    assert release.parent == (place.host(name) / "releases").resolve(), name
    assert re.fullmatch(r"\d{14}", release.name), name
    assert (release / "REVISION").read_text().strip() == sha, name
    shared = place.config.get("shared", {})
    linked = [*shared.get("dirs", ()), *shared.get("files", ())]
    for path in linked:
        assert (release / path).is_symlink(), (name, path)
        assert (release / path).resolve(strict=True) == (place.host(name) / "shared" / path).resolve()
    assert _files(release, but={"REVISION", *linked}) == _committed(place.repo, sha), name


def _files(folder: Path, *, but: set[str]) -> dict[str, str]:
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and name not in but and name.partition("/")[0] not in but:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _committed(repo: Path, sha: str) -> dict[str, str]:
    made = subprocess.run(["git", "-C", str(repo), "archive", sha], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as tar:
        return {
            one.name: hashlib.sha256(file.read()).hexdigest()
            for one in tar
            if one.isfile() and (file := tar.extractfile(one))
        }
