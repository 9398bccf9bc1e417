"""Which process is in which network of chats, and how that stands."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Engine, delete, or_, select, update

from shiphorn.model.chat import ChatNetwork
from shiphorn.store.patience import patient
from shiphorn.store.tables import chat_networks
from shiphorn.store.upsert import insert_missing


@patient
class ChatNetworks:
    """The table of networks. What they are is in shiphorn.yml: a row keeps how they stand."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def keep(self, names: Collection[str]) -> None:
        """Have a row for each of these, and none for others."""
        rows = [
            {"name": name, "holder": "", "held_until": 0.0, "nick": "", "rooms": {}, "problem": ""}
            for name in names
        ]
        with self._database.begin() as connection:
            connection.execute(delete(chat_networks).where(chat_networks.c.name.not_in(list(names))))
            if rows:
                insert_missing(connection, chat_networks, rows)

    def listed(self) -> dict[str, ChatNetwork]:
        """How each of them stands, by name."""
        with self._database.connect() as connection:
            rows = connection.execute(select(chat_networks))
            return {row.name: ChatNetwork(**dict(row._mapping)) for row in rows}  # noqa: SLF001

    def claim(self, name: str, holder: str, now: float, until: float) -> bool:
        """Be the process that is in a network, or stay it; False when another one is."""
        free = or_(chat_networks.c.holder == holder, chat_networks.c.held_until <= now)
        mine = update(chat_networks).where(chat_networks.c.name == name, free)
        with self._database.begin() as connection:
            return connection.execute(mine.values(holder=holder, held_until=until)).rowcount == 1

    def leave(self, holder: str) -> None:
        """Let other processes have the networks of one that ends."""
        gone: dict[str, Any] = {"held_until": 0.0, "nick": "", "connected_at": None, "rooms": {}}
        mine = update(chat_networks).where(chat_networks.c.holder == holder)
        with self._database.begin() as connection:
            connection.execute(mine.values(gone))

    def stands(
        self,
        name: str,
        holder: str,
        *,
        nick: str,
        connected_at: float | None,
        rooms: Mapping[str, str],
        problem: str,
        failed_at: float | None,
    ) -> None:
        """Write down how a network stands, if the process is still the one that is there."""
        values: dict[str, Any] = {
            "nick": nick,
            "connected_at": connected_at,
            "rooms": dict(rooms),
            "problem": problem,
            "failed_at": failed_at,
        }
        mine = (chat_networks.c.name == name, chat_networks.c.holder == holder)
        with self._database.begin() as connection:
            connection.execute(update(chat_networks).where(*mine).values(values))
