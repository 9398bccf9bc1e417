"""What a lock covers, and whom it stops."""

from __future__ import annotations

import pytest

from shiphorn.model.deploy import Kind
from shiphorn.model.locks import Lock, Scope

HERE = Scope("shop", "production")


@pytest.mark.parametrize(
    ("scope", "covers"),
    [
        (Scope("shop", "production"), True),
        (Scope("shop", ""), True),
        (Scope("", ""), True),
        (Scope("shop", "staging"), False),
        (Scope("blog", ""), False),
    ],
)
def test_a_lock_covers_what_lies_within_its_scope(scope: Scope, covers: bool) -> None:
    assert scope.covers(HERE) is covers


def test_a_narrow_scope_does_not_cover_a_wide_one() -> None:
    assert not HERE.covers(Scope("shop"))
    assert not Scope("shop").covers(Scope())


@pytest.mark.parametrize(
    ("scope", "deploy_id", "passes"),
    [
        (HERE, None, {Kind.CONVERGE}),
        (Scope("shop"), None, {Kind.CONVERGE}),
        (Scope(), None, set()),
        (HERE, 7, {Kind.ROLLBACK, Kind.CONVERGE}),
    ],
)
def test_what_another_person_may_do_under_a_lock(
    scope: Scope, deploy_id: int | None, passes: set[Kind]
) -> None:
    owner = "bob" if deploy_id is None else ""
    lock = Lock(1, scope.app, scope.environment, "why", owner, 1.0, deploy_id=deploy_id)
    assert {kind for kind in Kind if not lock.refuses("ada", kind)} == passes


def test_its_owner_may_do_everything_under_a_lock() -> None:
    lock = Lock(1, "", "", "incident", "ada", 1.0)
    assert [kind for kind in Kind if lock.refuses("ada", kind)] == []


def test_a_lock_is_in_force_until_it_ends_or_is_released() -> None:
    assert Lock(1, "", "", "why", "ada", 1.0, until=10.0).in_force(9.9)
    assert not Lock(1, "", "", "why", "ada", 1.0, until=10.0).in_force(10.0)
    assert not Lock(1, "", "", "why", "ada", 1.0, released_at=2.0).in_force(3.0)


def test_scopes_meet_where_something_lies_within_both() -> None:
    everything, app, environment = Scope(), Scope("shop"), Scope("", "production")
    here, there = Scope("shop", "production"), Scope("shop", "staging")
    assert all(one.meets(here) and here.meets(one) for one in (everything, app, environment, here))
    assert app.meets(environment)
    assert not here.meets(there)
    assert not environment.meets(there)
    assert not app.meets(Scope("blog"))
