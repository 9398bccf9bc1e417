"""Getting in at an IRC network: capabilities, SASL, a nick that is free.

RFC 2812, section 3.1; https://ircv3.net/specs/extensions/capability-negotiation and sasl-3.1.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from irctokens.line import Line

from shiphorn.adapters.irc_text import nicks

WANTED = ("account-tag", "account-notify", "message-tags", "server-time")
"""Who somebody is, when that changes, and when something was said."""


class IrcError(Exception):
    """Why there is no connection, or none any more. The text holds no secret."""


@dataclass(frozen=True, slots=True)
class Room:
    """A channel, and the key that it may need."""

    name: str
    key: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is reached. `tls` is None for a connection in the clear.

    `account` and its password log in with SASL PLAIN; `external` with the certificate that is in `tls`.
    """

    server: str
    port: int
    nick: str
    rooms: tuple[Room, ...] = ()
    tls: ssl.SSLContext | None = None
    password: str = field(default="", repr=False)
    account: str = ""
    account_password: str = field(default="", repr=False)
    external: bool = False


class Login:
    """The way in. `write` sends a line at once; `welcome` is set when it is done, `nick` is what we got."""

    def __init__(self, settings: Settings, write: Callable[..., None]) -> None:
        self.nick = settings.nick
        self.welcome = asyncio.Event()
        self.agreed: set[str] = set()
        self.handlers: dict[str, Callable[[Line], None]] = {
            "CAP": self._on_cap,
            "AUTHENTICATE": self._on_authenticate,
            "001": self._on_welcome,
            "432": self._on_bad_nick,
            "433": self._on_nick_taken,
            "436": self._on_nick_taken,
            "464": self._on_bad_password,
            "903": self._on_logged_in,
            **dict.fromkeys(("902", "904", "905", "906", "908"), self._on_not_logged_in),
        }
        self._settings = settings
        self._write = write
        self._offered: set[str] = set()
        self._logged_in = False
        self._tries: Iterator[str] = iter(nicks(settings.nick))

    def begin(self) -> None:
        """Say who we are."""
        self._write("CAP", "LS", "302")
        if self._settings.password:
            self._write("PASS", self._settings.password)
        self._write("NICK", next(self._tries))
        self._write("USER", "shiphorn", "0", "*", "shiphorn")

    @property
    def _has_account(self) -> bool:
        return bool(self._settings.account) or self._settings.external

    def _on_cap(self, line: Line) -> None:
        what, listed = line.params[1].upper(), line.params[-1].split()
        match what:
            case "LS":
                self._offered.update(listed)
                if line.params[2] != "*" or len(line.params) == 3:
                    self._ask_for_caps()
            case "ACK":
                self.agreed.update(name for name in listed if not name.startswith("-"))
                self._after_caps()
            case "NAK":
                self._after_caps()
            case "NEW" if self.welcome.is_set():
                names = [name for name in WANTED if name in {one.partition("=")[0] for one in listed}]
                if names:
                    self._write("CAP", "REQ", " ".join(names))
            case "DEL":
                self.agreed.difference_update(listed)

    def _ask_for_caps(self) -> None:
        names = {one.partition("=")[0] for one in self._offered}
        wanted = [name for name in WANTED if name in names]
        if self._has_account and "sasl" in names:
            wanted.append("sasl")
        if wanted:
            self._write("CAP", "REQ", " ".join(wanted))
        else:
            self._after_caps()

    def _after_caps(self) -> None:
        if self.welcome.is_set():
            return
        if not self._has_account:
            self._write("CAP", "END")
        elif "sasl" not in self.agreed:
            raise IrcError("the server offers no SASL, which the account needs")
        else:
            self._write("AUTHENTICATE", "EXTERNAL" if self._settings.external else "PLAIN")

    def _on_authenticate(self, line: Line) -> None:
        if line.params[0] != "+":
            return
        given = self._settings
        plain = f"{given.account}\0{given.account}\0{given.account_password}".encode()
        text = base64.b64encode(given.account.encode() if given.external else plain).decode()
        # What is as long as a chunk may be needs an empty one behind it.
        chunks = [text[at : at + 400] for at in range(0, len(text), 400)]
        for chunk in [*chunks, *(["+"] if not chunks or len(chunks[-1]) == 400 else [])]:
            self._write("AUTHENTICATE", chunk)

    def _on_logged_in(self, _: Line) -> None:
        self._logged_in = True
        self._write("CAP", "END")

    def _on_not_logged_in(self, line: Line) -> None:
        raise IrcError(f"the server refuses the account {self._settings.account}: {line.params[-1]}")

    def _on_nick_taken(self, _: Line) -> None:
        if self.welcome.is_set():
            return
        try:
            self._write("NICK", next(self._tries))
        except StopIteration:
            raise IrcError(f"no nick such as {self._settings.nick} is free") from None

    def _on_bad_nick(self, line: Line) -> None:
        if not self.welcome.is_set():
            raise IrcError(f"the server takes no such nick as {line.params[1]}: {line.params[-1]}")

    def _on_bad_password(self, _: Line) -> None:
        raise IrcError("the server refuses its password")

    def _on_welcome(self, line: Line) -> None:
        if self._has_account and not self._logged_in:
            raise IrcError("the server let it in without its account")
        self.nick = line.params[0]
        self.welcome.set()
