"""The record of a deploy: what commands printed, and what happened in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Engine, case, func, insert, select

from shiphorn.model.deploy import CommandOutput, Phase
from shiphorn.model.events import Event
from shiphorn.store.columns import storable
from shiphorn.store.patience import patient
from shiphorn.store.tables import events, outputs, texts
from shiphorn.store.upsert import insert_missing, insert_or_update

_PHASE_ORDER = case({phase: number for number, phase in enumerate(Phase)}, value=outputs.c.phase)


class FoldRow(NamedTuple):
    """Hosts on which a command printed the same and ended the same: how many, the first by name, and how
    long the slowest took. `digest` is that of the text.
    """

    phase: str
    command: str
    exit_status: int | None
    digest: str
    hosts: int
    host: str
    seconds: float


@patient
class Records:
    """The tables of outputs and events. What comes in must be redacted already."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add_outputs(self, deploy_id: int, host: str, printed: Sequence[CommandOutput]) -> None:
        """Keep what commands printed on a host; "" is the deployer. The last word on a command wins."""
        if not printed:
            return
        digests = [digest_of(one.output) for one in printed]
        rows = [
            {
                "deploy_id": deploy_id,
                "host": host,
                "phase": one.phase,
                "position": position,
                "command": one.command,
                "exit_status": one.exit_status,
                "seconds": one.seconds,
                "digest": digest,
            }
            for position, (one, digest) in enumerate(zip(printed, digests, strict=True))
        ]
        kept = [{"digest": digest, "text": one.output} for digest, one in zip(digests, printed, strict=True)]
        with self._database.begin() as connection:
            insert_missing(connection, texts, kept)
            insert_or_update(connection, outputs, rows, ("exit_status", "seconds", "digest"))

    def outputs(self, deploy_id: int, host: str | None = None) -> list[tuple[str, CommandOutput]]:
        """(host, output) of every command of a deploy, or of one host, in the order of the phases."""
        query = (
            select(outputs, texts.c.text)
            .join(texts)
            .where(outputs.c.deploy_id == deploy_id)
            .order_by(_PHASE_ORDER, outputs.c.position, outputs.c.host)
        )
        if host is not None:
            query = query.where(outputs.c.host == host)
        with self._database.connect() as connection:
            return [
                (row.host, CommandOutput(row.phase, row.command, row.exit_status, row.text, row.seconds))
                for row in connection.execute(query)
            ]

    def add_events(self, happened: Iterable[Event]) -> None:
        """Append to the record."""
        rows = [row_of(event) for event in happened]
        if rows:
            with self._database.begin() as connection:
                connection.execute(insert(events), rows)

    def folds(self, deploy_id: int, text: str = "") -> list[FoldRow]:
        """What commands printed, each text once, in the order of the commands and the most frequent first.

        `text` keeps what contains it, as output or command, whatever its case.
        """
        command = (outputs.c.phase, outputs.c.command)
        place = func.min(func.min(outputs.c.position)).over(partition_by=command)
        query = (
            select(
                *command,
                outputs.c.exit_status,
                outputs.c.digest,
                func.count().label("hosts"),
                func.min(outputs.c.host).label("host"),
                func.max(outputs.c.seconds).label("seconds"),
            )
            .join(texts)
            .where(outputs.c.deploy_id == deploy_id)
            .group_by(*command, outputs.c.exit_status, outputs.c.digest)
            .order_by(_PHASE_ORDER, place, outputs.c.command, func.count().desc(), func.min(outputs.c.host))
        )
        if text:
            found = texts.c.text.icontains(text, autoescape=True)
            query = query.where(found | outputs.c.command.icontains(text, autoescape=True))
        with self._database.connect() as connection:
            return [FoldRow(*row) for row in connection.execute(query)]

    def printed_on(self, deploy_id: int, digests: Sequence[str], limit: int) -> list[tuple[str, ...]]:
        """(phase, command, digest, host) of some texts, by host."""
        query = (
            select(outputs.c.phase, outputs.c.command, outputs.c.digest, outputs.c.host)
            .where(outputs.c.deploy_id == deploy_id, outputs.c.digest.in_(digests))
            .order_by(outputs.c.host)
            .limit(limit)
        )
        with self._database.connect() as connection:
            return [tuple(row) for row in connection.execute(query)]

    def beginnings(self, digests: Sequence[str], length: int) -> dict[str, tuple[str, int]]:
        """(its beginning, its length) of texts by digest, in characters."""
        query = select(texts.c.digest, func.substr(texts.c.text, 1, length), func.length(texts.c.text)).where(
            texts.c.digest.in_(digests)
        )
        with self._database.connect() as connection:
            return {digest: (text, total) for digest, text, total in connection.execute(query)}

    def text(self, deploy_id: int, digest: str) -> str | None:
        """A text that a command of a deploy printed; None when none of its commands did."""
        query = (
            select(texts.c.text)
            .join(outputs)
            .where(outputs.c.deploy_id == deploy_id, texts.c.digest == digest)
        )
        with self._database.connect() as connection:
            return connection.execute(query.limit(1)).scalar()

    def last_event(self, deploy_id: int) -> int:
        """The number of the last event of a deploy; 0 when there is none."""
        with self._database.connect() as connection:
            query = select(func.max(events.c.id)).where(events.c.deploy_id == deploy_id)
            return connection.execute(query).scalar() or 0

    def events(self, deploy_id: int, after: int = 0) -> list[tuple[int, dict[str, Any]]]:
        """(number, event as JSON) of a deploy, from after the given number on."""
        query = (
            select(events.c.id, events.c.body)
            .where(events.c.deploy_id == deploy_id, events.c.id > after)
            .order_by(events.c.id)
        )
        with self._database.connect() as connection:
            return [(row.id, row.body) for row in connection.execute(query)]


def row_of(event: Event) -> dict[str, Any]:
    """An event as a row of its table."""
    return {"deploy_id": event.deploy_id, "at": event.at, "kind": event.kind, "body": event.as_json()}


def digest_of(text: str) -> str:
    """What an output is known by: the sha256 of its text."""
    return hashlib.sha256(storable(text).encode()).hexdigest()
