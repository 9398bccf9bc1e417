"""Of what people are told, and when they want quiet: in entries of notifiers and of chats alike."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import Field, model_validator

from shiphorn.config.strict import Strict
from shiphorn.config.values import Clock, Zone
from shiphorn.model.notices import Quiet

MomentName = Literal[
    "queued",
    "started",
    "paused",
    "continued",
    "succeeded",
    "failed",
    "rolled_back",
    "stopped",
    "superseded",
]


class QuietEntry(Strict):
    """Hours of every day in which a notifier tells of failures only."""

    begin: Clock = Field(alias="from", description='When they begin: `"22:00"`.')
    end: Clock = Field(alias="to", description="When they end; the next day if that is earlier.")
    zone: Zone = Field("UTC", description="Where that is the time: `Europe/Berlin`.")

    @model_validator(mode="after")
    def _some(self) -> QuietEntry:
        if self.begin == self.end:
            raise ValueError("from and to are the same")
        return self

    @property
    def hours(self) -> Quiet:
        """The hours."""
        return Quiet(time.fromisoformat(self.begin), time.fromisoformat(self.end), self.zone)
