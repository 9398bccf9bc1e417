"""Sight: where somebody may look, as a narrowing of questions to the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shiphorn.model.history import Place
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller

Apps = Sequence[tuple[str, Sequence[str]]]
"""Apps by name, each with the names of its environments."""


def scopes(caller: Caller) -> tuple[Scope, ...] | None:
    """Where the caller has a role: None for everywhere, an empty tuple for nowhere."""
    limit = caller.limit.scope if caller.limit else Scope()
    common = {one for grant in caller.grants if (one := overlap(grant.scope, limit)) is not None}
    return None if Scope() in common else tuple(sorted(common, key=lambda one: (one.app, one.environment)))


def overlap(one: Scope, other: Scope) -> Scope | None:
    """What lies within both scopes; None for nothing."""
    if one.app and other.app and one.app != other.app:
        return None
    if one.environment and other.environment and one.environment != other.environment:
        return None
    return Scope(one.app or other.app, one.environment or other.environment)


def seen(apps: Apps, caller: Caller) -> list[Place]:
    """The environments that the caller sees, in their order."""
    wanted: Iterable[Place] = ((app, environment) for app, names in apps for environment in names)
    return [place for place in wanted if caller.sees(Scope(*place))]
