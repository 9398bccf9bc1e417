"""Endpoints where this machine is the desk: made, deployed and taken off by this process."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shiphorn.cli import terminal
from shiphorn.cli.answers import Branched
from shiphorn.errors import Refused

if TYPE_CHECKING:
    from rich.console import Console

    from shiphorn.config.load import Config
    from shiphorn.model.endpoints import Endpoint
    from shiphorn.service.endpoints.listed import Standing
    from shiphorn.store.store import Store


class EndpointsHere:
    """The part of the desk that endpoints are."""

    if TYPE_CHECKING:

        @property
        def config(self) -> Config: ...  # noqa: D102
        @property
        def app(self) -> str: ...  # noqa: D102
        @property
        def actor(self) -> str: ...  # noqa: D102

    def endpoint_create(
        self, branch: str, environment: str, ttl_seconds: float | None, console: Console | None
    ) -> Branched:
        """Put an endpoint on record, and deploy the branch to it."""
        from shiphorn.cli.desk_here import ship  # noqa: PLC0415
        from shiphorn.model.deploy import Order  # noqa: PLC0415

        config = self.config
        endpoint, is_new = terminal.run(_make(config, self.actor, (branch, environment, ttl_seconds)))
        order = Order(config.app, endpoint.full_name, ref=branch, actor=self.actor)
        ended = terminal.run(ship(config.with_endpoints([endpoint]), order, console, mute=True))
        return Branched(endpoint, is_new, ended)

    def endpoints(self) -> list[Standing]:
        """The endpoints of the app."""
        from shiphorn.service.endpoints.listed import standings  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        app = self.app
        with open_store() as store:
            return standings(store, store.endpoints.there(app))

    def endpoint_extend(self, name: str, ttl_seconds: float | None) -> Endpoint:
        """Let an endpoint stay longer."""
        from shiphorn.service.endpoints.making import keys_of, lifetime  # noqa: PLC0415
        from shiphorn.wiring import open_store  # noqa: PLC0415

        config = self.config
        with open_store() as store:
            found = _named(store, config.app, name)
            until = time.time() + lifetime(keys_of(config, found.environment), ttl_seconds)
            if not store.endpoints.extend(found.id, until):
                raise Refused(
                    "SH932", f"{found.full_name} of {found.app} is being removed.", hint="Make it again."
                )
            _audit(store, self.actor, "endpoint extended", found, "", until=until)
            return store.endpoints.get(found.id) or found

    def endpoint_remove(self, name: str, reason: str, *, forget: bool) -> Endpoint:
        """Take an endpoint off its hosts now; one to `forget` is gone whatever they hold."""
        return terminal.run(_remove(self.app, self.actor, name, reason, forget=forget))

    def endpoint_prune(self) -> list[Endpoint]:
        """Take off what has expired, and what could not be taken off before."""
        return terminal.run(_prune(self.app, self.actor))


def with_endpoints(config: Config) -> Config:
    """A config with the endpoints that its app has here; the databases are left alone where it has none."""
    if all(config.endpoints(name) is None for name in config.environments):
        return config
    from shiphorn.model.endpoints import EndpointState  # noqa: PLC0415
    from shiphorn.wiring import open_store  # noqa: PLC0415

    with open_store() as store:
        there = store.endpoints.there(config.app)
    return config.with_endpoints(one for one in there if one.state == EndpointState.LIVE)


async def _make(config: Config, actor: str, wanted: tuple[str, str, float | None]) -> tuple[Endpoint, bool]:
    from shiphorn.service.endpoints.making import Wanted, make  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        endpoint, is_new = await make(world, config, actor, Wanted(*wanted), time.time())
        act, until = "endpoint made" if is_new else "endpoint deployed", endpoint.expires_at
        _audit(world.store, actor, act, endpoint, "", branch=endpoint.branch, until=until)
        return endpoint, is_new


async def _remove(app: str, actor: str, name: str, reason: str, *, forget: bool) -> Endpoint:
    from shiphorn.service.endpoints.removing import under_way  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        store = world.store
        found = _named(store, app, name)
        waits = under_way(store, found)
        if waits and not forget:
            raise Refused(
                "SH937",
                f"deploy {waits[0].id} to {found.full_name} is still under way.",
                hint=f"Stop it first: horn stop {waits[0].id}; one whose process died: "
                f"horn resume {waits[0].id}",
            )
        if store.endpoints.begin_removal(found.id):
            _audit(store, actor, "endpoint removed", found, reason, branch=found.branch)
        if forget:
            store.endpoints.end(found.id, time.time())
            _audit(store, actor, "endpoint forgotten", found, reason, problem=found.problem)
        else:
            await _try(world, found)
        return store.endpoints.get(found.id) or found


async def _prune(app: str, actor: str) -> list[Endpoint]:
    from shiphorn.model.endpoints import EndpointState  # noqa: PLC0415
    from shiphorn.service.endpoints.removing import under_way  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    async with open_world(lambda _: None) as world:
        store, now, done = world.store, time.time(), []
        for one in store.endpoints.there(app):
            if not (one.state == EndpointState.REMOVING or one.has_expired(now)) or under_way(store, one):
                continue
            if store.endpoints.begin_removal(one.id):
                _audit(store, actor, "endpoint removed", one, "its time is over", branch=one.branch)
            await _try(world, one)
            done.append(store.endpoints.get(one.id) or one)
        return done


async def _try(world: Any, endpoint: Endpoint) -> None:
    """Take an endpoint off its hosts, and put on record what became of that."""
    from shiphorn.service.endpoints.removing import attempt  # noqa: PLC0415

    current = world.store.endpoints.get(endpoint.id) or endpoint
    if world.store.endpoints.claim(current, time.time()):
        await attempt(world, current)


def _named(store: Store, app: str, name: str) -> Endpoint:
    from shiphorn.service.endpoints.listed import named  # noqa: PLC0415

    return named(store.endpoints.there(app), app, name)


def _audit(store: Store, actor: str, act: str, endpoint: Endpoint, reason: str, **facts: Any) -> None:
    from shiphorn.model.locks import Scope  # noqa: PLC0415
    from shiphorn.model.people import local  # noqa: PLC0415
    from shiphorn.service.audit import record  # noqa: PLC0415

    scope = Scope(endpoint.app, endpoint.full_name)
    record(store, local(actor), act, scope, time.time(), reason=reason, facts=facts)
