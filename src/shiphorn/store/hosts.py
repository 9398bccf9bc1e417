"""What became of each host: in one deploy (`host_runs`), and as it was last seen (`observed`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Row, bindparam, func, select, update

from shiphorn.model.deploy import HostRun, HostState, Observed, Placed, Problem
from shiphorn.model.target import Host
from shiphorn.store.patience import patient
from shiphorn.store.tables import host_runs, observed
from shiphorn.store.upsert import insert_missing, insert_or_update

_STATES = {str(state): state for state in HostState}


@patient
class HostRuns:
    """The table of hosts by deploy."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def place(self, deploy_id: int, runs: Sequence[HostRun]) -> None:
        """Record which hosts a deploy goes to. A second call changes nothing."""
        rows = [{"deploy_id": deploy_id, **_target(run.host), **_values(run)} for run in runs]
        with self._database.begin() as connection:
            insert_missing(connection, host_runs, rows)

    def save(self, deploy_id: int, runs: Iterable[HostRun]) -> None:
        """Write the states of some hosts of a deploy."""
        rows = [{"the_host": run.host.name, **_values(run)} for run in runs]
        if not rows:
            return
        wanted = (host_runs.c.deploy_id == deploy_id) & (host_runs.c.host == bindparam("the_host"))
        names = [name for name in rows[0] if name not in ("the_host", "host", "region", "position")]
        statement = update(host_runs).where(wanted).values({name: bindparam(name) for name in names})
        with self._database.begin() as connection:
            connection.execute(statement, rows)

    def of_deploy(self, deploy_id: int) -> list[HostRun]:
        """All hosts of a deploy, in their order."""
        query = select(host_runs).where(host_runs.c.deploy_id == deploy_id).order_by(host_runs.c.position)
        with self._database.connect() as connection:
            return [_host_run(row) for row in connection.execute(query)]

    def states(self, deploy_id: int) -> list[tuple[int, str, str, str]]:
        """(position, state, phase, code) of all hosts of a deploy, in their order."""
        columns = (host_runs.c.position, host_runs.c.state, host_runs.c.phase, host_runs.c.code)
        query = select(*columns).where(host_runs.c.deploy_id == deploy_id).order_by(host_runs.c.position)
        with self._database.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def placed(self, deploy_id: int) -> list[Placed]:
        """Where the hosts of a deploy stand, in their order."""
        names = ("position", "host", "region", "zone", "roles", "state")
        query = (
            select(*(host_runs.c[name] for name in names))
            .where(host_runs.c.deploy_id == deploy_id)
            .order_by(host_runs.c.position)
        )
        with self._database.connect() as connection:
            return [
                Placed(position, host, region, zone, roles_of(roles), _STATES[state])
                for position, host, region, zone, roles, state in connection.execute(query)
            ]

    def one(self, deploy_id: int, host: str) -> HostRun | None:
        """One host of a deploy."""
        query = select(host_runs).where(host_runs.c.deploy_id == deploy_id, host_runs.c.host == host)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return _host_run(row) if row is not None else None

    def first(self, deploy_id: int, limit: int) -> list[HostRun]:
        """Some hosts of a deploy: those with a problem first, else in their order."""
        query = (
            select(host_runs)
            .where(host_runs.c.deploy_id == deploy_id)
            .order_by(host_runs.c.code == "", host_runs.c.position)
            .limit(limit)
        )
        with self._database.connect() as connection:
            return [_host_run(row) for row in connection.execute(query)]

    def tally(self, deploy_id: int) -> dict[tuple[int, str, HostState], int]:
        """How many hosts of a deploy are in which (wave, region, state), in the order of the inventory."""
        key = (host_runs.c.wave, host_runs.c.region, host_runs.c.state)
        query = (
            select(*key, func.count())
            .where(host_runs.c.deploy_id == deploy_id)
            .group_by(*key)
            .order_by(func.min(host_runs.c.position))
        )
        with self._database.connect() as connection:
            return {
                (wave, region, HostState(state)): count
                for wave, region, state, count in connection.execute(query)
            }

    def problems(self, deploy_id: int) -> list[tuple[str, str, HostState, Problem]]:
        """(host, region, state, problem) of the hosts of a deploy that have one, in their order."""
        columns = [
            host_runs.c[name] for name in ("host", "region", "state", "code", "message", "cause", "hint")
        ]
        wanted = (host_runs.c.deploy_id == deploy_id) & (host_runs.c.code != "")
        query = select(*columns).where(wanted).order_by(host_runs.c.position)
        with self._database.connect() as connection:
            return [
                (host, region, HostState(state), Problem(*problem))
                for host, region, state, *problem in connection.execute(query)
            ]

    def before(self, deploy_id: int) -> list[tuple[str, str, int]]:
        """(release, commit, hosts) that the switched hosts of a deploy ran before, most of them first."""
        key = (host_runs.c.previous, host_runs.c.previous_sha)
        query = (
            select(*key, func.count())
            .where(host_runs.c.deploy_id == deploy_id, host_runs.c.flipped_at.is_not(None))
            .group_by(*key)
            .order_by(func.count().desc())
        )
        with self._database.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def observe(self, app: str, environment: str, seen: Iterable[Observed]) -> None:
        """Remember what hosts were seen to run."""
        rows = [
            {"app": app, "environment": environment, **asdict(one), "releases": list(one.releases)}
            for one in seen
        ]
        if not rows:
            return
        with self._database.begin() as connection:
            insert_or_update(connection, observed, rows, ("release", "sha", "releases", "seen_at"))

    def observed(self, app: str, environment: str) -> dict[str, Observed]:
        """What was last seen, by host name."""
        query = select(observed).where(observed.c.app == app, observed.c.environment == environment)
        with self._database.connect() as connection:
            return {
                row.host: Observed(row.host, row.release, row.sha, tuple(row.releases), row.seen_at)
                for row in connection.execute(query)
            }


@lru_cache(1000)
def roles_of(text: str) -> tuple[str, ...]:
    """The roles of a host by the column of that name."""
    return tuple(json.loads(text))


def _target(host: Host) -> dict[str, Any]:
    return {"target": asdict(host), "zone": host.zone, "roles": json.dumps(host.roles)}


def _values(run: HostRun) -> dict[str, Any]:
    problem = run.problem or Problem("", "", "")
    return {
        "host": run.host.name,
        "region": run.host.region,
        "position": run.position,
        "state": run.state,
        "phase": run.phase,
        "code": problem.code,
        "message": problem.message,
        "cause": problem.group,
        "hint": problem.hint,
        "previous": run.previous,
        "previous_sha": run.previous_sha,
        "flipped_at": run.flipped_at,
        "wave": run.wave,
    }


def _host_run(row: Row[Any]) -> HostRun:
    target = dict(row.target)
    host = Host(**target | {"roles": tuple(target["roles"])})
    problem = Problem(row.code, row.message, row.cause, row.hint) if row.code else None
    return HostRun(
        host,
        row.position,
        HostState(row.state),
        row.phase,
        problem,
        row.previous,
        row.previous_sha,
        row.flipped_at,
        row.wave,
    )
