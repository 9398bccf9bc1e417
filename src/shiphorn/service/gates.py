"""Why can't I deploy? The one answer that every face gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shiphorn.config.load import Config
from shiphorn.deploy import gates, resolve
from shiphorn.deploy.world import World
from shiphorn.model.deploy import NOBODY_YET, Deploy, DeployState, Order
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.release import Commit
from shiphorn.store.store import Store


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A deploy that is not over. `alive` is whether its process still runs or is to come, `holds` whether
    it has the environment: then the others wait for it.
    """

    deploy: Deploy
    alive: bool
    holds: bool


@dataclass(frozen=True, slots=True)
class Why:
    """Whether an order would be carried out now: what each gate says, and whom it would wait for."""

    order: Order
    commit: Commit
    answers: Sequence[Answer]
    queue: Sequence[UnderWay]

    @property
    def open(self) -> bool:
        """Whether every gate lets it through."""
        return all(one.verdict == Verdict.PASS for one in self.answers)


async def why(world: World, config: Config, order: Order, lives: Callable[[str], bool]) -> Why:
    """Ask all gates about an order, and change nothing. Raises ConfigError, SourceError, Refused SH511."""
    config.environment(order.environment)
    ref = resolve.named(world.store, order.app, order.environment, order.ref or config.branch)
    commit = await resolve.find(world.source(config), ref)
    live = resolve.live_sha(world.store, order.app, order.environment)
    answers = await gates.ask_all(world, config, Question(order, commit.sha, live, time.time()))
    return Why(order, commit, answers, queue(world.store, order.app, lives, order.environment))


def queue(store: Store, app: str, lives: Callable[[str], bool], environment: str = "") -> list[UnderWay]:
    """The deploys that are not over, of an app or of all: by environment, whoever holds it first, then in
    the order of their turns.
    """
    found = [
        UnderWay(
            one,
            one.executor == NOBODY_YET or lives(one.executor),
            store.deploys.holder(one.order.app, one.order.environment) == one.id,
        )
        for one in store.deploys.active(app, environment)
    ]
    return sorted(
        found,
        key=lambda one: (
            one.deploy.order.app,
            one.deploy.order.environment,
            not one.holds,
            one.deploy.state == DeployState.QUEUED,
            one.deploy.place,
        ),
    )
