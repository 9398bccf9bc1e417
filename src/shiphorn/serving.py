"""A service in one process: pages and API on one event loop, deploys on another one in a thread.

So a deploy that has ten thousand connections to look after does not keep pages waiting. It ends as it
would in a crash, only politely: pages are finished, and deploys under way are gone on with by the next
process, from where they were.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import uvicorn
import uvloop
from litestar import Litestar

from shiphorn.adapters import logs
from shiphorn.adapters.notify_apprise import AppriseNotifier
from shiphorn.adapters.programs import kill_started
from shiphorn.adapters.vault import Vault, open_vault
from shiphorn.adapters.webhook import Sender
from shiphorn.chat.networks import ChatNotifier, Networks
from shiphorn.chat.slack import KEPT_SECONDS as SLACK_SECONDS
from shiphorn.config.service import FILE_NAME
from shiphorn.deploy.world import World
from shiphorn.service.apps import Apps
from shiphorn.service.auto.robot import Robot
from shiphorn.service.builds.running import listen, work_on_forges
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.endpoints import labels
from shiphorn.service.endpoints.keeper import Keeper
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.history.figures import of_all
from shiphorn.service.operations import rubbish
from shiphorn.service.operations.lag import Lag
from shiphorn.service.operations.told import log_event
from shiphorn.service.people.sign_in import needs_set_up, purge
from shiphorn.service.service import Service
from shiphorn.service.telling.notifiers import Announcer
from shiphorn.service.telling.sinks import Reporter
from shiphorn.service.telling.webhooks import KEPT_SECONDS, Courier
from shiphorn.service.worker import Worker
from shiphorn.web.app import make_app
from shiphorn.web.metrics import Metrics
from shiphorn.web.requests import Requests
from shiphorn.web.site import Site, site_at
from shiphorn.wiring import home, open_shipping, open_world

REFRESH_SECONDS = 1.0
REPOSITORIES_SECONDS = 60.0
PURGE_SECONDS = 3600.0
STATUSES_SECONDS = 400 * 86400.0
"""How long it is known how the builds of a commit went."""
ANEW_SECONDS = 10.0
DRAIN_SECONDS = 10
"""How long pages under way may take to end when the service is told to."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a service listens, and what it serves.

    `proxies` are those whose word it takes on who asks; `log` is `text` or `json`.
    """

    host: str
    port: int
    config: Path
    single: Path | None = None
    proxies: str = ""
    log: str = "text"


class WorkerThread:
    """A worker in a thread, with an event loop of its own. When it fails, the process ends."""

    def __init__(self, apps: Apps) -> None:
        self._apps = apps
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: Worker | None = None
        self._lives: Callable[[str], bool] = lambda _: False
        self.lag = Lag()
        self._thread = threading.Thread(target=self._run, name="horn-worker", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until it is at work."""
        self._ready.wait()

    def wake(self) -> None:
        """Have it look for work at once."""
        if self._loop is not None and self._worker is not None:
            self._loop.call_soon_threadsafe(self._worker.wake.set)

    def works(self) -> bool:
        """Whether it is at work."""
        return self._ready.is_set() and self._thread.is_alive()

    def lives(self, executor: str) -> bool:
        """Whether the process of an executor still runs."""
        return self._lives(executor)

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._work())
        except BaseException as error:  # noqa: BLE001 - whatever it was, no deploy would be carried out any more
            _log.critical("the worker has ended", exc_info=error)
            leave(1)

    async def _work(self) -> None:
        async with (
            open_world(log_event) as world,
            open_shipping(world, apart=True) as shipping,
            asyncio.TaskGroup() as group,
        ):
            self._loop = asyncio.get_running_loop()
            self._worker = Worker(world, shipping, self._apps)
            self._lives = shipping.lives
            self._ready.set()
            group.create_task(self.lag.watch())
            await self._worker.work()


class Server(uvicorn.Server):
    """A server that first tells those who listen that it ends: a stream would keep it waiting for ever."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, and finish those under way."""
        self._end_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End politely when told to; uvicorn's own way would have the signal kill the process after that."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def serve(listening: Listening, announce: Callable[[Site, str], None]) -> None:
    """Serve until told to end. `announce` is given the site and the set-up code, "" once there are people.

    Raises ConfigError, DatabaseError, OSError when it cannot listen.
    """
    logs.set_up(listening.log)
    apps = Apps(listening.config, listening.single)
    thread = WorkerThread(apps)
    site = site_at(apps.service.model.url or f"http://{listening.host}:{listening.port}")
    async with (
        open_world(lambda _: None) as world,
        Live(world.store) as live,
        Heartbeat(world.store) as heartbeat,
        Histories() as histories,
    ):
        await asyncio.to_thread(thread.wait)
        networks = Networks(world.store, apps)
        service = Service(
            world,
            apps,
            thread.lives,
            thread.wake,
            live,
            heartbeat,
            histories,
            works=thread.works,
            notifier=ChatNotifier(networks, AppriseNotifier()),
        )
        service.heard.on_pull_request.append(partial(labels.heard, service))
        vault = open_vault(home().state)
        code = secrets.token_urlsafe(9) if needs_set_up(world.store) else ""
        lag = Lag()
        lags = {"pages": lag, "deploys": thread.lag}
        metrics = Metrics(world.store, apps, lags, service.figures, service.known)
        app = make_app(
            service,
            vault,
            site,
            set_up_code=code,
            metrics=metrics,
            lifespan=[_background(service, vault, lag, networks)],
        )
        config = uvicorn.Config(
            Requests(app, metrics),
            listening.host,
            listening.port,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(listening.proxies),
            forwarded_allow_ips=listening.proxies or None,
            timeout_graceful_shutdown=DRAIN_SECONDS,
            timeout_keep_alive=75,
        )
        announce(site, code)

        def end_streams() -> None:
            live.end()
            heartbeat.end()

        await Server(config, end_streams).serve()
    _log.info("ended; deploys under way are gone on with by the next process")
    leave(0)


async def work(config: Path, log: str = "text") -> None:
    """Be a worker and nothing else, until told to end."""
    logs.set_up(log)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, leave, 0)
    async with open_world(log_event) as world, open_shipping(world, apart=True) as shipping:
        apps = Apps(config)
        worker = Worker(world, shipping, apps)
        async with asyncio.TaskGroup() as group:
            group.create_task(_keep_fresh(apps, world))
            group.create_task(worker.work())


def default_config() -> Path:
    """shiphorn.yml here, where there is one, else in the folder of this user's settings."""
    here = Path(FILE_NAME)
    if here.exists():
        return here.absolute()
    settings = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(settings) / "shiphorn" / FILE_NAME


def leave(status: int) -> None:
    """End this process at once, and what it started: what it worked on is on record."""
    try:
        kill_started()
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _background(service: Service, vault: Vault, lag: Lag, networks: Networks) -> Callable[[Litestar], object]:
    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        robot = Robot(service)
        async with asyncio.TaskGroup() as group:
            works: tuple[Callable[[], Coroutine[None, None, None]], ...] = (
                lambda: _keep_fresh(service.apps, service.world),
                lambda: _keep_warm(service),
                lambda: _purge(service),
                lambda: _tell_webhooks(service, vault),
                lambda: Keeper(service).work(),
                lambda: Announcer(service.store, service.apps, service.notifier).work(),
                robot.work,
                lambda: listen(service),
                lambda: work_on_forges(service),
                lambda: service.figures.work(lambda: of_all(service.dora, service.world, service.apps)),
                lambda: Reporter(service.store, service.apps, service.figures).work(),
                lambda: networks.work(service),
                lambda: networks.announcer(service).work(),
                lag.watch,
                rubbish.collect,
            )
            tasks = [group.create_task(_steadily(work)) for work in works]
            yield
            for task in tasks:
                task.cancel()

    return running


async def _steadily(work: Callable[[], Coroutine[None, None, None]]) -> None:
    """Do what has no end. When it fails, as while the database is away, it is begun anew: pages go on."""
    while True:
        try:
            await work()
        except Exception:  # noqa: BLE001 - whatever it was, pages and deploys go on
            _log.exception("work in the background failed; it is begun anew in %.0f s", ANEW_SECONDS)
        await asyncio.sleep(ANEW_SECONDS)


async def _keep_fresh(apps: Apps, world: World) -> None:
    """Read files again that have changed, and now and then what repositories hold."""
    rest = 0.0
    while True:
        if rest <= 0:
            await apps.refresh_repositories(world)
            rest = REPOSITORIES_SECONDS
        await asyncio.to_thread(apps.refresh)
        apps.know(await asyncio.to_thread(world.store.endpoints.there))
        await asyncio.sleep(REFRESH_SECONDS)
        rest -= REFRESH_SECONDS


async def _keep_warm(service: Service) -> None:
    """Know the repositories before somebody looks: the board says how far behind they are."""
    while True:
        apps = service.apps
        await service.histories.warm(service.world, [apps.config(name) for name in apps.names()])
        await asyncio.sleep(REPOSITORIES_SECONDS)


async def _purge(service: Service) -> None:
    while True:
        await asyncio.to_thread(purge, service.store, time.time())
        await asyncio.to_thread(service.store.webhooks.forget, time.time() - KEPT_SECONDS)
        await asyncio.to_thread(service.store.received.forget, time.time() - KEPT_SECONDS)
        await asyncio.to_thread(service.store.statuses.forget, time.time() - STATUSES_SECONDS)
        await asyncio.to_thread(service.store.told.forget, time.time() - KEPT_SECONDS)
        await asyncio.to_thread(service.store.once.forget, time.time() - SLACK_SECONDS)
        await asyncio.to_thread(service.store.codes.forget, time.time())
        await asyncio.sleep(PURGE_SECONDS)


async def _tell_webhooks(service: Service, vault: Vault) -> None:
    sender = Sender()
    try:
        await Courier(service.store, vault, sender, lambda: service.apps.service.model.url.rstrip("/")).work()
    finally:
        await sender.close()
