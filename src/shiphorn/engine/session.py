"""Executors on many machines, by PostgreSQL: who lives holds an advisory lock in a session of its own.

The server lets go of a lock when its session ends: at once when a process dies or its machine says
so, after a while when the process is stopped or its network is gone. A process that lost its session
takes the lock again; it ends when it cannot within its patience, or when another one has claimed it
meanwhile. So of two processes that could work on the same deploy one always ends, and
until it has noticed, hosts refuse its older token or find that the work is done.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable
from threading import Event, Lock, Thread

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from shiphorn.errors import DatabaseError

LONGEST_PING_SECONDS = 1.0
MARGIN = 4 / 3
"""The server waits longer than a process by as much: where nothing gets through, the process has ended
before another one can claim it."""

_HOLD = "SELECT pg_try_advisory_lock(:key)"
_IS_HELD = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) | objid::bigint = :key)"
)
_ARE_HELD = (
    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
_HAS_JUST_STARTED = "SELECT clock_timestamp() < pg_postmaster_start_time() + interval '5 s'"
"""The server was started anew: those who live are just about to take their locks again."""

HINT = "What was done is on record. Go on with it: horn resume NUMBER (see horn history)"


class SessionExecutor:
    """An executor among all processes that use the same database. See `executor.Executor`.

    `lost` is called, in a thread, when this process must end at once; it is expected not to return.
    `place` says in errors where the database is.
    """

    def __init__(
        self, database: Engine, place: str, patience_seconds: float, lost: Callable[[DatabaseError], None]
    ) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database, self._place, self._lost = database, place, lost
        self._patience_seconds = patience_seconds
        self._ping_seconds = min(LONGEST_PING_SECONDS, patience_seconds / 10)
        self._held = {self.id}
        self._turn, self._answered, self._ended = Lock(), Event(), Event()
        self._session: Connection | None = self._open()
        for work in (self._keep, self._watch):
            Thread(target=work, name=f"horn-executor{work.__name__}", daemon=True).start()

    def lives(self, executor_id: str) -> bool:
        """See `Executor`."""
        if executor_id in self._held:
            return executor_id == self.id
        while not self._insist(_IS_HELD, executor_id):
            if not self._insist(_HAS_JUST_STARTED):
                return False
            self._ended.wait(self._ping_seconds)
        return True

    def claim(self, executor_id: str) -> bool:
        """See `Executor`."""
        if executor_id not in self._held:
            if self.lives(executor_id) or not self._insist(_HOLD, executor_id):
                return False
            self._held.add(executor_id)
        return True

    def release(self) -> None:
        """See `Executor`."""
        self._ended.set()
        with self._turn:
            self._drop()

    def _keep(self) -> None:
        """Show the server that this process lives, and have a session all the time."""
        while not self._ended.wait(self._ping_seconds):
            try:
                self._ask("SELECT true")
            except DBAPIError:
                continue
            self._answered.set()

    def _watch(self) -> None:
        """End this process when `_keep` gets no answer. A thread of its own: `_keep` may be stuck."""
        silent_seconds = 0.0
        # By its own beats, not by the clock: a process that was stopped gets the chance to ask again.
        while not self._ended.wait(self._ping_seconds):
            silent_seconds = 0.0 if self._answered.is_set() else silent_seconds + self._ping_seconds
            self._answered.clear()
            if silent_seconds >= self._patience_seconds:
                self._end("SH803", f"{self._place} has been out of reach for {silent_seconds:.0f} s.", HINT)

    def _insist(self, query: str, executor_id: str = "") -> bool:
        """Ask until there is an answer, which `_watch` sets a limit to."""
        while True:
            try:
                return self._ask(query, executor_id)
            except DBAPIError:
                if self._ended.wait(self._ping_seconds):
                    raise

    def _ask(self, query: str, executor_id: str = "") -> bool:
        with self._turn:
            try:
                if self._session is None and not self._ended.is_set():
                    self._session = self._open()
                if self._session is None:
                    return False
                parameters = {"key": _key(executor_id)} if executor_id else {}
                return bool(self._session.execute(text(query), parameters).scalar())
            except DBAPIError:
                self._drop()
                raise

    def _open(self) -> Connection | None:
        limit = f"{self._patience_seconds * MARGIN * 1000:.0f}ms"
        session = self._database.connect().execution_options(isolation_level="AUTOCOMMIT")
        session.detach()
        session.execute(
            text("SELECT set_config('idle_session_timeout', :limit, false)"),
            {"limit": limit},
        )
        for executor_id in self._held:
            if not session.execute(text(_HOLD), {"key": _key(executor_id)}).scalar():
                session.close()
                self._end(
                    "SH805",
                    f"{self._place} was out of reach for a while, and another process took over.",
                    "See what became of it: horn history",
                )
                return None
        return session

    def _drop(self) -> None:
        if self._session is not None:
            self._session.invalidate()
            self._session.close()
            self._session = None

    def _end(self, code: str, message: str, hint: str) -> None:
        self._ended.set()
        self._lost(DatabaseError(code, message, hint=hint))


def anybody_lives(database: Engine) -> bool:
    """Whether any process holds a session as an executor of this database."""
    with database.connect() as connection:
        return bool(connection.execute(text(_ARE_HELD)).scalar())


def _key(executor_id: str) -> int:
    """The number of an executor's lock: 64 bits, as PostgreSQL has them."""
    return int.from_bytes(hashlib.sha256(executor_id.encode()).digest()[:8], "big", signed=True)
