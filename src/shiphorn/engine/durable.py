"""Durable execution by DBOS: workflows and steps that outlive the process.

The one place that knows DBOS. On SQLite or PostgreSQL, with no server and no queue: a workflow runs
on the event loop that launched the engine. What a workflow did is in the database step by step, so a
process that is killed at any moment is taken up by the next one (`recover`).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Any, ClassVar, Protocol, TypeVar
from uuid import uuid4

from dbos import DBOS, DBOSConfig, SetWorkflowID, StepOptions
from dbos._core import execute_dequeued_workflow
from dbos._dbos import _get_dbos_instance
from dbos._serialization import Serializer
from sqlalchemy import Engine as Database
from sqlalchemy import update

from shiphorn.engine.crashpoints import reach
from shiphorn.engine.executor import Executor
from shiphorn.errors import DatabaseError, ShiphornError, error_from_json

APPLICATION_VERSION = "1"
"""Pinned: with a computed version an upgraded shiphorn would not resume what an older one began.
A change to a workflow's steps is guarded with `DBOS.patch_async` instead."""

_TYPE = "__horn__"

T = TypeVar("T")


class Handle(Protocol):
    """A started workflow."""

    async def get_result(self) -> Any:
        """Wait for the workflow to end: its value, or the error it raised."""


class JsonSerializer(Serializer):
    """JSON in place of DBOS's pickle: whoever can write the database must not get to run code."""

    def name(self) -> str:
        """Recorded beside each value, so that a reader knows its form."""
        return "horn_json"

    def serialize(self, data: Any) -> str:
        """Values of JSON, and errors."""
        return json.dumps(data, default=_error_as_json, separators=(",", ":"))

    def deserialize(self, serialized_data: str) -> Any:
        """The value, or the error object."""
        return json.loads(serialized_data, object_hook=_error_of_json)


def _error_as_json(value: object) -> dict[str, Any]:
    if isinstance(value, ShiphornError):
        return {_TYPE: "error", **value.as_json()}
    if isinstance(value, BaseException):
        return {_TYPE: "crash", "text": f"{type(value).__name__}: {value}"}
    raise TypeError(f"{type(value).__name__} cannot be recorded: workflows pass JSON values only")


def _error_of_json(value: dict[str, Any]) -> Any:
    match value.get(_TYPE):
        case "error":
            return error_from_json(value)
        case "crash":
            return RuntimeError(value["text"])
        case _:
            return value


class Engine:
    """Runs workflows. One at a time in a process, since DBOS is a global of its process.

    `database` is its own, apart from the store's, and closed with the engine, as is the `executor`.
    `lost` is called when work ended with a DatabaseError, and is expected not to return: what cannot
    be written down must not be taken for failed, but for not done.
    """

    _closing: ClassVar[Thread | None] = None

    def __init__(self, database: Database, executor: Executor, lost: Callable[[DatabaseError], None]) -> None:
        if Engine._closing is not None:
            Engine._closing.join()
        self._database = database
        self._lost = lost
        self.executor = executor
        self._workflows: dict[str, Callable[..., Awaitable[Any]]] = {}
        config = DBOSConfig(
            name="shiphorn",
            system_database_engine=database,
            application_version=APPLICATION_VERSION,
            executor_id=self.executor.id,
            serializer=JsonSerializer(),
            log_level="CRITICAL",
            max_executor_threads=16,
        )
        DBOS(config=config)

    def workflow(self, name: str, body: Callable[..., Awaitable[Any]]) -> None:
        """Register a workflow under a name that stays the same for ever. Before `launch`."""

        # DBOS marks the function that it is given, which a bound method does not allow.
        async def workflow(*args: Any) -> Any:
            return await body(*args)

        self._workflows[name] = DBOS.workflow(name=name)(workflow)

    def launch(self) -> None:
        """Start, inside the running event loop: all workflows, also recovered ones, run on it."""
        DBOS.launch()

    async def start(self, name: str, workflow_id: str, *args: Any) -> Handle:
        """Start a workflow; with an id that was used before, join that one instead."""
        with SetWorkflowID(workflow_id):
            return await DBOS.start_workflow_async(self._workflows[name], *args)  # type: ignore[arg-type]

    async def step(self, name: str, work: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Run `work` as a step of the current workflow: its value is recorded, then never run again.

        Crash points are `NAME:begin`, `NAME:done` (worked or failed, and not recorded) and `NAME:recorded`.
        """

        async def between_crash_points(*given: Any) -> T:
            reach(f"{name}:begin")
            try:
                return await work(*given)
            except DatabaseError as error:
                self._lost(error)
                raise
            finally:
                reach(f"{name}:done")

        try:
            return await DBOS.run_step_async(StepOptions(name=name), between_crash_points, *args)
        finally:
            reach(f"{name}:recorded")

    async def recover(self, workflow_id: str) -> None:
        """Go on with a workflow, and with those whose ids begin with `WORKFLOW_ID-`, that a process left.

        The executor that it belongs to must have been claimed. Nothing happens when it never began.
        """
        await asyncio.to_thread(self._take_up, workflow_id)

    def _take_up(self, workflow_id: str) -> None:
        # DBOS's own recovery puts workflows into a queue that every process on the database serves: they
        # would go on in whichever asks first, with the keys and secrets of that one, and die with it.
        dbos = _get_dbos_instance()
        system = dbos._sys_db  # noqa: SLF001
        table = system.tables.workflow_status
        name, owner = table.c.workflow_uuid, str(uuid4())
        # A process that died while it took up may have left some to itself and some to the one before.
        left = (name == workflow_id) | name.startswith(f"{workflow_id}-", autoescape=True)
        left &= table.c.status == "PENDING"
        mine = update(table).where(left).values(executor_id=self.executor.id, owner_xid=owner)
        with system.engine.begin() as connection:
            taken = connection.execute(mine.returning(name)).scalars().all()
        reach("resume:taken")
        for status in system.get_workflow_statuses(list(taken)):
            execute_dequeued_workflow(dbos, status, owner)

    def close(self) -> None:
        """Stop at once; what is unfinished stays in the database for `recover`.

        To be called inside the loop: DBOS shuts down the executor that it had put into it. Its own
        threads notice within a second, which nobody has to wait for but the next engine.
        """
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
        self.executor.release()
        Engine._closing = Thread(target=_destroy, args=(self._database,), daemon=True)
        Engine._closing.start()


def _destroy(database: Database) -> None:
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=0)
    database.dispose()
