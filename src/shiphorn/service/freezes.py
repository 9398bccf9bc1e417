"""The freeze windows of all environments, and which of them are in force."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shiphorn.model.freezes import Freeze, closed_until, in_force, next_beginning, opens_at
from shiphorn.model.history import Place
from shiphorn.service.apps import Apps


@dataclass(frozen=True, slots=True)
class Window:
    """A freeze window, and where its file says so: `shiphorn.yml:12`. Moments are Unix seconds.

    `until` is None for one that is not in force, `next` for one that does not come again.
    """

    freeze: Freeze
    where: str
    until: float | None
    next: float | None


@dataclass(frozen=True, slots=True)
class FrozenPlace:
    """An environment that has freeze windows. `opens` is None if it is open, or if no end is in sight."""

    app: str
    environment: str
    windows: tuple[Window, ...]
    closed: bool
    opens: float | None


@dataclass(frozen=True, slots=True)
class Frozen:
    """Why an environment is frozen now, and until when; None if no end is in sight."""

    freeze: Freeze
    opens: float | None


def listed(apps: Apps, places: Iterable[Place], now: float) -> list[FrozenPlace]:
    """Of these environments those that have windows, in their order."""
    found = []
    for app, environment in places:
        config = apps.config(app)
        if freezes := config.freezes(environment):
            windows = tuple(
                Window(one, where, closed_until(one, now), next_beginning(one, now))
                for one, where in zip(freezes, config.where_frozen(environment), strict=True)
            )
            closed = any(one.until is not None for one in windows)
            opens = opens_at(freezes, now) if closed else None
            found.append(FrozenPlace(app, environment, windows, closed, opens))
    return found


def frozen(apps: Apps, places: Iterable[Place], now: float) -> dict[Place, Frozen]:
    """Of these environments those that are frozen now."""
    found = {}
    for place in places:
        freezes = apps.config(place[0]).freezes(place[1])
        if closed := in_force(freezes, now):
            found[place] = Frozen(closed[0], opens_at(freezes, now))
    return found
