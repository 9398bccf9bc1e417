"""How people get in: sessions of browsers, links that work once, and attempts that failed."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, delete, select, update

from shiphorn.model.people import Session
from shiphorn.store import secret as secrets
from shiphorn.store.patience import insisting, patient
from shiphorn.store.tables import links, sessions, sign_in_failures
from shiphorn.store.upsert import insert_missing


@patient
class Sessions:
    """The tables of sessions, links and failures."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def open(self, person_id: int, address: str, agent: str, now: float, expires_at: float) -> str:
        """Open a session: its secret."""
        secret = secrets.made()
        row = {
            "digest": secrets.digest_of(secret),
            "person_id": person_id,
            "created_at": now,
            "expires_at": expires_at,
            "address": address,
            "agent": agent,
        }
        self._insert(sessions, row)
        return secret

    def person_of(self, secret: str, now: float) -> int | None:
        """The number of the person whose session this is; None for one that expired or never was."""
        query = select(sessions.c.person_id).where(
            sessions.c.digest == secrets.digest_of(secret), sessions.c.expires_at > now
        )
        with self._database.connect() as connection:
            return connection.execute(query).scalar()

    def listed(self, person_id: int, now: float, *, secret: str = "") -> list[Session]:
        """The sessions of a person, the newest first; the one with this secret is the current one."""
        mine = (sessions.c.person_id == person_id, sessions.c.expires_at > now)
        query = select(sessions).where(*mine).order_by(sessions.c.created_at.desc(), sessions.c.digest)
        digest = secrets.digest_of(secret)
        with self._database.connect() as connection:
            return [
                Session(row.created_at, row.expires_at, row.address, row.agent, row.digest == digest)
                for row in connection.execute(query)
            ]

    def end(self, secret: str) -> None:
        """End a session."""
        with self._database.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == secrets.digest_of(secret)))

    def end_all(self, person_id: int, *, but: str = "") -> None:
        """End the sessions of a person, `but` the one with this secret; their unused links, too."""
        with self._database.begin() as connection:
            connection.execute(
                delete(sessions).where(
                    sessions.c.person_id == person_id, sessions.c.digest != secrets.digest_of(but)
                )
            )
            connection.execute(delete(links).where(links.c.person_id == person_id, links.c.used_at.is_(None)))

    def make_link(self, person_id: int, now: float, expires_at: float) -> str:
        """Make a link that signs a person in once: its secret."""
        secret = secrets.made()
        row = {
            "digest": secrets.digest_of(secret),
            "person_id": person_id,
            "created_at": now,
            "expires_at": expires_at,
        }
        self._insert(links, row)
        return secret

    def link_is_for(self, secret: str, now: float) -> int | None:
        """The number of the person whom a link would sign in, which is not used up by that."""
        query = select(links.c.person_id).where(
            links.c.digest == secrets.digest_of(secret), links.c.used_at.is_(None), links.c.expires_at > now
        )
        with self._database.connect() as connection:
            return connection.execute(query).scalar()

    def use_link(self, secret: str, now: float) -> int | None:
        """Use a link: the number of its person; None for one that was used, expired or never was."""
        return self._use_link(secrets.digest_of(secret), now, [])

    def add_failure(self, login: str, address: str, now: float) -> int:
        """Note an attempt to sign in: its number. Those of one that is repeated count twice."""
        values = {"login": login, "address": address, "at": now}
        with self._database.begin() as connection:
            key = connection.execute(sign_in_failures.insert().values(values)).inserted_primary_key
        return key[0] if key else 0

    def failures(
        self, since: float, before: int, *, login: str | None = None, address: str | None = None
    ) -> list[float]:
        """When attempts failed with a login, or from an address: after `since`, numbered below `before`."""
        failed = sign_in_failures.c
        query = select(failed.at).where(failed.at > since, failed.id < before).order_by(failed.at)
        if login is not None:
            query = query.where(failed.login == login)
        if address is not None:
            query = query.where(failed.address == address)
        with self._database.connect() as connection:
            return list(connection.execute(query).scalars())

    def forgive(self, number: int, *, login: str | None = None) -> None:
        """Forget an attempt; and all of those with a login."""
        failed = sign_in_failures.c
        which = failed.id == number
        if login is not None:
            which |= failed.login == login
        with self._database.begin() as connection:
            connection.execute(delete(sign_in_failures).where(which))

    def purge(self, now: float, failures_until: float) -> None:
        """Forget sessions and links that have expired, and failures up to a time."""
        with self._database.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(delete(links).where(links.c.expires_at <= now))
            connection.execute(delete(sign_in_failures).where(sign_in_failures.c.at <= failures_until))

    @insisting
    def _insert(self, table: Any, row: dict[str, Any]) -> None:
        with self._database.begin() as connection:
            insert_missing(connection, table, [row])

    @insisting
    def _use_link(self, digest: str, now: float, tries: list[None]) -> int | None:
        tries.append(None)
        mine = links.c.digest == digest
        with self._database.begin() as connection:
            used = connection.execute(
                update(links)
                .where(mine, links.c.used_at.is_(None), links.c.expires_at > now)
                .values(used_at=now)
            )
            query = select(links.c.person_id).where(mine, links.c.used_at == now)
            # A first try may have used it, and the connection been lost before the word of that.
            if used.rowcount == 1 or len(tries) > 1:
                return connection.execute(query).scalar()
        return None
