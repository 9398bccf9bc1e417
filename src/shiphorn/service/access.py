"""Who may do what where, and what a refusal says. Every face asks here before it acts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from shiphorn.errors import Forbidden, Unknown
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.store.store import Store

T = TypeVar("T")

EVERYWHERE = Scope()


def require(caller: Caller, role: Role, scope: Scope, what: str, store: Store | None = None) -> None:
    """Let who has a role in a scope pass.

    `what` ends the sentence "ada may not ...": `deploy shop to production`. With a store the refusal
    names the admins. Raises Forbidden SH550.
    """
    if caller.may(role, scope):
        return
    held = caller.role_in(scope)
    facts = {
        "needed": role.value,
        "held": held.value if held else None,
        "app": scope.app,
        "environment": scope.environment,
    }
    raise Forbidden(
        "SH550",
        f"{caller.name} may not {what}: that takes the role {role} {where(scope)}; {_held(caller, scope)}.",
        hint=_hint(caller, role, scope, store),
        facts=facts,
    )


def require_sight(caller: Caller, scope: Scope, what: str, store: Store | None = None) -> None:
    """Let who sees a scope, or a part of it, pass. Raises Forbidden SH550."""
    if not caller.sees(scope):
        require(caller, Role.VIEWER, scope, what, store)


def known(caller: Caller | None) -> Caller:
    """The caller, if there is one. Raises Unknown SH551."""
    if caller is None:
        raise Unknown("SH551", "nobody is signed in.", hint="Sign in, or send a token that is in force.")
    return caller


def seen(caller: Caller, things: Iterable[T], scope_of: Callable[[T], Scope]) -> list[T]:
    """Those of the things that a caller may look at, in their order."""
    return [thing for thing in things if caller.sees(scope_of(thing))]


def where(scope: Scope) -> str:
    """A scope as the end of a sentence: `in production of shop`, `everywhere`."""
    return "everywhere" if scope == EVERYWHERE else f"in {scope}"


def _held(caller: Caller, scope: Scope) -> str:
    held = caller.role_in(scope)
    return f"{caller.name} is {held} there" if held else f"{caller.name} has no role there"


def _hint(caller: Caller, role: Role, scope: Scope, store: Store | None) -> str:
    unlimited = Caller(caller.name, caller.via, grants=caller.grants)
    if unlimited.may(role, scope):
        return "The token allows less than its owner may: use a wider one."
    admins = [admin.login for admin in store.people.admins()] if store is not None else []
    if not admins:
        return "Somebody who is admin everywhere can give it."
    names = admins[0] if len(admins) == 1 else f"{', '.join(admins[:-1])} or {admins[-1]}"
    return f"{names} can give it."
