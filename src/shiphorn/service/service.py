"""What every face of a running service works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shiphorn.adapters.notify_apprise import AppriseNotifier
from shiphorn.config.load import Config
from shiphorn.deploy.world import World
from shiphorn.errors import NotFound
from shiphorn.model.deploy import Deploy
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.ports import Notifier
from shiphorn.service.access import require
from shiphorn.service.apps import Apps
from shiphorn.service.builds.heard import Heard
from shiphorn.service.builds.incoming import Incoming
from shiphorn.service.commits.histories import Histories
from shiphorn.service.commits.kept_changes import KeptChanges
from shiphorn.service.deploys.live import Live
from shiphorn.service.deploys.report import Reports
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.history.delivery import DoraReports
from shiphorn.service.history.figures import KeptFigures
from shiphorn.service.known import Known
from shiphorn.service.news import News
from shiphorn.service.records import get
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class Service:
    """The parts of a running service.

    `lives` tells whether an executor still runs; `wake` has this process's worker look for work at once.
    `live` follows deploys for whoever listens, `heartbeat` says when anything has changed, `histories` are
    those of repositories, `changes` what commits change, `reports` tell of deploys, `dora` of how deploying
    goes, `figures` are those of monitoring, and `known` is how environments and hosts stand. `news` wakes who
    waits for pushes and builds; `heard` has those who act on pushes and pull requests, and `incoming` what
    forges sent. `works` tells whether this process's worker is at work, and `notifier` tells people.
    """

    world: World
    apps: Apps
    lives: Callable[[str], bool]
    wake: Callable[[], None]
    live: Live
    heartbeat: Heartbeat
    histories: Histories
    changes: KeptChanges = field(default_factory=KeptChanges)
    known: Known = field(default_factory=Known)
    dora: DoraReports = field(default_factory=DoraReports)
    figures: KeptFigures = field(default_factory=KeptFigures)
    reports: Reports = field(default_factory=Reports)
    news: News = field(default_factory=News)
    heard: Heard = field(default_factory=Heard)
    incoming: Incoming = field(default_factory=Incoming)
    works: Callable[[], bool] = lambda: True
    notifier: Notifier = field(default_factory=AppriseNotifier)

    @property
    def store(self) -> Store:
        """What is on record."""
        return self.world.store

    def places(self) -> list[tuple[str, tuple[str, ...]]]:
        """Every app with its environments, as lists are narrowed to."""
        return [(app, self.apps.config(app).environments) for app in self.apps.names()]

    def config(self, caller: Caller, app: str, environment: str = "") -> Config:
        """The config of an app that the caller sees. Raises NotFound SH580, ConfigError SH110."""
        config = self.apps.config(app) if caller.sees(Scope(app, environment)) else None
        if config is None:
            raise NotFound("SH580", f"there is no app {app}.", hint="Or it is not yours to see.")
        if environment:
            config.environment(environment)
        return config

    def deploy(self, caller: Caller, deploy_id: int, role: Role = Role.VIEWER) -> Deploy:
        """A deploy that the caller has a role for. Raises NotFound SH522, Forbidden SH550."""
        record = get(self.store, deploy_id)
        scope = Scope(record.order.app, record.order.environment)
        if not caller.sees(scope):
            raise NotFound("SH522", f"there is no deploy {deploy_id}.", hint="Or it is not yours to see.")
        require(caller, role, scope, f"{record.order.kind} {deploy_id}")
        return record
