"""Tokens for the API. A row is never deleted: revoked ones are the history."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, insert, or_, select, update

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Role, Token
from shiphorn.store import secret as secrets
from shiphorn.store.patience import insisting, patient
from shiphorn.store.tables import tokens

TOUCHED_EVERY_SECONDS = 60.0
"""How exact `used_at` is: a token that is used all the time writes no more than that."""


@patient
class Tokens:
    """The table of tokens."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def make(
        self, person_id: int, name: str, grant: Grant, now: float, *, expires_at: float | None = None
    ) -> tuple[str, Token]:
        """Make a token: its secret, which nobody can tell again, and the token."""
        secret = secrets.made("horn_")
        digest = secrets.digest_of(secret)
        return secret, self.keep(person_id, name, grant, now, digest=digest, expires_at=expires_at)

    def keep(
        self,
        person_id: int,
        name: str,
        grant: Grant,
        now: float,
        *,
        digest: str,
        expires_at: float | None = None,
        via: str = "api",
    ) -> Token:
        """Keep a token whose secret somebody else has made; only its digest is known here."""
        row = {
            "person_id": person_id,
            "name": name,
            "digest": digest,
            "role": grant.role,
            "app": grant.scope.app,
            "environment": grant.scope.environment,
            "created_at": now,
            "expires_at": expires_at,
            "via": via,
        }
        self._insert(row)
        return self._select(tokens.c.digest == digest)[0]

    def by_digest(self, digest: str) -> Token | None:
        """The token with this digest, in force or not."""
        return next(iter(self._select(tokens.c.digest == digest)), None)

    def find(self, secret: str, now: float) -> Token | None:
        """The token with this secret, which is in use by that; None when it expired or was revoked."""
        found = self._select(
            tokens.c.digest == secrets.digest_of(secret),
            tokens.c.revoked_at.is_(None),
            or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > now),
        )
        for token in found:
            if token.used_at is None or now - token.used_at >= TOUCHED_EVERY_SECONDS:
                with self._database.begin() as connection:
                    connection.execute(update(tokens).where(tokens.c.id == token.id).values(used_at=now))
            return token
        return None

    def get(self, token_id: int) -> Token | None:
        """The token with this number."""
        return next(iter(self._select(tokens.c.id == token_id)), None)

    def listed(self, person_id: int | None = None) -> list[Token]:
        """The tokens of a person, or of all, in the order in which they were made."""
        return self._select(*([] if person_id is None else [tokens.c.person_id == person_id]))

    def revoke(self, token_id: int, now: float) -> None:
        """Revoke a token for good. One that was revoked before keeps the time of that."""
        unrevoked = (tokens.c.id == token_id, tokens.c.revoked_at.is_(None))
        with self._database.begin() as connection:
            connection.execute(update(tokens).where(*unrevoked).values(revoked_at=now))

    @insisting
    def _insert(self, row: dict[str, Any]) -> None:
        mine = select(tokens.c.id).where(tokens.c.digest == row["digest"])
        with self._database.begin() as connection:
            if connection.execute(mine).first() is None:
                connection.execute(insert(tokens).values(row))

    def _select(self, *wanted: ColumnElement[bool]) -> list[Token]:
        with self._database.connect() as connection:
            return [
                _token(row) for row in connection.execute(select(tokens).where(*wanted).order_by(tokens.c.id))
            ]


def _token(row: Row[Any]) -> Token:
    return Token(
        row.id,
        row.person_id,
        row.name,
        Grant(Role(row.role), Scope(row.app, row.environment)),
        row.created_at,
        row.expires_at,
        row.used_at,
        row.revoked_at,
        row.via,
    )
