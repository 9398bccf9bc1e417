"""Whether the process of a deploy still lives, asked of real processes; by files and by PostgreSQL."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest

from shiphorn.engine.executor import Executor, FileExecutor
from shiphorn.engine.session import SessionExecutor
from shiphorn.errors import DatabaseError
from shiphorn.store.postgres import open_postgres
from tests.postgres import Database

OTHER = """
import os, pathlib, sys, time
from shiphorn.engine.executor import FileExecutor
from shiphorn.engine.session import SessionExecutor
from shiphorn.store.postgres import open_postgres

place = sys.argv[1]
if place.startswith("postgresql://"):
    mine = SessionExecutor(open_postgres(place, 1), "here", 1, lambda error: os._exit(8))
else:
    mine = FileExecutor(pathlib.Path(place))
print(mine.id, flush=True)
for line in sys.stdin:
    print(mine.claim(line.strip()), flush=True)
"""


class Other:
    """An executor in a process of its own."""

    def __init__(self, place: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.id = self.read()

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def claims(self, executor_id: str) -> bool:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{executor_id}\n")
        self.process.stdin.flush()
        return self.read() == "True"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Place:
    """Somewhere executors know of each other."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name = name
        self._stack = stack

    def executor(self, lost: Callable[[DatabaseError], None] = lambda _: None) -> Executor:
        if not self.name.startswith("postgresql://"):
            made: Executor = FileExecutor(Path(self.name))
        else:
            database = open_postgres(self.name, 1)
            self._stack.callback(database.dispose)
            made = SessionExecutor(database, "here", 1, lost)
        self._stack.callback(made.release)
        return made

    def other(self) -> Other:
        made = Other(self.name)
        self._stack.callback(made.kill)
        return made


@pytest.fixture(params=["files", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    in_database = request.param == "postgresql"
    with ExitStack() as stack:
        yield Place(request.getfixturevalue("postgres").url if in_database else str(tmp_path), stack)


def test_a_killed_process_is_dead_at_once(place: Place) -> None:
    mine, other = place.executor(), place.other()
    assert mine.lives(other.id)
    assert mine.lives(mine.id)
    other.kill()
    until(lambda: not mine.lives(other.id))


def test_who_is_done_or_never_was_does_not_live(place: Place) -> None:
    mine, other = place.executor(), place.executor()
    assert mine.id != other.id
    other.release()
    assert not mine.lives(other.id)
    assert not mine.lives("1-nobody")


def test_what_a_dead_one_left_is_taken_over_by_one_alone(place: Place) -> None:
    mine, dead, other = place.executor(), place.other(), place.other()
    assert not mine.claim(dead.id)
    dead.kill()
    until(lambda: mine.claim(dead.id))
    assert mine.claim(dead.id)
    assert not mine.lives(dead.id)
    assert not other.claims(dead.id)
    mine.release()
    until(lambda: other.claims(dead.id))


def test_it_lives_on_when_its_session_was_ended(postgres: Database) -> None:
    with running(postgres) as (mine, other):
        assert postgres.break_connections() >= 2
        until(lambda: mine.lives(other.id))
        other.kill()
        until(lambda: not mine.lives(other.id))


def test_it_lives_on_when_the_server_was_restarted(postgres: Database) -> None:
    with running(postgres) as (mine, other):
        postgres.server.restart(signal.SIGQUIT)
        assert mine.lives(other.id)
        assert not mine.claim(other.id)


def test_it_ends_when_the_server_stays_away(postgres: Database) -> None:
    with running(postgres) as (_, other):
        postgres.server.stop()
        try:
            assert other.process.wait(30) == 8
        finally:
            postgres.server.start()


def test_it_ends_when_it_was_taken_over_while_it_was_out_of_reach(postgres: Database) -> None:
    with running(postgres) as (mine, other):
        os.kill(other.process.pid, signal.SIGSTOP)
        until(lambda: postgres.break_connections() == 0)
        assert mine.claim(other.id)
        os.kill(other.process.pid, signal.SIGCONT)
        assert other.process.wait(30) == 8
        assert mine.claim(other.id)


def test_one_that_was_stopped_for_too_long_is_taken_for_dead(postgres: Database) -> None:
    with running(postgres) as (mine, other):
        os.kill(other.process.pid, signal.SIGSTOP)
        until(lambda: not mine.lives(other.id))
        os.kill(other.process.pid, signal.SIGCONT)
        until(lambda: mine.lives(other.id))


def test_it_says_why_it_has_to_end(postgres: Database) -> None:
    ended, errors = Event(), list[DatabaseError]()

    def lost(error: DatabaseError) -> None:
        errors.append(error)
        ended.set()

    with ExitStack() as stack:
        place = Place(postgres.url, stack)
        place.executor(lost)
        postgres.server.stop()
        try:
            assert ended.wait(30)
        finally:
            postgres.server.start()
    assert [str(error) for error in errors] == [
        (
            "SH803 here has been out of reach for 1 s. What was done is on record."
            " Go on with it: horn resume NUMBER (see horn history)"
        )
    ]


@contextmanager
def running(postgres: Database) -> Iterator[tuple[Executor, Other]]:
    """An executor here and one in another process."""
    with ExitStack() as stack:
        place = Place(postgres.url, stack)
        yield place.executor(), place.other()


def until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.02)
