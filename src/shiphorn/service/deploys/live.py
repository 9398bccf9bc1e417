"""A deploy as it goes, for any number of listeners: one of them or two hundred, the store is asked once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from shiphorn.model.deploy import Deploy
from shiphorn.service import records
from shiphorn.service.deploys import fleetmap
from shiphorn.store.store import Store

EVERY_SECONDS = 0.5
LONGEST_QUEUE = 64
"""Updates that wait for a slow listener. One more, and a snapshot takes the place of them all."""

OVERLAP = 200
"""How many numbers of events are read again each time. PostgreSQL hands numbers out before it shows the
rows, so a lower one may come after a higher one."""

Told = tuple[int, dict[str, Any]]
"""The number of an event, and the event as JSON."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a listener does not know yet.

    `deploy` is its row when that changed (see `shown`), `hosts` are (position, code of the state) of
    hosts that changed, `events` what happened, each once. A `snapshot` has all hosts, a byte each (see
    `fleetmap`), and the row: the first update is one. Its length may be another one than before: then the
    deploy found its hosts, and the layout is to be read anew. `ended` is the last one.
    """

    json: str
    """All of it as an object with these names, `snapshot` in base64; what has nothing to say is left out."""
    events: tuple[Told, ...] = ()
    deploy: dict[str, Any] | None = None
    hosts: tuple[tuple[int, int], ...] = ()
    snapshot: bytes | None = None
    ended: bool = False

    @property
    def last_event(self) -> int:
        """The highest number among its events, 0 when it has none."""
        return max((number for number, _ in self.events), default=0)


class Live:
    """Reads the deploys that somebody listens to, from the first listener of each until its last one left.

    It is a context: at its end all listening ends.
    """

    def __init__(self, store: Store, *, every_seconds: float = EVERY_SECONDS) -> None:
        self._store = store
        self._every = every_seconds
        self._group = asyncio.TaskGroup()
        self._watched: dict[int, _Watch] = {}
        self._over = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
        await self._group.__aexit__(kind, error, trace)

    @property
    def watched(self) -> dict[int, int]:
        """How many listen, by deploy."""
        return {number: len(watch.listeners) for number, watch in self._watched.items()}

    def end(self) -> None:
        """End all listening, and let nobody listen any more."""
        self._over = True
        for watch in self._watched.values():
            watch.stop()

    async def listen(self, deploy_id: int, after_event: int = 0) -> AsyncGenerator[Update]:
        """What is known of a deploy, and then all that happens, until it has ended.

        Events come from after `after_event` on, in the order in which they were seen. Whoever leaves
        early closes the iterator. Raises Refused SH522, DatabaseError SH803.
        """
        if self._over:
            return
        watch = self._watched.get(deploy_id)
        if watch is None:
            watch = self._watched[deploy_id] = _Watch(self._store, deploy_id)
            watch.task = self._group.create_task(self._run(watch))
        listener = _Listener(watch, after_event)
        watch.listeners.add(listener)
        try:
            while (update := await listener.next()) is not None:
                yield update
                if update.ended:
                    return
        finally:
            watch.listeners.discard(listener)
            if not watch.listeners:
                watch.stop()
                self._forget(watch)

    async def _run(self, watch: _Watch) -> None:
        try:
            while not watch.over:
                watch.spread(await asyncio.to_thread(watch.read))
                if not watch.over:
                    await asyncio.sleep(self._every)
        except Exception as error:  # noqa: BLE001 - it is raised in every listener
            watch.error = error
        finally:
            self._forget(watch)
            watch.over = True
            watch.wake()

    def _forget(self, watch: _Watch) -> None:
        if self._watched.get(watch.deploy_id) is watch:
            del self._watched[watch.deploy_id]


@dataclass(frozen=True, slots=True)
class _Read:
    """What a look at the store gave; `anew` when it can only be told by a snapshot."""

    deploy: dict[str, Any]
    hosts: bytes
    texts: list[str]
    update: Update
    anew: bool


class _Watch:
    """What was read of one deploy, and who listens to it."""

    def __init__(self, store: Store, deploy_id: int) -> None:
        self.deploy_id = deploy_id
        self.listeners: set[_Listener] = set()
        self.task: asyncio.Task[None] | None = None
        self.over = False
        self.error: Exception | None = None
        self.seen = False
        self.events: list[Told] = []
        """All of them, in the order in which they were seen."""
        self.late: set[int] = set()
        """Numbers that were seen after a higher one."""
        self._store = store
        self._known: set[int] = set()
        self._highest = 0
        self._texts: list[str] = []
        self._deploy: dict[str, Any] = {}
        self._hosts = b""
        self._snapshots: dict[int, Update] = {}

    def stop(self) -> None:
        """Read no more."""
        self.over = True
        if self.task is not None:
            self.task.cancel()
        self.wake()

    def read(self) -> _Read:
        """Ask the store, and put what is new into words, once for all who listen. Runs in a thread.

        The deploy comes first: once it has ended, nothing is missing from what is read after it.
        """
        record = records.get(self._store, self.deploy_id)
        rows = self._store.hosts.states(self.deploy_id)
        told = self._store.records.events(self.deploy_id, max(0, self._highest - OVERLAP))
        deploy = shown(record)
        hosts = fleetmap.snapshot(state for _, state, _, _ in rows)
        fresh = tuple(one for one in told if one[0] not in self._known)
        texts = [_text(one) for one in fresh]
        anew = not self.seen or len(hosts) != len(self._hosts)
        changed = None if deploy == self._deploy else deploy
        moved = () if anew else tuple(fleetmap.changes(self._hosts, hosts))
        update = _update(texts, fresh, changed, moved, None, ended=not record.state.active)
        return _Read(deploy, hosts, texts, update, anew)

    def spread(self, read: _Read) -> None:
        """Give what is new to all who listen."""
        news = read.update
        if not (read.anew or news.events or news.deploy or news.hosts or news.ended):
            return
        self._deploy, self._hosts = read.deploy, read.hosts
        for number, _ in news.events:
            if number < self._highest:
                self.late.add(number)
            self._known.add(number)
            self._highest = max(self._highest, number)
        self.events += news.events
        self._texts += read.texts
        self._snapshots.clear()
        self.seen, self.over = True, news.ended
        for listener in self.listeners:
            listener.behind |= read.anew
            listener.put(news)

    def wake(self) -> None:
        """Have all who listen look again."""
        for listener in self.listeners:
            listener.event.set()

    def snapshot(self, first: int, numbers: list[int]) -> Update:
        """All there is, with the events from the `first` seen on, and those seen before it at `numbers`."""
        if not numbers and first in self._snapshots:
            return self._snapshots[first]
        places = [*numbers, *range(first, len(self.events))]
        made = _update(
            [self._texts[place] for place in places],
            tuple(self.events[place] for place in places),
            self._deploy,
            (),
            self._hosts,
            ended=not self._deploy["active"],
        )
        if not numbers:
            self._snapshots[first] = made
        return made


class _Listener:
    """One who listens, and what waits for them. Whoever is `behind` gets a snapshot next."""

    def __init__(self, watch: _Watch, after_event: int) -> None:
        self.behind = True
        self.event = asyncio.Event()
        self._watch = watch
        self._after: int | None = after_event
        self._taken = 0
        self._waiting: deque[Update] = deque()

    def put(self, update: Update) -> None:
        """Have an update wait; without room for it, all that waits gives way to a snapshot."""
        if not self.behind and len(self._waiting) < LONGEST_QUEUE:
            self._waiting.append(update)
        else:
            self._waiting.clear()
            self.behind = True
        self.event.set()

    async def next(self) -> Update | None:
        """The next update; None when there is none any more. Raises what ended the reading."""
        watch = self._watch
        while not (self._waiting or (self.behind and watch.seen)):
            if watch.error is not None:
                raise watch.error
            if watch.over:
                return None
            self.event.clear()
            await self.event.wait()
        if not self.behind:
            update = self._waiting.popleft()
            self._taken += len(update.events)
            return update
        self.behind = False
        return self._snapshot()

    def _snapshot(self) -> Update:
        watch, first, numbers = self._watch, self._taken, list[int]()
        if self._after is not None:
            wanted = [
                place
                for place, (number, _) in enumerate(watch.events)
                if number > self._after or (number in watch.late and number > self._after - OVERLAP)
            ]
            first = len(watch.events)
            while wanted and wanted[-1] == first - 1:
                first = wanted.pop()
            numbers, self._after = wanted, None
        self._taken = len(watch.events)
        return watch.snapshot(first, numbers)


def shown(deploy: Deploy) -> dict[str, Any]:
    """A deploy as its page needs it: its columns but for the config, `active`, and `doing` as an object."""
    values = asdict(deploy)
    del values["config_path"], values["config_text"]
    values |= {
        "order": {name: part for name, part in values["order"].items() if name != "selection"},
        "selection": str(deploy.order.selection),
        "active": deploy.state.active,
        "doing": json.loads(deploy.doing) if deploy.doing else None,
    }
    return values


def _text(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _update(
    texts: list[str],
    events: tuple[Told, ...],
    deploy: dict[str, Any] | None,
    hosts: tuple[tuple[int, int], ...],
    snapshot: bytes | None,
    *,
    ended: bool,
) -> Update:
    parts = [
        f'"deploy":{_text(deploy)}' if deploy is not None else "",
        f'"snapshot":"{base64.b64encode(snapshot).decode()}"' if snapshot is not None else "",
        f'"hosts":{_text(hosts)}' if hosts else "",
        f'"events":[{",".join(texts)}]' if events else "",
        '"ended":true' if ended else "",
    ]
    return Update(f"{{{','.join(filter(None, parts))}}}", events, deploy, hosts, snapshot, ended)
