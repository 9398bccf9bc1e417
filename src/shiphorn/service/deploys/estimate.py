"""How long a deploy will take, by how long the last good ones took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from shiphorn.model.deploy import DeployState, Kind, Phase
from shiphorn.model.history import DeployFilter
from shiphorn.store.store import Store

LOOKED_AT = 20
"""So many of the last good deploys are asked."""

_WAITS = (Phase.GATES, Phase.LOCK)
"""Phases that take as long as others do, or people."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long a deploy will take in all, and each phase, in their order; made from so many `deploys`."""

    seconds: float
    phases: Sequence[tuple[str, float]]
    deploys: int


def estimate(
    store: Store,
    app: str,
    environment: str,
    kind: Kind = Kind.DEPLOY,
    *,
    waves: int = 1,
    bake_seconds: float = 0.0,
) -> Estimate | None:
    """The estimate for an environment, None when nothing is known of it. Waits in the queue
    and at gates are left out.

    `waves` and `bake_seconds` (of each wave) are those of the deploy to come: the watch takes no less.
    """
    wanted = DeployFilter(app, environment, states=(DeployState.SUCCEEDED,), kinds=(kind,))
    rows = store.history.page(wanted, limit=LOOKED_AT)
    return from_phases(list(store.history.phases([row.id for row in rows]).values()), waves * bake_seconds)


def from_phases(took: Sequence[Mapping[str, float]], bake_seconds: float) -> Estimate | None:
    """The median of each phase, over the deploys that had it. `took` is seconds by phase, a deploy each."""
    if not took:
        return None
    phases: list[tuple[str, float]] = []
    for phase in Phase:
        seconds = [one[phase] for one in took if phase in one]
        if phase == Phase.WATCH and (seconds or bake_seconds):
            phases.append((phase, max(median(seconds or [0.0]), bake_seconds)))
        elif seconds and phase not in _WAITS:
            phases.append((phase, median(seconds)))
    return Estimate(sum(seconds for _, seconds in phases), phases, len(took))
