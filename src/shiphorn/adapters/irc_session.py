"""One connection to an IRC network, from its beginning to its end: RFC 2812, with a few words of IRCv3."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from irctokens.line import Line, build, tokenise

from shiphorn.adapters.irc_login import IrcError, Login, Settings
from shiphorn.adapters.irc_text import folded, lines, room
from shiphorn.adapters.irc_who import Who

_Error = TypeVar("_Error", bound=BaseException)

REGISTER_SECONDS = 60.0
SILENCE_SECONDS = 120.0
"""After so long without a word the server is asked whether it is there."""
ANSWER_SECONDS = 60.0
AGAIN_SECONDS = 30.0
"""How often rooms and the nick are tried again that were not to be had."""
STALE_SECONDS = 60.0
"""What was said longer ago comes out of somebody's history, and is no command any more."""
BURST, EVERY_SECONDS = 5, 2.0
"""Servers throw out who says more: so many lines at once, then one every so many seconds."""
MOST_WAITING = 300
MOST_BYTES = 16_384
_KEEPS_OUT = {
    "403": "there is no such channel",
    "405": "the network allows no more channels",
    "437": "the channel is not to be had at the moment",
    "471": "the channel is full",
    "473": "one must be invited",
    "474": "we are banned from there",
    "475": "the key of the channel is wrong",
    "476": "this is no name of a channel there",
    "477": "one needs an account of the network there",
    "489": "one needs a TLS connection there",
}


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said: in a `room`, or to us alone where it is "".

    `source` is `nick!user@host`. `account` is None where the network did not say whether there is one.
    """

    source: str
    room: str
    text: str
    account: str | None = None

    @property
    def nick(self) -> str:
        """What the speaker is called there."""
        return self.source.partition("!")[0]


class Bucket:
    """So many lines at once, and then one every so many seconds."""

    def __init__(self, burst: int = BURST, every_seconds: float = EVERY_SECONDS) -> None:
        self._burst = burst
        self._every = every_seconds
        self._full_at = 0.0

    def wait(self, now: float) -> float:
        """Take a line: how long to wait ahead of it. `now` is of a clock that only goes on."""
        self._full_at = max(self._full_at, now) + self._every
        return max(0.0, self._full_at - now - self._burst * self._every)


class Session:
    """A connection that has begun. `hear` is given what is said, `changed` is called when something is."""

    def __init__(
        self,
        settings: Settings,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hear: Callable[[Message], None],
        changed: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.login = Login(settings, self._write)
        self.joined: set[str] = set()
        self.problems: dict[str, str] = {}
        self._reader, self._writer = reader, writer
        self._hear, self._changed = hear, changed
        self._who = Who(self._put)
        self._bucket = Bucket()
        self._waiting: deque[str] = deque()
        self._more = asyncio.Event()
        self._prefix = ""
        self._heard_at = time.monotonic()
        self._pongs: dict[str, asyncio.Future[str]] = {}
        self._number = 0
        self._refused: dict[str, str] = {}
        self._handlers: dict[str, Callable[[Line], None]] = {
            "PING": self._on_ping,
            "PONG": self._on_pong,
            "ERROR": self._on_error,
            "NICK": self._on_nick,
            "JOIN": self._on_join,
            "PART": self._on_part,
            "KICK": self._on_kick,
            "QUIT": self._who.spoil,
            "ACCOUNT": self._who.spoil,
            "PRIVMSG": self._on_privmsg,
            **dict.fromkeys(_KEEPS_OUT, self._on_kept_out),
            **dict.fromkeys(("401", "404", "531"), self._on_not_sent),
            **self.login.handlers,
            **self._who.handlers,
        }

    async def run(self) -> None:
        """Register, join, and listen until the connection is lost. Raises IrcError."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_waiting())
                group.create_task(self._keep_alive())
                self.login.begin()
                await self._listen()
        except* IrcError as errors:
            raise _first(errors) from None
        except* OSError as errors:
            raise IrcError(f"the connection is lost: {_first(errors)}") from None
        finally:
            for future in self._pongs.values():
                _answer(future, "the connection was lost meanwhile")
            self._who.give_up()
            self._writer.close()

    def say(self, target: str, text: str, most: int) -> None:
        """Say something, as soon as the limits let it through. Raises IrcError when too much waits."""
        for line in lines(text, room(self._own_prefix(), target), most):
            self._put("PRIVMSG", target, line)

    async def told(self, target: str, text: str, most: int) -> str:
        """Say something and wait until the server has taken it: "" when it did, else why not."""
        self._refused.pop(folded(target), None)
        self._number += 1
        token = f"horn-{self._number}"
        taken = self._pongs[token] = asyncio.get_running_loop().create_future()
        try:
            self.say(target, text, most)
            # What is said comes first, so that the answer to this says that it has arrived.
            self._put("PING", token)
            async with asyncio.timeout(ANSWER_SECONDS + len(self._waiting) * EVERY_SECONDS):
                problem = await taken
        except TimeoutError:
            return "the server does not say that it took it"
        except IrcError as error:
            return str(error)
        finally:
            self._pongs.pop(token, None)
        return problem or self._refused.pop(folded(target), "")

    async def account_of(self, message: Message) -> str:
        """The account that the network vouches for; "" for none, or when it is not sure who spoke."""
        if "account-tag" in self.login.agreed:
            return message.account or ""
        return await self._who.account_of(message.source)

    async def quit(self, reason: str) -> None:
        """Take leave."""
        with suppress(OSError, TimeoutError):
            self._write("QUIT", reason)
            async with asyncio.timeout(2):
                await self._writer.drain()

    async def _listen(self) -> None:
        while True:
            try:
                raw = await self._reader.readline()
            except ValueError:
                # Longer than any line may be: it is left out.
                continue
            if not raw:
                raise IrcError("the server has closed the connection")
            self._heard_at = time.monotonic()
            # What is no line, or lacks something, says nothing to us.
            with suppress(ValueError, IndexError):
                line = tokenise(raw.rstrip(b"\r\n"))
                if handler := self._handlers.get(line.command):
                    handler(line)
                if line.command == "001":
                    self._join()
                    self._changed()

    async def _send_waiting(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await asyncio.sleep(self._bucket.wait(time.monotonic()))
                self._writer.write(self._waiting.popleft().encode() + b"\r\n")
                await self._writer.drain()

    async def _keep_alive(self) -> None:
        try:
            async with asyncio.timeout(REGISTER_SECONDS):
                await self.login.welcome.wait()
        except TimeoutError:
            raise IrcError(f"the server did not let us in within {REGISTER_SECONDS:g} s") from None
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            silent = time.monotonic() - self._heard_at
            if silent > SILENCE_SECONDS + ANSWER_SECONDS:
                raise IrcError(f"the server has not been heard of for {silent:.0f} s")
            if silent > SILENCE_SECONDS:
                self._write("PING", "horn")
            if folded(self.login.nick) != folded(self.settings.nick):
                self._put("NICK", self.settings.nick)
            self._join()

    def _join(self) -> None:
        for one in self.settings.rooms:
            if folded(one.name) not in self.joined:
                self._put("JOIN", one.name, *filter(None, [one.key]))

    def _put(self, command: str, *params: str) -> None:
        if len(self._waiting) >= MOST_WAITING:
            raise IrcError(f"{MOST_WAITING} lines wait to be sent already")
        self._waiting.append(_formatted(command, params))
        self._more.set()

    def _write(self, command: str, *params: str) -> None:
        self._writer.write(_formatted(command, params).encode() + b"\r\n")

    def _own_prefix(self) -> str:
        return self._prefix or f"{self.login.nick}!{'u' * 12}@{'h' * 64}"

    def _is_me(self, source: str | None) -> bool:
        return folded((source or "").partition("!")[0]) == folded(self.login.nick)

    def _on_ping(self, line: Line) -> None:
        self._write("PONG", *line.params[:1])

    def _on_pong(self, line: Line) -> None:
        if future := self._pongs.get(line.params[-1]):
            _answer(future, "")

    def _on_error(self, line: Line) -> None:
        raise IrcError(f"the server says: {line.params[-1]}")

    def _on_nick(self, line: Line) -> None:
        self._who.spoil(line)
        if self._is_me(line.source):
            self.login.nick = line.params[0]
            self._prefix = ""
            self._changed()

    def _on_join(self, line: Line) -> None:
        if self._is_me(line.source):
            self._prefix = line.source or ""
            self.joined.add(folded(line.params[0]))
            self.problems.pop(folded(line.params[0]), None)
            self._changed()

    def _on_part(self, line: Line) -> None:
        self._who.spoil(line)
        if self._is_me(line.source):
            self._left(line.params[0], "we have left")

    def _on_kick(self, line: Line) -> None:
        if folded(line.params[1]) == folded(self.login.nick):
            self._left(line.params[0], f"we were kicked out: {line.params[-1]}")

    def _left(self, name: str, why: str) -> None:
        self.joined.discard(folded(name))
        self.problems[folded(name)] = why
        self._changed()

    def _on_kept_out(self, line: Line) -> None:
        name = folded(line.params[1])
        if name in {folded(one.name) for one in self.settings.rooms}:
            self.problems[name] = self._refused[name] = _KEEPS_OUT[line.command]
            self._changed()

    def _on_not_sent(self, line: Line) -> None:
        self._refused[folded(line.params[1])] = f"{line.params[1]}: {line.params[-1]}"
        self._who.no_such(line.params[1])

    def _on_privmsg(self, line: Line) -> None:
        source, (target, text, *_), tags = line.source or "", line.params, line.tags or {}
        if "!" not in source or self._is_me(source) or text.startswith("\x01") or "bot" in tags:
            return
        if _is_stale(tags.get("time", "")):
            return
        account = tags.get("account", "") if "account-tag" in self.login.agreed else None
        if folded(target) == folded(self.login.nick):
            self._hear(Message(source, "", text, account))
        elif folded(target) in self.joined:
            self._hear(Message(source, target, text, account))


def _formatted(command: str, params: Sequence[str]) -> str:
    # Whatever a parameter holds, it is not the end of a line.
    clean = [param.translate({0: None, 10: " ", 13: " "}) for param in params]
    return build(command, clean).format()


def _is_stale(at: str) -> bool:
    try:
        said = datetime.fromisoformat(at)
    except ValueError:
        return False
    return said.tzinfo is not None and time.time() - said.timestamp() > STALE_SECONDS


def _answer(future: asyncio.Future[str], text: str) -> None:
    if not future.done():
        future.set_result(text)


def _first(group: BaseExceptionGroup[_Error]) -> _Error:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
