"""Gates: what must be true of a commit and its environment before it may go out.

The one place that asks them, for deploys, plans and questions alike: `asking`. All gates are asked, also
when one has refused, so that a person hears everything at once. Each is a `ports.Gate`.
"""

from shiphorn.deploy.gates.asking import (
    POLL_SECONDS,
    REFUSED,
    ask_all,
    in_words,
    pass_all,
    require_open,
    standing,
)
from shiphorn.deploy.gates.closed import Frozen, Locked, MarkedBad, described
from shiphorn.deploy.gates.setting import Setting

__all__ = [
    "POLL_SECONDS",
    "REFUSED",
    "Frozen",
    "Locked",
    "MarkedBad",
    "Setting",
    "ask_all",
    "described",
    "in_words",
    "pass_all",
    "require_open",
    "standing",
]
