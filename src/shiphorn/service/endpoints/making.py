"""How endpoints are made: which environment, which name, for how long."""

from __future__ import annotations

from dataclasses import dataclass

from shiphorn.model.deploy import Deploy
from shiphorn.model.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint, the deploy that brings the branch to it, and whether it is a new one."""

    endpoint: Endpoint
    deploy: Deploy
    is_new: bool
