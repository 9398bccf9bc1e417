"""After a deploy: going back to what was there before it, and doing the same again."""

from __future__ import annotations

from dataclasses import replace

from shiphorn.errors import Refused
from shiphorn.model.deploy import Deploy, Kind, Order
from shiphorn.model.locks import Lock, Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import orders
from shiphorn.service.deploys.report import before_of
from shiphorn.service.service import Service


async def go_back(service: Service, caller: Caller, deploy_id: int, reason: str, *, key: str = "") -> Deploy:
    """Roll the hosts of a deploy that is over back to the release that they ran before it.

    `key` as for `orders.ship`. Raises NotFound SH522, Forbidden SH550, Refused SH596 (it is not over), SH599
    (nothing to go back to).
    """
    deploy = _over(service, caller, deploy_id)
    release, _ = before_of(service.store, deploy_id)
    if not release:
        raise Refused(
            "SH599",
            f"the hosts of deploy {deploy_id} ran nothing before it that all of them could go back to.",
            hint="Deploy an older commit instead.",
        )
    order = Order(
        deploy.order.app,
        deploy.order.environment,
        Kind.ROLLBACK,
        release,
        deploy.order.selection,
        reason=reason,
    )
    return await orders.ship(service, caller, order, key=key)


async def again(service: Service, caller: Caller, deploy_id: int, reason: str, *, key: str = "") -> Deploy:
    """Order the same once more: the same commit or release, to the same hosts. Gates are asked anew.

    Raises as `go_back`, but for SH599.
    """
    deploy = _over(service, caller, deploy_id)
    ref = deploy.sha if deploy.order.kind == Kind.DEPLOY and deploy.sha else deploy.order.ref
    order = replace(deploy.order, ref=ref, reason=reason, forced="", actor="")
    return await orders.ship(service, caller, order, key=key)


def unlock(service: Service, caller: Caller, deploy_id: int, reason: str) -> list[Lock]:
    """Release the lock that a failed deploy placed. Raises as `orders.unlock`."""
    deploy = service.deploy(caller, deploy_id, Role.DEPLOYER)
    return orders.unlock(service, caller, Scope(deploy.order.app, deploy.order.environment), reason)


def _over(service: Service, caller: Caller, deploy_id: int) -> Deploy:
    deploy = service.deploy(caller, deploy_id, Role.DEPLOYER)
    if deploy.state.active:
        raise Refused("SH596", f"deploy {deploy_id} is not over.", hint="Stop it first, or wait for it.")
    return deploy
