"""Signing in, invitations, roles and tokens; and that each act is written down."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from shiphorn.adapters import passwords
from shiphorn.errors import Forbidden, NotFound, Refused, Unknown
from shiphorn.model.identity import Claims
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Person, Role, local
from shiphorn.service import audit
from shiphorn.service.people import people
from shiphorn.service.people.sign_in import (
    Browser,
    IdentityRules,
    caller_of_session,
    caller_of_token,
    free_at,
    login_from,
    needs_set_up,
    set_up,
    sign_in,
    sign_in_by_identity,
    sign_in_by_link,
    sign_out,
)
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

NOW = 1795600800.0
HERE = Browser("192.0.2.7", "Firefox")
GOOD = "four words nobody expects"
HASH = PasswordHasher().hash(GOOD)
ROOT = local("root")
ADMIN, VIEWER = Grant(Role.ADMIN), Grant(Role.VIEWER)
SHOP = Grant(Role.DEPLOYER, Scope("shop"))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_sqlite(tmp_path / "state.db"))
    yield opened
    opened.close()


def add(store: Store, login: str, *held: Grant, email: str = "") -> Person:
    person = store.people.add(login, NOW, email=email, password=HASH, held=held)
    assert person is not None
    return person


def caller(store: Store, login: str) -> Caller:
    secret, _ = sign_in(store, login, GOOD, HERE, NOW)
    found = caller_of_session(store, secret, HERE.address, NOW)
    assert found is not None
    return found


def acts(store: Store) -> list[tuple[str, str]]:
    assert store.audit.verify() == []
    return [(act.actor, act.act) for act in store.audit.export()]


def test_a_password_is_told_from_others() -> None:
    kept = passwords.hashed("pässword")
    assert kept.startswith("$argon2id$")
    assert passwords.matches(kept, "pa\u0308ssword")
    assert not passwords.matches(kept, "password")
    assert not passwords.matches("", "")
    assert not passwords.matches("", "nobody")
    assert not passwords.matches("no hash", "password")
    assert not passwords.outdated(kept)
    assert passwords.outdated(PasswordHasher(time_cost=1).hash("password"))


def test_who_signs_in_is_the_caller_until_they_sign_out(store: Store) -> None:
    ada = add(store, "ada", SHOP)
    secret, person = sign_in(store, " ADA ", GOOD, HERE, NOW)
    assert person == ada
    assert caller_of_session(store, secret, "192.0.2.8", NOW) == Caller(
        "ada", "web", "192.0.2.8", (SHOP,), None, ada.id
    )
    assert caller_of_session(store, secret, "", NOW + 14 * 86400) is None
    sign_out(store, secret, "192.0.2.7", NOW)
    assert caller_of_session(store, secret, "", NOW) is None
    assert acts(store) == [("ada", "sign in"), ("ada", "sign out")]


def test_the_wrong_password_and_an_unknown_login_are_told_alike_and_take_as_long(store: Store) -> None:
    add(store, "ada")
    store.people.add("eve", NOW)
    people.disable(store, ROOT, add(store, "bob").login, NOW)
    passwords.matches("", "")
    said, took = [], []
    for login, password in (("ada", "wrong"), ("nobody", GOOD), ("eve", ""), ("bob", GOOD)):
        began = time.monotonic()
        with pytest.raises(Unknown) as refused:
            sign_in(store, login, password, Browser(login), NOW)
        took.append(time.monotonic() - began)
        said.append(str(refused.value))
    assert set(said) == {"SH551 the login or the password is wrong. Try again, or ask an admin."}
    assert min(took) > 0.2 * max(took)
    failed = [act for act in store.audit.page() if act.act == "sign-in failed"]
    assert [(act.actor, act.facts) for act in failed] == [
        ("", {"login": "bob"}),
        ("", {"login": "eve"}),
        ("", {"login": "ada"}),
    ]


def test_after_five_failures_a_login_has_to_wait_even_with_the_right_password(store: Store) -> None:
    add(store, "ada")
    add(store, "bob")
    for second in range(5):
        with pytest.raises(Unknown):
            sign_in(store, "ada", "wrong", HERE, NOW + second)
    for at in (NOW + 5, NOW + 6, NOW + 899):
        with pytest.raises(Refused) as refused:
            sign_in(store, "ada", GOOD, HERE, at)
        assert refused.value.code == "SH552"
        assert refused.value.facts["retry_at"] == NOW + 900
    assert refused.value.facts["retry_after_seconds"] == 1
    sign_in(store, "bob", GOOD, HERE, NOW + 5)
    sign_in(store, "ada", GOOD, HERE, NOW + 900)
    with pytest.raises(Unknown):
        sign_in(store, "ada", "wrong", HERE, NOW + 901)


def test_after_thirty_failures_an_address_has_to_wait(store: Store) -> None:
    add(store, "ada")
    for number in range(30):
        store.sessions.add_failure(f"person{number}", HERE.address, NOW)
    with pytest.raises(Refused, match=r"SH552 .* the next may be made in 15 min"):
        sign_in(store, "ada", GOOD, HERE, NOW)
    sign_in(store, "ada", GOOD, Browser("192.0.2.8"), NOW)


def test_of_many_attempts_at_once_five_are_tried(store: Store) -> None:
    add(store, "ada")

    def attempt(_: int) -> str:
        try:
            sign_in(store, "ada", "wrong", HERE, NOW)
        except Refused as refused:
            return refused.code
        return ""

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(attempt, range(12)))
    assert codes == ["SH551"] * 5 + ["SH552"] * 7


def test_when_the_next_attempt_may_be_made() -> None:
    assert free_at([1.0, 2.0], 3) is None
    assert free_at([1.0, 2.0, 3.0], 3) == 901.0
    assert free_at([1.0, 2.0, 3.0, 4.0], 3) == 902.0


def test_a_hash_of_other_parameters_is_renewed(store: Store) -> None:
    store.people.add("ada", NOW, password=PasswordHasher(time_cost=1).hash(GOOD))
    sign_in(store, "ada", GOOD, HERE, NOW)
    assert not passwords.outdated(store.people.password(1))
    sign_in(store, "ada", GOOD, HERE, NOW)


def test_the_first_person_is_admin_and_needs_the_code(store: Store) -> None:
    assert needs_set_up(store)
    for code, expected in (("wrong", "the code"), ("", "")):
        with pytest.raises(Unknown, match="SH561"):
            set_up(store, code, expected, "ada", GOOD, HERE, NOW)
    with pytest.raises(Refused, match="SH554"):
        set_up(store, "the code", "the code", "no login", GOOD, HERE, NOW)
    with pytest.raises(Refused, match="SH553"):
        set_up(store, "the code", "the code", "ada", "short", HERE, NOW)
    secret, ada = set_up(store, "the code", "the code", "Ada", GOOD, HERE, NOW, name="Ada")
    assert (ada.login, ada.grants, ada.has_password) == ("ada", (ADMIN,), True)
    assert caller_of_session(store, secret, "", NOW) is not None
    assert not needs_set_up(store)
    with pytest.raises(Refused, match="SH560"):
        set_up(store, "the code", "the code", "eve", GOOD, HERE, NOW)
    assert acts(store) == [("ada", "set up"), ("ada", "sign in")]


def test_who_is_invited_gets_in_by_the_link_once(store: Store) -> None:
    invited, link = people.invite(store, ROOT, "Ada", NOW, name="Ada", held=[SHOP])
    assert (invited.login, invited.grants, invited.has_password) == ("ada", (SHOP,), False)
    with pytest.raises(Refused, match="SH554 somebody is called ada"):
        people.invite(store, ROOT, "ada", NOW)
    with pytest.raises(Refused, match="SH553"):
        sign_in_by_link(store, link, HERE, NOW, password="short")
    _, ada = sign_in_by_link(store, link, HERE, NOW, password=GOOD)
    assert ada.has_password
    sign_in(store, "ada", GOOD, HERE, NOW)
    with pytest.raises(Unknown, match="SH557"):
        sign_in_by_link(store, link, HERE, NOW)
    assert acts(store) == [
        ("root", "person invited"),
        ("ada", "password set"),
        ("ada", "sign in"),
        ("ada", "sign in"),
    ]


def test_a_link_is_of_no_use_when_it_expired_or_its_person_was_disabled(store: Store) -> None:
    add(store, "ada")
    with pytest.raises(Unknown, match="SH557"):
        sign_in_by_link(store, people.make_link(store, ROOT, "ada", NOW), HERE, NOW + 7 * 86400)
    link = people.make_link(store, ROOT, "ada", NOW)
    people.disable(store, ROOT, "ada", NOW)
    with pytest.raises(Unknown, match="SH557"):
        sign_in_by_link(store, link, HERE, NOW)


CLAIMS = Claims("https://id.example", "1", "Ada@example.com", True, "Ada L", "Ada.L")


def test_an_identity_is_nobody_unless_the_rules_say_so(store: Store) -> None:
    add(store, "ada", email="ada@example.com")
    with pytest.raises(
        Unknown, match=r"SH564 https://id.example knows you as Ada@example.com, who is nobody"
    ):
        sign_in_by_identity(store, CLAIMS, IdentityRules(), HERE, NOW)


def test_an_identity_is_linked_by_a_verified_address_of_one_person(store: Store) -> None:
    rules = IdentityRules(link_by_email=True)
    ada = add(store, "ada", email="ada@example.com")
    unverified = Claims("https://id.example", "1", "ada@example.com", False)
    with pytest.raises(Unknown, match="SH564"):
        sign_in_by_identity(store, unverified, rules, HERE, NOW)
    assert sign_in_by_identity(store, CLAIMS, rules, HERE, NOW)[1] == ada
    assert sign_in_by_identity(store, unverified, IdentityRules(), HERE, NOW)[1] == ada
    assert acts(store) == [("ada", "identity linked"), ("ada", "sign in"), ("ada", "sign in")]
    add(store, "bob", email="two@example.com")
    add(store, "eve", email="two@example.com")
    with pytest.raises(Unknown, match="SH564"):
        sign_in_by_identity(
            store, Claims("https://id.example", "2", "two@example.com", True), rules, HERE, NOW
        )


def test_an_identity_is_made_a_person_with_the_default_role(store: Store) -> None:
    add(store, "ada.l", ADMIN)
    rules = IdentityRules(default_role=Role.VIEWER)
    _, made = sign_in_by_identity(store, CLAIMS, rules, HERE, NOW)
    assert (made.login, made.name, made.email, made.grants) == (
        "ada.l-2",
        "Ada L",
        "Ada@example.com",
        (VIEWER,),
    )
    assert sign_in_by_identity(store, CLAIMS, rules, HERE, NOW + 1)[1] == made
    people.disable(store, ROOT, "ada.l-2", NOW)
    with pytest.raises(Unknown, match=r"SH564 .* who may not sign in any more"):
        sign_in_by_identity(store, CLAIMS, rules, HERE, NOW)
    assert len(store.people.all()) == 2


def test_who_was_shut_out_does_not_come_back_as_somebody_else(store: Store) -> None:
    add(store, "ada", email="ada@example.com")
    people.disable(store, ROOT, "ada", NOW)
    for rules in (IdentityRules(True, Role.VIEWER), IdentityRules(False, Role.VIEWER)):
        with pytest.raises(Unknown, match=r"SH564 .* who may not sign in any more"):
            sign_in_by_identity(store, CLAIMS, rules, HERE, NOW)
    assert len(store.people.all()) == 1


def test_a_login_is_made_of_what_a_provider_tells() -> None:
    claims = [
        Claims("", "", preferred_username="Ada Lovelace"),
        Claims("", "", email="ada+horn@example.com"),
        Claims("", "", name="Ada!"),
        Claims("", "", preferred_username="阿达"),
    ]
    assert [login_from(one) for one in claims] == ["ada-lovelace", "ada-horn", "ada", "person"]


@pytest.mark.parametrize(
    "password", ["", "nine char", "ada-lovelace", "Password123", "aaaaaaaaaaaa", "ADA-LOVELACE", "x" * 1001]
)
def test_a_password_that_is_easily_guessed_is_refused(store: Store, password: str) -> None:
    add(store, "ada-lovelace")
    with pytest.raises(Refused, match="SH553 this password will not do"):
        people.set_password(store, ROOT, "ada-lovelace", password, NOW)


def test_a_new_password_needs_the_current_one_and_ends_the_other_sessions(store: Store) -> None:
    add(store, "ada")
    (mine, _), (other, _) = sign_in(store, "ada", GOOD, HERE, NOW), sign_in(store, "ada", GOOD, HERE, NOW)
    ada = caller_of_session(store, mine, "", NOW)
    assert ada is not None
    with pytest.raises(Forbidden, match="SH565"):
        people.set_password(store, ada, "ada", "another good one", NOW, current="wrong")
    people.set_password(store, ada, "ada", "another good one", NOW, current=GOOD, session=mine)
    assert caller_of_session(store, mine, "", NOW) is not None
    assert caller_of_session(store, other, "", NOW) is None
    sign_in(store, "ada", "another good one", HERE, NOW)


def test_who_is_disabled_is_nobody_until_they_are_enabled(store: Store) -> None:
    add(store, "eve", ADMIN)
    add(store, "ada", SHOP)
    secret, _ = people.make_token(store, caller(store, "ada"), "CI", SHOP, NOW)
    session, _ = sign_in(store, "ada", GOOD, HERE, NOW)
    people.disable(store, caller(store, "eve"), "ada", NOW, reason="left")
    assert caller_of_session(store, session, "", NOW) is None
    assert caller_of_token(store, secret, "", NOW) is None
    people.enable(store, caller(store, "eve"), "ada", NOW)
    assert caller_of_session(store, session, "", NOW) is None
    assert caller_of_token(store, secret, "", NOW) is not None
    reasons = [(act.act, act.reason) for act in store.audit.page() if act.act.startswith("person")]
    assert reasons == [("person enabled", ""), ("person disabled", "left")]


def test_the_last_admin_stays(store: Store) -> None:
    add(store, "eve", ADMIN)
    eve = caller(store, "eve")
    with pytest.raises(Refused, match="SH556 eve is the last who is admin everywhere"):
        people.disable(store, eve, "eve", NOW)
    with pytest.raises(Refused, match="SH556"):
        people.drop_grant(store, eve, "eve", Scope(), NOW)
    with pytest.raises(Refused, match="SH556"):
        people.set_grant(store, eve, "eve", VIEWER, NOW)


def test_roles_are_given_and_taken_on_record(store: Store) -> None:
    add(store, "ada", SHOP)
    people.set_grant(store, ROOT, "ada", SHOP, NOW)
    people.set_grant(store, ROOT, "ada", Grant(Role.ADMIN, Scope("shop")), NOW, reason="she leads it")
    people.drop_grant(store, ROOT, "ada", Scope("shop"), NOW)
    with pytest.raises(NotFound, match="SH555 ada has no role in all of shop"):
        people.drop_grant(store, ROOT, "ada", Scope("shop"), NOW)
    told = [(act.act, act.app, act.reason, act.facts["role"]) for act in store.audit.export()]
    assert told == [
        ("role given", "shop", "she leads it", "admin"),
        ("role taken away", "shop", "", "admin"),
    ]


def test_only_who_is_admin_everywhere_manages_people(store: Store) -> None:
    add(store, "ada", Grant(Role.ADMIN, Scope("shop")), Grant(Role.DEPLOYER))
    add(store, "bob")
    ada = caller(store, "ada")
    for attempt in (
        lambda: people.invite(store, ada, "eve", NOW),
        lambda: people.make_link(store, ada, "bob", NOW),
        lambda: people.disable(store, ada, "bob", NOW),
        lambda: people.enable(store, ada, "bob", NOW),
        lambda: people.set_grant(store, ada, "ada", ADMIN, NOW),
        lambda: people.drop_grant(store, ada, "bob", Scope(), NOW),
        lambda: people.set_password(store, ada, "bob", GOOD, NOW),
        lambda: people.describe(store, ada, "bob", NOW, name="Bob"),
        lambda: people.describe(store, ada, "ada", NOW, email="boss@example.com"),
        lambda: people.end_sessions(store, ada, "bob", NOW),
        lambda: people.tokens(store, ada, everybodys=True),
    ):
        with pytest.raises(Forbidden, match="SH550 ada may not"):
            attempt()
    assert acts(store) == [("ada", "sign in")]
    people.describe(store, ada, "Ada ", NOW, name="Ada")
    assert people.person(store, "Ada").name == "Ada"
    with pytest.raises(NotFound, match="SH555 nobody here is called joe"):
        people.person(store, "joe")


def test_who_may_not_change_people_is_not_told_who_there_is(store: Store) -> None:
    add(store, "ada", VIEWER)
    add(store, "bob")
    ada = caller(store, "ada")

    def told(login: str) -> list[str]:
        found: list[str] = []
        for attempt in (
            lambda: people.describe(store, ada, login, NOW, name="Somebody"),
            lambda: people.end_sessions(store, ada, login, NOW),
            lambda: people.set_password(store, ada, login, GOOD, NOW),
        ):
            with pytest.raises(Forbidden, match="SH550") as refused:
                attempt()
            found.append(str(refused.value).replace(login, "LOGIN"))
        return found

    assert told("bob") == told("nobody")


def test_a_token_never_exceeds_its_maker(store: Store) -> None:
    add(store, "ada", SHOP)
    ada = caller(store, "ada")
    for name, grant, expires_at in (
        ("CI", Grant(Role.DEPLOYER), None),
        ("CI", Grant(Role.ADMIN, Scope("shop")), None),
        ("CI", Grant(Role.VIEWER, Scope("blog")), None),
        ("CI", SHOP, NOW),
        (" ", SHOP, None),
    ):
        with pytest.raises(Refused, match="SH558"):
            people.make_token(store, ada, name, grant, NOW, expires_at=expires_at)
    with pytest.raises(Refused, match=r"SH558 .* root is no person here"):
        people.make_token(store, ROOT, "CI", SHOP, NOW)
    staging = Grant(Role.VIEWER, Scope("shop", "staging"))
    secret, token = people.make_token(store, ada, "CI", staging, NOW, expires_at=NOW + 60)
    assert caller_of_token(store, secret, "192.0.2.9", NOW) == Caller(
        "ada", "api", "192.0.2.9", (SHOP,), staging, 1
    )
    assert caller_of_token(store, secret, "", NOW + 60) is None
    assert [one.id for one in people.tokens(store, ada)] == [token.id]


def test_a_token_makes_no_tokens_and_sets_no_password(store: Store) -> None:
    add(store, "ada", SHOP)
    secret, _ = people.make_token(store, caller(store, "ada"), "CI", SHOP, NOW)
    token = caller_of_token(store, secret, "", NOW)
    assert token is not None
    with pytest.raises(Refused, match=r"SH558 .* a token makes no tokens"):
        people.make_token(store, token, "more", SHOP, NOW)
    with pytest.raises(Forbidden, match="SH550"):
        people.set_password(store, token, "ada", "another good one", NOW, current=GOOD)


def test_a_token_is_revoked_by_its_owner_or_an_admin(store: Store) -> None:
    add(store, "ada", SHOP)
    add(store, "bob", Grant(Role.DEPLOYER))
    secret, token = people.make_token(store, caller(store, "ada"), "CI", SHOP, NOW)
    with pytest.raises(NotFound, match="SH559"):
        people.revoke_token(store, caller(store, "bob"), token.id, NOW)
    with pytest.raises(NotFound, match="SH559"):
        people.revoke_token(store, ROOT, 99, NOW)
    people.revoke_token(store, ROOT, token.id, NOW, reason="leaked")
    assert caller_of_token(store, secret, "", NOW) is None
    assert acts(store)[-1] == ("root", "token revoked")


def test_the_horn_is_muted_for_oneself(store: Store) -> None:
    add(store, "ada")
    people.mute(store, caller(store, "ada"), True, NOW)
    assert caller(store, "ada").muted
    people.mute(store, ROOT, True, NOW)
    assert ("ada", "horn muted") in acts(store)


def test_the_log_is_exported_with_all_that_makes_its_digests(store: Store) -> None:
    audit.record(store, ROOT, "lock", Scope("shop"), NOW, reason="é", facts={"lock": 1})
    lines = [json.loads(line) for line in audit.json_lines(store)]
    assert [(line["actor"], line["app"], line["reason"], line["facts"]) for line in lines] == [
        ("root", "shop", "é", {"lock": 1})
    ]
    assert lines[0]["digest"] == audit.page(store)[0].digest
    assert audit.verify(store) == []


def test_no_cell_of_the_csv_is_a_formula(store: Store) -> None:
    for reason in ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", 'a "quoted", one', "plain"):
        audit.record(store, ROOT, "lock", Scope(), NOW, reason=reason)
    rows = list(csv.DictReader(audit.csv_lines(store)))
    assert [row["reason"] for row in rows] == [
        "'=1+1",
        "'+1",
        "'-1",
        "'@SUM(A1)",
        "'\t=1",
        'a "quoted", one',
        "plain",
    ]
    assert rows[0]["at"] == "2026-11-25T10:00:00.000+00:00"
