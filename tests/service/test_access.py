"""Who may do what where: each role in each scope, and what a refusal says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shiphorn.errors import Forbidden, Unknown
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role, local
from shiphorn.service.access import known, require, require_sight, seen
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

HERE, APP, ENVIRONMENT, EVERYWHERE = (
    Scope("shop", "production"),
    Scope("shop"),
    Scope("", "production"),
    Scope(),
)
OTHERS = (Scope("shop", "staging"), Scope("blog"), Scope("blog", "production"))
V, D, A = Role.VIEWER, Role.DEPLOYER, Role.ADMIN


def caller(*held: Grant, limit: Grant | None = None) -> Caller:
    return Caller("ada", "web", grants=held, limit=limit)


def may(who: Caller, role: Role, scope: Scope) -> bool:
    try:
        require(who, role, scope, "do it")
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("held", "needed", "allowed"),
    [
        (V, V, True),
        (V, D, False),
        (V, A, False),
        (D, V, True),
        (D, D, True),
        (D, A, False),
        (A, V, True),
        (A, D, True),
        (A, A, True),
    ],
)
@pytest.mark.parametrize(
    ("granted", "reaches"),
    [
        (EVERYWHERE, [EVERYWHERE, APP, ENVIRONMENT, HERE, *OTHERS]),
        (APP, [APP, HERE, OTHERS[0]]),
        (ENVIRONMENT, [ENVIRONMENT, HERE, OTHERS[2]]),
        (HERE, [HERE]),
    ],
)
def test_a_role_allows_what_it_and_lower_ones_do_within_its_scope(
    held: Role, needed: Role, allowed: bool, granted: Scope, reaches: list[Scope]
) -> None:
    who = caller(Grant(held, granted))
    passed = [scope for scope in (EVERYWHERE, APP, ENVIRONMENT, HERE, *OTHERS) if may(who, needed, scope)]
    assert passed == (reaches if allowed else [])


def test_the_highest_of_the_roles_that_reach_a_scope_counts() -> None:
    who = caller(Grant(V), Grant(D, APP), Grant(A, HERE))
    assert [who.role_in(scope) for scope in (EVERYWHERE, APP, HERE, *OTHERS)] == [V, D, A, D, V, V]


def test_who_has_no_role_may_nothing() -> None:
    assert not may(caller(), V, HERE)


def test_who_sits_at_the_machine_may_everything() -> None:
    assert may(local("root"), A, EVERYWHERE)


@pytest.mark.parametrize(
    ("limit", "roles"),
    [
        (Grant(A), [V, D, A]),
        (Grant(V), [V, V, V]),
        (Grant(D, APP), [None, D, D]),
        (Grant(A, HERE), [None, None, A]),
    ],
)
def test_a_token_narrows_its_owner_and_never_widens(limit: Grant, roles: list[Role | None]) -> None:
    who = caller(Grant(V), Grant(D, APP), Grant(A, HERE), limit=limit)
    assert [who.role_in(scope) for scope in (EVERYWHERE, APP, HERE)] == roles


def test_a_caller_sees_what_a_role_covers_and_what_it_is_part_of() -> None:
    scopes = [EVERYWHERE, APP, HERE, *OTHERS]
    assert seen(caller(Grant(V, HERE)), scopes, lambda scope: scope) == [EVERYWHERE, APP, HERE]
    assert seen(caller(Grant(V, APP)), scopes, lambda scope: scope) == [EVERYWHERE, APP, HERE, OTHERS[0]]
    assert seen(caller(Grant(V)), scopes, lambda scope: scope) == scopes
    assert seen(caller(), scopes, lambda scope: scope) == []
    assert seen(caller(Grant(V, ENVIRONMENT)), scopes, lambda scope: scope) == [
        EVERYWHERE,
        APP,
        HERE,
        OTHERS[1],
        OTHERS[2],
    ]
    require_sight(caller(Grant(V, HERE)), APP, "look at shop")
    with pytest.raises(Forbidden, match="SH550 ada may not look at blog"):
        require_sight(caller(Grant(V, HERE)), Scope("blog"), "look at blog")


def test_a_token_sees_no_more_than_its_scope() -> None:
    scopes = [EVERYWHERE, APP, HERE, *OTHERS]
    for held in ((Grant(V),), (Grant(V, APP), Grant(A, Scope("blog")))):
        who = caller(*held, limit=Grant(A, HERE))
        assert seen(who, scopes, lambda scope: scope) == [EVERYWHERE, APP, HERE]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_sqlite(tmp_path / "state.db"))
    yield opened
    opened.close()


def refusal(who: Caller, role: Role, scope: Scope, store: Store | None = None) -> str:
    with pytest.raises(Forbidden) as refused:
        require(who, role, scope, "deploy shop to production", store)
    return str(refused.value)


def test_a_refusal_says_what_is_needed_where_and_who_can_give_it(store: Store) -> None:
    who = caller(Grant(V))
    begins = (
        "SH550 ada may not deploy shop to production: that takes the role deployer in production of shop; "
        "ada is viewer there. "
    )
    assert refusal(who, D, HERE) == begins + "Somebody who is admin everywhere can give it."
    for login in ("eve", "bob", "joe"):
        store.people.add(login, 1.0, held=[Grant(A)])
    store.people.update(3, disabled_at=2.0)
    assert refusal(who, D, HERE, store) == begins + "bob or eve can give it."
    assert refusal(caller(), A, EVERYWHERE, store) == (
        "SH550 ada may not deploy shop to production: that takes the role admin everywhere; "
        "ada has no role there. bob or eve can give it."
    )


def test_a_refusal_says_when_it_is_the_token_that_lacks() -> None:
    said = refusal(caller(Grant(A), limit=Grant(V)), D, HERE)
    assert said.endswith("The token allows less than its owner may: use a wider one.")


def test_a_refusal_carries_its_facts() -> None:
    with pytest.raises(Forbidden) as refused:
        require(caller(Grant(V)), D, HERE, "deploy")
    assert refused.value.facts == {
        "needed": "deployer",
        "held": "viewer",
        "app": "shop",
        "environment": "production",
    }


def test_nobody_is_asked_to_sign_in() -> None:
    assert known(caller()).name == "ada"
    with pytest.raises(Unknown, match="SH551"):
        known(None)
