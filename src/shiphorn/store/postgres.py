"""PostgreSQL as the store and the engine use it: one database, shared by deployers on many machines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from shiphorn.errors import ConfigError, DatabaseError

OLDEST_VERSION = 14
"""The first PostgreSQL with `idle_session_timeout`, which ends the session of a process that is stuck."""

PATIENCE = "horn_patience_seconds"
"""The option of an engine that says how long the store waits for a database that went away."""

_CONNECTION = {
    "application_name": "horn",
    "connect_timeout": "10",
    # A server that fell silent is given up after 15 s, where TCP alone would wait for minutes.
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}
"""libpq's parameters, unless the URL sets them."""

_NO_RIGHTS = "42501"


def open_postgres(address: str, patience_seconds: float) -> Engine:
    """An engine on the database that a URL names; it connects when it is used. Raises ConfigError SH150.

    For `patience_seconds` the store asks again when the database goes away.
    Without a password in the URL libpq looks for one: `PGPASSWORD`, `~/.pgpass`, a service file.
    """
    url = _parsed(address)
    for name in ("psycopg", "sqlalchemy"):
        # Lost connections are dealt with, or told, by us: not in between by them, on standard error.
        logging.getLogger(name).addHandler(logging.NullHandler())
    missing = {name: value for name, value in _CONNECTION.items() if name not in url.query}
    # Errors must not show what was to be stored, and few connections do for one process.
    return create_engine(
        url.update_query_dict(missing),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=8,
        execution_options={PATIENCE: patience_seconds},
    )


def place(url: URL) -> str:
    """Where a database is, in words that hold no secret."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    return bare.render_as_string()


@contextmanager
def explaining(database: Engine) -> Iterator[None]:
    """Tell why a database cannot be opened. Raises DatabaseError SH801 no connection, SH802 no rights."""
    try:
        yield
    except DBAPIError as error:
        raise _explained(database.url, error) from error


def require_version(database: Engine) -> None:
    """Raise DatabaseError SH804 for a PostgreSQL that is too old."""
    if database.dialect.name != "postgresql":
        return
    with database.connect() as connection:
        version = int((connection.dialect.server_version_info or (0,))[0])
    if version < OLDEST_VERSION:
        raise DatabaseError(
            "SH804",
            f"{place(database.url)} is PostgreSQL {version}; shiphorn needs {OLDEST_VERSION} or newer.",
        )


def _parsed(address: str) -> URL:
    hint = "Write HORN_DATABASE as postgresql://USER@HOST:PORT/NAME, or unset it to use SQLite."
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # What make_url says would repeat the address, and with it a password.
        raise ConfigError("SH150", "HORN_DATABASE is not a URL.", hint=hint) from None
    if url.drivername not in ("postgresql", "postgres"):
        raise ConfigError("SH150", "HORN_DATABASE does not begin with postgresql://.", hint=hint)
    if not url.database:
        raise ConfigError("SH150", "HORN_DATABASE names no database.", hint=hint)
    return url.set(drivername="postgresql+psycopg")


def _explained(url: URL, error: DBAPIError) -> DatabaseError:
    words = str(error.orig).strip()
    for secret in filter(None, (url.password, url.query.get("password"))):
        words = words.replace(str(secret), "[secret]")
    if getattr(error.orig, "sqlstate", "") == _NO_RIGHTS:
        return DatabaseError(
            "SH802",
            f"{url.username or 'this user'} may not make tables in {place(url)}: {words}",
            hint="Let an administrator grant it: GRANT CREATE ON DATABASE, and on SCHEMA public; "
            "or make the user the owner of the database.",
        )
    return DatabaseError(
        "SH801",
        f"the database {place(url)} cannot be used: {words}",
        hint="Is the server up, and are HORN_DATABASE and the password right?"
        if url.get_backend_name() == "postgresql"
        else "",
    )
