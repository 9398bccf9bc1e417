"""How everything stands at the end of a run, as a value that two runs can be compared by."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from shiphorn.deploy.resolve import shipped
from shiphorn.service.hosts.intent import intended_release, standing_of
from shiphorn.store.store import Store
from tests.chaos.arena import Arena

LISTED = ("unfinished", "unproven", "trash", "runs")


async def take(arena: Arena, number: int) -> dict[str, Any]:
    """The hosts, the records and what was left behind, for the deploy `number`."""
    running = await arena.settled()
    with arena.store() as store:
        record = store.deploys.get(number)
        assert record is not None
        arena.known.setdefault(record.release, "new")
        for one in store.deploys.history("sample", "production"):
            arena.known.setdefault(one.run, f"run{one.id}")
        return {
            "running": running,
            "temporary": sorted(os.listdir(arena.folder / "tmp")),
            "hosts": {name: host(arena, name) for name in arena.names},
            "record": records(arena, store, number),
        }


def host(arena: Arena, name: str) -> dict[str, Any]:
    """What is on a host."""
    base, home = arena.host(name), arena.fleet.home(name)
    current = base / "current"
    page = current / "index.txt"
    return {
        "current": arena.labelled(current.readlink().name) if current.is_symlink() else "",
        "page": page.read_text() if page.exists() else "",
        "releases": sorted(arena.labelled(path.name) for path in (base / "releases").iterdir()),
        "log": arena.labelled((base / "revisions.log").read_text()).splitlines(),
        "ran": {path.name: arena.labelled(path.read_text()).split() for path in sorted(home.glob("ran.*"))},
        "late": (home / "late").exists(),
        "fence": arena.labelled((base / ".horn" / "fence").read_text()).split(" ", 1)[1],
        "horn": _names(arena, base / ".horn"),
    }


def records(arena: Arena, store: Store, number: int) -> dict[str, Any]:
    """What is on record."""
    record, runs = store.deploys.get(number), store.hosts.of_deploy(number)
    assert record is not None
    good = shipped(store, "sample", "production")
    seen = store.hosts.observed("sample", "production")
    return {
        "state": str(record.state),
        "told": arena.labelled(f"{record.code} {record.message} {record.hint}".strip()),
        "release": arena.labelled(record.release),
        "shas": (record.from_sha, record.sha),
        "waves": (record.wave, record.waves, record.accepted),
        "pause": (record.paused_at, record.pause_reason),
        "hosts": {
            run.host.name: (
                str(run.state),
                str(run.phase),
                run.problem.code if run.problem else "",
                arena.labelled(run.previous),
                run.flipped_at is not None,
                run.wave,
            )
            for run in runs
        },
        "health": sorted((one.host, one.name, str(one.outcome)) for one in store.health.of_deploy(number)),
        "outputs": sorted(
            (name, one.phase, one.command, str(one.exit_status), one.output)
            for name, one in store.records.outputs(number)
        ),
        "observed": {
            name: (arena.labelled(one.release), [arena.labelled(release) for release in one.releases])
            for name, one in sorted(seen.items())
        },
        "standing": {
            name: str(standing_of(_current(arena, name), intended_release(good, _host(store, name)), good))
            for name in arena.names
        },
        "ends": [
            body["state"] for _, body in store.records.events(number) if body["kind"] == "deploy_finished"
        ],
        "active": [one.id for one in store.deploys.active()],
        "holder": store.deploys.holder("sample", "production"),
        "locks": [
            (lock.deploy_id, lock.owner, arena.labelled(lock.reason))
            for lock in store.locks.in_force(time.time())
        ],
        "bad": [(mark.sha, mark.deploy_id) for mark in store.marks.listed("sample")],
    }


def _current(arena: Arena, name: str) -> str:
    current = arena.host(name) / "current"
    return current.readlink().name if current.is_symlink() else ""


def _host(store: Store, name: str) -> Any:
    return next(run.host for run in store.hosts.of_deploy(1) if run.host.name == name)


def _names(arena: Arena, folder: Path) -> list[str]:
    found = [path.name for path in folder.iterdir()]
    for name in LISTED:
        found += [f"{name}/{path.name}" for path in (folder / name).iterdir()]
    return sorted(arena.labelled(name) for name in found)
