"""What people order of a running service about endpoints: each checked against their rights, and audited."""

from __future__ import annotations

from shiphorn.model.endpoints import Endpoint
from shiphorn.model.people import Caller
from shiphorn.service.endpoints.listed import Standing
from shiphorn.service.endpoints.making import Made
from shiphorn.service.service import Service


async def create(
    service: Service,
    caller: Caller,
    app: str,
    branch: str,
    *,
    environment: str = "",
    ttl_seconds: float | None = None,
    origin: str = "",
) -> Made:
    """Give a branch an endpoint, and order its deploy; one that it has already is extended and redeployed.

    Raises Forbidden SH550, NotFound SH580, ConfigError SH110, SourceError, Refused SH930 to SH936.
    """
    raise NotImplementedError


def listed(service: Service, caller: Caller, app: str = "") -> list[Standing]:
    """The endpoints that the caller sees, of an app or of all."""
    raise NotImplementedError


def find(service: Service, caller: Caller, app: str, text: str) -> Endpoint:
    """The endpoint of an app that goes by a name, `environment~name`, or the name of a branch.

    Raises NotFound SH935, Refused SH935 when several do.
    """
    raise NotImplementedError


def extend(service: Service, caller: Caller, endpoint_id: int, ttl_seconds: float | None = None) -> Endpoint:
    """Let an endpoint stay for so long from now. Raises NotFound SH935, Forbidden SH550, Refused SH934."""
    raise NotImplementedError


def remove(
    service: Service, caller: Caller, endpoint_id: int, reason: str = "", *, forget: bool = False
) -> Endpoint:
    """Have an endpoint taken off its hosts by the robot. Raises NotFound SH935, Forbidden SH550.

    One to `forget` is gone at once, whatever its hosts still hold.
    """
    raise NotImplementedError
