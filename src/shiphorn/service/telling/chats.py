"""Networks of chats: how each stands, and a test of a channel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

from shiphorn.errors import NotFound, Refused
from shiphorn.model.chat import ChatNetwork
from shiphorn.model.notices import Moment, Standing
from shiphorn.model.people import Caller, Role
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.audit import record
from shiphorn.service.service import Service
from shiphorn.service.telling.announcing import trial
from shiphorn.service.telling.notifiers import Tried


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel of a network. `problem` keeps shiphorn out of it, "" when it is in; `failure` is why it did
    not take what was announced last. Times are Unix seconds, None for never.
    """

    name: str
    apps: tuple[str, ...]
    environments: tuple[str, ...]
    on: tuple[Moment, ...]
    quiet: str
    readers: str
    problem: str
    told_at: float | None
    failure: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network of IRC, and how it stands. `connected_at` None is for one without a connection.

    `accounts` is whether it is believed what account somebody has there.
    """

    name: str
    server: str
    tls: bool
    accounts: bool
    nick: str
    connected_at: float | None
    problem: str
    failed_at: float | None
    channels: tuple[Channel, ...]


def listed(service: Service, caller: Caller) -> list[Network]:
    """All networks, in the order of the file. Raises Forbidden SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at chats", service.store)
    states = service.store.chat_networks.listed()
    told = service.store.notified.listed()
    return [
        _network(service, name, states.get(name, ChatNetwork(name)), told)
        for name in service.apps.service.model.chat.irc
    ]


async def trying(service: Service, caller: Caller, network: str, channel: str) -> Tried:
    """Say something in a channel. Raises Forbidden SH550, NotFound SH948, Refused SH949."""
    require(caller, Role.ADMIN, EVERYWHERE, "try chats", service.store)
    entry = service.apps.service.model.chat.irc.get(network)
    rooms = {one.name: one for one in entry.channels} if entry else {}
    if channel not in rooms:
        raise NotFound("SH948", f"shiphorn.yml has no channel {channel} in a network {network}.")
    state = (await asyncio.to_thread(service.store.chat_networks.listed)).get(network)
    if state is None or state.connected_at is None:
        why = state.problem if state is not None else ""
        raise Refused("SH949", f"there is no connection to {network}.", hint=why or "It is being made.")
    person = await asyncio.to_thread(service.store.people.by_login, caller.name)
    actor = person.name if person is not None and person.name else caller.name
    notice = trial(f"{network} {channel}", actor, service.apps.service.model.url.rstrip("/"))
    audience = rooms[channel].audience(network)
    problem = await service.notifier.tell(str(audience.url), notice)
    facts = {"network": network, "channel": channel, "problem": problem}
    await asyncio.to_thread(
        record, service.store, caller, "chat tested", EVERYWHERE, time.time(), facts=facts
    )
    return Tried(channel, not problem, problem)


def _network(service: Service, name: str, state: ChatNetwork, told: Mapping[str, Standing]) -> Network:
    entry = service.apps.service.model.chat.irc[name]
    channels = []
    for one in entry.channels:
        audience = one.audience(name)
        standing = told.get(audience.name, Standing(audience.name, 0, 0))
        failed = standing.failed_at is not None and standing.failed_at >= (standing.told_at or 0.0)
        channels.append(
            Channel(
                one.name,
                audience.apps,
                audience.environments,
                audience.on,
                str(audience.quiet or ""),
                one.readers,
                state.rooms.get(one.name, "") if state.connected_at else "there is no connection",
                standing.told_at,
                standing.problem if failed else "",
            )
        )
    return Network(
        name,
        f"{entry.server}:{entry.port}",
        entry.tls,
        entry.believes_accounts,
        state.nick or entry.nick,
        state.connected_at,
        "" if state.connected_at else state.problem,
        state.failed_at,
        tuple(channels),
    )
