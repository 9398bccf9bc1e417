"""The networks of IRC that shiphorn.yml names: each has one process of a service in it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import time

from shiphorn.chat.presence import Presence
from shiphorn.config.chat import ROOM_PREFIX, room_of
from shiphorn.errors import DatabaseError
from shiphorn.model.notices import Audience, Notice
from shiphorn.ports import Notifier
from shiphorn.service.apps import Apps
from shiphorn.service.service import Service
from shiphorn.service.telling.notifiers import Announcer
from shiphorn.store.store import Store

LOOK_SECONDS = 0.5
CLAIM_SECONDS, RENEW_SECONDS = 30.0, 5.0
"""Who says so for no longer has died, and another process goes in."""

_log = logging.getLogger(__name__)


class Networks:
    """All of them. `work` keeps this process in those that no other one is in."""

    def __init__(self, store: Store, apps: Apps) -> None:
        self._store = store
        self._apps = apps
        self._holder = f"{socket.gethostname()} {secrets.token_hex(4)}"
        self._present: dict[str, tuple[Presence, asyncio.Task[None]]] = {}
        self._held_until: dict[str, float] = {}
        self._claimed_at: dict[str, float] = {}
        self._names: list[str] | None = None

    def announcer(self, service: Service) -> Announcer:
        """Who tells channels of deploys, while this process is in them."""
        return Announcer(
            self._store,
            self._apps,
            service.notifier,
            audiences=lambda config: config.model.chat.audiences,
            prefix=ROOM_PREFIX,
            reaches=self.reaches,
        )

    def reaches(self, audience: Audience) -> bool:
        """Whether what is told there now would be heard."""
        place = room_of(audience.url) if isinstance(audience.url, str) else None
        found = self._present.get(place[0]) if place else None
        return found is not None and place is not None and found[0].irc.reaches(place[1])

    async def tell(self, network: str, room: str, notice: Notice) -> str:
        """Say a notice in a channel, and wait until the server has taken it: "" when it did, else why not."""
        found = self._present.get(network)
        if found is None:
            return "this process is not in that network"
        presence, _ = found
        return await presence.irc.tell(room, notice.text, presence.entry.lines)

    async def work(self, service: Service) -> None:
        """Be in them, until cancelled."""
        try:
            while True:
                try:
                    await self._look(service)
                except DatabaseError as error:
                    _log.warning("chat: %s", error)
                    await self._leave_lost()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            for name in list(self._present):
                await self._leave(name)
            await asyncio.to_thread(self._store.chat_networks.leave, self._holder)

    async def _look(self, service: Service) -> None:
        wanted = self._apps.service.model.chat.irc
        if list(wanted) != self._names:
            await asyncio.to_thread(self._store.chat_networks.keep, list(wanted))
            self._names = list(wanted)
            self._held_until.clear()
            self._claimed_at.clear()
        for name, (presence, task) in list(self._present.items()):
            if wanted.get(name) != presence.entry or task.done():
                await self._leave(name)
        for name, entry in wanted.items():
            if not await self._claim(name):
                await self._leave(name)
            elif name not in self._present:
                presence = Presence(service, name, entry)
                self._present[name] = presence, asyncio.create_task(presence.work(), name=f"irc {name}")
                presence.changed.set()
        for name, (presence, _) in self._present.items():
            if presence.changed.is_set():
                presence.changed.clear()
                await asyncio.to_thread(self._write_down, name, presence)

    async def _claim(self, name: str) -> bool:
        """Whether this process is to be in a network."""
        now = time.time()
        if self._held_until.get(name, 0.0) - CLAIM_SECONDS + RENEW_SECONDS > now:
            return True
        if now - self._claimed_at.get(name, 0.0) < RENEW_SECONDS:
            return False
        until = now + CLAIM_SECONDS
        mine = await asyncio.to_thread(self._store.chat_networks.claim, name, self._holder, now, until)
        self._held_until[name] = until if mine else 0.0
        self._claimed_at[name] = now
        return mine

    async def _leave_lost(self) -> None:
        """Leave what another process may be in by now."""
        for name in list(self._present):
            if self._held_until.get(name, 0.0) <= time.time():
                await self._leave(name)

    async def _leave(self, name: str) -> None:
        found = self._present.pop(name, None)
        if found is None:
            return
        found[1].cancel()
        for error in await asyncio.gather(found[1], return_exceptions=True):
            if isinstance(error, Exception):
                _log.error("irc %s: a defect", name, exc_info=error)

    def _write_down(self, name: str, presence: Presence) -> None:
        state = presence.irc.state
        self._store.chat_networks.stands(
            name,
            self._holder,
            nick=state.nick,
            connected_at=state.connected_at,
            rooms=state.rooms,
            problem=state.problem,
            failed_at=state.failed_at,
        )


class ChatNotifier:
    """Tells channels that this process is in, and hands all else on."""

    def __init__(self, networks: Networks, others: Notifier) -> None:
        self._networks = networks
        self._others = others

    async def tell(self, url: str, notice: Notice) -> str:
        """Hand a notice over: "" when it was taken, else why not."""
        place = room_of(url)
        if place is None:
            return await self._others.tell(url, notice)
        return await self._networks.tell(*place, notice)
