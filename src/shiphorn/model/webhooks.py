"""Webhooks: who is told of what happens to deploys, and what became of each word of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from shiphorn.model.locks import Scope

TEST = "ping"
"""The kind of a delivery that was asked for as a test."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of events: of these `kinds`, or of all when there are none, within a scope.

    Times are Unix seconds.
    """

    id: int
    url: str
    kinds: tuple[str, ...]
    app: str
    environment: str
    created_by: str
    created_at: float
    disabled_at: float | None = None

    @property
    def scope(self) -> Scope:
        """What it is told about."""
        return Scope(self.app, self.environment)

    def wants(self, kind: str, scope: Scope) -> bool:
        """Whether it is told of an event of this kind, of a deploy there."""
        return (
            self.disabled_at is None and (not self.kinds or kind in self.kinds) and self.scope.covers(scope)
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook. Times are Unix seconds.

    `event_id` is the event's number, below 0 for a test. `next_at` is when it is tried (again), None when
    it is over; `delivered_at` None then says that it was given up. `status` is that of the last answer,
    None when there was none; `answer` its beginning, or why there was none.
    """

    id: int
    webhook_id: int
    event_id: int
    kind: str
    body: str
    attempts: int
    next_at: float | None
    status: int | None
    answer: str
    created_at: float
    delivered_at: float | None = None


class Happened(NamedTuple):
    """An event on record, with the deploy it is of. `body` is the event as JSON."""

    id: int
    deploy_id: int
    kind: str
    at: float
    body: dict[str, Any]
    scope: Scope
