"""The record of a deploy: what commands printed, and what happened in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Engine, case, insert, select

from shiphorn.model.deploy import CommandOutput, Phase
from shiphorn.model.events import Event
from shiphorn.store.columns import storable
from shiphorn.store.patience import patient
from shiphorn.store.tables import events, outputs, texts
from shiphorn.store.upsert import insert_missing, insert_or_update

_PHASE_ORDER = case({phase: number for number, phase in enumerate(Phase)}, value=outputs.c.phase)


@patient
class Records:
    """The tables of outputs and events. What comes in must be redacted already."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add_outputs(self, deploy_id: int, host: str, printed: Sequence[CommandOutput]) -> None:
        """Keep what commands printed on a host; "" is the deployer. The last word on a command wins."""
        if not printed:
            return
        digests = [hashlib.sha256(storable(one.output).encode()).hexdigest() for one in printed]
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
