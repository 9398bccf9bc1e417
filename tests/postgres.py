"""A real PostgreSQL server on a loopback port, and a fresh database for each test."""

from __future__ import annotations

import os
import pwd
import secrets
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.programs import program

BINARIES = ":".join(str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
}
RULES = """
host all needs_password 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""
GUARD = 'read -r _; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" 2>/dev/null; rm -rf "$0"'


class Postgres:
    """One server. It refuses to run as root, who runs it as Debian's user `postgres`."""

    def __init__(self) -> None:
        self._server = program("postgres", BINARIES)
        self._initdb = program("initdb", BINARIES)
        self.folder = Path(tempfile.mkdtemp(prefix="horn-postgres-"))
        self._as_user: list[str] = []
        if os.getuid() == 0:
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self._as_user = [
                program("setpriv"),
                f"--reuid={owner.pw_uid}",
                f"--regid={owner.pw_gid}",
                "--clear-groups",
                "--",
            ]
        self._data = self.folder / "data"
        made = [
            self._initdb,
            "--no-sync",
            "--username=horn",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        ]
        subprocess.run([*self._as_user, *made, str(self._data)], check=True, capture_output=True, cwd="/")
        (self._data / "pg_hba.conf").write_text(RULES)
        # The end of its input says that this process is gone, however it ended: a kill leaves nothing.
        self._guard = subprocess.Popen(
            ["sh", "-c", GUARD, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = self.start()

    def close(self) -> None:
        """Stop the server, and remove all of it."""
        self.stop()
        self._guard.communicate()

    def url(self, name: str, user: str = "horn") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{name}"

    def start(self) -> subprocess.Popen[bytes]:
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        command = [self._server, "-D", str(self._data), "-p", str(self.port), *settings]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._as_user, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        while True:
            try:
                self.sql("SELECT 1")
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
            else:
                return self.process

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT breaks all connections, SIGQUIT is as good as a crash."""
        self.process.send_signal(how)
        self.process.wait()

    def restart(self, how: signal.Signals = signal.SIGINT) -> None:
        self.stop(how)
        self.start()

    def sql(self, statement: str, name: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(name), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def make(self, owner: str = "horn") -> str:
        """A fresh database: its name."""
        name = f"test_{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} OWNER {owner}")
        return name


class Database:
    """A database of a test's own."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.name = server.make()
        self.url = server.url(self.name)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        return self.server.sql(statement, self.name)

    def break_connections(self, application: str = "horn") -> int:
        """Terminate the sessions of shiphorn, as an administrator may: how many there were."""
        found = self.sql(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            f" WHERE datname = '{self.name}' AND application_name = '{application}'"
        )
        return int(str(found[0][0]))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture
def postgres(postgres_server: Postgres) -> Iterator[Database]:
    database = Database(postgres_server)
    yield database
    postgres_server.sql(f"DROP DATABASE {database.name} WITH (FORCE)")
