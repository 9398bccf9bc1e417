"""Who says something in a chat, and where."""

from __future__ import annotations

from dataclasses import dataclass, field
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


def _any(name: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
