"""Notifiers: listed and tried by admins, and told of deploys by an announcer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.config.service import ServiceConfig
from shiphorn.errors import ConfigError, DatabaseError, NotFound
from shiphorn.model.events import PhaseStarted, Queued
from shiphorn.model.notices import Audience, Moment, Severity, Standing, Updates, address
from shiphorn.model.people import Caller, Role
from shiphorn.model.webhooks import Happened
from shiphorn.ports import Notifier
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.apps import Apps
from shiphorn.service.audit import record
from shiphorn.service.service import Service
from shiphorn.service.telling import bots
from shiphorn.service.telling.announcing import (
    BEGUN,
    KINDS,
    announcement,
    moment_of,
    subject_of,
    together,
    trial,
)
from shiphorn.service.telling.bots import Telling
from shiphorn.store.store import Store

LOOK_SECONDS = 1.0
CLAIM_SECONDS = 300.0
"""Whoever has not told by then what came of it has died."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 1800.0
LATE_SECONDS = 6 * 3600.0
"""What has waited for longer is not told any more."""
APART = 3
"""Up to so many notices go out one by one; more that wait for a notifier go as one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """A notifier for people. `where` is what may be shown of its URL, or the name of the secret that it is.

    Times are Unix seconds, None for never; `problem` is why it did not take what it was told last, "" when
    it did.
    """

    name: str
    where: str
    apps: tuple[str, ...]
    environments: tuple[str, ...]
    on: tuple[Moment, ...]
    updates: Updates
    at_least: Severity
    quiet: str
    told_at: float | None
    failed_at: float | None
    problem: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of trying a notifier. `problem` is why it did not take the test, "" when it did."""

    name: str
    taken: bool
    problem: str


def listed(service: Service, caller: Caller) -> list[Listed]:
    """All notifiers, in the order of the file. Raises Forbidden SH550."""
    require(caller, Role.ADMIN, EVERYWHERE, "look at notifiers", service.store)
    standings = service.store.notified.listed()
    audiences = service.apps.service.audiences
    return [_listed(one, standings.get(one.name, Standing(one.name, 0, 0))) for one in audiences]


async def trying(service: Service, caller: Caller, name: str) -> Tried:
    """Send a test. Raises Forbidden SH550, NotFound SH517."""
    require(caller, Role.ADMIN, EVERYWHERE, "try notifiers", service.store)
    config = service.apps.service
    audience = next((one for one in config.audiences if one.name == name), None)
    if audience is None:
        names = ", ".join(config.model.notifiers) or "none"
        raise NotFound("SH517", f"there is no notifier {name}.", hint=f"There are {names}.")
    actor = await asyncio.to_thread(_name_of, service.store, caller.name)
    notice = trial(name, actor, config.model.url.rstrip("/"))
    telling = Telling(notice, frozenset())
    problem = await _tell(service.notifier, service.store, config, audience, telling)
    await asyncio.to_thread(_write_down, service.store, caller, name, problem)
    return Tried(name, not problem, problem)


class Announcer:
    """Tells notifiers of deploys. Several may work on a database: each notifier is told by one at a time.

    A notifier may be told twice of the same when the process died before it wrote down that it had.
    `audiences` are those that this one tells, whose names begin with `prefix`; `reaches` is whether one can
    be told anything by this process now.
    """

    def __init__(
        self,
        store: Store,
        apps: Apps,
        notifier: Notifier,
        *,
        audiences: Callable[[ServiceConfig], Sequence[Audience]] = lambda config: config.audiences,
        prefix: str = "",
        reaches: Callable[[Audience], bool] = lambda _: True,
    ) -> None:
        self._store = store
        self._apps = apps
        self._notifier = notifier
        self._audiences = audiences
        self._prefix = prefix
        self._reaches = reaches
        self._names: list[str] | None = None
        self._ending = False

    async def work(self) -> None:
        """Look for what is to be told, and tell it, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                _log.warning("notifiers: %s", error)
            except Exception:  # noqa: BLE001 - what went wrong with one look may go well with the next
                _log.exception("notifiers: a defect")
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell each notifier what waits for it now."""
        config = self._apps.service
        audiences = {one.name: one for one in self._audiences(config)}
        reached = [name for name, one in audiences.items() if self._reaches(one)]
        waiting = await asyncio.to_thread(self._waiting, list(audiences), reached)
        telling = asyncio.gather(
            *(self._tell(config, audiences[one.name], one, events) for one, events in waiting),
            return_exceptions=True,
        )
        try:
            ended = await asyncio.shield(telling)
        except asyncio.CancelledError:
            # What has gone out is written down first: it would go out again.
            self._ending = True
            await telling
            raise
        for one in ended:
            if isinstance(one, BaseException):
                raise one

    def _waiting(self, names: list[str], reached: list[str]) -> list[tuple[Standing, list[Happened]]]:
        """Notifiers that may be told something now, with the events that they have not seen."""
        notified = self._store.notified
        if names != self._names:
            notified.keep(names, self._prefix)
            self._names = names
        now = time.time()
        free = [one for one in notified.listed().values() if one.free_at <= now and one.name in reached]
        found = [(one, notified.unseen(one, KINDS)) for one in free]
        return [(one, events) for one, events in found if events]

    async def _tell(
        self, config: ServiceConfig, audience: Audience, standing: Standing, events: list[Happened]
    ) -> None:
        notified = self._store.notified
        now = time.time()
        if not await asyncio.to_thread(notified.claim, standing, now + CLAIM_SECONDS):
            return
        told = await asyncio.to_thread(self._notices, config, audience, events, now)
        problem = ""
        for telling in _parcels(told, audience.updates):
            if self._ending:
                break
            problem = await _tell(self._notifier, self._store, config, audience, telling)
            if problem:
                break
            await asyncio.to_thread(self._taken, audience.name, telling.about)
        else:
            await asyncio.to_thread(notified.look_on, audience.name, {event.id for event in events})
        free_at = await asyncio.to_thread(self._refused, standing, problem) if problem else time.time()
        await asyncio.to_thread(notified.free, audience.name, free_at)

    def _taken(self, name: str, about: Collection[int]) -> None:
        self._store.notified.look_on(name, about)
        self._store.notified.took(name, time.time())

    def _notices(
        self, config: ServiceConfig, audience: Audience, events: Sequence[Happened], now: float
    ) -> list[Telling]:
        """What a notifier is told of events."""
        url = config.model.url.rstrip("/")
        found = []
        for event in events:
            deploy = self._store.deploys.get(event.deploy_id)
            moment = deploy and moment_of(event.kind, event.body, deploy.order.kind)
            if not deploy or not moment or event.at < now - LATE_SECONDS:
                continue
            if audience.wants(moment, event.scope, event.at) and self._is_first(event):
                subject = subject_of(deploy, _name_of(self._store, deploy.order.actor), url)
                notice = announcement(moment, event.body, subject)
                found.append(Telling(notice, frozenset({event.id}), deploy.id, moment))
        return found

    def _is_first(self, event: Happened) -> bool:
        """Whether it is not told already: a deploy that is resumed begins a phase again, and one in the
        queue waits for several.
        """
        match event.kind:
            case PhaseStarted.kind:
                return self._store.notified.first(event.deploy_id, event.kind, BEGUN) == event.id
            case Queued.kind:
                return self._store.notified.first(event.deploy_id, event.kind) == event.id
            case _:
                return True

    def _refused(self, standing: Standing, problem: str) -> float:
        """Write down that a notifier took nothing: when it is tried again."""
        now, failures = time.time(), standing.failures + 1
        self._store.notified.refused(standing.name, failures, problem, now)
        _log.warning("notifier %s: %s", standing.name, problem)
        return now + pause(failures)


def pause(failures: int) -> float:
    """How long a notifier is left alone that has failed for so many times in a row, in seconds."""
    return min(FIRST_PAUSE_SECONDS * 3.0 ** min(failures - 1, 10), LONGEST_PAUSE_SECONDS)


async def _tell(
    notifier: Notifier, store: Store, config: ServiceConfig, audience: Audience, telling: Telling
) -> str:
    """Tell a notifier something: "" when it took it, else why not."""
    url = audience.bot.token if audience.bot else audience.url
    if not isinstance(url, str):
        try:
            # Fetched anew each time: it may have changed since.
            url = await ConfiguredSecrets(config.secrets, config.directory).get(url.name)
        except ConfigError as error:
            return f"{error.code} {error.message}"
    if audience.bot is not None:
        return await bots.tell(store, audience, audience.bot, url, telling)
    return await notifier.tell(url, telling.notice)


def _parcels(told: Sequence[Telling], updates: Updates) -> list[Telling]:
    """What goes out, each as one message."""
    kept = bots.newest_of_each(told) if updates == Updates.IN_PLACE else list(told)
    many = len(kept) if updates == Updates.EACH else len({one.deploy_id for one in kept})
    if many <= APART:
        return kept
    about = frozenset(number for one in told for number in one.about)
    return [Telling(together([one.notice for one in told]), about)]


def _name_of(store: Store, actor: str) -> str:
    person = store.people.by_login(actor)
    return person.name if person is not None and person.name else actor


def _write_down(store: Store, caller: Caller, name: str, problem: str) -> None:
    now = time.time()
    if problem:
        failures = store.notified.listed().get(name, Standing(name, 0, 0)).failures
        store.notified.refused(name, failures, problem, now)
    else:
        store.notified.took(name, now)
    record(store, caller, "notifier tested", EVERYWHERE, now, facts={"notifier": name, "problem": problem})


def _listed(audience: Audience, standing: Standing) -> Listed:
    url, bot = audience.url, audience.bot
    where = address(url) if isinstance(url, str) else f"secret {url.name}"
    if bot is not None:
        where = f"{bot.kind} {bot.channel}".strip()
    failed = standing.failed_at is not None and standing.failed_at >= (standing.told_at or 0.0)
    return Listed(
        audience.name,
        where,
        audience.apps,
        audience.environments,
        audience.on,
        audience.updates,
        audience.at_least,
        str(audience.quiet or ""),
        standing.told_at,
        standing.failed_at,
        standing.problem if failed else "",
    )
