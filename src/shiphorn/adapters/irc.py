"""An IRC network: connected to, and again when the connection is lost, for as long as it is wanted."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shiphorn.adapters.irc_login import IrcError, Settings
from shiphorn.adapters.irc_session import MOST_BYTES, Message, Session
from shiphorn.adapters.irc_text import folded
from shiphorn.errors import ShiphornError

CONNECT_SECONDS = 30.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 300.0
STEADY_SECONDS = 60.0
"""A connection that held for so long went well: the next pause is short again."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IrcState:
    """How a network stands. Times are Unix seconds, None for never.

    `connected_at` is None while there is no connection; `problem` is why there is, or was last, none.
    `rooms` are the channels that are wanted, each with what keeps us out, "" for those that we are in.
    """

    nick: str
    connected_at: float | None
    rooms: dict[str, str]
    problem: str
    failed_at: float | None


class Irc:
    """A network. `settings` are asked for ahead of each connection, `hear` is given what is said.

    `changed` is called when it stands otherwise than before.
    """

    def __init__(
        self,
        name: str,
        settings: Callable[[], Awaitable[Settings]],
        hear: Callable[[Message], None],
        changed: Callable[[], None] = lambda: None,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._name = name
        self._settings = settings
        self._hear = hear
        self._changed = changed
        self._first_pause = first_pause_seconds
        self._session: Session | None = None
        self._connected_at: float | None = None
        self._problem = ""
        self._failed_at: float | None = None

    @property
    def state(self) -> IrcState:
        """How it stands."""
        session = self._session
        if session is None or not session.login.welcome.is_set():
            return IrcState("", None, {}, self._problem, self._failed_at)
        rooms = {
            one.name: ""
            if folded(one.name) in session.joined
            else session.problems.get(folded(one.name), "not in it yet")
            for one in session.settings.rooms
        }
        return IrcState(session.login.nick, self._connected_at, rooms, self._problem, self._failed_at)

    def reaches(self, room: str) -> bool:
        """Whether something that is said in a room now is heard there."""
        session = self._session
        return session is not None and session.login.welcome.is_set() and folded(room) in session.joined

    async def work(self) -> None:
        """Stay connected, until cancelled."""
        failures = 0
        while True:
            began = time.monotonic()
            try:
                await self._live()
            except (IrcError, ShiphornError) as error:
                self._problem, self._failed_at = str(error), time.time()
            finally:
                self._session, self._connected_at = None, None
                self._changed()
            failures = 0 if time.monotonic() - began > STEADY_SECONDS else failures + 1
            pause = self._pause(failures)
            _log.warning("irc %s: %s; tried again in %.0f s", self._name, self._problem, pause)
            await asyncio.sleep(pause)

    async def tell(self, target: str, text: str, most: int) -> str:
        """Say something and wait until the server has taken it: "" when it did, else why not."""
        session = self._session
        if session is None or not session.login.welcome.is_set():
            return f"there is no connection: {self._problem or 'it is being made'}"
        return await session.told(target, text, most)

    def say(self, target: str, text: str, most: int) -> None:
        """Say something, if there is a connection."""
        if self._session is not None and self._session.login.welcome.is_set():
            self._session.say(target, text, most)

    async def account_of(self, message: Message) -> str:
        """The account that the network vouches for, "" for none."""
        return await self._session.account_of(message) if self._session is not None else ""

    async def _live(self) -> None:
        settings = await self._settings()
        reader, writer = await _connected(settings)
        session = Session(settings, reader, writer, self._hear, self._on_change)
        self._session = session
        try:
            await session.run()
        except asyncio.CancelledError:
            await session.quit("shiphorn ends here")
            raise

    def _on_change(self) -> None:
        if self._connected_at is None:
            self._connected_at = time.time()
        self._changed()

    def _pause(self, failures: int) -> float:
        pause = min(self._first_pause * 2.0 ** min(failures, 12), LONGEST_PAUSE_SECONDS)
        # Not all of those at once that a server threw out at once.
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


async def _connected(settings: Settings) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    where = f"{settings.server}:{settings.port}"
    name = settings.server if settings.tls else None
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await asyncio.open_connection(
                settings.server, settings.port, ssl=settings.tls, server_hostname=name, limit=MOST_BYTES
            )
    except TimeoutError:
        raise IrcError(f"{where} does not answer within {CONNECT_SECONDS:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise IrcError(f"{where} does not prove who it is: {error.verify_message}") from None
    except OSError as error:
        raise IrcError(f"{where} cannot be reached: {error.strerror or error}") from None
