"""Codes that people take from their account to a chat, each good for one thing, once, for a while."""

from __future__ import annotations

import secrets as chance

from sqlalchemy import Engine, delete, select, update

from shiphorn.model.chat import CodeUse
from shiphorn.store.patience import insisting, patient
from shiphorn.store.secret import digest_of
from shiphorn.store.tables import codes
from shiphorn.store.upsert import insert_missing

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""Without what is taken for something else when it is read."""
LETTERS = 8


@patient
class Codes:
    """The table of codes. A code has 40 bits of chance: guesses are to be counted (`chat_accounts`)."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def make(self, person_id: int, use: CodeUse, now: float, expires_at: float) -> str:
        """Make a code, in place of those of the person for the same use: the code."""
        code = "".join(chance.choice(ALPHABET) for _ in range(LETTERS))
        self._make(code, person_id, use, now, expires_at)
        return code

    def owner(self, code: str, use: CodeUse, now: float) -> int | None:
        """The number of the person whose code it is, which is not used up by that; None for nobody's."""
        mine = (codes.c.digest == digest_of(code), codes.c.purpose == use)
        query = select(codes.c.person_id).where(*mine, codes.c.used_at.is_(None), codes.c.expires_at > now)
        with self._database.connect() as connection:
            return connection.execute(query).scalar()

    def use(self, code: str, use: CodeUse, now: float) -> int | None:
        """Use a code up: the number of its person; None for one that was used, expired or never was."""
        return self._use(digest_of(code), use, now, [])

    def forget(self, now: float) -> None:
        """Drop those that have expired."""
        with self._database.begin() as connection:
            connection.execute(delete(codes).where(codes.c.expires_at <= now))

    @insisting
    def _make(self, code: str, person_id: int, use: CodeUse, now: float, expires_at: float) -> None:
        row = {
            "digest": digest_of(code),
            "person_id": person_id,
            "purpose": use,
            "created_at": now,
            "expires_at": expires_at,
        }
        older = (codes.c.person_id == person_id, codes.c.purpose == use, codes.c.digest != row["digest"])
        with self._database.begin() as connection:
            connection.execute(delete(codes).where(*older))
            insert_missing(connection, codes, [row])

    @insisting
    def _use(self, digest: str, use: CodeUse, now: float, tries: list[None]) -> int | None:
        tries.append(None)
        mine = (codes.c.digest == digest, codes.c.purpose == use)
        free = (codes.c.used_at.is_(None), codes.c.expires_at > now)
        with self._database.begin() as connection:
            used = connection.execute(update(codes).where(*mine, *free).values(used_at=now))
            # A first try may have used it, and the connection been lost before the word of that.
            if used.rowcount == 1 or len(tries) > 1:
                query = select(codes.c.person_id).where(*mine, codes.c.used_at == now)
                return connection.execute(query).scalar()
        return None
