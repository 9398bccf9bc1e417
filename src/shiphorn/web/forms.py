"""What forms send that several pages have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Reason:
    """Why something is done; others will read it."""

    reason: str = ""
