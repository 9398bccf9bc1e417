"""A command line signs in by a person who agrees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from shiphorn.adapters.vault import Vault
from shiphorn.errors import ConfigError
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.service.people.cli_sign_in import (
    Agreement,
    Applicant,
    agree,
    applicant,
    asked,
    code_for,
    deny,
    sign_out,
)
from shiphorn.service.people.sign_in import caller_of_token
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

NOW = 1795600800.0
DAY = 86400.0
SECRET = "horn_a-secret-that-the-command-line-made"
DIGEST = hashlib.sha256(SECRET.encode()).hexdigest()
LAPTOP = Applicant(DIGEST, "laptop")
VAULT = Vault(b"k" * 32)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(open_sqlite(tmp_path / "state.db"))
    yield opened
    opened.close()


@pytest.fixture
def dee(store: Store) -> Caller:
    """She is deployer of one app, and viewer of the rest."""
    grants = (Grant(Role.VIEWER), Grant(Role.DEPLOYER, Scope("shop")))
    person = store.people.add("dee", NOW, held=list(grants))
    assert person is not None
    return Caller("dee", "web", "192.0.2.7", grants, person_id=person.id)


def who(store: Store, now: float = NOW) -> Caller | None:
    return caller_of_token(store, SECRET, "192.0.2.9", now)


def test_a_code_stands_for_a_command_line_and_cannot_be_made_up() -> None:
    code = code_for(VAULT, DIGEST, " laptop\n\x1b[31m ")
    assert applicant(VAULT, code) == Applicant(DIGEST, "laptop[31m")
    assert applicant(VAULT, code).short == "MIXF-TUF4"
    for bad in ("", "made up", code_for(Vault(b"x" * 32), DIGEST, "laptop")):
        with pytest.raises(ConfigError) as refused:
            applicant(VAULT, bad)
        assert refused.value.code == "SH164"
    with pytest.raises(ConfigError) as refused:
        code_for(VAULT, SECRET, "laptop")
    assert refused.value.code == "SH166"


def test_who_is_agreed_to_may_do_what_the_person_may_for_ninety_days(store: Store, dee: Caller) -> None:
    assert (asked(store, LAPTOP), who(store)) == (Agreement.PENDING, None)
    agree(store, dee, LAPTOP, NOW)
    assert asked(store, LAPTOP) == Agreement.GRANTED
    caller = who(store)
    assert caller is not None
    assert caller.via == "cli"
    assert caller.role_in(Scope("shop", "production")) == Role.DEPLOYER
    assert caller.role_in(Scope("blog", "production")) == Role.VIEWER
    assert who(store, NOW + 90 * DAY - 1) is not None
    assert who(store, NOW + 90 * DAY) is None
    assert [one.name for one in store.tokens.listed()] == ["horn on laptop"]


def test_who_is_turned_away_stays_so(store: Store, dee: Caller) -> None:
    deny(store, dee, LAPTOP, NOW)
    agree(store, dee, LAPTOP, NOW + 1)
    assert (asked(store, LAPTOP), who(store)) == (Agreement.DENIED, None)


def test_a_token_agrees_to_nobody(store: Store, dee: Caller) -> None:
    agree(store, dee, LAPTOP, NOW)
    token = who(store)
    assert token is not None
    with pytest.raises(ConfigError) as refused:
        agree(store, token, Applicant("0" * 64, "another"), NOW)
    assert refused.value.code == "SH165"


def test_signing_out_ends_the_token_and_each_act_is_written_down(store: Store, dee: Caller) -> None:
    agree(store, dee, LAPTOP, NOW)
    sign_out(store, "horn_unknown", "192.0.2.9", NOW)
    sign_out(store, SECRET, "192.0.2.9", NOW + 1)
    assert who(store, NOW + 2) is None
    acts = [(one.actor, one.act) for one in store.audit.page()]
    assert sorted(acts) == [("dee", "command line signed in"), ("dee", "command line signed out")]
