"""The IRC client against real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from shiphorn.adapters.irc import Irc
from shiphorn.adapters.irc_login import Room, Settings
from shiphorn.adapters.irc_session import Bucket, Message
from shiphorn.adapters.irc_text import folded, lines, room
from tests.ircd import Inspircd, Ngircd, Somebody

OPS, KEYED = Room("#ops"), Room("#keyed", "sesame")


@pytest.fixture(scope="module")
def ngircd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ngircd]:
    server = Ngircd(tmp_path_factory.mktemp("ngircd"), password="open", tls=True)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def inspircd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspircd]:
    server = Inspircd(tmp_path_factory.mktemp("inspircd"))
    yield server
    server.stop()


class Ours:
    """Our client, and what it hears."""

    def __init__(self, settings: Settings) -> None:
        self.heard: asyncio.Queue[Message] = asyncio.Queue()
        self.settings = settings
        self.irc = Irc("test", self._settings, self.heard.put_nowait, first_pause_seconds=0.05)

    async def _settings(self) -> Settings:
        return self.settings

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def working(settings: Settings) -> AsyncIterator[Ours]:
    ours = Ours(settings)
    task = asyncio.create_task(ours.irc.work())
    try:
        yield ours
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def present(settings: Settings) -> AsyncIterator[Ours]:
    async with working(settings) as ours:
        await ours.until(
            lambda: all(ours.irc.reaches(one.name) for one in settings.rooms) and ours.irc.state.nick
        )
        yield ours


def at(server: Ngircd | Inspircd, *rooms: Room, nick: str = "horn") -> Settings:
    password = "open" if isinstance(server, Ngircd) else ""
    return Settings("127.0.0.1", server.port, nick, rooms, password=password)


async def test_it_comes_in_over_tls_that_an_own_ca_vouches_for_into_two_channels(ngircd: Ngircd) -> None:
    tls = ssl.create_default_context(cafile=str(ngircd.ca))
    settings = replace(at(ngircd, OPS, KEYED), server="localhost", port=ngircd.tls_port, tls=tls)
    async with present(settings) as ours:
        assert ours.irc.state.rooms == {"#ops": "", "#keyed": ""}
        matt = await Somebody.at(ngircd, "matt", "#ops", "#keyed sesame", password="open")
        assert await ours.irc.tell("#ops", "one", 3) == ""
        assert await ours.irc.tell("#keyed", "two", 3) == ""
        assert [await matt.said("one"), await matt.said("two")] == ["one", "two"]


async def test_a_server_that_does_not_prove_who_it_is_is_not_spoken_to(ngircd: Ngircd) -> None:
    settings = replace(at(ngircd), server="localhost", port=ngircd.tls_port, tls=ssl.create_default_context())
    async with working(settings) as ours:
        await ours.until(lambda: ours.irc.state.problem)
        assert ours.irc.state.problem == (
            f"localhost:{ngircd.tls_port} does not prove who it is: self-signed certificate"
        )


async def test_a_wrong_password_of_the_server_is_told(ngircd: Ngircd) -> None:
    async with working(replace(at(ngircd), password="wrong")) as ours:
        await ours.until(lambda: ours.irc.state.problem)
        assert "password" in ours.irc.state.problem.lower()
        assert "wrong" not in ours.irc.state.problem


async def test_what_keeps_it_out_of_a_channel_is_told(ngircd: Ngircd) -> None:
    async with working(at(ngircd, OPS, Room("#keyed", "wrong"))) as ours:
        await ours.until(lambda: ours.irc.reaches("#ops"))
        await ours.until(lambda: ours.irc.state.rooms.get("#keyed") == "the key of the channel is wrong")
        assert not ours.irc.reaches("#keyed")


async def test_it_takes_another_nick_when_its_own_is_taken(ngircd: Ngircd) -> None:
    squatter = await Somebody.at(ngircd, "deployer", password="open")
    async with present(at(ngircd, OPS, nick="deployer")) as ours:
        assert ours.irc.state.nick == "deployer_"
    squatter.leave()


async def test_it_comes_back_when_the_server_was_away(tmp_path: Path) -> None:
    server = Ngircd(tmp_path / "ngircd")
    try:
        async with present(replace(at(server, OPS), password="")) as ours:
            server.stop()
            await ours.until(lambda: not ours.irc.reaches("#ops") and ours.irc.state.problem)
            assert "there is no connection" in await ours.irc.tell("#ops", "lost", 3)
            server.start()
            await ours.until(lambda: ours.irc.reaches("#ops"))
            assert ours.irc.state.connected_at is not None
            assert await ours.irc.tell("#ops", "here again", 3) == ""
    finally:
        server.stop()


async def test_what_somebody_says_is_heard_and_hostile_bytes_do_no_harm(ngircd: Ngircd) -> None:
    async with present(at(ngircd, OPS)) as ours:
        eve = await Somebody.at(ngircd, "eve`|x", "#ops", password="open")
        eve.raw(b"PRIVMSG #ops :\xff\xfe not \x02UTF-8\x03" + b"04\r\n")
        eve.raw(b"PRIVMSG #ops :\x01VERSION\x01\r\nNOTICE horn :loop\r\n")
        eve.raw(b"PRIVMSG horn :" + b"x" * 480 + b"\r\n")
        eve.say("horn", "$(reboot); `id`")
        async with asyncio.timeout(20):
            heard = [await ours.heard.get() for _ in range(3)]
        assert [(one.nick, one.room, one.account) for one in heard] == [
            ("eve`|x", "#ops", None),
            ("eve`|x", "", None),
            ("eve`|x", "", None),
        ]
        assert "UTF-8" in heard[0].text
        assert heard[1].text.startswith("xxx")
        assert heard[2].text == "$(reboot); `id`"
        # Longer than a line may be, with what ends one in the middle: the server throws them out, not us.
        eve.raw(b"PRIVMSG #ops :" + b"x" * 4000 + b"\0QUIT\r\n")
        assert await ours.irc.tell("#ops", "still here", 3) == ""


async def test_what_it_says_can_be_no_command_to_the_server(ngircd: Ngircd) -> None:
    async with present(at(ngircd, OPS)) as ours:
        matt = await Somebody.at(ngircd, "matt2", "#ops", password="open")
        assert await ours.irc.tell("#ops", "\x02shop\x0f/x\rQUIT :bye\x00\x0304,01red\x03\u202e", 5) == ""
        assert [await matt.said("shop"), await matt.said("QUIT")] == ["shop/x", "QUIT :byered"]
        assert ours.irc.reaches("#ops")


async def test_it_keeps_below_the_limits_of_servers(ngircd: Ngircd) -> None:
    async with present(at(ngircd, OPS)) as ours:
        matt = await Somebody.at(ngircd, "matt3", "#ops", password="open")
        assert await ours.irc.tell("#ops", "\n".join(f"line {number}" for number in range(30)), 4) == ""
        said = [await matt.said(word) for word in ("line 0", "line 1", "line 2", "more")]
        assert said == ["line 0", "line 1", "line 2", "… and 27 more lines"]


def test_five_lines_go_at_once_and_then_one_every_two_seconds() -> None:
    bucket = Bucket()
    assert [bucket.wait(100.0) for _ in range(7)] == [0, 0, 0, 0, 0, 2, 4]
    assert bucket.wait(200.0) == 0


def test_a_long_line_is_broken_between_words_and_never_within_a_character() -> None:
    space = room("horn!u@h", "#ops")
    found = lines("é" * 700, space, 10)
    assert "".join(found) == "é" * 700
    assert all(len(f":horn!u@h PRIVMSG #ops :{one}\r\n".encode()) <= 512 for one in found)
    assert lines("ship it now", 8, 10) == ["ship it", "now"]


def test_brackets_are_the_capitals_of_braces() -> None:
    assert folded("#Ops[1]~") == "#ops{1}^"


async def test_it_logs_in_with_sasl_and_knows_who_speaks_by_their_account(inspircd: Inspircd) -> None:
    owner = await Somebody.at(inspircd, "owner")
    await owner.register("hornbot")
    settings = replace(at(inspircd, OPS), account="hornbot", account_password="secret")
    async with present(settings) as ours:
        ada = await Somebody.at(inspircd, "ada")
        await ada.register("ada_l")
        ada.send("JOIN #ops")
        await ada.sees(" 366 ")
        ada.say("#ops", "hello")
        assert await ours.irc.account_of(await ours.heard.get()) == "ada_l"
        fake = await Somebody.at(inspircd, "ada_l", "#ops", "#theirs")
        fake.say("horn", "hello")
        assert await ours.irc.account_of(await ours.heard.get()) == ""
        problem = await ours.irc.tell("#theirs", "hello", 3)
        assert problem.startswith("#theirs: You cannot send external messages")


async def test_a_wrong_password_of_the_account_is_told_and_shown_nowhere(inspircd: Inspircd) -> None:
    owner = await Somebody.at(inspircd, "owner2")
    await owner.register("hornbot2")
    settings = replace(at(inspircd), account="hornbot2", account_password="not-secret")
    async with working(settings) as ours:
        await ours.until(lambda: ours.irc.state.problem)
        assert ours.irc.state.problem.startswith("the server refuses the account hornbot2")
        assert "not-secret" not in ours.irc.state.problem + repr(settings)


async def test_without_sasl_an_account_is_of_no_use(ngircd: Ngircd) -> None:
    async with working(replace(at(ngircd), account="horn", account_password="x")) as ours:
        await ours.until(lambda: ours.irc.state.problem)
        assert ours.irc.state.problem == "the server offers no SASL, which the account needs"


async def test_where_messages_do_not_say_it_the_server_is_asked_for_the_account(tmp_path: Path) -> None:
    server = Inspircd(tmp_path / "inspircd", tagged=False)
    try:
        async with present(at(server, OPS)) as ours:
            ada = await Somebody.at(server, "ada", "#ops")
            ada.say("#ops", "before")
            assert await ours.irc.account_of(await ours.heard.get()) == ""
            await ada.register("ada_l")
            ada.say("#ops", "after")
            message = await ours.heard.get()
            assert await ours.irc.account_of(message) == "ada_l"
            # Somebody else spoke under this nick, and let her have it.
            theirs = replace(message, source="ada!eve@elsewhere.example")
            assert await ours.irc.account_of(theirs) == ""
    finally:
        server.stop()
