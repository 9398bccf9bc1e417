"""What people order of a running service about endpoints: each checked against their rights, and audited."""

from __future__ import annotations

import time
from typing import Any

from shiphorn.errors import NotFound, Refused, ShiphornError
from shiphorn.model.deploy import Order
from shiphorn.model.endpoints import Endpoint, EndpointState
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import orders
from shiphorn.service.access import require
from shiphorn.service.audit import record
from shiphorn.service.endpoints import listed as listing
from shiphorn.service.endpoints import making, removing
from shiphorn.service.endpoints.listed import Standing
from shiphorn.service.endpoints.making import Made, Wanted
from shiphorn.service.service import Service


async def create(
    service: Service,
    caller: Caller,
    app: str,
    branch: str,
    *,
    environment: str = "",
    ttl_seconds: float | None = None,
    origin: str = "",
) -> Made:
    """Give a branch an endpoint, and order its deploy; one that it has already stays longer, and is deployed.

    Raises Forbidden SH550, NotFound SH580, ConfigError SH110, SH183, SourceError, Refused SH930 to SH936.
    """
    config = service.config(caller, app, environment)
    scope = Scope(app, environment or making.environment_for(config))
    require(caller, Role.DEPLOYER, scope, f"make an endpoint in {scope}")
    where = making.environment_for(config, scope.environment)
    wanted = Wanted(branch, where, ttl_seconds, origin)
    endpoint, is_new = await making.make(service.world, config, caller.name, wanted, time.time())
    _refresh(service)
    try:
        deploy = await orders.ship(service, caller, Order(app, endpoint.full_name, ref=branch))
    except ShiphornError:
        if is_new:
            service.store.endpoints.end(endpoint.id, time.time())
            _refresh(service)
        raise
    facts = {"branch": branch, "until": endpoint.expires_at, "deploy": deploy.id, "origin": origin}
    _audit(service, caller, "endpoint made" if is_new else "endpoint deployed", endpoint, "", facts)
    return Made(endpoint, deploy, is_new)


def listed(service: Service, caller: Caller, app: str = "") -> list[Standing]:
    """The endpoints that the caller sees, of an app or of all; the oldest first. Raises NotFound SH580."""
    if app:
        service.config(caller, app)
    found = [one for one in service.store.endpoints.there(app) if caller.sees(_scope(one))]
    return listing.standings(service.store, found)


def gone(service: Service, caller: Caller, app: str = "", *, limit: int = 20) -> list[Endpoint]:
    """Those of them that are gone, the last ones first."""
    found = service.store.endpoints.gone(app, limit=limit * 5)
    return [one for one in found if caller.sees(_scope(one))][:limit]


def find(service: Service, caller: Caller, app: str, text: str) -> Endpoint:
    """The endpoint of an app that goes by a name, `environment~name`, or the name of a branch.

    Raises NotFound SH580, SH935, Refused SH935 when several do.
    """
    service.config(caller, app)
    found = [one for one in service.store.endpoints.there(app) if caller.sees(_scope(one))]
    return listing.named(found, app, text)


def any_of(service: Service, caller: Caller, endpoint_id: int) -> Endpoint:
    """An endpoint that the caller sees, also one that is gone. Raises NotFound SH935."""
    found = service.store.endpoints.get(endpoint_id)
    if found is None or not caller.sees(_scope(found)):
        raise NotFound("SH935", f"there is no endpoint {endpoint_id}.", hint="See: horn endpoint list")
    return found


def get(service: Service, caller: Caller, endpoint_id: int) -> Endpoint:
    """An endpoint that is not gone. Raises NotFound SH935."""
    found = any_of(service, caller, endpoint_id)
    if found.state == EndpointState.GONE:
        raise NotFound("SH935", f"endpoint {endpoint_id} is gone.", hint="Make it again.")
    return found


def extend(service: Service, caller: Caller, endpoint_id: int, ttl_seconds: float | None = None) -> Endpoint:
    """Let an endpoint stay for so long from now. Raises NotFound SH935, Forbidden SH550, Refused SH934."""
    found = _owned(service, caller, endpoint_id, "extend")
    config = service.config(caller, found.app, found.environment)
    until = time.time() + making.lifetime(making.keys_of(config, found.environment), ttl_seconds)
    if not service.store.endpoints.extend(found.id, until):
        raise Refused("SH932", f"{found.full_name} of {found.app} is being removed.", hint="Make it again.")
    _audit(service, caller, "endpoint extended", found, "", {"until": until})
    _refresh(service)
    return get(service, caller, endpoint_id)


def remove(
    service: Service, caller: Caller, endpoint_id: int, reason: str = "", *, forget: bool = False
) -> Endpoint:
    """Have an endpoint taken off its hosts by the keeper. Raises NotFound SH935, Forbidden SH550.

    One to `forget` is gone at once, whatever its hosts still hold: that takes a deployer.
    """
    found = _owned(service, caller, endpoint_id, "remove")
    if forget:
        require(caller, Role.DEPLOYER, _scope(found), f"forget endpoints of {_scope(found)}")
    if service.store.endpoints.begin_removal(found.id):
        _audit(service, caller, "endpoint removed", found, reason, {"branch": found.branch})
    removing.stop_deploys(service.store, found, caller.name)
    if forget and service.store.endpoints.end(found.id, time.time()):
        _audit(service, caller, "endpoint forgotten", found, reason, {"problem": found.problem})
    _refresh(service)
    service.wake()
    service.news.tell()
    return service.store.endpoints.get(endpoint_id) or found


def _owned(service: Service, caller: Caller, endpoint_id: int, what: str) -> Endpoint:
    """An endpoint that is the caller's, or where they may deploy."""
    found = get(service, caller, endpoint_id)
    if found.owner != caller.name or caller.limit is not None:
        require(caller, Role.DEPLOYER, _scope(found), f"{what} the endpoint {found.name} of {found.owner}")
    return found


def _refresh(service: Service) -> None:
    """Have this process know what has just changed."""
    service.apps.know(service.store.endpoints.there())


def _scope(endpoint: Endpoint) -> Scope:
    return Scope(endpoint.app, endpoint.full_name)


def _audit(
    service: Service, caller: Caller, act: str, endpoint: Endpoint, reason: str, facts: dict[str, Any]
) -> None:
    record(service.store, caller, act, _scope(endpoint), time.time(), reason=reason, facts=facts)
