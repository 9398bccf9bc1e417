"""The hosts of all environments as they were last known; no host is asked anything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf
from typing import Any

from sqlalchemy import CTE, ColumnElement, Engine, Select, and_, exists, func, or_, select

from shiphorn.model.deploy import DeployState, HostState
from shiphorn.model.history import KnownHost, Place, Visit
from shiphorn.model.locks import Scope
from shiphorn.model.target import DEFAULT_REGION
from shiphorn.store.history import columns, deploy_row, within
from shiphorn.store.hosts import roles_of
from shiphorn.store.patience import patient
from shiphorn.store.places import Since, places_since
from shiphorn.store.places import hosts as named_hosts
from shiphorn.store.places import releases as named_releases
from shiphorn.store.tables import deploys, host_runs, observed

_RUN = (
    host_runs.c.host,
    host_runs.c.region,
    host_runs.c.zone,
    host_runs.c.roles,
    host_runs.c.deploy_id,
    host_runs.c.state,
)
_NO_RUN = (DEFAULT_REGION, "", "[]", None, None)
_NOT_SEEN = (None, "", None)
_STATES: dict[str | None, HostState | None] = {None: None, **{str(state): state for state in HostState}}
_SEEN = (observed.c.release, observed.c.sha, observed.c.seen_at)
_SOME = 50


@patient
class Members:
    """Questions about hosts of many environments at once.

    Each environment is named with a deploy to all of its hosts, and when that began. Hosts are of it that
    the deploy went to, or that were seen since: a host that was seen before only has left the inventory.
    """

    def __init__(self, database: Engine) -> None:
        self._database = database

    def releases(self, wanted: Sequence[Since]) -> dict[Place, dict[str, int]]:
        """How many hosts of each environment were last seen to run which release; "" is none."""
        found: dict[Place, dict[str, int]] = {}
        query = _releases_in(places_since(self._database, wanted))
        with self._database.connect() as connection:
            for app, environment, release, count in connection.execute(query):
                found.setdefault((app, environment), {})[release] = count
        return found

    def known(self, wanted: Iterable[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of some (app, environment, release) that a deploy on record made, and ended well."""
        named = named_releases(self._database, sorted(set(wanted)))
        # With a LIMIT PostgreSQL looks each up in the index, and does not read all deploys to join them.
        made = (
            select(deploys.c.id)
            .where(
                deploys.c.app == named.c.app,
                deploys.c.environment == named.c.environment,
                deploys.c.state == DeployState.SUCCEEDED,
                deploys.c.release == named.c.release,
            )
            .limit(1)
            .correlate(named)
            .scalar_subquery()
        )
        with self._database.connect() as connection:
            rows = connection.execute(select(named, made)).all()
        return {(app, environment, name) for app, environment, name, number in rows if number is not None}

    def listed(self, wanted: Sequence[Since]) -> list[KnownHost]:
        """The hosts of some environments, in no order."""
        since = {(app, environment): at for app, environment, _, at in wanted}
        of_deploy = {deploy_id: (app, environment) for app, environment, deploy_id, _ in wanted}
        with self._database.connect() as connection:
            gone_to = connection.execute(_gone_to(list(of_deploy))).all()
            seen = {
                (app, environment, host): (runs, sha, at)
                for app, environment, host, runs, sha, at in connection.execute(
                    _seen({one[0] for one in wanted})
                ).all()
            }
            found = [
                _known_host(place, run, seen.pop((*place, run[0]), _NOT_SEEN))
                for place, run in ((of_deploy[run[4]], run) for run in gone_to)
            ]
            left = [key for key, (*_, at) in seen.items() if at >= since.get(key[:2], inf)]
            rows = connection.execute(_last_runs(self._database, left)).all() if left else []
        last = {(app, environment, run[0]): run for app, environment, *run in rows}
        return found + [_known_host(key[:2], last.get(key, (key[2], *_NO_RUN)), seen[key]) for key in left]

    def looks(self) -> dict[Place, tuple[int, float, float]]:
        """Of each environment how many hosts were ever seen, when the last one was, and the sum of all times.

        It is another one after any look at any of them. It is read by an index alone.
        """
        place = (observed.c.app, observed.c.environment)
        at = observed.c.seen_at
        query = select(*place, func.count(), func.max(at), func.sum(at)).group_by(*place)
        with self._database.connect() as connection:
            rows = connection.execute(query).all()
        return {(app, environment): (count, last, total) for app, environment, count, last, total in rows}

    def visits(
        self, host: str, *, scopes: Sequence[Scope] | None, before: int | None = None, limit: int = 50
    ) -> list[Visit]:
        """What the last deploys with numbers below `before` did to a host, newest first.

        `scopes` are where somebody may look; None is everywhere.
        """
        names = ("state", "phase", "code", "message", "previous", "previous_sha", "flipped_at")
        run = [host_runs.c[name].label(f"run_{name}") for name in names]
        query = (
            select(*columns, *run)
            .join(host_runs, host_runs.c.deploy_id == deploys.c.id)
            .where(host_runs.c.host == host, *within(scopes))
            .order_by(host_runs.c.deploy_id.desc())
            .limit(limit)
        )
        if before is not None:
            query = query.where(host_runs.c.deploy_id < before)
        with self._database.connect() as connection:
            return [
                Visit(deploy_row(row[: -len(run)]), HostState(row.run_state), *row[1 - len(run) :])
                for row in connection.execute(query)
            ]


def _gone_to(deploy_ids: Sequence[int]) -> Select[Any]:
    return select(*_RUN).where(host_runs.c.deploy_id.in_(deploy_ids))


def _seen(apps: set[str]) -> Select[Any]:
    query = select(observed.c.app, observed.c.environment, observed.c.host, *_SEEN)
    # More are not named one by one: then it is nearly all of them.
    return query.where(observed.c.app.in_(apps)) if len(apps) < _SOME else query


def _last_runs(database: Engine, hosts: Sequence[tuple[str, str, str]]) -> Select[Any]:
    """The last deploy that went to each (app, environment, host), where there is one."""
    here = named_hosts(database, hosts)
    of_one = host_runs.alias()
    last = (
        select(of_one.c.deploy_id)
        .join(deploys, deploys.c.id == of_one.c.deploy_id)
        .where(
            of_one.c.host == here.c.host,
            deploys.c.app == here.c.app,
            deploys.c.environment == here.c.environment,
        )
        .order_by(of_one.c.deploy_id.desc())
        .limit(1)
        .correlate(here)
        .scalar_subquery()
    )
    its = and_(host_runs.c.host == here.c.host, host_runs.c.deploy_id == last)
    return select(here.c.app, here.c.environment, *_RUN).select_from(here).join(host_runs, its)


def _releases_in(here: CTE) -> Select[Any]:
    what = (observed.c.app, observed.c.environment, observed.c.release)
    return (
        select(*what, func.count())
        .select_from(here)
        .join(observed, _is_seen_in(here))
        .where(or_(observed.c.seen_at >= here.c.since, _went_to(here)))
        .group_by(*what)
    )


def _is_seen_in(here: CTE) -> ColumnElement[bool]:
    return and_(observed.c.app == here.c.app, observed.c.environment == here.c.environment)


def _went_to(here: CTE) -> ColumnElement[bool]:
    """Whether the named deploy went to the host that was seen."""
    run = host_runs.alias()
    return exists().where(run.c.deploy_id == here.c.deploy_id, run.c.host == observed.c.host)


def _known_host(place: Place, run: Sequence[Any], seen: tuple[str | None, str, float | None]) -> KnownHost:
    name, region, zone, roles, deploy_id, state = run
    app, environment = place
    runs, sha, seen_at = seen
    return KnownHost(
        app, environment, name, region, zone, roles_of(roles), deploy_id, _STATES[state], runs, sha, seen_at
    )
