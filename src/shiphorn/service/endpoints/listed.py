"""Endpoints as people look at them: each with what it runs and how its last deploy went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.errors import NotFound, Refused
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.history import DeployRow
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint with its last deploy, and the last one that went well: None where there is none."""

    endpoint: Endpoint
    last: DeployRow | None
    live: DeployRow | None


def standings(store: Store, found: Sequence[Endpoint]) -> list[Standing]:
    """How they stand, in their order."""
    known = store.history.standings([(one.app, one.full_name) for one in found])
    return [
        Standing(
            one,
            _since(known.last.get((one.app, one.full_name)), one),
            _since(known.live.get((one.app, one.full_name)), one),
        )
        for one in found
    ]


def named(found: Sequence[Endpoint], app: str, text: str) -> Endpoint:
    """The one of an app that goes by a name, `environment~name`, or a branch. Raises NotFound SH935."""
    mine = [one for one in found if one.app == app and text in (one.name, one.full_name, one.branch)]
    exact = [one for one in mine if text in (one.name, one.full_name)] or mine
    if not exact:
        names = ", ".join(one.name for one in found if one.app == app)
        raise NotFound(
            "SH935",
            f"{app} has no endpoint {text}.",
            hint=f"It has {names}." if names else "It has none: horn endpoint create BRANCH",
        )
    if len(exact) > 1:
        names = ", ".join(one.full_name for one in exact)
        raise Refused("SH935", f"{app} has several endpoints {text}: {names}.", hint="Use such a name.")
    return exact[0]


def _since(row: DeployRow | None, endpoint: Endpoint) -> DeployRow | None:
    """A deploy, unless it was of an endpoint that had the name before."""
    return row if row is not None and row.started_at >= endpoint.created_at else None
