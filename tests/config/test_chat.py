"""Chats in shiphorn.yml."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiphorn.config.chat import room_of
from shiphorn.config.service import load
from shiphorn.errors import ConfigError
from shiphorn.model.notices import Audience, Moment
from shiphorn.model.settings import SecretRef

GOOD = """
secrets: {IRC: {env: IRC}}
chat:
  irc:
    libera:
      server: irc.libera.chat
      account: horn
      account_password: {secret: IRC}
      channels:
        - {name: "#ops", environments: [production], on: [failed, started], key: {secret: IRC}}
        - {name: "#lobby", on: [], readers: everyone}
"""
BAD = """
chat:
  irc:
    libera:
      server: irc.libera.chat:6697
      nick: 9horn
      account_password: hunter2
      channels:
        - name: ops
          key: {secret: LOST}
"""


def test_channels_are_audiences_of_what_they_want(tmp_path: Path) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text(GOOD)
    chat = load(path).model.chat
    assert chat.audiences == [
        Audience(
            "irc:libera #ops",
            "chat+irc://libera/#ops",
            environments=("production",),
            on=(Moment.STARTED, Moment.FAILED),
        )
    ]
    network = chat.irc["libera"]
    assert (network.port, network.tls, network.nick, network.believes_accounts) == (6697, True, "horn", True)
    assert network.channels[0].key == SecretRef("IRC")
    assert network.channels[1].shown.to_everyone
    assert room_of("chat+irc://libera/#ops") == ("libera", "#ops")
    assert room_of("slack://x") is None


def test_what_is_wrong_is_told_and_no_secret_is_repeated(tmp_path: Path) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text(BAD)
    with pytest.raises(ConfigError) as problem:
        load(path)
    told = [
        one.removeprefix("shiphorn.yml:").replace("chat.irc.libera.", "") for one in problem.value.problems
    ]
    assert told == [
        "5 server: 'irc.libera.chat:6697' is no name of a server; its port is a key of its own",
        "6 nick: '9horn' can be no nick: it begins with a letter, and may have 30 characters",
        "7 account_password: it has to be {secret: NAME}, with that secret under secrets",
        "9 channels[0].name: 'ops' can be no channel; one is such as \"#deploys\", in quotation marks",
        "10 channels[0].key: the secret LOST is not defined under secrets",
    ]


def test_accounts_are_believed_over_tls_only_unless_somebody_says_so(tmp_path: Path) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text("chat: {irc: {a: {server: x, tls: false}, b: {server: x, tls: false, accounts: true}}}")
    irc = load(path).model.chat.irc
    assert [irc[name].believes_accounts for name in ("a", "b")] == [False, True]
