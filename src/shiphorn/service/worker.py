"""The worker: carries out what is on record, takes up what was left behind, brings up hosts that are behind.

It needs no word from anybody: whatever a dead process, a person or another face has put on record is
found within a second. Several workers may share a database; each deploy is taken by one of them.
"""

from __future__ import annotations

import asyncio
import logging
import time

from shiphorn.config.load import Config
from shiphorn.deploy.world import World
from shiphorn.errors import ConfigError, ShiphornError
from shiphorn.model.deploy import Deploy, DeployState, Kind, Order
from shiphorn.model.target import Selection
from shiphorn.service.apps import Apps
from shiphorn.service.hosts import fleet
from shiphorn.service.shipping import Shipping, put_on_record
from shiphorn.store.store import Store

LOOK_SECONDS = 1.0
"""How often it looks for deploys that nobody works on."""
ACTOR = "shiphorn"
"""Who orders what the service does by itself."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 60.0, 3600.0
"""How long a deploy that cannot be gone on with, or hosts that cannot be brought up to date, are left alone:
longer each time."""

_log = logging.getLogger(__name__)


class Worker:
    """Works until it is cancelled. `wake` is set when there is something new to look at."""

    def __init__(self, world: World, shipping: Shipping, apps: Apps) -> None:
        self._world = world
        self._shipping = shipping
        self._apps = apps
        self._running: dict[int, asyncio.Task[None]] = {}
        self._stuck = _Pauses()
        self._behind = _Pauses()
        self.wake = asyncio.Event()

    async def work(self) -> None:
        """Look for work, and do it."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._converge())
            while True:
                self.wake.clear()
                for record in self._shipping.left():
                    if record.id not in self._running and self._stuck.may_try((record.id,), time.time()):
                        self._running[record.id] = group.create_task(self._carry_out(record))
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self.wake.wait()
                except TimeoutError:
                    continue

    async def _carry_out(self, record: Deploy) -> None:
        _log.info("deploy %d: taken", record.id, extra={"deploy": record.id})
        try:
            ended = await self._shipping.resume(record.id)
        except ShiphornError as error:
            _log.warning("deploy %d: %s", record.id, error, extra={"deploy": record.id})
        except Exception:  # noqa: BLE001 - the others go on
            _log.exception("deploy %d: a defect ended it", record.id, extra={"deploy": record.id})
        else:
            self._stuck.forget((record.id,))
            _log.info("deploy %d: %s", record.id, ended.state, extra={"deploy": record.id})
        finally:
            del self._running[record.id]

    async def _converge(self) -> None:
        looked_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            # Asked each time: the file may have changed.
            every = self._apps.service.model.converge
            if every and time.monotonic() - looked_at >= every:
                for app in self._apps.names():
                    await self._converge_app(app)
                looked_at = time.monotonic()

    async def _converge_app(self, app: str) -> None:
        """Order what brings the hosts of an app up to date, where nothing else is going on."""
        world = self._world.apart()
        try:
            config = self._apps.config(app)
            for environment in (*config.environments, *config.endpoint_environments):
                if self._world.store.deploys.active(app, environment):
                    continue
                for order in await fleet.behind(world, config, environment, Selection(), ACTOR):
                    self._catch_up(config, order)
        except ConfigError as error:
            _log.warning("%s: %s", app, error)
        except ShiphornError as error:
            _log.warning("%s: cannot see what its hosts run: %s", app, error)
        except Exception:  # noqa: BLE001 - deploys go on
            _log.exception("%s: a defect kept its hosts from being looked at", app)
        finally:
            await world.fleet.close()

    def _catch_up(self, config: Config, order: Order) -> None:
        what, now = (order.app, order.environment, order.ref, *order.selection.hosts), time.time()
        store = self._world.store
        if not _failed_lately(store, order, now) and self._behind.may_try(what, now):
            put_on_record(store, config, order)
            self.wake.set()


class _Pauses:
    """What was tried and did not help: it is tried again after a while, each time a longer one."""

    def __init__(self) -> None:
        self._tried: dict[tuple[object, ...], tuple[float, float]] = {}

    def may_try(self, what: tuple[object, ...], now: float) -> bool:
        """Whether it is time to try; counts as tried when it is."""
        not_before, pause = self._tried.get(what, (0.0, FIRST_PAUSE_SECONDS))
        if now < not_before:
            return False
        self._tried[what] = (now + pause, min(pause * 2, LONGEST_PAUSE_SECONDS))
        return True

    def forget(self, what: tuple[object, ...]) -> None:
        """It worked."""
        self._tried.pop(what, None)


def _failed_lately(store: Store, order: Order, now: float) -> bool:
    """Whether another worker has just tried the same in vain."""
    history = store.deploys.history(order.app, order.environment, limit=20)
    return any(
        one.order.kind == Kind.CONVERGE
        and (one.order.ref, one.order.selection) == (order.ref, order.selection)
        and one.state != DeployState.SUCCEEDED
        and (one.finished_at or now) > now - FIRST_PAUSE_SECONDS
        for one in history
    )
