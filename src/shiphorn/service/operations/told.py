"""What happens to deploys, as lines of the service's log."""

from __future__ import annotations

import logging
from typing import Any

from shiphorn.model.events import (
    Asked,
    BuildOutput,
    DeployFinished,
    DeployStarted,
    Event,
    GatesAnswered,
    HealthChanged,
    HostChanged,
    PhaseFinished,
    Queued,
    WatchProgress,
)

_LEFT_OUT = (BuildOutput, GatesAnswered, HealthChanged, WatchProgress, PhaseFinished)
"""Those are many, and on the page of the deploy."""
_TEXTS = ("message", "hint", "reason", "note")
"""What hosts and people said is on record, and no part of the log."""

_log = logging.getLogger(__name__)


def log_event(event: Event) -> None:
    """Log that a deploy began, moved on, was asked for something, or ended."""
    if isinstance(event, _LEFT_OUT) or (isinstance(event, HostChanged) and not event.code):
        return
    level = logging.WARNING if isinstance(event, HostChanged) else logging.INFO
    facts = {"deploy": event.deploy_id, "event": event.kind} | _facts(event)
    _log.log(level, "deploy %d: %s", event.deploy_id, _words(event), extra=facts)


def _facts(event: Event) -> dict[str, Any]:
    told = event.as_json()
    return {
        name: value
        for name, value in told.items()
        if name not in ("kind", "deploy_id", "at", *_TEXTS) and value not in ("", None, {})
    }


def _words(event: Event) -> str:
    match event:
        case DeployStarted():
            return f"{event.what} of {event.app} to {event.environment} by {event.actor}"
        case DeployFinished():
            return event.state
        case Asked():
            return f"{event.actor} wants it to {event.wish}"
        case Queued():
            return "waits for its turn"
        case HostChanged():
            return f"{event.host} {event.state}"
        case _:
            return event.kind.replace("_", " ")
