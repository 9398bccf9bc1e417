"""Orders that change hosts: put on record, carried out, resumed."""

from __future__ import annotations

import time

from shiphorn.config.load import Config
from shiphorn.deploy.close import crashed
from shiphorn.deploy.pipeline import Pipeline
from shiphorn.deploy.world import World
from shiphorn.engine.durable import Engine, Handle
from shiphorn.errors import Refused
from shiphorn.model.deploy import NOBODY_YET, Deploy, DeployState, Order, Wish
from shiphorn.model.events import DeployStarted
from shiphorn.service.records import ask, get
from shiphorn.store.store import Store


def put_on_record(
    store: Store,
    config: Config,
    order: Order,
    executor: str = NOBODY_YET,
    request: tuple[str, str] | None = None,
) -> Deploy:
    """A new deploy, for an executor, or for the worker that takes it first.

    `request` is the key of the request that orders it, and the digest of the order: the deploy that
    the actor's key made before is given instead of another one.

    Raises Refused SH521 for another app than the config's, ConfigError SH110.
    """
    if order.app != config.app:
        raise Refused(
            "SH521",
            f"{config.path} deploys {config.app}, not {order.app}.",
            hint=f"Leave the app out, or use the config of {order.app}: --config FILE",
        )
    config.environment(order.environment)
    made = store.deploys.open(
        order, (str(config.path), config.text_for(order.environment)), executor, time.time(), request
    )
    store.records.add_events([_started(made)])
    return made


class Shipping:
    """Runs deploys in this process. The engine must be launched, and closed, by the owner.

    Where many of them run side by side, each has its connections to hosts `apart`.
    """

    def __init__(self, world: World, engine: Engine, *, apart: bool = False) -> None:
        self._world = world
        self._engine = engine
        self._pipeline = Pipeline(world, engine, apart=apart)

    def lives(self, executor: str) -> bool:
        """Whether the process of an executor still runs."""
        return self._engine.executor.lives(executor)

    def record(self, config: Config, order: Order, *, wait: bool = True) -> Deploy:
        """Put a new deploy on record. One that does not `wait` for others takes its environment here.

        Raises as `put_on_record`, and Refused SH501 or SH502 when it does not wait.
        """
        made = put_on_record(self._world.store, config, order, self._engine.executor.id)
        if not wait:
            self._pipeline.take_at_once(made)
            made = get(self._world.store, made.id)
        self._world.tell(_started(made))
        return made

    async def run(self, record: Deploy) -> Deploy:
        """Carry out a deploy or rollback to its end, good or bad."""
        return await self._wait(record, await self._pipeline.start(record))

    async def resume(self, deploy_id: int) -> Deploy:
        """Bring a deploy to its end whose process died, or that nobody has taken yet.

        Raises Refused SH522 to SH524.
        """
        record = get(self._world.store, deploy_id)
        if not record.state.active:
            raise Refused("SH523", f"deploy {deploy_id} has ended already: it {record.state}.")
        executor = self._engine.executor
        if record.executor == NOBODY_YET:
            taken = self._world.store.deploys.take(record.id, executor.id)
        else:
            taken = executor.claim(record.executor)
        if not taken:
            raise Refused("SH524", f"deploy {deploy_id} is still being worked on by another process.")
        self._world.tell(_started(record))
        return await self._wait(record, await self._pipeline.resume(record))

    def left(self) -> list[Deploy]:
        """The deploys of all apps that no living process works on; those in the queue last."""
        executor = self._engine.executor
        found = [
            one
            for one in self._world.store.deploys.active()
            if one.executor == NOBODY_YET or not executor.lives(one.executor)
        ]
        return sorted(found, key=lambda one: (one.state == DeployState.QUEUED, one.id))

    def stop(self, deploy_id: int, actor: str) -> None:
        """Ask a deploy to stop, and to take everything back."""
        self._world.tell(ask(self._world.store, deploy_id, Wish.STOP, actor))

    async def _wait(self, record: Deploy, handle: Handle) -> Deploy:
        deploys = self._world.store.deploys
        try:
            await handle.get_result()
        except Exception as error:
            await self._pipeline.forget(record)
            crashed(self._world.store, record.id, error)
            raise
        return deploys.get(record.id) or record


def _started(record: Deploy) -> DeployStarted:
    order = record.order
    return DeployStarted(
        record.id, record.started_at, order.app, order.environment, order.kind, order.ref, order.actor
    )
