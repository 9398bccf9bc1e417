"""Fill a database as a large company's would be: 200 apps, 9,000 hosts, 50,000 deploys.

It is the same on each run but for the time: the newest deploys ended just now. Only the last deploys of
each environment have hosts, checks and events.

    python benchmarks/seed.py /tmp/big.db
    python benchmarks/seed.py postgresql://horn@localhost/big --apps 20 --deploys 5000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Table, insert, text

from shiphorn.model.deploy import DeployState, HostState, Kind, Phase
from shiphorn.model.health import Outcome, Verdict
from shiphorn.model.target import Host, Selection
from shiphorn.store import tables
from shiphorn.store.postgres import open_postgres
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

DAYS = 730
ENVIRONMENTS = (("production", 33), ("staging", 9), ("dev", 3))
"""Each with the hosts that an app has there: 45 of an app, 9,000 of 200."""
REGIONS = ("eu", "us", "ap")
PEOPLE = ("ada", "bob", "cleo", "dan", "eve", "fay", "gus", "hal", "ivy", "jon", "kim", "leo", "ci")
WORDS = ("billing", "search", "checkout", "mail", "login", "media", "maps", "rates", "stock", "trips")
PARTS = ("api", "web", "worker", "admin", "feed", "sync", "edge", "cron", "jobs", "store")
REASONS = ("", "", "", "", "hotfix for the checkout", "as planned", "customer waits", "try the cache")
SECONDS = {
    Phase.RESOLVE: 0.8,
    Phase.GATES: 0.3,
    Phase.LOCK: 0.1,
    Phase.DISCOVER: 0.4,
    Phase.BUILD: 40.0,
    Phase.PROBE: 2.0,
    Phase.STAGE: 12.0,
    Phase.FLIP: 1.0,
    Phase.RESTART: 4.0,
    Phase.WATCH: 60.0,
    Phase.FINISH: 2.0,
}
ENDS = (
    (DeployState.SUCCEEDED, 88),
    (DeployState.FAILED, 4),
    (DeployState.ROLLED_BACK, 4),
    (DeployState.STOPPED, 2),
    (DeployState.SUPERSEDED, 1),
    (DeployState.ABANDONED, 1),
)
NO_PROBLEM = {"code": "", "message": "", "hint": ""}
PROBLEM = {
    "code": "SH610",
    "message": "3 of 33 hosts are unhealthy: http answered 503, wanted 2xx.",
    "hint": "Look at it: horn logs",
}
CONFIG = "app: {app}\nrepository: git@git.example.net:{app}.git\n" + "# what the deploy goes by\n" * 40


@dataclass(frozen=True, slots=True)
class Place:
    """An environment of an app, with its hosts."""

    app: str
    environment: str
    hosts: tuple[Host, ...]


def app_names(count: int) -> list[str]:
    """`billing-api`, `billing-web` ...; from the hundredth on with a number."""
    names = [f"{word}-{part}" for word in WORDS for part in PARTS]
    return [
        names[number % 100] + (f"-{number // 100 + 1}" if number >= 100 else "") for number in range(count)
    ]


def places(apps: int) -> list[Place]:
    """All environments. The hosts of each are spread over three regions of three zones."""
    return [
        Place(app, environment, tuple(_host(app, environment, number) for number in range(hosts)))
        for app in app_names(apps)
        for environment, hosts in ENVIRONMENTS
    ]


def fill(database: Engine, apps: int, deploys: int, now: float, commits: Sequence[str] = ()) -> None:
    """Fill an empty database. The deploys are of `commits`, oldest first, if any are given."""
    dice = random.Random(2013)
    postgres = database.dialect.name == "postgresql"
    everywhere = places(apps)
    rows = list(history(dice, everywhere, deploys, now, commits))
    last: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        last.setdefault((row["app"], row["environment"]), []).append(row)
    with database.begin() as connection:

        def add(table: Table, values: list[dict[str, Any]]) -> None:
            for start in range(0, len(values), 5000):
                connection.execute(insert(table), values[start : start + 5000])

        add(tables.deploys, rows)
        for place in everywhere:
            mine = last[place.app, place.environment]
            add(tables.events, [event for row in mine[-20:] for event in events(row)])
            for row in tried(mine):
                add(tables.host_runs, [host_run(row, place, number) for number in range(len(place.hosts))])
                add(tables.health, [one for host in place.hosts for one in health(row, host)])
            add(tables.observed, [observed(dice, mine, place, host) for host in place.hosts])
            active = [row for row in mine if row["state"] in (DeployState.RUNNING, DeployState.PAUSED)]
            add(tables.deploy_locks, [_holds(row) for row in active])
        add(tables.locks, [lock(dice, place, now) for place in dice.sample(everywhere, min(12, apps))])
        if postgres:
            connection.execute(text("SELECT setval('deploys_id_seq', (SELECT max(id) FROM deploys))"))
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE" if postgres else "ANALYZE"))


def history(
    dice: random.Random, everywhere: list[Place], count: int, now: float, commits: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The deploys, oldest first. Each environment has one at least; of the last ones some are under way."""
    begin = now - DAYS * 86400
    live: dict[tuple[str, str], dict[str, Any]] = {}
    busy: set[tuple[str, str]] = set()
    turns = [*everywhere, *dice.choices(everywhere, k=count - len(everywhere))]
    for number, place in enumerate(turns, start=1):
        key = (place.app, place.environment)
        at = begin + (now - begin) * number / (count + 1)
        first, under_way = number <= len(everywhere), number > count - 25
        (state,) = dice.choices([state for state, _ in ENDS], [weight for _, weight in ENDS])
        if under_way:
            state = DeployState.QUEUED if key in busy else DeployState.RUNNING
            busy.add(key)
        sha = commits[number * len(commits) // (count + 1)] if commits else ""
        row = deploy(dice, place, number, at, DeployState.SUCCEEDED if first else state, live.get(key), sha)
        if row["state"] == DeployState.SUCCEEDED:
            live[key] = row
        yield row


def deploy(
    dice: random.Random,
    place: Place,
    number: int,
    at: float,
    state: DeployState,
    live: dict[str, Any] | None,
    sha: str,
) -> dict[str, Any]:
    """One deploy, or sometimes a rollback or a converge."""
    kind = Kind.DEPLOY
    if live is not None:
        (kind,) = dice.choices([Kind.DEPLOY, Kind.ROLLBACK, Kind.CONVERGE], [93, 4, 3])
    release = datetime.fromtimestamp(at, UTC).strftime("%Y%m%d%H%M%S")
    sha = sha or hashlib.sha1(f"{place.app} {number}".encode()).hexdigest()
    if kind != Kind.DEPLOY and live is not None:
        release, sha = (live["release"], live["sha"]) if kind == Kind.CONVERGE else _before(live)
    seconds = dice.lognormvariate(4.7, 0.5)
    over = not state.active
    flipped = state in (DeployState.SUCCEEDED, DeployState.ROLLED_BACK)
    narrow = Selection(regions=("eu",)) if live is not None and dice.random() < 0.01 else Selection()
    bad = state in (DeployState.FAILED, DeployState.ROLLED_BACK)
    return (PROBLEM if bad else NO_PROBLEM) | {
        "id": number,
        "run": f"{number}-{number:016x}",
        "app": place.app,
        "environment": place.environment,
        "kind": kind,
        "ref": "main" if dice.random() < 0.7 else f"feature/{dice.choice(WORDS)}-{number % 977}",
        "selection": asdict(narrow),
        "actor": dice.choice(PEOPLE),
        "reason": dice.choice(REASONS),
        "forced": "",
        "config_path": f"apps/{place.app}.yml",
        "config_text": CONFIG.format(app=place.app),
        "state": state,
        "phase": Phase.FINISH if over else Phase.STAGE,
        "executor": "seed",
        "token": 0 if state == DeployState.QUEUED else int(at * 1000),
        "release": release,
        "sha": sha,
        "from_sha": live["sha"] if live else "",
        "flip_at": at + seconds * 0.7 if flipped else None,
        "skew_ms": dice.uniform(1, 40) if flipped else None,
        "wave": 0 if state == DeployState.QUEUED else 1,
        "waves": 1,
        "accepted": 0,
        "wish": "",
        "wish_by": "",
        "turn": None,
        "doing": "",
        "pause_reason": "",
        "paused_at": None,
        "started_at": at,
        "finished_at": at + seconds if over else None,
    }


def tried(mine: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of the deploys of an environment those that have hosts on record: the last, and the last good ones."""
    good = [row for row in mine if row["state"] == DeployState.SUCCEEDED]
    whole = [row for row in good if not row["selection"]["regions"]]
    asked = [row for row in mine[-1:] if row["state"] != DeployState.QUEUED]
    return list({row["id"]: row for row in (*whole[-1:], *good[-1:], *asked)}.values())


def events(row: dict[str, Any]) -> list[dict[str, Any]]:
    """How long its phases took."""
    if row["finished_at"] is None:
        return []
    scale = (row["finished_at"] - row["started_at"]) / sum(SECONDS.values())
    return [
        {
            "deploy_id": row["id"],
            "at": row["finished_at"],
            "kind": "phase_finished",
            "body": {"kind": "phase_finished", "phase": phase, "seconds": seconds * scale, "note": ""},
        }
        for phase, seconds in SECONDS.items()
    ]


def host_run(row: dict[str, Any], place: Place, number: int) -> dict[str, Any]:
    """What a deploy did to a host."""
    host = place.hosts[number]
    over = row["finished_at"] is not None
    good = row["state"] == DeployState.SUCCEEDED
    return {
        "deploy_id": row["id"],
        "host": host.name,
        "region": host.region,
        "position": number,
        "target": asdict(host),
        "zone": host.zone,
        "roles": json.dumps(host.roles),
        "state": HostState.DONE if good else HostState.REMOVED if over else HostState.PROBED,
        "phase": row["phase"],
        "code": "",
        "message": "",
        "cause": "",
        "hint": "",
        "previous": "",
        "previous_sha": row["from_sha"],
        "flipped_at": row["flip_at"],
        "wave": 1,
    }


def health(row: dict[str, Any], host: Host) -> list[dict[str, Any]]:
    """Two checks of a host."""
    if row["flip_at"] is None:
        return []
    bad = row["state"] != DeployState.SUCCEEDED and host.name.endswith("1")
    return [
        {
            "deploy_id": row["id"],
            "host": host.name,
            "position": position,
            "name": name,
            "baseline": Verdict.PASS,
            "outcome": Outcome.UNHEALTHY if bad else Outcome.HEALTHY,
            "passes": 0 if bad else 3,
            "failures": 3 if bad else 0,
            "message": "answered 503, wanted 2xx" if bad else "answered 200 in 12 ms",
            "mark": "",
            "seen_at": row["finished_at"],
        }
        for position, name in enumerate((f"http://{host.address}:8080/health", "unit app.service"))
    ]


def observed(dice: random.Random, mine: list[dict[str, Any]], place: Place, host: Host) -> dict[str, Any]:
    """What a host runs: most of them the last good release, one in a hundred an older or a strange one."""
    good = [row for row in mine if row["state"] == DeployState.SUCCEEDED]
    live = [
        row for row in good if not row["selection"]["regions"] or host.region in row["selection"]["regions"]
    ]
    row, chance = live[-1], dice.random()
    if chance < 0.01:
        row = dice.choice(live)
    strange = 0.01 <= chance < 0.013
    return {
        "app": place.app,
        "environment": place.environment,
        "host": host.name,
        "release": "20130601120000" if strange else row["release"],
        "sha": "" if strange else row["sha"],
        "releases": [one["release"] for one in live[-5:]],
        "seen_at": live[-1]["finished_at"],
    }


def lock(dice: random.Random, place: Place, now: float) -> dict[str, Any]:
    """A person's lock on an environment."""
    return {
        "app": place.app,
        "environment": place.environment,
        "reason": "a migration is running",
        "owner": dice.choice(PEOPLE),
        "placed_at": now - 3600,
        "until": now + 86400,
        "released_at": None,
        "released_by": "",
        "release_reason": "",
        "deploy_id": None,
    }


def _host(app: str, environment: str, number: int) -> Host:
    region, zone = REGIONS[number % 3], "abc"[number // 3 % 3]
    role = "db" if number == 0 else "web" if number % 4 else "worker"
    name = f"{app}-{environment}-{number:02}.{region}.example.net"
    return Host(name, name, 22, region, f"{region}-{zone}", (role,))


def _before(live: dict[str, Any]) -> tuple[str, str]:
    """The release that was live before, as far as a row knows: its commit is right, its name made up."""
    earlier = datetime.fromtimestamp(live["started_at"] - 86400, UTC)
    return earlier.strftime("%Y%m%d%H%M%S"), live["from_sha"] or live["sha"]


def _holds(row: dict[str, Any]) -> dict[str, Any]:
    return {"app": row["app"], "environment": row["environment"], "deploy_id": row["id"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("database", help="a PostgreSQL URL, or the path of an SQLite file")
    parser.add_argument("--apps", type=int, default=200)
    parser.add_argument("--deploys", type=int, default=50_000)
    given = parser.parse_args()
    postgres = given.database.startswith("postgres")
    database = open_postgres(given.database, 10) if postgres else open_sqlite(Path(given.database))
    Store(database)
    began = time.time()
    fill(database, given.apps, given.deploys, began)
    print(f"{given.deploys} deploys of {given.apps} apps in {time.time() - began:.0f} s")
    database.dispose()


if __name__ == "__main__":
    main()
