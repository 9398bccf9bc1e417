"""Endpoints where a service is the desk: it makes them, and takes them off by itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from shiphorn.cli import terminal
from shiphorn.cli.answers import Branched
from shiphorn.cli.following import follow
from shiphorn.cli.wire import Wire, made
from shiphorn.model.endpoints import Endpoint, EndpointState
from shiphorn.service.endpoints.listed import Standing, named

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE_SECONDS = 30.0
"""How long a command waits for an endpoint to be gone."""


class EndpointsThere:
    """The part of the desk that endpoints are."""

    _wire: Wire
    if TYPE_CHECKING:

        @property
        def app(self) -> str: ...  # noqa: D102

    def endpoint_create(
        self, branch: str, environment: str, ttl_seconds: float | None, console: Console | None
    ) -> Branched:
        """Order an endpoint, and follow its deploy."""
        body: dict[str, Any] = {"app": self.app, "branch": branch, "environment": environment}
        found = self._wire.post("/endpoints", body | {"ttl_seconds": ttl_seconds})
        ended = terminal.run(follow(self._wire, found["deploy"]["id"], console))
        return Branched(made(Endpoint, found["endpoint"]), bool(found["is_new"]), ended)

    def endpoints(self) -> list[Standing]:
        """The endpoints of the app."""
        return made(list[Standing], self._wire.get("/endpoints", app=self.app))

    def endpoint_extend(self, name: str, ttl_seconds: float | None) -> Endpoint:
        """Let an endpoint stay longer."""
        path = f"/endpoints/{self._named(name).id}/extend"
        return made(Endpoint, self._wire.post(path, {"ttl_seconds": ttl_seconds}))

    def endpoint_remove(self, name: str, reason: str, *, forget: bool) -> Endpoint:
        """Have it taken off its hosts, and wait for a while for that."""
        found = self._named(name)
        body = {"reason": reason, "forget": forget}
        latest = made(Endpoint, self._wire.post(f"/endpoints/{found.id}/remove", body))
        until = time.monotonic() + PATIENCE_SECONDS
        while latest.state == EndpointState.REMOVING and time.monotonic() < until:
            latest = made(Endpoint, self._wire.get(f"/endpoints/{found.id}"))
            if latest.tries > found.tries and latest.problem:
                break
            time.sleep(0.2)
        return latest

    def endpoint_prune(self) -> list[Endpoint]:
        """The service does that by itself."""
        return []

    def _named(self, name: str) -> Endpoint:
        return named([one.endpoint for one in self.endpoints()], self.app, name)
