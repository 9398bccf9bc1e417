"""Chats in shiphorn.yml: which networks shiphorn is in, where it speaks there, and to whom it listens."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from shiphorn.config.hours import MomentName, QuietEntry
from shiphorn.config.secret_refs import Secret
from shiphorn.config.slack import SlackAppEntry
from shiphorn.config.strict import Strict
from shiphorn.config.values import Glob, Name, Text
from shiphorn.model.chat import Shown
from shiphorn.model.notices import Audience, Moment

ROOM_SCHEME, ROOM_PREFIX = "chat+irc://", "irc:"
"""How the URLs of channels begin, and the names that they have as audiences."""
_NICK = re.compile(r"[A-Za-z\[\]\\`_^{|}][A-Za-z0-9\[\]\\`_^{|}-]{0,29}")
_CHANNEL = re.compile(r"[#&+!][^\s,:\x00-\x1f\x7f]{1,63}")
_SERVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|[0-9A-Fa-f:.]+")


def _nick(text: str) -> str:
    if _NICK.fullmatch(text) is None:
        raise ValueError(f"{text!r} can be no nick: it begins with a letter, and may have 30 characters")
    return text


def _channel(text: str) -> str:
    if _CHANNEL.fullmatch(text) is None:
        raise ValueError(f'{text!r} can be no channel; one is such as "#deploys", in quotation marks')
    return text


def _server(text: str) -> str:
    if _SERVER.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no name of a server; its port is a key of its own")
    return text


Nick = Annotated[str, AfterValidator(_nick)]
Channel = Annotated[str, AfterValidator(_channel)]
ServerName = Annotated[str, AfterValidator(_server)]


class ChannelEntry(Strict):
    """A channel that shiphorn is in."""

    name: Channel = Field(description='Its name, in quotation marks: `"#deploys"`.')
    key: Secret | None = Field(None, description="The key that it needs: `{secret: NAME}`.")
    apps: list[Glob] = Field(["*"], min_length=1, description="Of which apps it speaks there; globs.")
    environments: list[Glob] = Field(["*"], min_length=1, description="Of which environments; globs.")
    on: list[MomentName] = Field(
        ["started", "succeeded", "failed", "rolled_back", "paused"],
        description="What it announces, as for notifiers; `[]` for nothing.",
    )
    quiet: QuietEntry | None = Field(None, description="When it announces failures only.")
    readers: Literal["known", "everyone"] = Field(
        "known",
        description="Who is answered who asks how things stand: people that shiphorn knows, or everyone.",
    )

    @property
    def shown(self) -> Shown:
        """What may be shown there."""
        return Shown(tuple(self.apps), tuple(self.environments), self.readers == "everyone")

    def audience(self, network: str) -> Audience:
        """Who is told there, and of what."""
        quiet = self.quiet.hours if self.quiet else None
        on = tuple(moment for moment in Moment if moment in self.on)
        name = f"{ROOM_PREFIX}{network} {self.name}"
        return Audience(
            name, room_url(network, self.name), tuple(self.apps), tuple(self.environments), on, quiet
        )


class IrcEntry(Strict):
    """A network of IRC."""

    server: ServerName = Field(description="The server: `irc.libera.chat`.")
    port: int = Field(6697, ge=1, le=65535, description="Its port; with TLS that is usually 6697.")
    tls: bool = Field(default=True, description="Whether the connection is encrypted, and the server proven.")
    ca: Text = Field(
        "", description="A file with your own certificate authority that proves it, if it is one."
    )
    nick: Nick = Field("horn", description="What shiphorn is called there.")
    password: Secret | None = Field(None, description="The password of the server: `{secret: NAME}`.")
    account: Text = Field("", description="The account that shiphorn has there, for SASL.")
    account_password: Secret | None = Field(None, description="Its password: `{secret: NAME}`.")
    certificate: Text = Field(
        "", description="A file with a certificate and its key, to log in with: SASL EXTERNAL."
    )
    accounts: bool | None = Field(
        None,
        description="Whether it is believed what account somebody has; if left out, over TLS only. "
        "Without that each order needs a one-time code.",
    )
    lines: int = Field(6, ge=1, le=30, description="So many lines one answer or announcement has at most.")
    channels: list[ChannelEntry] = Field([], description="The channels that it is in.")

    @model_validator(mode="after")
    def _whole(self) -> IrcEntry:
        if bool(self.account) != (self.account_password is not None) and not self.certificate:
            raise ValueError("account and account_password go together")
        if self.certificate and not self.tls:
            raise ValueError("a certificate needs tls")
        if self.ca and not self.tls:
            raise ValueError("ca needs tls")
        names = [one.name.lower() for one in self.channels]
        if len(set(names)) < len(names):
            raise ValueError("a channel is listed twice")
        return self

    @property
    def believes_accounts(self) -> bool:
        """Whether it is believed what account somebody has."""
        return self.tls if self.accounts is None else self.accounts


class ChatEntry(Strict):
    """Where people talk to shiphorn."""

    irc: dict[Name, IrcEntry] = Field({}, description="Networks of IRC, by a name that stays theirs.")
    slack: dict[Name, SlackAppEntry] = Field({}, description="Apps of Slack, by name.")

    @property
    def audiences(self) -> list[Audience]:
        """The channels that are told of something."""
        rooms = [(name, room) for name, network in self.irc.items() for room in network.channels]
        return [room.audience(name) for name, room in rooms if room.on]


def room_url(network: str, channel: str) -> str:
    """How a notifier is told to speak in a channel."""
    return f"{ROOM_SCHEME}{network}/{channel}"


def room_of(url: str) -> tuple[str, str] | None:
    """The network and the channel of such a URL; None for any other one."""
    if not url.startswith(ROOM_SCHEME):
        return None
    network, _, channel = url.removeprefix(ROOM_SCHEME).partition("/")
    return network, channel
