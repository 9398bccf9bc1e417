"""Who says something in a chat, and where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from shiphorn.model.locks import Scope


@dataclass(frozen=True, slots=True)
class Shown:
    """What may be shown in a channel: of which apps and environments, as globs.

    `to_everyone` is whether that holds for anybody who asks there, not only for people whom shiphorn knows.
    """

    apps: tuple[str, ...] = ("*",)
    environments: tuple[str, ...] = ("*",)
    to_everyone: bool = False

    def covers(self, scope: Scope) -> bool:
        """Whether an environment of an app may be shown."""
        return _any(scope.app, self.apps) and _any(scope.environment, self.environments)


@dataclass(frozen=True, slots=True)
class Speaker:
    """Somebody who speaks to shiphorn in a chat.

    `network` is `irc:NAME` or `slack:TEAM`. `account` is what the network itself vouches for, "" when it
    does not: `nick` is what they call themselves, and no proof of anything. `channel` is "" in `private`.
    """

    network: str
    account: str
    nick: str
    channel: str = ""
    private: bool = False
    shown: Shown = field(default_factory=Shown)

    @property
    def place(self) -> str:
        """Who speaks, and where, for the audit log: `irc:libera #ops matt`."""
        return " ".join(filter(None, (self.network, self.channel, self.nick)))


class CodeUse(StrEnum):
    """What a one-time code is good for."""

    LINK = "link"
    """To link an account of a chat."""
    ACT = "act"
    """To give one order."""


@dataclass(frozen=True, slots=True)
class ChatNetwork:
    """How a network stands. Times are Unix seconds, None for never.

    `holder` is the process that is there, or would be. `rooms` are channels, each with what keeps us out of
    it, "" for those that we are in; `problem` is why there was no connection last.
    """

    name: str
    holder: str = ""
    held_until: float = 0.0
    nick: str = ""
    connected_at: float | None = None
    rooms: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    failed_at: float | None = None


def _any(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
