"""Endpoints by the label of a pull request: it gets one for as long as it is open and bears the label."""

from __future__ import annotations

import logging

from shiphorn.config.load import Config
from shiphorn.errors import ShiphornError
from shiphorn.model.endpoints import EndpointState
from shiphorn.model.forge import PullRequest, PullState
from shiphorn.model.statuses import repository_key
from shiphorn.service.endpoints import orders
from shiphorn.service.endpoints.keeper import ROBOT
from shiphorn.service.service import Service

_log = logging.getLogger(__name__)


async def heard(service: Service, pull: PullRequest) -> None:
    """Act on a pull request of which a forge tells: for every app of its repository."""
    for app in service.apps.names():
        config = service.apps.config(app)
        if repository_key(config.repo) == pull.repository:
            try:
                await _of_app(service, config, pull)
            except ShiphornError as error:
                _log.warning("%s: %s, its endpoint: %s", app, origin_of(pull), error)


def origin_of(pull: PullRequest) -> str:
    """How an endpoint names the pull request that it is for."""
    return f"{pull.forge}#{pull.number}"


async def _of_app(service: Service, config: Config, pull: PullRequest) -> None:
    """Make what is asked for and lacking, and remove what was made for this pull request and is not any more.

    What a person has made of the same branch stays theirs.
    """
    app, origin = config.app, origin_of(pull)
    wanted = {name for name in config.environments if _is_wanted(config, name, pull)}
    there = service.store.endpoints.there(app)
    for one in there:
        stays = one.environment in wanted and one.branch == pull.branch
        if one.origin == origin and one.state == EndpointState.LIVE and not stays:
            orders.remove(service, ROBOT, one.id, f"{origin} is {_why_over(pull)}")
    having = {one.environment for one in there if one.branch == pull.branch}
    for environment in sorted(wanted - having):
        made = await orders.create(service, ROBOT, app, pull.branch, environment=environment, origin=origin)
        _log.info("%s: %s gets %s", app, origin, made.endpoint.url)


def _is_wanted(config: Config, environment: str, pull: PullRequest) -> bool:
    """Whether it asks for an endpoint. A fork's branch is none of the repository: it gets none."""
    keys = config.endpoints(environment)
    asks = keys is not None and keys.label != "" and keys.label in pull.labels
    return asks and pull.state == PullState.OPEN and not pull.from_fork


def _why_over(pull: PullRequest) -> str:
    return "without the label" if pull.state == PullState.OPEN else str(pull.state)
