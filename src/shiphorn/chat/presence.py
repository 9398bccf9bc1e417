"""shiphorn in one network of IRC: what is said to it is answered, what it has to say is said."""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
import time
from pathlib import Path

from shiphorn.adapters.irc import Irc
from shiphorn.adapters.irc_login import IrcError, Room, Settings
from shiphorn.adapters.irc_session import Message
from shiphorn.adapters.irc_text import folded
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.chat.answering import answer
from shiphorn.chat.grammar import is_command
from shiphorn.config.chat import IrcEntry
from shiphorn.config.service import ServiceConfig
from shiphorn.errors import ConfigError, Refused
from shiphorn.model.chat import Shown, Speaker
from shiphorn.model.settings import SecretRef
from shiphorn.service.people.pace import Pace
from shiphorn.service.service import Service

AT_ONCE = 4
"""So many are answered side by side."""
MOST_WAITING = 32
MOST, WITHIN_SECONDS = 10, 60.0
"""Somebody is answered so often in so many seconds."""

_log = logging.getLogger(__name__)


class Presence:
    """A network, for as long as `work` runs. `changed` is set when it stands otherwise than before."""

    def __init__(self, service: Service, name: str, entry: IrcEntry) -> None:
        self.entry = entry
        self.changed = asyncio.Event()
        self._service = service
        self._name = name
        self._heard: asyncio.Queue[Message] = asyncio.Queue(MOST_WAITING)
        self._pace = Pace(MOST, WITHIN_SECONDS)
        self.irc = Irc(name, self._settings, self._hear, self.changed.set)

    async def work(self) -> None:
        """Be there, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.irc.work())
            for _ in range(AT_ONCE):
                group.create_task(self._answer_all())

    async def _settings(self) -> Settings:
        entry, config = self.entry, self._service.apps.service
        secrets = ConfiguredSecrets(config.secrets, config.directory)

        async def value(ref: SecretRef | None) -> str:
            return await secrets.get(ref.name) if ref is not None else ""

        return Settings(
            entry.server,
            entry.port,
            entry.nick,
            tuple([Room(one.name, await value(one.key)) for one in entry.channels]),
            tls_context(entry, config) if entry.tls else None,
            await value(entry.password),
            entry.account,
            await value(entry.account_password),
            bool(entry.certificate),
        )

    def _hear(self, message: Message) -> None:
        if not addressed(message, self.irc.state.nick):
            return
        try:
            self._pace.ask(message.source.partition("@")[2], time.monotonic())
            self._heard.put_nowait(message)
        except (Refused, asyncio.QueueFull):
            # Whoever says too much at once is not answered: an answer to each would be a flood as well.
            _log.warning(
                "irc %s: too much is said at once; something of %s is left out", self._name, message.nick
            )

    async def _answer_all(self) -> None:
        while True:
            message = await self._heard.get()
            try:
                await self._answer(message)
            except IrcError as error:
                _log.warning("irc %s: no answer to %s: %s", self._name, message.nick, error)

    async def _answer(self, message: Message) -> None:
        account = await self.irc.account_of(message) if self.entry.believes_accounts else ""
        rooms = {folded(one.name): one for one in self.entry.channels}
        room = rooms.get(folded(message.room))
        speaker = Speaker(
            f"irc:{self._name}",
            account,
            message.nick,
            message.room,
            private=not message.room,
            shown=room.shown if room else Shown(),
        )
        text = await answer(self._service, speaker, addressed(message, self.irc.state.nick))
        if message.room:
            self.irc.say(message.room, f"{message.nick}: {text}", self.entry.lines)
        else:
            self.irc.say(message.nick, text, self.entry.lines * 2)


def addressed(message: Message, nick: str) -> str:
    """What of a message is for us: `horn: status`, `!status`, or all of it when nobody else reads it."""
    text = message.text.strip()
    called = re.match(rf"@?{re.escape(nick)}\s*[:,]\s*(.*)", text, re.IGNORECASE) if nick else None
    if called:
        return called[1] or "help"
    if text.startswith("!") and is_command(text[1:]):
        return text[1:]
    return "" if message.room else text


def tls_context(entry: IrcEntry, config: ServiceConfig) -> ssl.SSLContext:
    """What proves the server, and us where there is a certificate. Raises ConfigError SH185."""
    folder = config.directory
    try:
        context = ssl.create_default_context(cafile=_at(folder, entry.ca) if entry.ca else None)
        if entry.certificate:
            context.load_cert_chain(_at(folder, entry.certificate))
    except (OSError, ssl.SSLError) as error:
        files = " or ".join(filter(None, (entry.ca, entry.certificate)))
        raise ConfigError("SH185", f"{files} holds no certificate that could be read: {error}.") from None
    return context


def _at(folder: Path, path: str) -> str:
    return str(folder / Path(path).expanduser())
