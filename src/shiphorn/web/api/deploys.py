"""Deploys: ordered, looked at, steered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from litestar import Response, get, post
from litestar.params import FromQuery, HeaderParameter, JSONBody

from shiphorn.deploy.plan import Plan
from shiphorn.model.deploy import CommandOutput, Deploy, HostRun, Kind, Wish
from shiphorn.model.health import Health
from shiphorn.model.history import DeployFilter, DeployRow
from shiphorn.service import orders, records
from shiphorn.service.gates import Why
from shiphorn.service.history import search as history
from shiphorn.web.api.encoding import Plain
from shiphorn.web.api.given import Before, Limit, Number, OrderBody, State, in_thread
from shiphorn.web.given import TheCaller, TheService, TheSite

Key = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        max_length=200,
        description="Makes one deploy, however often the order comes with it.",
    ),
]


@dataclass(frozen=True)
class Deploys:
    """Some deploys, newest first. `next` is what to ask `before`; null is the end."""

    items: Sequence[DeployRow]
    next: int | None


@dataclass(frozen=True)
class HostOutput:
    """What a command printed on a host; "" is the deployer."""

    host: str
    output: CommandOutput


@dataclass
class WishBody:
    """What you want of a deploy under way: `pause`, `continue`, `stop` or `leave`."""

    wish: Wish
    reason: str = ""


@get("/deploys")
@in_thread
def listed(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    in_state: State = None,
    kind: FromQuery[Kind | None] = None,
    actor: FromQuery[str] = "",
    q: FromQuery[str] = "",
    before: Before = None,
    limit: Limit = 50,
) -> Deploys:
    """Deploys, newest first. A page of a search by text may have few items, or none, and yet a `next`."""
    wanted = DeployFilter(
        app,
        environment,
        states=(in_state,) if in_state else (),
        kinds=(kind,) if kind else (),
        actor=actor,
        text=q,
    )
    found = history.page(service.store, caller, wanted, before=before, limit=limit)
    return Deploys(found.deploys, found.next)


@dataclass(frozen=True)
class WholeDeploys:
    """Some deploys with all that is known of each, newest first. `next` is what to ask `before`."""

    items: Sequence[Deploy]
    next: int | None


@get("/deploys/whole")
@in_thread
def whole(
    service: TheService,
    caller: TheCaller,
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    before: Before = None,
    limit: Limit = 50,
) -> WholeDeploys:
    """Deploys with their orders, results and times, newest first."""
    wanted = DeployFilter(app, environment)
    found = history.page(service.store, caller, wanted, before=before, limit=limit)
    kept = service.store.deploys.some([row.id for row in found.deploys])
    return WholeDeploys(kept, found.next)


@post("/deploys")
async def ship(
    service: TheService, caller: TheCaller, site: TheSite, data: JSONBody[OrderBody], key: Key = ""
) -> Response[Deploy]:
    """Order a deploy, a rollback or a converge; a worker carries it out."""
    made = await orders.ship(service, caller, data.order, key=key, wait=data.wait)
    return Plain(made, headers={"location": f"{site.base}/api/v1/deploys/{made.id}"})


@get("/deploys/{deploy_id:int}")
@in_thread
def one(service: TheService, caller: TheCaller, deploy_id: Number) -> Deploy:
    """A deploy as it stands."""
    return service.deploy(caller, deploy_id)


@get("/deploys/{deploy_id:int}/hosts")
@in_thread
def hosts(service: TheService, caller: TheCaller, deploy_id: Number) -> list[HostRun]:
    """What it did to each host so far."""
    return service.store.hosts.of_deploy(service.deploy(caller, deploy_id).id)


@get("/deploys/{deploy_id:int}/outputs")
@in_thread
def outputs(
    service: TheService,
    caller: TheCaller,
    deploy_id: Number,
    host: FromQuery[str | None] = None,
    q: FromQuery[str] = "",
) -> list[HostOutput]:
    """What its commands printed, or those that contain a text. The host "" is the deployer."""
    found = records.outputs(service.store, service.deploy(caller, deploy_id).id, host, q)
    return [HostOutput(name, output) for name, output in found]


@get("/deploys/{deploy_id:int}/health")
@in_thread
def health(
    service: TheService, caller: TheCaller, deploy_id: Number, host: FromQuery[str | None] = None
) -> list[Health]:
    """What its checks came to."""
    return records.health(service.store, service.deploy(caller, deploy_id).id, host)


@post("/deploys/{deploy_id:int}/wish", status_code=200)
@in_thread
def wish(service: TheService, caller: TheCaller, deploy_id: Number, data: JSONBody[WishBody]) -> Deploy:
    """Ask it to pause, continue, stop and take everything back, or stop and leave hosts as they are."""
    orders.ask(service, caller, deploy_id, data.wish, data.reason)
    return service.deploy(caller, deploy_id)


@post("/plan", status_code=200)
async def plan(
    service: TheService, caller: TheCaller, data: JSONBody[OrderBody], scripts: FromQuery[bool] = False
) -> Plan:
    """What an order would do, found out without doing it; the texts that hosts would run if asked for."""
    found = await orders.plan(service, caller, data.order)
    return found if scripts else replace(found, hosts=[replace(one, scripts={}) for one in found.hosts])


@post("/why", status_code=200)
async def why(service: TheService, caller: TheCaller, data: JSONBody[OrderBody]) -> Why:
    """Why can't I deploy? What every gate says of an order now, and whom it would wait for."""
    return await orders.why(service, caller, data.order)


ROUTES = (listed, whole, ship, one, hosts, outputs, health, wish, plan, why)
