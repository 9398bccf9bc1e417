"""Approvals: of a deploy that waits for them, or of a commit ahead of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody

from shiphorn.model.approvals import Approval
from shiphorn.model.deploy import Order
from shiphorn.model.target import Selection
from shiphorn.service import approvals
from shiphorn.web.api.environments import PLACE
from shiphorn.web.api.given import Number, ReasonBody, in_thread
from shiphorn.web.given import TheCaller, TheService


@dataclass
class ApprovalBody:
    """A commit, by any ref, the hosts that it may go to (all if nothing is selected), and why."""

    ref: str
    selection: Selection = field(default_factory=Selection)
    reason: str = ""


@dataclass(frozen=True)
class Withdrawn:
    """Whether an approval was taken back."""

    withdrawn: bool


@post("/deploys/{deploy_id:int}/approve", status_code=200)
async def approve(
    service: TheService, caller: TheCaller, deploy_id: Number, data: JSONBody[ReasonBody]
) -> Approval:
    """Approve a deploy under way: it goes on once enough people have. Nobody approves their own."""
    return await approvals.approve(service, caller, deploy_id, data.reason)


@post("/deploys/{deploy_id:int}/approve/withdraw", status_code=200)
@in_thread
def withdraw(
    service: TheService, caller: TheCaller, deploy_id: Number, data: JSONBody[ReasonBody]
) -> Withdrawn:
    """Take back your approval of it."""
    approvals.withdraw(service, caller, deploy_id, data.reason)
    return Withdrawn(withdrawn=True)


@get(f"{PLACE}/approvals")
async def listed(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    ref: FromQuery[str] = "",
) -> Sequence[Approval]:
    """The approvals of a commit, by any ref, that are in force."""
    return await approvals.listed(service, caller, Order(app, environment, ref=ref))


@post(f"{PLACE}/approvals")
async def approve_commit(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ApprovalBody],
) -> Approval:
    """Approve a commit ahead of its deploy. It counts for orders of others."""
    order = Order(app, environment, ref=data.ref, selection=data.selection)
    return await approvals.approve_commit(service, caller, order, data.reason)


@post(f"{PLACE}/approvals/withdraw", status_code=200)
async def withdraw_commit(
    service: TheService,
    caller: TheCaller,
    app: FromPath[str],
    environment: FromPath[str],
    data: JSONBody[ApprovalBody],
) -> Withdrawn:
    """Take back your approvals of a commit."""
    await approvals.withdraw_commit(service, caller, Order(app, environment, ref=data.ref), data.reason)
    return Withdrawn(withdrawn=True)


ROUTES = (approve, withdraw, listed, approve_commit, withdraw_commit)
