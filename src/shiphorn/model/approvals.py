"""Approvals: who said that a commit may go to some hosts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from shiphorn.model.target import Selection


@dataclass(frozen=True, slots=True)
class Approval:
    """Somebody's word that a commit may go to the hosts that a selection named then.

    `hosts` is a `digest` of their names. Times are Unix seconds.
    """

    id: int
    app: str
    environment: str
    sha: str
    selection: Selection
    hosts: str
    actor: str
    reason: str
    at: float
    expires_at: float
    withdrawn_at: float | None = None

    def in_force(self, now: float) -> bool:
        """Whether it counts still."""
        return self.withdrawn_at is None and now < self.expires_at


def digest(hosts: Iterable[str]) -> str:
    """What some hosts are known by together, whatever their order."""
    return hashlib.sha256("\n".join(sorted(hosts)).encode()).hexdigest()
