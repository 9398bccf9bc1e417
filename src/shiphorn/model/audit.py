"""Acts of people, as the audit log keeps them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did: who, through which face, from where, to what, and why.

    `at` is Unix seconds. `act` is a verb and its object, such as `deploy`, `lock`, `token made`; `facts`
    are JSON, without secrets. `digest` (sha256 hex) is over the act and `previous`, the digest of the act
    before; both, and `id`, are of the log that keeps it.
    """

    at: float
    actor: str
    via: str
    address: str
    act: str
    app: str = ""
    environment: str = ""
    reason: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    previous: str = ""
    digest: str = ""
