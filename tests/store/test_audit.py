"""The audit log, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Connection, Engine, delete, event, update
from sqlalchemy.exc import OperationalError

from shiphorn.model.audit import Act
from shiphorn.store.audit import Wanted
from shiphorn.store.postgres import open_postgres
from shiphorn.store.store import Store
from shiphorn.store.tables import audit, audit_head
from tests.postgres import Database


def act(number: int, *, actor: str = "ada", what: str = "lock", app: str = "shop", reason: str = "") -> Act:
    return Act(float(number), actor, "web", "192.0.2.7", what, app, "production", reason, {"number": number})


def fill(store: Store, rows: int) -> None:
    for number in range(1, rows + 1):
        store.audit.add(act(number))


def test_an_act_comes_back_as_it_was_kept(store: Store) -> None:
    first, second = store.audit.add(act(1)), store.audit.add(act(2, reason="why\0not"))
    assert (first.id, first.previous, second.id, second.previous) == (1, "", 2, first.digest)
    assert second.reason == "why␀not"
    assert store.audit.page() == [second, first]
    assert first.digest == "162ae9da211df2e31935d9ef0d6d3eac0a7bdf7dcb6c57172b4e1d15bc38be89"


def test_odd_facts_verify_as_well(store: Store) -> None:
    store.audit.add(
        Act(1, "ada", "cli", "", "x", facts={"é": "\ud800\0", "n": [1, 0.1, None, ("a",)], "k": {}})
    )
    assert store.audit.verify() == []
    assert store.audit.page()[0].facts == {"é": "�␀", "n": [1, 0.1, None, ["a"]], "k": {}}


def test_acts_that_are_added_at_once_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(store.audit.add, [act(number) for number in range(40)]))
    assert sorted(one.id for one in added) == list(range(1, 41))
    assert store.audit.verify() == []


def test_pages_go_on_where_the_last_one_ended(store: Store) -> None:
    fill(store, 5)
    assert [one.id for one in store.audit.page(limit=2)] == [5, 4]
    assert [one.id for one in store.audit.page(before_id=4, limit=2)] == [3, 2]
    assert [one.id for one in store.audit.export()] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(actor="bob"), [2]),
        (Wanted(act="deploy"), [3]),
        (Wanted(app="blog"), [4]),
        (Wanted(environment="staging"), []),
        (Wanted(since=2.0, until=4.0), [3, 2]),
        (Wanted(text="INCIDENT"), [5]),
        (Wanted(text='"number": 4'), [4]),
        (Wanted(text="100%"), []),
    ],
)
def test_acts_are_found_by_what_is_wanted(store: Store, wanted: Wanted, found: list[int]) -> None:
    store.audit.add(act(1))
    store.audit.add(act(2, actor="bob"))
    store.audit.add(act(3, what="deploy"))
    store.audit.add(act(4, app="blog"))
    store.audit.add(act(5, reason="an incident, 100 of them"))
    assert [one.id for one in store.audit.page(wanted=wanted)] == found
    assert [one.id for one in store.audit.export(wanted)] == found[::-1]


def test_a_log_that_nobody_touched_has_no_problems(store: Store) -> None:
    assert store.audit.verify() == []
    fill(store, 3)
    assert store.audit.verify() == []


@pytest.mark.parametrize(
    ("tampered", "problems"),
    [
        (update(audit).where(audit.c.id == 2).values(reason="none"), ["Act 2 was changed."]),
        (update(audit).where(audit.c.id == 2).values(facts={}), ["Act 2 was changed."]),
        (
            update(audit).where(audit.c.id == 2).values(digest="0"),
            [
                "Act 2 was changed.",
                "Act 3 does not follow the act before it, which is another one than it was.",
            ],
        ),
        (delete(audit).where(audit.c.id == 2), ["Act 2 is missing."]),
        (delete(audit).where(audit.c.id < 3), ["Acts 1 to 2 are missing."]),
        (delete(audit).where(audit.c.id > 3), ["Acts 4 to 5 are missing from the end."]),
        (delete(audit), ["Acts 1 to 5 are missing from the end."]),
        (
            update(audit_head).values(rows=4, digest="0"),
            [
                "The head of the log does not know act 4 by its digest.",
                "Act 5 is not known to the head of the log.",
            ],
        ),
        (delete(audit_head), ["Acts 1 to 5 are not known to the head of the log."]),
    ],
)
def test_what_was_tampered_with_shows(
    store: Store, database: Engine, tampered: object, problems: list[str]
) -> None:
    fill(store, 5)
    with database.begin() as connection:
        connection.execute(tampered)  # type: ignore[call-overload]
    assert store.audit.verify() == problems


def test_a_connection_that_is_lost_after_the_commit_appends_once(postgres: Database) -> None:
    database = open_postgres(postgres.url, 10)
    store = Store(database)
    fill(store, 1)
    lost: list[bool] = []

    @event.listens_for(database, "commit")
    def lose(connection: Connection) -> None:
        if not lost:
            lost.append(True)
            raw = connection.connection.dbapi_connection
            assert raw is not None
            raw.commit()
            error = OperationalError("COMMIT", {}, Exception("gone"))
            error.connection_invalidated = True
            raise error

    kept = store.audit.add(act(2))
    assert (kept.id, len(lost)) == (2, 1)
    assert [one.id for one in store.audit.page()] == [2, 1]
    assert store.audit.verify() == []
    database.dispose()
