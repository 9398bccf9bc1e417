"""Gates: what they are asked, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shiphorn.model.deploy import Order


class Verdict(StrEnum):
    """Whether a gate lets an order through."""

    PASS = "pass"  # noqa: S105 - no password
    WAIT = "wait"
    """Not yet; it will come to a verdict by itself, as when tests still run."""
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Question:
    """May this go out, and where? `at` is now, in Unix seconds.

    `sha` is the commit, "" when it is not known yet: a rollback finds out late what hosts kept.
    `live_sha` is what the environment runs, "" when that is not known. `since` is when a deploy began to
    ask, None for whoever only wants to know; `deploy_id` is its number, 0 without one, and `run` its run.
    """

    order: Order
    sha: str
    live_sha: str
    at: float
    since: float | None = None
    deploy_id: int = 0
    run: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a gate says. Two answers are equal when nothing has changed.

    `reason` is a phrase. A gate that does not pass also says who can clear it, `how` (a command, or
    ""), and until when it will be so (Unix seconds; None when it does not know). One that is not
    `overridable` lets nobody through who insists.
    """

    gate: str
    verdict: Verdict
    reason: str
    cleared_by: str = ""
    how: str = ""
    until: float | None = None
    overridable: bool = True
