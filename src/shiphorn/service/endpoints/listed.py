"""Endpoints as people look at them: each with what it runs and how its last deploy went."""

from __future__ import annotations

from dataclasses import dataclass

from shiphorn.model.endpoints import Endpoint
from shiphorn.model.history import DeployRow


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint with its last deploy, and the last one that went well: None where there is none."""

    endpoint: Endpoint
    last: DeployRow | None
    live: DeployRow | None
