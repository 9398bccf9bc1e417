"""Forges are told of deploys: which commit is where, since when, and how to look at it.

Whoever tells keeps its place in the events of deploys, so that a crash loses none; what was told twice
because of it is found by the forge's own record. A deploy never waits for a forge.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from shiphorn.config.load import Config
from shiphorn.errors import DatabaseError, NotFound, SourceError
from shiphorn.model.deploy import Deploy, DeployState, Kind, Phase
from shiphorn.model.endpoints import is_endpoint
from shiphorn.model.events import DeployFinished, PhaseStarted
from shiphorn.model.forge import Deployment, Forge, Progress
from shiphorn.model.graph import RefKind
from shiphorn.model.notices import Standing
from shiphorn.model.statuses import repository_key
from shiphorn.model.target import Selection
from shiphorn.model.webhooks import Happened
from shiphorn.service.builds.clients import Clients
from shiphorn.service.service import Service
from shiphorn.service.telling.notifiers import pause
from shiphorn.store.forge_deployments import Known

PREFIX = "forge:"
"""How the rows of `store.notified` begin that say how far a forge is with what it is told."""
KINDS = (PhaseStarted.kind, DeployFinished.kind)
LOOK_SECONDS = 1.0
CLAIM_SECONDS = 300.0
LATE_SECONDS = 24 * 3600.0
"""What a forge could not be told for so long is not told any more."""
PRODUCTION = ("production", "prod", "live")
"""Environments that are marked as production where a forge can."""
_PASSING = ("SH225", "SH226", "SH227")
_ENDS = {
    DeployState.SUCCEEDED: Progress.DONE,
    DeployState.FAILED: Progress.FAILED,
    DeployState.ROLLED_BACK: Progress.FAILED,
    DeployState.ABANDONED: Progress.FAILED,
    DeployState.STOPPED: Progress.STOPPED,
}

_log = logging.getLogger(__name__)


class Teller:
    """Tells forges of deploys. Several may work on a database: each forge is told by one at a time."""

    def __init__(self, service: Service, clients: Clients) -> None:
        self._service = service
        self._clients = clients
        self._names: list[str] | None = None

    async def work(self) -> None:
        """Look for what is to be told, and tell it, until cancelled."""
        while True:
            try:
                await self.look()
            except DatabaseError as error:
                _log.warning("forges: %s", error)
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Tell each forge what waits for it now."""
        forges = {f"{PREFIX}{one.name}": one for one in self._service.apps.service.forges if one.deployments}
        waiting = await asyncio.to_thread(self._waiting, list(forges))
        async with asyncio.TaskGroup() as group:
            for standing, events in waiting:
                group.create_task(self._tell_all(forges[standing.name], standing, events))

    def _waiting(self, names: list[str]) -> list[tuple[Standing, list[Happened]]]:
        notified = self._service.store.notified
        if names != self._names:
            notified.keep(names, PREFIX)
            self._names = names
        now = time.time()
        listed = notified.listed().values() if names else ()
        free = [one for one in listed if one.free_at <= now and one.name in names]
        found = [(one, notified.unseen(one, KINDS)) for one in free]
        return [(one, events) for one, events in found if events]

    async def _tell_all(self, forge: Forge, standing: Standing, events: list[Happened]) -> None:
        notified = self._service.store.notified
        now = time.time()
        if not await asyncio.to_thread(notified.claim, standing, now + CLAIM_SECONDS):
            return
        free_at, problem = now, ""
        for event in events:
            try:
                told = event.at > now - LATE_SECONDS and await self._tell(forge, event)
            except SourceError as error:
                told, problem = False, str(error)
                _log.warning("deploy %d: %s", event.deploy_id, error)
                if error.code in _PASSING:
                    failures = standing.failures + 1
                    asked = float(error.facts.get("pause_seconds", 0.0))
                    free_at = time.time() + max(pause(failures), asked)
                    break
            await asyncio.to_thread(notified.look_on, standing.name, {event.id})
            if told:
                await asyncio.to_thread(notified.took, standing.name, time.time())
        if problem:
            failures = standing.failures + 1
            await asyncio.to_thread(notified.refused, standing.name, failures, problem, time.time())
        await asyncio.to_thread(notified.free, standing.name, free_at)

    async def _tell(self, forge: Forge, event: Happened) -> bool:
        """Tell a forge of an event, if it is one for it: whether it was."""
        store = self._service.store
        deploy = await asyncio.to_thread(store.deploys.get, event.deploy_id)
        if deploy is None or not deploy.sha:
            return False
        known = await asyncio.to_thread(store.forge_deployments.get, deploy.id, forge.name)
        progress = progress_of(event.kind, event.body, deploy.order.kind)
        if progress is None or not _follows(known, progress):
            return False
        if known is None or known.state != progress:
            known = await self._tell_of(forge, deploy, known, progress)
        if known is not None and progress == Progress.DONE and deploy.order.selection == Selection():
            await self._replace(forge, deploy)
        return known is not None

    async def _tell_of(
        self, forge: Forge, deploy: Deploy, known: Known | None, progress: Progress
    ) -> Known | None:
        """Tell a forge how far a deploy is: what it knows of it then; None when it has not its repository."""
        if known is None:
            about = await self._about(forge, deploy)
            if about is None:
                return None
            known = Known(deploy.id, forge.name, *about, "", progress)
        deployment = await self._deployment(deploy, known.environment)
        remote = await self._clients.of(forge).tell(known.path, deployment, progress, known.remote)
        known = known._replace(remote=remote, state=progress)
        await asyncio.to_thread(self._service.store.forge_deployments.put, known)
        return known

    async def _replace(self, forge: Forge, deploy: Deploy) -> None:
        """Tell that what ran in the environment until now runs there no more."""
        store, order = self._service.store, deploy.order
        earlier = await asyncio.to_thread(
            store.forge_deployments.replaced, deploy.id, forge.name, order.app, order.environment
        )
        for one in earlier:
            old = await asyncio.to_thread(store.deploys.get, one.deploy_id)
            if old is None:
                continue
            deployment = await self._deployment(old, one.environment)
            await self._clients.of(forge).tell(one.path, deployment, Progress.REPLACED, one.remote)
            await asyncio.to_thread(store.forge_deployments.put, one._replace(state=Progress.REPLACED))

    async def _about(self, forge: Forge, deploy: Deploy) -> tuple[str, str] | None:
        """What a forge calls the repository and the environment of a deploy; None when it has it not."""
        apps, order = self._service.apps, deploy.order
        try:
            key = repository_key(apps.config(order.app).repo)
        except NotFound:
            return None
        path = forge.path_of(key)
        if not path:
            return None
        shared = [name for name in apps.names() if repository_key(apps.config(name).repo) == key]
        # Where several apps have one repository, each has environments of its own.
        return path, f"{order.app}/{order.environment}" if len(shared) > 1 else order.environment

    async def _deployment(self, deploy: Deploy, environment: str) -> Deployment:
        order, url = deploy.order, self._service.apps.service.model.url.rstrip("/")
        ref, is_tag = await self._ref(deploy)
        return Deployment(
            deploy.run,
            environment,
            order.environment in PRODUCTION,
            deploy.sha,
            ref,
            is_tag,
            described(deploy),
            f"{url}/deploys/{deploy.id}" if url else "",
            await asyncio.to_thread(self._visit, order.app, order.environment),
        )

    def _visit(self, app: str, environment: str) -> str:
        """Where an endpoint is reached; "" for any other environment."""
        there = self._service.store.endpoints.there(app) if is_endpoint(environment) else []
        return next((one.url for one in there if one.full_name == environment), "")

    async def _ref(self, deploy: Deploy) -> tuple[str, bool]:
        """The branch or tag that a deploy was ordered by, and whether it is a tag; else the app's branch."""
        try:
            config: Config = self._service.apps.config(deploy.order.app)
        except NotFound:
            return deploy.order.ref or deploy.sha, False
        history = await self._service.histories.of(self._service.world, config, wait_seconds=5)
        refs = history.graph.refs.all if history.graph is not None else ()
        kinds = {ref.kind for ref in refs if ref.name == deploy.order.ref}
        if not kinds:
            return config.branch, False
        return deploy.order.ref, RefKind.BRANCH not in kinds


def progress_of(kind: str, body: dict[str, Any], order: Kind) -> Progress | None:
    """What an event of a deploy is to forges, if anything.

    Hosts that are brought up to date run what the others ran already.
    """
    if order == Kind.CONVERGE:
        return None
    if kind == PhaseStarted.kind:
        return Progress.UNDER_WAY if body.get("phase") == Phase.DISCOVER else None
    state = body.get("state")
    return next((progress for end, progress in _ENDS.items() if end == state), None)


def _follows(known: Known | None, progress: Progress) -> bool:
    """Whether it comes after what a forge knows: nobody hears of an end who did not hear of the beginning."""
    if known is None:
        return not progress.is_end
    return progress.is_end


def described(deploy: Deploy) -> str:
    """A deploy in a line, without names of hosts and what went wrong there: anybody may read a forge."""
    order = deploy.order
    what = "rolled back" if order.kind == Kind.ROLLBACK else "deployed"
    hosts = ", on some hosts," if order.selection != Selection() else ""
    ends = {
        DeployState.SUCCEEDED: f"{what}",
        DeployState.FAILED: "failed",
        DeployState.ROLLED_BACK: "failed, and was taken back",
        DeployState.STOPPED: "stopped",
        DeployState.ABANDONED: "abandoned",
    }
    now = ends.get(deploy.state, f"is being {what}")
    code = f" ({deploy.code})" if deploy.code and deploy.state != DeployState.SUCCEEDED else ""
    return f"{order.app} {deploy.sha[:8]} to {order.environment}{hosts} by {order.actor}: {now}{code}"
