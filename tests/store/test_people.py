"""People, sessions, links and tokens, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import Engine, select

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Person, Role, Token
from shiphorn.store.store import Store
from shiphorn.store.tables import links, sessions, tokens

ADMIN = Grant(Role.ADMIN)
SHOP = Grant(Role.DEPLOYER, Scope("shop"))


def add(store: Store, login: str, *held: Grant) -> Person:
    person = store.people.add(login, 10.0, held=held)
    assert person is not None
    return person


def test_a_person_comes_back_as_they_were_added(store: Store) -> None:
    assert not store.people.anybody()
    added = store.people.add(
        "ada", 10.0, name="Ada", email="Ada@example.com", password="hash", held=[SHOP, ADMIN]
    )
    assert added == Person(1, "ada", "Ada", "Ada@example.com", 10.0, (ADMIN, SHOP), has_password=True)
    assert store.people.get(1) == store.people.by_login("ada") == added
    assert store.people.by_email("ada@EXAMPLE.com") == store.people.all() == [added]
    assert store.people.password(1) == "hash"
    assert store.people.anybody()


def test_nobody_is_found_where_there_is_nobody(store: Store) -> None:
    add(store, "ada")
    assert store.people.get(2) is None
    assert store.people.by_login("") is None
    assert store.people.by_email("") == []
    assert store.people.by_identity("https://id.example", "1") is None
    assert store.people.password(2) == ""


def test_a_login_is_one_persons(store: Store) -> None:
    add(store, "ada")
    assert store.people.add("ada", 20.0) is None


def test_of_many_who_would_be_the_first_one_is(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        logins = [f"person{number}" for number in range(8)]
        added = list(pool.map(lambda login: store.people.add(login, 1.0, only_as_first=True), logins))
    assert len([one for one in added if one is not None]) == len(store.people.all()) == 1


def test_of_many_who_are_one_at_a_provider_one_is_made(store: Store) -> None:
    identity = ("https://id.example", "1")
    with ThreadPoolExecutor(8) as pool:
        logins = [f"person{number}" for number in range(8)]
        added = list(pool.map(lambda login: store.people.add(login, 1.0, identity=identity), logins))
    assert {one.login for one in added if one} == {one.login for one in store.people.all()}
    assert len(store.people.all()) == 1


def test_an_identity_stays_whose_it_is(store: Store) -> None:
    ada, bob = add(store, "ada"), add(store, "bob")
    store.people.add_identity("https://id.example", "1", ada.id)
    store.people.add_identity("https://id.example", "1", bob.id)
    assert store.people.by_identity("https://id.example", "1") == ada
    assert store.people.by_identity("https://id.example", "2") is None
    assert store.people.identities(ada.id) == [("https://id.example", "1")]


def test_one_role_is_held_in_a_scope(store: Store) -> None:
    ada = add(store, "ada", SHOP)
    assert store.people.set_grant(ada.id, Grant(Role.VIEWER, Scope("shop")))
    assert store.people.set_grant(ada.id, Grant(Role.ADMIN, Scope("shop", "staging")))
    found = store.people.get(ada.id)
    assert found is not None
    assert found.grants == (Grant(Role.VIEWER, Scope("shop")), Grant(Role.ADMIN, Scope("shop", "staging")))
    assert store.people.drop_grant(ada.id, Scope("shop"))
    assert store.people.all()[0].grants == (Grant(Role.ADMIN, Scope("shop", "staging")),)


def test_somebody_stays_admin_everywhere(store: Store) -> None:
    ada, bob = add(store, "ada", ADMIN), add(store, "bob", Grant(Role.ADMIN, Scope("shop")))
    assert not store.people.drop_grant(ada.id, Scope())
    assert not store.people.set_grant(ada.id, Grant(Role.DEPLOYER))
    assert not store.people.update(ada.id, disabled_at=20.0)
    assert store.people.admins() == [ada]
    store.people.set_grant(bob.id, ADMIN)
    assert store.people.update(ada.id, disabled_at=20.0)
    assert [admin.login for admin in store.people.admins()] == ["bob"]


def test_of_admins_who_all_leave_at_once_one_stays(store: Store) -> None:
    for number in range(6):
        add(store, f"admin{number}", ADMIN)
    with ThreadPoolExecutor(6) as pool:
        left = list(pool.map(lambda number: store.people.drop_grant(number + 1, Scope()), range(6)))
    assert sorted(left) == [False, True, True, True, True, True]
    assert len(store.people.admins()) == 1


def test_a_session_is_found_by_its_secret_until_it_ends(store: Store, database: Engine) -> None:
    ada = add(store, "ada")
    secret = store.sessions.open(ada.id, "192.0.2.7", "Firefox", 10.0, 20.0)
    assert store.sessions.person_of(secret, 19.0) == ada.id
    assert store.sessions.person_of(secret, 20.0) is None
    assert store.sessions.person_of("", 19.0) is None
    with database.connect() as connection:
        assert secret not in str(connection.execute(select(sessions)).all())
    store.sessions.end(secret)
    assert store.sessions.person_of(secret, 19.0) is None


def test_all_sessions_of_a_person_end_but_one(store: Store) -> None:
    ada, bob = add(store, "ada"), add(store, "bob")
    mine, old = (store.sessions.open(ada.id, "", "", 10.0, 20.0) for _ in range(2))
    bobs, link = store.sessions.open(bob.id, "", "", 10.0, 20.0), store.sessions.make_link(ada.id, 10.0, 20.0)
    store.sessions.end_all(ada.id, but=mine)
    found = [store.sessions.person_of(secret, 11.0) for secret in (mine, old, bobs)]
    assert found == [ada.id, None, bob.id]
    assert store.sessions.use_link(link, 11.0) is None


def test_what_is_over_is_forgotten(store: Store, database: Engine) -> None:
    ada = add(store, "ada")
    store.sessions.open(ada.id, "", "", 10.0, 20.0)
    kept = store.sessions.open(ada.id, "", "", 10.0, 30.0)
    store.sessions.make_link(ada.id, 10.0, 20.0)
    store.sessions.add_failure("ada", "", 10.0)
    store.sessions.purge(20.0, 10.0)
    with database.connect() as connection:
        assert len(connection.execute(select(sessions)).all()) == 1
        assert connection.execute(select(links)).all() == []
    assert store.sessions.person_of(kept, 20.0) == ada.id
    assert store.sessions.failures(0.0, 100) == []


def test_of_many_who_use_a_link_one_gets_in(store: Store) -> None:
    ada = add(store, "ada")
    link = store.sessions.make_link(ada.id, 10.0, 20.0)
    assert store.sessions.link_is_for(link, 11.0) == ada.id
    with ThreadPoolExecutor(8) as pool:
        used = list(pool.map(lambda _: store.sessions.use_link(link, 11.0), range(8)))
    assert sorted(used, key=str) == [ada.id, None, None, None, None, None, None, None]
    assert store.sessions.link_is_for(link, 11.0) is None


def test_a_link_that_expired_is_of_no_use(store: Store) -> None:
    link = store.sessions.make_link(add(store, "ada").id, 10.0, 20.0)
    assert store.sessions.use_link(link, 20.0) is None


def test_a_token_is_found_by_its_secret_while_it_is_in_force(store: Store, database: Engine) -> None:
    ada = add(store, "ada")
    secret, token = store.tokens.make(ada.id, "CI", SHOP, 10.0, expires_at=500.0)
    assert token == Token(1, ada.id, "CI", SHOP, 10.0, expires_at=500.0)
    assert secret.startswith("horn_")
    assert len(secret) == 48
    assert store.tokens.find(secret, 11.0) == token
    assert store.tokens.find(secret + "x", 11.0) is None
    assert store.tokens.find(secret, 500.0) is None
    store.tokens.revoke(token.id, 20.0)
    store.tokens.revoke(token.id, 30.0)
    assert store.tokens.find(secret, 40.0) is None
    assert [one.revoked_at for one in store.tokens.listed(ada.id)] == [20.0]
    with database.connect() as connection:
        assert secret not in str(connection.execute(select(tokens)).all())


def test_the_use_of_a_token_is_noted_once_a_minute(store: Store) -> None:
    secret, token = store.tokens.make(add(store, "ada").id, "CI", SHOP, 10.0)
    noted = []
    for now in (100.0, 159.0, 160.0):
        store.tokens.find(secret, now)
        found = store.tokens.get(token.id)
        noted.append(found.used_at if found else None)
    assert noted == [100.0, 100.0, 160.0]


def test_tokens_are_listed_of_one_or_of_all(store: Store) -> None:
    for login in ("ada", "bob"):
        store.tokens.make(add(store, login).id, f"of {login}", SHOP, 10.0)
    assert [token.name for token in store.tokens.listed()] == ["of ada", "of bob"]
    assert [token.name for token in store.tokens.listed(2)] == ["of bob"]


def test_failures_are_found_by_login_and_address(store: Store) -> None:
    numbers = [
        store.sessions.add_failure(login, address, at)
        for login, address, at in (("ada", "a", 10.0), ("ada", "b", 20.0), ("bob", "a", 30.0))
    ]
    after = numbers[-1] + 1
    assert store.sessions.failures(0.0, after, login="ada") == [10.0, 20.0]
    assert store.sessions.failures(0.0, after, address="a") == [10.0, 30.0]
    assert store.sessions.failures(10.0, after, address="a") == [30.0]
    assert store.sessions.failures(0.0, numbers[1], login="ada") == [10.0]
    store.sessions.forgive(numbers[2], login="ada")
    assert store.sessions.failures(0.0, after) == []
