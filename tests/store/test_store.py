"""The store, on a real file."""

from __future__ import annotations

import stat
import time
from dataclasses import replace
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from shiphorn.model.deploy import (
    CommandOutput,
    DeployState,
    HostRun,
    HostState,
    Kind,
    Observed,
    Order,
    Phase,
    Placed,
)
from shiphorn.model.deploy import Problem as HostProblem
from shiphorn.model.events import Asked, Flipped
from shiphorn.model.health import Health, Outcome, Verdict
from shiphorn.model.target import Host, Selection
from shiphorn.store import schema
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from shiphorn.store.tables import metadata

ORDER = Order("shop", "production", Kind.DEPLOY, "main", Selection(regions=("eu",)), "ada", "friday")


def opened(store: Store, executor: str = "one", now: float = 1000.0) -> int:
    return store.deploys.open(ORDER, ("deploy.yml", "app: shop"), executor, now).id


def test_the_migrations_make_the_tables_that_the_code_uses(database: Engine) -> None:
    schema.migrate(database)
    with database.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        migrations = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
        assert context.get_current_revision() == migrations.get_current_head() == schema.HEAD


def test_only_its_owner_can_read_the_database(tmp_path: Path) -> None:
    Store(open_sqlite(tmp_path / "state.db")).close()
    assert stat.S_IMODE((tmp_path / "state.db").stat().st_mode) == 0o600


def test_a_deploy_comes_back_as_it_was_recorded(store: Store) -> None:
    record = store.deploys.get(opened(store))
    assert record is not None
    assert record.order == ORDER
    assert (record.state, record.config_text, record.started_at) == (DeployState.RUNNING, "app: shop", 1000.0)
    assert store.deploys.by_run(record.run) == record
    assert store.deploys.get(99) is None


def test_one_deploy_at_a_time_holds_an_environment(store: Store) -> None:
    first, second = (store.deploys.get(opened(store)) for _ in range(2))
    assert first is not None
    assert second is not None
    token = store.deploys.lock(first, 1000.0)
    assert token == 1_000_000
    assert store.deploys.lock(second, 1000.0) is None
    assert store.deploys.holder("shop", "production") == first.id
    store.deploys.unlock(second.id)
    assert store.deploys.holder("shop", "production") == first.id
    store.deploys.unlock(first.id)
    # The clock went back: the token rises all the same.
    assert store.deploys.lock(second, 900.0) == token + 1


def test_a_lock_that_is_taken_twice_keeps_its_token(store: Store) -> None:
    number = opened(store)
    record = store.deploys.get(number)
    assert record is not None
    token = store.deploys.lock(record, 1000.0)
    again = store.deploys.get(number)
    assert again is not None
    assert store.deploys.lock(again, 2000.0) == token


def test_a_deploy_that_ends_lets_go_of_its_environment_in_the_same_instant(store: Store) -> None:
    number = opened(store)
    record = store.deploys.get(number)
    assert record is not None
    store.deploys.lock(record, 1000.0)
    store.deploys.update(number, phase="finish")
    assert store.deploys.holder("shop", "production") == number
    store.deploys.update(number, state=DeployState.SUCCEEDED, finished_at=2000.0)
    assert store.deploys.holder("shop", "production") is None


def test_history_is_newest_first(store: Store) -> None:
    one, two = opened(store), opened(store)
    assert [record.id for record in store.deploys.history("shop", "production")] == [two, one]
    assert [record.id for record in store.deploys.history("shop", limit=1)] == [two]
    assert store.deploys.history("other") == []
    latest = store.deploys.latest("shop", "production")
    assert latest is not None
    assert latest.id == two


def test_events_are_kept_in_order_and_read_from_where_one_was(store: Store) -> None:
    number = opened(store)
    store.records.add_events([Flipped(number, 1.0, 6, 3.5), Asked(number, 2.0, "stop", "ada")])
    (first, flipped), (_, stopped) = store.records.events(number)
    assert (flipped["kind"], stopped["kind"]) == ("flipped", "asked")
    assert [body for _, body in store.records.events(number, after=first)] == [stopped]


def test_hosts_keep_their_order_and_their_problems(store: Store) -> None:
    number = opened(store)
    hosts = [
        Host("web2", "192.0.2.2", region="eu", roles=("db", "web")),
        Host("web1", "192.0.2.1", region="eu"),
    ]
    placed = [HostRun(hosts[0], 0), HostRun(hosts[1], 1, wave=2)]
    store.hosts.place(number, placed)
    store.hosts.place(number, placed)
    failed = HostRun(
        hosts[1],
        1,
        HostState.FAILED,
        Phase.STAGE,
        HostProblem("SH402", "no room", "disk full", "df -h"),
        wave=2,
    )
    store.hosts.save(number, [failed])
    found = store.hosts.of_deploy(number)
    assert [run.host for run in found] == hosts
    assert found[1] == failed
    assert store.hosts.placed(number) == [
        Placed(0, "web2", "eu", "", ("db", "web"), HostState.WAITING),
        Placed(1, "web1", "eu", "", (), HostState.FAILED),
    ]


def test_what_was_seen_last_counts(store: Store) -> None:
    store.hosts.observe("shop", "production", [Observed("web1", "20260101000000", "a" * 40, (), 1.0)])
    store.hosts.observe(
        "shop", "production", [Observed("web1", "20260102000000", "b" * 40, ("20260102000000",), 2.0)]
    )
    assert store.hosts.observed("shop", "production") == {
        "web1": Observed("web1", "20260102000000", "b" * 40, ("20260102000000",), 2.0)
    }


def test_outputs_are_whole_and_the_last_word_wins(store: Store) -> None:
    number = opened(store)
    long = "line\n" * 100_000
    store.records.add_outputs(number, "web1", [CommandOutput(Phase.STAGE, "migrate", 1, "no", 0.1)])
    store.records.add_outputs(number, "web1", [CommandOutput(Phase.STAGE, "migrate", 0, long, 0.2)])
    store.records.add_outputs(number, "", [CommandOutput(Phase.BUILD, "make", 0, long, 3.0)])
    assert store.records.outputs(number) == [
        ("", CommandOutput(Phase.BUILD, "make", 0, long, 3.0)),
        ("web1", CommandOutput(Phase.STAGE, "migrate", 0, long, 0.2)),
    ]
    assert len(store.records.outputs(number, "web1")) == 1


def test_health_is_kept_by_check_and_the_last_word_wins(store: Store) -> None:
    deploy = opened(store)
    first = Health("web1", 0, "tcp x:1", Verdict.PASS, message="connected", mark="3", seen_at=5.0)
    second = Health("web1", 1, "command bin/check", Verdict.FAIL, seen_at=5.0)
    other = Health("web2", 0, "tcp y:1", seen_at=5.0)
    store.health.save(deploy, [other, first, second])
    later = replace(first, outcome=Outcome.UNHEALTHY, failures=3, message="refused", seen_at=9.0)
    store.health.save(deploy, [later])
    store.health.save(deploy, [])
    assert store.health.of_deploy(deploy) == [later, second, other]
    assert store.health.of_deploy(deploy, "web2") == [other]


def test_sqlite_knows_the_time_to_the_millisecond_whatever_its_version(tmp_path: Path) -> None:
    database = open_sqlite(tmp_path / "engine.db")
    with database.connect() as connection:
        found = connection.execute(text("SELECT unixepoch('subsec')")).scalar()
    database.dispose()
    assert found is not None
    assert abs(found - time.time()) < 60
