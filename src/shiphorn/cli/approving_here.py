"""Approvals on the databases of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shiphorn.config.load import Config
    from shiphorn.deploy.world import World
    from shiphorn.model.approvals import Approval
    from shiphorn.model.deploy import Order
    from shiphorn.service.approvals import Subject


async def approve(
    config: Config | None, what: int | Order, actor: str, reason: str, *, withdraw: bool
) -> Approval | None:
    """Approve a deploy of any app, or a commit of the config's; or take that back, which gives None."""
    from shiphorn.model.people import local  # noqa: PLC0415
    from shiphorn.service import approvals  # noqa: PLC0415
    from shiphorn.wiring import open_world  # noqa: PLC0415

    number = what if isinstance(what, int) else 0
    async with open_world(lambda _: None) as world:
        subject = await _subject(world, config, what)
        if withdraw:
            approvals.taken(world.store, subject.order, subject.sha, actor)
            approvals.audit_withdrawn(world.store, local(actor), subject.order, subject.sha, reason, number)
            return None
        given = await approvals.give(world, subject, actor, reason)
        approvals.audit(world.store, local(actor), given, number)
        return given


async def _subject(world: World, config: Config | None, what: int | Order) -> Subject:
    from shiphorn.service import approvals  # noqa: PLC0415
    from shiphorn.service.records import get  # noqa: PLC0415

    if isinstance(what, int):
        return approvals.of_deploy(get(world.store, what))
    assert config is not None  # noqa: S101 - a commit is one of an app
    return await approvals.of_ref(world, config, what)
