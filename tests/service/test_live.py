"""Listening to deploys, and to the board, on both databases."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from itertools import pairwise

import pytest
from sqlalchemy import Engine, insert

from shiphorn.errors import Refused
from shiphorn.model.deploy import DeployState, HostRun, HostState, Order
from shiphorn.model.events import Asked, DeployFinished, WatchProgress
from shiphorn.model.locks import Scope
from shiphorn.model.target import Host
from shiphorn.service import heartbeat
from shiphorn.service.deploys import live as lives
from shiphorn.service.deploys.live import Live, Update
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.store.records import row_of
from shiphorn.store.store import Store
from shiphorn.store.tables import events

QUICK = 0.02


@pytest.fixture
def store(database: Engine) -> Store:
    """On both databases, unlike what else is tested here."""
    return Store(database)


@pytest.fixture
async def live(store: Store) -> AsyncIterator[Live]:
    async with Live(store, every_seconds=QUICK) as made:
        yield made


def opened(store: Store, hosts: int = 0) -> int:
    number = store.deploys.open(Order("shop", "production", actor="ada"), ("deploy.yml", ""), "one", 1.0).id
    place(store, number, hosts)
    return number


def runs(count: int, state: HostState = HostState.WAITING) -> list[HostRun]:
    return [HostRun(Host(f"web{place}", "::1"), place, state) for place in range(count)]


def place(store: Store, number: int, hosts: int) -> None:
    if hosts:
        store.hosts.place(number, runs(hosts))


def asked(number: int, actor: str) -> Asked:
    return Asked(number, 2.0, "pause", actor)


def end(store: Store, number: int) -> None:
    told = DeployFinished(number, 9.0, "succeeded", 8.0)
    store.deploys.end(number, told, state=DeployState.SUCCEEDED, finished_at=9.0)


def actors(updates: list[Update]) -> list[str]:
    return [str(body.get("actor", body["kind"])) for update in updates for _, body in update.events]


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not found():
            await asyncio.sleep(0.005)


async def test_the_first_update_is_all_there_is_and_then_comes_what_changes(store: Store, live: Live) -> None:
    number = opened(store, 3)
    store.records.add_events([asked(number, "ada")])
    async with aclosing(live.listen(number)) as updates:
        first = await anext(updates)
        assert first.snapshot == b"\0\0\0"
        assert first.deploy is not None
        assert (first.deploy["state"], first.deploy["order"]["app"]) == ("running", "shop")
        assert "config_text" not in first.deploy
        assert actors([first]) == ["ada"]
        store.hosts.save(number, [runs(3, HostState.DONE)[1]])
        second = await anext(updates)
        assert (second.snapshot, second.hosts, second.deploy, second.events) == (None, ((1, 6),), None, ())
        assert second.json == '{"hosts":[[1,6]]}'
        watch = WatchProgress(number, 2.0, {"eu": 3}, {"eu": 1}, 60.0)
        store.deploys.show(number, json.dumps(watch.as_json()))
        third = await anext(updates)
        assert third.deploy is not None
        assert third.deploy["doing"]["until"] == 60.0
        end(store, number)
        last = [update async for update in updates]
    assert last[-1].ended
    assert actors(last) == ["deploy_finished"]
    assert last[-1].deploy is not None
    assert last[-1].deploy["doing"] is None
    assert live.watched == {}


async def test_json_says_what_the_update_has(store: Store, live: Live) -> None:
    number = opened(store, 2)
    store.records.add_events([asked(number, "ada")])
    async with aclosing(live.listen(number)) as updates:
        first = await anext(updates)
    told = json.loads(first.json)
    assert base64.b64decode(told["snapshot"]) == b"\0\0"
    assert told["deploy"] == first.deploy
    assert told["events"] == [[first.last_event, asked(number, "ada").as_json()]]
    assert set(told) == {"deploy", "snapshot", "events"}


async def test_a_deploy_that_is_over_is_told_in_one_update(store: Store, live: Live) -> None:
    number = opened(store, 2)
    end(store, number)
    (only,) = [update async for update in live.listen(number)]
    assert (only.ended, only.snapshot, actors([only])) == (True, b"\0\0", ["deploy_finished"])


async def test_events_begin_after_the_one_that_is_named(store: Store, live: Live) -> None:
    number = opened(store)
    store.records.add_events([asked(number, str(one)) for one in range(5)])
    (_, (third, _), *_) = store.records.events(number)[1:]
    end(store, number)
    (only,) = [update async for update in live.listen(number, third)]
    assert actors([only]) == ["3", "4", "deploy_finished"]


async def test_hosts_that_are_found_later_come_as_a_snapshot(store: Store, live: Live) -> None:
    number = opened(store)
    async with aclosing(live.listen(number)) as updates:
        assert (await anext(updates)).snapshot == b""
        place(store, number, 4)
        assert (await anext(updates)).snapshot == b"\0\0\0\0"


async def test_two_hundred_listeners_share_one_reader_and_one_text(store: Store, live: Live) -> None:
    number = opened(store, 50)
    heard: list[list[Update]] = [[] for _ in range(200)]

    async def listen(mine: list[Update]) -> None:
        async for update in live.listen(number):
            mine.append(update)  # noqa: PERF401 - others look at it meanwhile

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for mine in heard:
            group.create_task(listen(mine))
        await until(lambda: all(heard))
        assert live.watched == {number: 200}
        store.records.add_events([asked(number, "ada")])
        await until(lambda: all(actors(mine) for mine in heard))
        end(store, number)
    assert {tuple(actors(mine)) for mine in heard} == {("ada", "deploy_finished")}
    assert len({id(update) for mine in heard for update in mine}) == len(heard[0])


async def test_who_is_slow_gets_a_snapshot_and_misses_no_event(store: Store, live: Live) -> None:
    number = opened(store, 3)
    names = [str(one) for one in range(lives.LONGEST_QUEUE + 20)]
    async with aclosing(live.listen(number)) as slow, aclosing(live.listen(number)) as quick:
        first = await anext(slow)
        await anext(quick)
        for name in names:
            store.records.add_events([asked(number, name)])
            assert actors([await anext(quick)]) == [name]
        store.hosts.save(number, runs(3, HostState.DONE)[:1])
        assert (await anext(quick)).hosts == ((0, 6),)
        second = await anext(slow)
        assert (first.snapshot, second.snapshot) == (b"\0\0\0", b"\6\0\0")
        assert actors([second]) == names
        end(store, number)
        rest = [update async for update in slow]
    assert actors(rest) == ["deploy_finished"]


async def test_an_event_that_shows_late_is_not_missed(store: Store, database: Engine, live: Live) -> None:
    if database.dialect.name != "postgresql":
        pytest.skip("SQLite has its writers wait for each other")
    number = opened(store)
    slow, fast = asked(number, "slow"), asked(number, "fast")
    async with aclosing(live.listen(number)) as updates:
        await anext(updates)
        with database.connect() as connection, connection.begin():
            connection.execute(insert(events).values(row_of(slow)))
            store.records.add_events([fast])
            assert actors([await anext(updates)]) == ["fast"]
        late = await anext(updates)
        assert actors([late]) == ["slow"]
        # Who comes back and says to have seen the higher number gets the lower one all the same.
        async with aclosing(live.listen(number, late.last_event + 1)) as again:
            assert actors([await anext(again)]) == ["slow"]


async def test_no_event_is_missed_or_told_twice_while_others_write(store: Store, live: Live) -> None:
    number = opened(store)

    def write(who: str) -> None:
        for one in range(40):
            store.records.add_events([asked(number, f"{who}{one}")])

    heard: list[Update] = []

    async def listen() -> None:
        async for update in live.listen(number):
            heard.append(update)  # noqa: PERF401 - one by one

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        listening = group.create_task(listen())
        await asyncio.gather(*(asyncio.to_thread(write, who) for who in "abc"))
        end(store, number)
        await listening
    assert sorted(actors(heard)) == sorted(
        [f"{who}{one}" for who in "abc" for one in range(40)] + ["deploy_finished"]
    )


async def test_reading_ends_with_the_last_listener(store: Store, live: Live) -> None:
    number = opened(store)
    one, two = live.listen(number), live.listen(number)
    await anext(one)
    await anext(two)
    await one.aclose()
    assert live.watched == {number: 1}
    await two.aclose()
    assert live.watched == {}


async def test_a_deploy_that_is_not_there_is_refused(live: Live) -> None:
    with pytest.raises(Refused, match="SH522 there is no deploy 99"):
        await anext(live.listen(99))
    assert live.watched == {}


async def test_at_the_end_all_listening_ends(store: Store) -> None:
    number = opened(store)
    async with Live(store, every_seconds=QUICK) as live:
        listening = live.listen(number)
        await anext(listening)
    assert [update async for update in listening] == []
    assert [update async for update in live.listen(number)] == []


async def test_nine_thousand_hosts_are_read_in_a_blink(store: Store) -> None:
    number = opened(store, 9000)
    states = store.hosts.states(number)
    assert (len(states), states[0], states[-1][0]) == (9000, (0, "waiting", "", ""), 8999)


@pytest.fixture
async def board(store: Store) -> AsyncIterator[Heartbeat]:
    async with Heartbeat(store, every_seconds=QUICK) as made:
        yield made


async def test_the_board_wakes_for_deploys_and_locks(store: Store, board: Heartbeat) -> None:
    acts: list[Callable[[], object]] = [
        lambda: opened(store),
        lambda: store.deploys.update(1, phase="build"),
        lambda: store.deploys.update(1, turn=0.5),
        lambda: store.locks.place(Scope("shop"), "lunch", "ada", time.time()),
        lambda: store.locks.release(1, "ada", "", time.time()),
        lambda: store.marks.mark("shop", "a" * 40, "slow", "ada", 1.0),
        lambda: store.marks.clear("shop", "a" * 40, "ada", "", 2.0),
        lambda: end(store, 1),
    ]
    seen = [heartbeat.state(store, time.time())]
    async with asyncio.timeout(30), aclosing(board.changes(seen[0])) as changes:
        for act in acts:
            act()
            seen.append(await anext(changes))
    assert all(before != after for before, after in pairwise(seen))
    assert seen[3] == seen[5]


async def test_the_board_tells_at_once_what_changed_before_somebody_came(
    store: Store, board: Heartbeat
) -> None:
    before = heartbeat.state(store, time.time())
    opened(store)
    async with asyncio.timeout(10), aclosing(board.changes(before)) as changes:
        assert await anext(changes) != before


async def test_a_lock_that_expires_shows_on_the_board(store: Store) -> None:
    store.locks.place(Scope("shop"), "lunch", "ada", 10.0, until=20.0)
    assert heartbeat.state(store, 11.0) == heartbeat.state(store, 19.0) != heartbeat.state(store, 20.0)


async def test_with_the_board_all_listening_ends(store: Store) -> None:
    async with Heartbeat(store, every_seconds=QUICK) as board, asyncio.TaskGroup() as group:

        async def listen() -> list[str]:
            return [state async for state in board.changes()]

        listening = group.create_task(listen())
        await until(lambda: bool(board._state))
        await board.__aexit__(None, None, None)
    assert listening.result() == []
