"""What may come once only: requests of chats, by what names them."""

from __future__ import annotations

from sqlalchemy import Engine, delete, insert
from sqlalchemy.exc import IntegrityError

from shiphorn.store.patience import patient
from shiphorn.store.tables import taken_once


@patient
class Once:
    """The table of them."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def take(self, name: str, now: float) -> bool:
        """Take something; False when it was taken before, by whatever process."""
        try:
            with self._database.begin() as connection:
                connection.execute(insert(taken_once).values(name=name, at=now))
        except IntegrityError:
            return False
        return True

    def forget(self, before: float) -> None:
        """Forget what came so long ago that it is refused by its age."""
        with self._database.begin() as connection:
            connection.execute(delete(taken_once).where(taken_once.c.at < before))
