"""Names of endpoints are labels of DNS, whatever branches are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shiphorn.model.endpoints import base_of, names_for
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role

LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


@pytest.mark.parametrize(
    ("branch", "name", "unique"),
    [
        ("feature/Cart_2", "feature-cart-2", "feature-cart-2-8a2b6c"),
        ("main", "main", "main-d0a058"),
        ("--x--", "x", "x-8ddb34"),
        ("日本", "branch-d4d414", "branch-d4d414"),
        ("a" * 41, "a" * 33 + "-ec36ce", "a" * 33 + "-ec36ce"),
    ],
)
def test_a_branch_gets_the_name_that_people_expect(branch: str, name: str, unique: str) -> None:
    assert names_for("shop", "staging", branch) == (name, unique)


@given(st.text(min_size=1, max_size=300), st.integers(13, 40))
def test_every_name_is_a_label_and_not_too_long(branch: str, longest: int) -> None:
    for name in names_for("shop", "staging", branch, longest):
        assert LABEL.fullmatch(name)
        assert len(name) <= longest


def test_branches_that_look_alike_have_names_of_their_own() -> None:
    assert names_for("shop", "staging", "a/b")[0] == names_for("shop", "staging", "a-b")[0] == "a-b"
    assert names_for("shop", "staging", "a/b")[1] != names_for("shop", "staging", "a-b")[1]


def test_a_role_in_an_environment_is_one_for_its_endpoints_and_nothing_else() -> None:
    ada = Caller("ada", "web", grants=(Grant(Role.DEPLOYER, Scope("shop", "staging")),))
    assert ada.may(Role.DEPLOYER, Scope("shop", "staging~one"))
    assert ada.sees(Scope("shop", "staging~one"))
    for other in ("staging2", "stagin", "production~one", "staging-one"):
        assert not ada.may(Role.VIEWER, Scope("shop", other))
    limited = Caller("ada", "api", grants=(Grant(Role.ADMIN),), limit=Grant(Role.VIEWER, Scope("shop", "qa")))
    assert not limited.sees(Scope("shop", "staging~one"))
    assert limited.role_in(Scope("shop", "qa~one")) == Role.VIEWER
    assert base_of("staging~one") == "staging"
