"""Notices: what people are told of deploys in chat or by mail, who is told, and when they want quiet."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from enum import StrEnum
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from shiphorn.model.locks import Scope
from shiphorn.model.settings import SecretRef


class Moment(StrEnum):
    """What of a deploy may be told."""

    QUEUED = "queued"
    STARTED = "started"
    PAUSED = "paused"
    CONTINUED = "continued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    STOPPED = "stopped"
    SUPERSEDED = "superseded"

    @property
    def is_failure(self) -> bool:
        """Whether it is told in quiet hours, too."""
        return self in (Moment.FAILED, Moment.ROLLED_BACK)

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return _SEVERITIES.get(self, Severity.INFO)


_OF_HOSTS = ("form", "gotify", "http", "json", "mailto", "mmost", "rocket", "xml")
"""Services whose URL names a host; what stands there in others' may be a token."""

USUAL = (Moment.STARTED, Moment.PAUSED, Moment.SUCCEEDED, Moment.FAILED, Moment.ROLLED_BACK)


class Severity(StrEnum):
    """How bad it is what a notice tells."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"

    def reaches(self, least: Severity) -> bool:
        """Whether it is as bad as that, or worse."""
        order = list(Severity)
        return order.index(self) >= order.index(least)


_SEVERITIES = {
    Moment.PAUSED: Severity.WARNING,
    Moment.STOPPED: Severity.WARNING,
    Moment.SUCCEEDED: Severity.SUCCESS,
    Moment.FAILED: Severity.FAILURE,
    Moment.ROLLED_BACK: Severity.FAILURE,
}


class Updates(StrEnum):
    """How more is told of a deploy that something was told of already."""

    IN_PLACE = "in_place"
    """The message is changed; what went wrong, or waits for somebody, is a message of its own besides."""
    THREAD = "thread"
    """In the thread of the first message."""
    EACH = "each"
    """A message each."""


class BotKind(StrEnum):
    """The chats whose bots may change what they said."""

    SLACK = "slack"
    MATTERMOST = "mattermost"
    DISCORD = "discord"


@dataclass(frozen=True, slots=True)
class Bot:
    """A bot in a channel. `token` is what it proves itself by; to Discord it is the URL of the webhook."""

    kind: BotKind
    url: str
    channel: str
    token: SecretRef


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell people. `title` is the subject of a mail; chats show the text alone."""

    title: str
    text: str
    severity: Severity = Severity.INFO


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day in a time zone, over midnight when they begin later than they end."""

    begin: time
    end: time
    zone: str = "UTC"

    def holds(self, at: float) -> bool:
        """Whether a moment, in Unix seconds, lies within."""
        clock = datetime.fromtimestamp(at, UTC).astimezone(ZoneInfo(self.zone)).time()
        if self.begin < self.end:
            return self.begin <= clock < self.end
        return clock >= self.begin or clock < self.end

    def __str__(self) -> str:
        return f"{self.begin:%H:%M} to {self.end:%H:%M} {self.zone}"


@dataclass(frozen=True, slots=True)
class Audience:
    """A notifier as shiphorn.yml has it: where it tells, and of what. `apps` and `environments` are globs.

    `url` is Apprise's way to name a service, with all that is secret about it; "" where a `bot` tells.
    Less than `at_least` is not told.
    """

    name: str
    url: str | SecretRef = field(repr=False)
    apps: tuple[str, ...] = ("*",)
    environments: tuple[str, ...] = ("*",)
    on: tuple[Moment, ...] = USUAL
    quiet: Quiet | None = None
    bot: Bot | None = None
    updates: Updates = Updates.EACH
    at_least: Severity = Severity.INFO

    def wants(self, moment: Moment, scope: Scope, at: float) -> bool:
        """Whether it is told of something that happened to a deploy there, then."""
        if moment not in self.on or (self.quiet and self.quiet.holds(at) and not moment.is_failure):
            return False
        if not moment.severity.reaches(self.at_least):
            return False
        return _any(scope.app, self.apps) and _any(scope.environment, self.environments)


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a notifier is, and what came of it. Times are Unix seconds, None for never.

    `began` is the last event from before it was there, `seen` the last that was looked at, `known` those
    around it that were, too. Nobody else tells it anything before `free_at`; `failures` counts the tries in
    a row that failed, the last one for the reason `problem`.
    """

    name: str
    began: int
    seen: int
    known: frozenset[int] = frozenset()
    free_at: float = 0.0
    failures: int = 0
    told_at: float | None = None
    failed_at: float | None = None
    problem: str = ""


def address(url: str) -> str:
    """As much of a notifier's URL as may be shown: its service, and its host where it has one."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in (*_OF_HOSTS, *(f"{name}s" for name in _OF_HOSTS)):
        return f"{scheme}://…"
    host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    return f"{scheme}://{host}" if re.fullmatch(r"[A-Za-z0-9.-]+(:\d+)?", host) else f"{scheme}://…"


def _any(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
