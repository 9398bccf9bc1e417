"""What a gate is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shiphorn.config.load import Config
from shiphorn.deploy.world import World


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment of an app that a gate stands before, and what its config says for this gate.

    A gate is made anew for each deploy and each question, and asked again while it waits.
    """

    world: World
    config: Config
    environment: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def app(self) -> str:
        """The app."""
        return self.config.app
