"""People, what they may do, and how identity providers know them. Nobody is ever deleted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Person, Role
from shiphorn.store.alone import alone
from shiphorn.store.patience import patient
from shiphorn.store.tables import grants, identities, people
from shiphorn.store.upsert import insert_missing


@patient
class People:
    """The tables of people, grants and identities."""

    def __init__(self, database: Engine) -> None:
        self._database = database

    def add(
        self,
        login: str,
        now: float,
        *,
        name: str = "",
        email: str = "",
        password: str = "",
        held: Sequence[Grant] = (),
        identity: tuple[str, str] | None = None,
        only_as_first: bool = False,
    ) -> Person | None:
        """Add a person; `password` is a hash, `identity` the (issuer, subject) that a provider knows.

        Gives None, and adds nobody, when the login is taken, or when there is anybody and the new
        person is to be the first. Whoever has the identity already is given instead of a new person.
        """
        values: dict[str, Any] = {
            "login": login,
            "name": name,
            "email": email,
            "password": password,
            "muted": 0,
            "created_at": now,
        }
        try:
            person_id = self._add(values, held, identity, only_as_first)
        except IntegrityError:
            person_id = None
        if person_id is not None:
            return self.get(person_id)
        # A first try may have added them, and the connection been lost before the word of that.
        return self._one(*(people.c[name] == value for name, value in values.items()))

    def get(self, person_id: int) -> Person | None:
        """The person with this number."""
        return self._one(people.c.id == person_id)

    def by_login(self, login: str) -> Person | None:
        """The person with this login."""
        return self._one(people.c.login == login)

    def by_email(self, email: str) -> list[Person]:
        """The people with this address, in whatever case it is written."""
        return self._select(func.lower(people.c.email) == email.lower()) if email else []

    def by_identity(self, issuer: str, subject: str) -> Person | None:
        """The person whom a provider knows as this subject."""
        return self._one(people.c.id == _whose(issuer, subject).scalar_subquery())

    def all(self) -> list[Person]:
        """Everybody, by their logins; those too who are disabled."""
        return sorted(self._select(), key=lambda person: person.login)

    def anybody(self) -> bool:
        """Whether there is anybody."""
        with self._database.connect() as connection:
            return connection.execute(select(people.c.id).limit(1)).first() is not None

    def admins(self) -> list[Person]:
        """Who is admin everywhere and may sign in, by their logins."""
        everywhere = select(grants.c.person_id).where(*_ADMIN_EVERYWHERE)
        found = self._select(people.c.disabled_at.is_(None), people.c.id.in_(everywhere))
        return sorted(found, key=lambda person: person.login)

    def password(self, person_id: int) -> str:
        """The hash of a person's password, "" for none."""
        query = select(people.c.password).where(people.c.id == person_id)
        with self._database.connect() as connection:
            return connection.execute(query).scalar() or ""

    def update(self, person_id: int, **values: Any) -> bool:
        """Change columns of a person. False, and nothing is changed, when that disables the last admin."""
        with self._database.begin() as connection:
            alone(connection, "people")
            had_admin = _has_admin(connection)
            connection.execute(update(people).where(people.c.id == person_id).values(values))
            return _unless_none_is_left(connection, had_admin)

    def set_grant(self, person_id: int, grant: Grant) -> bool:
        """Give a role in a scope, in place of the one held there.

        False, and nothing is changed, when nobody would be admin everywhere any more.
        """
        with self._database.begin() as connection:
            alone(connection, "people")
            had_admin = _has_admin(connection)
            connection.execute(delete(grants).where(*_held(person_id, grant.scope)))
            connection.execute(insert(grants).values(_grant_row(person_id, grant)))
            return _unless_none_is_left(connection, had_admin)

    def drop_grant(self, person_id: int, scope: Scope) -> bool:
        """Take the role away that a person holds in exactly this scope; as `set_grant`."""
        with self._database.begin() as connection:
            alone(connection, "people")
            had_admin = _has_admin(connection)
            connection.execute(delete(grants).where(*_held(person_id, scope)))
            return _unless_none_is_left(connection, had_admin)

    def add_identity(self, issuer: str, subject: str, person_id: int) -> None:
        """Note how a provider knows a person. A subject that is somebody's already stays theirs."""
        row = {"issuer": issuer, "subject": subject, "person_id": person_id}
        with self._database.begin() as connection:
            insert_missing(connection, identities, [row])

    def drop_identity(self, issuer: str, subject: str, person_id: int) -> bool:
        """Forget how somebody else knows a person; False when they did not."""
        mine = (identities.c.issuer == issuer, identities.c.subject == subject)
        with self._database.begin() as connection:
            gone = delete(identities).where(*mine, identities.c.person_id == person_id)
            return connection.execute(gone).rowcount == 1

    def identities(self, person_id: int) -> list[tuple[str, str]]:
        """(issuer, subject) of each identity of a person."""
        query = select(identities.c.issuer, identities.c.subject).where(identities.c.person_id == person_id)
        with self._database.connect() as connection:
            return sorted((row.issuer, row.subject) for row in connection.execute(query))

    def _add(
        self,
        values: dict[str, Any],
        held: Sequence[Grant],
        identity: tuple[str, str] | None,
        only_as_first: bool,
    ) -> int | None:
        with self._database.begin() as connection:
            alone(connection, "people")
            known: int | None = connection.execute(_whose(*identity)).scalar() if identity else None
            if known is not None:
                return known
            if only_as_first and connection.execute(select(people.c.id).limit(1)).first():
                return None
            key = connection.execute(insert(people).values(values)).inserted_primary_key
            person_id: int = key[0] if key else 0
            for grant in held:
                connection.execute(insert(grants).values(_grant_row(person_id, grant)))
            if identity:
                row = {"issuer": identity[0], "subject": identity[1], "person_id": person_id}
                connection.execute(insert(identities).values(row))
        return person_id

    def _one(self, *wanted: ColumnElement[bool]) -> Person | None:
        return next(iter(self._select(*wanted)), None)

    def _select(self, *wanted: ColumnElement[bool]) -> list[Person]:
        held: dict[int, list[Grant]] = defaultdict(list)
        with self._database.connect() as connection:
            rows = connection.execute(select(people).where(*wanted).order_by(people.c.id)).all()
            query = select(grants).order_by(grants.c.app, grants.c.environment)
            if wanted:
                query = query.where(grants.c.person_id.in_(select(people.c.id).where(*wanted)))
            for row in connection.execute(query):
                held[row.person_id].append(Grant(Role(row.role), Scope(row.app, row.environment)))
        return [_person(row, held[row.id]) for row in rows]


_ADMIN_EVERYWHERE = (grants.c.role == Role.ADMIN, grants.c.app == "", grants.c.environment == "")


def _whose(issuer: str, subject: str) -> Select[Any]:
    return select(identities.c.person_id).where(
        identities.c.issuer == issuer, identities.c.subject == subject
    )


def _has_admin(connection: Connection) -> bool:
    query = select(people.c.id).join(grants).where(people.c.disabled_at.is_(None), *_ADMIN_EVERYWHERE)
    return connection.execute(query.limit(1)).first() is not None


def _unless_none_is_left(connection: Connection, had_admin: bool) -> bool:
    if not had_admin or _has_admin(connection):
        return True
    connection.rollback()
    return False


def _held(person_id: int, scope: Scope) -> tuple[ColumnElement[bool], ...]:
    return (
        grants.c.person_id == person_id,
        grants.c.app == scope.app,
        grants.c.environment == scope.environment,
    )


def _grant_row(person_id: int, grant: Grant) -> dict[str, Any]:
    return {
        "person_id": person_id,
        "role": grant.role,
        "app": grant.scope.app,
        "environment": grant.scope.environment,
    }


def _person(row: Row[Any], held: Sequence[Grant]) -> Person:
    return Person(
        row.id,
        row.login,
        row.name,
        row.email,
        row.created_at,
        grants=tuple(held),
        has_password=row.password != "",
        muted=bool(row.muted),
        disabled_at=row.disabled_at,
    )
