"""Who speaks in a chat."""

from __future__ import annotations

import pytest

from shiphorn.errors import Forbidden, NotFound, Refused, Unknown
from shiphorn.model.chat import CodeUse, Speaker
from shiphorn.model.people import Caller, Grant, Person, Role
from shiphorn.service.people import chat_accounts
from shiphorn.store.store import Store

MATT = Speaker("irc:libera", "Matt", "matt_", private=True)


def person(store: Store, login: str, role: Role = Role.DEPLOYER) -> tuple[Person, Caller]:
    made = store.people.add(login, 0.0, held=[Grant(role)])
    assert made is not None
    return made, Caller(login, "web", grants=made.grants, person_id=made.id)


def test_an_account_is_linked_with_a_code_and_known_in_any_case(store: Store) -> None:
    matt, web = person(store, "matt")
    assert chat_accounts.known(store, MATT) is None
    code, until = chat_accounts.make_code(store, web, CodeUse.LINK, 1000.0)
    assert until == 1600.0
    chat_accounts.link(store, MATT, code.replace("-", ""), 1001.0)
    found = chat_accounts.known(store, Speaker("irc:libera", "mATT", "anybody"))
    assert found == Caller("matt", "chat", "irc:libera anybody", matt.grants, person_id=matt.id)
    assert chat_accounts.known(store, Speaker("irc:other", "Matt", "matt")) is None
    assert chat_accounts.known(store, Speaker("irc:libera", "", "Matt")) is None
    acts = [(one.act, one.actor, one.via) for one in store.audit.page(None, 10, None)]
    assert acts[:2] == [("chat account linked", "matt", "chat"), ("chat code made", "matt", "web")]
    assert code.replace("-", "") not in repr(store.audit.page(None, 10, None))


def test_an_account_that_is_somebody_elses_stays_theirs(store: Store) -> None:
    _, ada = person(store, "ada")
    _, eve = person(store, "eve")
    for caller in (ada, eve):
        code, _ = chat_accounts.make_code(store, caller, CodeUse.LINK, 1000.0)
        if caller is ada:
            chat_accounts.link(store, MATT, code.replace("-", ""), 1001.0)
    with pytest.raises(Refused, match="somebody else's here"):
        chat_accounts.link(store, MATT, code.replace("-", ""), 1002.0)
    found = chat_accounts.known(store, MATT)
    assert found is not None
    assert found.name == "ada"


def test_a_nick_links_nothing(store: Store) -> None:
    _, web = person(store, "matt")
    code, _ = chat_accounts.make_code(store, web, CodeUse.LINK, 1000.0)
    with pytest.raises(Refused, match="does not say that matt has an account"):
        chat_accounts.link(store, Speaker("irc:libera", "", "matt", private=True), code, 1001.0)


def test_wrong_codes_are_counted_and_written_down(store: Store) -> None:
    _, web = person(store, "matt")
    nobody = Speaker("irc:libera", "", "eve", private=True)
    for _ in range(5):
        with pytest.raises(Unknown, match="this code is not good"):
            chat_accounts.use(store, nobody, "AAAABBBB", 1000.0)
    code, _ = chat_accounts.make_code(store, web, CodeUse.ACT, 1000.0)
    with pytest.raises(Refused, match="too many wrong codes"):
        chat_accounts.use(store, nobody, code.replace("-", ""), 1001.0)
    other = Speaker("irc:libera", "", "matt", private=True)
    assert chat_accounts.use(store, other, code.replace("-", ""), 1002.0).name == "matt"
    refused = [one for one in store.audit.page(None, 20, None) if one.act == "chat code refused"]
    assert [(one.actor, one.address) for one in refused] == [("", "irc:libera eve")] * 5


def test_a_token_makes_no_codes(store: Store) -> None:
    _, web = person(store, "matt")
    token = Caller("matt", "api", grants=web.grants, limit=Grant(Role.VIEWER), person_id=web.person_id)
    with pytest.raises(Forbidden):
        chat_accounts.make_code(store, token, CodeUse.ACT, 1000.0)


def test_who_is_shut_out_is_nobody_in_chats(store: Store) -> None:
    person(store, "admin", Role.ADMIN)
    matt, web = person(store, "matt")
    store.people.add_identity("irc:libera", "matt", matt.id)
    code, _ = chat_accounts.make_code(store, web, CodeUse.ACT, 1000.0)
    store.people.update(matt.id, disabled_at=1000.0)
    assert chat_accounts.known(store, MATT) is None
    with pytest.raises(Unknown):
        chat_accounts.use(store, MATT, code.replace("-", ""), 1001.0)


def test_an_account_is_unlinked_by_its_owner_or_an_admin(store: Store) -> None:
    matt, web = person(store, "matt")
    _, eve = person(store, "eve")
    _, admin = person(store, "admin", Role.ADMIN)
    for caller in (web, admin):
        store.people.add_identity("irc:libera", "matt", matt.id)
        with pytest.raises(Forbidden):
            chat_accounts.unlink(store, eve, "matt", "irc:libera", "matt", 1000.0)
        chat_accounts.unlink(store, caller, "matt", "irc:libera", "matt", 1000.0)
        assert chat_accounts.linked(store, matt) == []
    store.people.add_identity("https://id.example", "matt", matt.id)
    with pytest.raises(NotFound):
        chat_accounts.unlink(store, web, "matt", "https://id.example", "matt", 1000.0)
