"""Remedy: what is done about a deploy that does not go on."""

from __future__ import annotations

from enum import StrEnum

from shiphorn.deploy.deployment import Deployment
from shiphorn.deploy.judge import TOO_MANY, gone_wrong
from shiphorn.deploy.pause import hold, release
from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import Wish
from shiphorn.model.settings import OnFailure

UNHEALTHY, INCONCLUSIVE = "SH610", "SH611"
"""Codes of the errors that end a watch."""


class Remedy(StrEnum):
    """What becomes of the hosts."""

    UNDO = "undo"
    """None has switched: what was brought to them is taken away again."""
    ROLLBACK = "rollback"
    """Those that have switched go back, the others are undone."""
    LEAVE = "leave"
    """Those that have switched stay so, the others are undone."""


def choose(deployment: Deployment) -> Remedy:
    """What to do, by where the deploy stands, by its config, and by what people said."""
    if not deployment.flipping:
        return Remedy.UNDO
    wish, _ = deployment.wish()
    stays = deployment.limits.on_failure == OnFailure.STOP and wish != Wish.STOP
    return Remedy.LEAVE if stays or wish == Wish.LEAVE else Remedy.ROLLBACK


def asks_a_person(deployment: Deployment, error: ShiphornError) -> bool:
    """Whether a person is to say if the deploy goes on in spite of an error."""
    pauses = deployment.limits.on_failure == OnFailure.PAUSE
    return error.code == INCONCLUSIVE or (pauses and error.code in (TOO_MANY, UNHEALTHY))


async def ask_a_person(deployment: Deployment, error: ShiphornError) -> bool:
    """Whether to go on in spite of an error. The deploy stays paused until the answer is `heard`."""
    return await hold(deployment, f"{error.code} {error.message}")


def heard(deployment: Deployment, *, goes_on: bool) -> None:
    """End the pause. If the deploy goes on, what went wrong so far is accepted."""
    release(deployment, **({"accepted": len(gone_wrong(deployment))} if goes_on else {}))
