"""Parts that requests of several subjects have."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Annotated, Any, ParamSpec

from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter, SkipValidation
from msgspec import Meta

from shiphorn.model.deploy import DeployState, Kind, Order
from shiphorn.model.locks import Scope
from shiphorn.model.target import Selection
from shiphorn.web.api.encoding import encoded

LATEST = 253_402_300_799.0
"""The last second of the year 9999."""
LARGEST = 2_147_483_647

Number = Annotated[int, PathParameter(ge=1, le=LARGEST)]
"""The number of something that is on record, as part of a path."""
Before = Annotated[int | None, QueryParameter(ge=1, le=LARGEST)]
"""The number to go on before."""
Limit = Annotated[int, QueryParameter(ge=1, le=200, description="How many at most.")]
Moment = Annotated[float, Meta(ge=0, le=LATEST)]
"""Unix seconds."""
P = ParamSpec("P")

Selected = SkipValidation[NamedDependency[Selection]]

State = Annotated[DeployState | None, QueryParameter(name="state")]
"""The parameter `state`, a name that Litestar keeps for itself."""

Names = Annotated[list[str] | None, QueryParameter(description="Only these; all if left out.")]


@dataclass
class ReasonBody:
    """ReasonBody something is done; others will read it."""

    reason: str = ""


@dataclass
class OrderBody:
    """What is to go out, and where.

    `ref` is a branch, tag, commit id, `:live` or `:previous`; for a rollback a release or "". `force` says
    why gates that refuse are overridden. One that is not to `wait` is refused where another is at work.
    """

    app: str
    environment: str
    kind: Kind = Kind.DEPLOY
    ref: str = ""
    selection: Selection = field(default_factory=Selection)
    reason: str = ""
    force: str = ""
    wait: bool = True

    @property
    def order(self) -> Order:
        """The order, without who gives it."""
        return Order(
            self.app,
            self.environment,
            self.kind,
            self.ref,
            self.selection,
            reason=self.reason,
            forced=self.force,
        )


@dataclass
class ScopeBody:
    """An environment of an app, a whole app (no environment), or everything."""

    app: str = ""
    environment: str = ""
    reason: str = ""

    @property
    def scope(self) -> Scope:
        """The scope."""
        return Scope(self.app, self.environment)


def selection(
    regions: Names = None, zones: Names = None, roles: Names = None, hosts: Names = None
) -> Selection:
    """The hosts that the query of a request narrows it to; `hosts` are globs."""
    return Selection(tuple(regions or ()), tuple(zones or ()), tuple(roles or ()), tuple(hosts or ()))


SELECTED = {"selected": Provide(selection, sync_to_thread=False)}
"""Gives handlers `selected: Selected`."""


def in_thread(handler: Callable[P, object]) -> Callable[P, Coroutine[Any, Any, bytes]]:
    """As for pages; what it gives is put into JSON there, too: that takes long for thousands of hosts."""

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> bytes:
        return await asyncio.to_thread(lambda: encoded(handler(*args, **kwargs)))

    return run
