"""The databases that the store works on: how they are named, opened at once, lost and found again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from shiphorn.errors import ConfigError, DatabaseError
from shiphorn.model.deploy import CommandOutput, Kind, Order, Phase
from shiphorn.store.postgres import open_postgres, place
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.postgres import Database, Postgres

ORDER = Order("shop", "production", Kind.DEPLOY, "main", actor="ada")
PASSWORD = "correct-horse"
OPEN = """
import sys, pathlib, alembic.command
from shiphorn.store.postgres import open_postgres
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store

place = sys.argv[1]
print("ready", flush=True)
sys.stdin.readline()
Store(open_postgres(place, 1) if place.startswith("postgresql:") else open_sqlite(pathlib.Path(place)))
print("opened")
"""


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_processes_that_start_at_the_same_time_make_the_tables_once(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    name = str(tmp_path / "state.db") if kind == "sqlite" else request.getfixturevalue("postgres").url
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate() for process in started] == [("opened\n", "")] * 6


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "state.db")
    with database.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE events (id INTEGER)")
    with pytest.raises(DatabaseError, match=r"SH801 the database .*/state.db cannot be used: table events"):
        Store(database)
    with database.connect() as connection:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
    assert found == ["events"]


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql//ada:{PASSWORD}@db/shop",
        f"mysql://ada:{PASSWORD}@db/shop",
        f"postgresql://ada:{PASSWORD}@db",
        f"postgresql://ada:{PASSWORD}@db:port/shop",
    ],
)
def test_an_address_that_is_wrong_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(ConfigError) as raised:
        open_postgres(address, 1)
    assert raised.value.code == "SH150"
    assert PASSWORD not in str(raised.value)
    assert "postgresql://USER@HOST:PORT/NAME" in raised.value.hint


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (f"postgres://ada:{PASSWORD}@db.example.com:6432/shop", "postgresql://ada@db.example.com:6432/shop"),
        (f"postgresql://db/shop?user=ada&password={PASSWORD}", "postgresql://db/shop"),
        ("postgresql:///shop?host=/run/postgresql", "postgresql:///shop"),
    ],
)
def test_a_database_is_named_without_secrets(address: str, shown: str) -> None:
    assert place(open_postgres(address, 1).url) == shown


def test_no_server_is_told_at_once() -> None:
    error = refused(f"postgresql://ada:{PASSWORD}@127.0.0.1:1/shop")
    assert error.message.startswith("the database postgresql://ada@127.0.0.1:1/shop cannot be used: ")
    assert "refused" in error.message
    assert error.exit_status == 8


def test_a_wrong_password_is_told_and_not_shown(postgres: Database) -> None:
    role(postgres.server)
    url = postgres.server.url(postgres.name, f"needs_password:{PASSWORD}-not")
    assert 'password authentication failed for user "needs_password"' in refused(url).message


def test_a_password_may_come_by_the_environment(postgres: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    role(postgres.server)
    postgres.sql("GRANT ALL ON SCHEMA public TO needs_password")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    Store(open_postgres(postgres.server.url(postgres.name, "needs_password"), 1)).close()


def test_a_user_without_rights_is_told_which_are_missing(postgres: Database) -> None:
    role(postgres.server)
    error = refused(postgres.server.url(postgres.name, f"needs_password:{PASSWORD}"), "SH802")
    shown = f"postgresql://needs_password@127.0.0.1:{postgres.server.port}/{postgres.name}"
    assert error.message.startswith(f"needs_password may not make tables in {shown}: permission denied")
    assert "GRANT CREATE" in error.hint


def test_what_was_asked_while_the_server_restarted_is_asked_again(postgres: Database) -> None:
    store = Store(open_postgres(postgres.url, 10))
    number = store.deploys.open(ORDER, ("deploy.yml", "app: shop"), "one", 1.0).id
    postgres.server.restart(signal.SIGQUIT)
    assert store.deploys.open(ORDER, ("deploy.yml", "app: shop"), "one", 1.0).id > number
    postgres.break_connections()
    store.deploys.update(number, phase="stage")
    postgres.break_connections()
    found = store.deploys.get(number)
    assert found is not None
    assert found.phase == "stage"
    store.close()


def test_a_server_that_stays_away_is_given_up(postgres: Database) -> None:
    store = Store(open_postgres(postgres.url, 0.2))
    postgres.server.stop()
    try:
        with pytest.raises(DatabaseError) as raised:
            store.deploys.get(1)
    finally:
        postgres.server.start()
    shown = f"postgresql://horn@127.0.0.1:{postgres.server.port}/{postgres.name}"
    assert str(raised.value).startswith(f"SH803 {shown} has been out of reach for 0 s: ")
    assert store.deploys.get(1) is None
    store.close()


def test_a_mistake_is_not_asked_again(postgres: Database) -> None:
    store = Store(open_postgres(postgres.url, 60))
    postgres.sql("DROP TABLE deploys CASCADE")
    with pytest.raises(Exception, match='relation "deploys" does not exist'):
        store.deploys.get(1)
    store.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_text_that_no_database_takes_is_kept_as_near_as_can_be(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    database: Engine = (
        open_sqlite(tmp_path / "state.db")
        if kind == "sqlite"
        else open_postgres(request.getfixturevalue("postgres").url, 1)
    )
    store = Store(database)
    order = Order("shop", "production", Kind.DEPLOY, "ma\0in", actor="ad\udce4")
    deploy = store.deploys.open(order, ("deploy.yml", ""), "one", 1.0)
    assert (deploy.order.ref, deploy.order.actor) == ("ma␀in", "ad�")
    printed = CommandOutput(Phase.STAGE, "echo \0", 0, "one\0two\ud800three 🚀\n", 0.1)
    store.records.add_outputs(deploy.id, "web1", [printed])
    ((_, kept),) = store.records.outputs(deploy.id)
    assert (kept.command, kept.output) == ("echo ␀", "one␀two�three 🚀\n")
    store.close()


def test_writers_of_the_same_texts_do_not_block_each_other_for_ever(postgres: Database) -> None:
    store = Store(open_postgres(postgres.url, 0))
    number = store.deploys.open(ORDER, ("deploy.yml", ""), "one", 1.0).id
    low, high = sorted(("one", "two"), key=lambda text: sha256(text.encode()).hexdigest())
    insert = "INSERT INTO texts VALUES (encode(sha256(%s), 'hex'), %s)"
    printed = [CommandOutput(Phase.STAGE, "make", 0, text, 0.1) for text in (high, low)]
    blocked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(postgres.url) as other, ThreadPoolExecutor() as pool:
        other.execute(insert, (low.encode(), low))
        writing = pool.submit(store.records.add_outputs, number, "web1", printed)
        while not postgres.sql(blocked):
            time.sleep(0.02)
        other.execute(insert, (high.encode(), high))
        other.commit()
        writing.result()
    assert [kept.output for _, kept in store.records.outputs(number)] == [high, low]
    store.close()


def refused(address: str, code: str = "SH801") -> DatabaseError:
    database = open_postgres(address, 10)
    with pytest.raises(DatabaseError) as raised:
        Store(database)
    assert raised.value.code == code
    assert PASSWORD not in str(raised.value)
    database.dispose()
    return raised.value


def role(server: Postgres) -> None:
    """A user who needs a password, and may do nothing in databases of others."""
    if not server.sql("SELECT 1 FROM pg_roles WHERE rolname = 'needs_password'"):
        server.sql(f"CREATE ROLE needs_password LOGIN PASSWORD '{PASSWORD}'")
