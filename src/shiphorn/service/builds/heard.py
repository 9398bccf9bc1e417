"""Who in the service acts on what forges tell."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from shiphorn.model.forge import PullRequest, Pushed

PushListener = Callable[[Pushed], Awaitable[None]]
FetchListener = Callable[[str], Awaitable[None]]
PullRequestListener = Callable[[PullRequest], Awaitable[None]]

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Heard:
    """Listeners to what forges tell. Each is called on the loop of the pages, one after the other.

    A forge may tell the same twice, and what it tells while the service is down is lost: a listener puts on
    record what it has to do, and can be called again. By then the mirror has what was pushed.
    """

    on_fetch: list[FetchListener] = field(default_factory=list)
    on_push: list[PushListener] = field(default_factory=list)
    on_pull_request: list[PullRequestListener] = field(default_factory=list)

    async def fetched(self, repository: str) -> None:
        """Tell that the mirror of a repository, by its `repository_key`, was brought up to date."""
        for listener in self.on_fetch:
            await _tell(listener, repository)

    async def pushed(self, push: Pushed) -> None:
        """Tell of a push."""
        for listener in self.on_push:
            await _tell(listener, push)

    async def pull_request(self, pull_request: PullRequest) -> None:
        """Tell of a pull request."""
        for listener in self.on_pull_request:
            await _tell(listener, pull_request)


async def _tell(listener: Callable[[T], Awaitable[None]], what: T) -> None:
    """One listener that fails does not keep others from hearing it."""
    try:
        await listener(what)
    except Exception:  # noqa: BLE001 - whatever it was, others are told
        _log.exception("what a forge told could not be acted on: %s", what)
