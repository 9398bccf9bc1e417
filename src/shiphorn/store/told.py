"""What was told of deploys, and can be told anew in its place: messages of chats, marks in graphs."""

from __future__ import annotations

from sqlalchemy import Engine, delete, select

from shiphorn.store.patience import patient
from shiphorn.store.tables import told_messages
from shiphorn.store.upsert import insert_or_update


@patient
class Told:
    """The table of them. `reference` is what the other side knows a message by."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def reference(self, notifier: str, deploy_id: int) -> str:
        """What a deploy's message is known by; "" when there is none."""
        mine = (told_messages.c.notifier == notifier, told_messages.c.deploy_id == deploy_id)
        with self._database.connect() as connection:
            return connection.execute(select(told_messages.c.reference).where(*mine)).scalar() or ""

    def keep(self, notifier: str, deploy_id: int, reference: str, now: float) -> None:
        """Remember it."""
        row = {"notifier": notifier, "deploy_id": deploy_id, "reference": reference, "at": now}
        with self._database.begin() as connection:
            insert_or_update(connection, told_messages, [row], ["reference", "at"])

    def forget(self, before: float) -> None:
        """Forget what was told so long ago that nobody tells it anew."""
        with self._database.begin() as connection:
            connection.execute(delete(told_messages).where(told_messages.c.at < before))
