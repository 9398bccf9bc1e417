"""Bots of chats as notifiers: they may change what they said, and answer in threads."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from shiphorn.config.metrics import WebAddress
from shiphorn.config.secret_refs import Secret
from shiphorn.config.strict import Strict
from shiphorn.config.values import Text
from shiphorn.model.notices import Bot, BotKind

SLACK_API = "https://slack.com/api"


def _channel(text: str) -> str:
    if re.fullmatch(r"#?[^\s#/]{1,80}", text) is None:
        raise ValueError('it has to be a channel such as "#deploys", or the id of one')
    return text


def _channel_id(text: str) -> str:
    if re.fullmatch(r"[a-z0-9]{26}", text) is None:
        raise ValueError("it has to be the id of a channel: 26 letters and digits, in the channel's info")
    return text


class SlackEntry(Strict):
    """A channel of Slack, by an app's bot with the scope `chat:write`."""

    token: Secret = Field(description="The bot's token, `xoxb-...`: `{secret: NAME}`.")
    channel: Annotated[Text, AfterValidator(_channel)] = Field(
        description='Its name or id: `"#deploys"`. The bot has to be in it.'
    )
    api: WebAddress = Field(SLACK_API, description="Where Slack's API is.")

    @property
    def bot(self) -> Bot:
        """The bot."""
        return Bot(BotKind.SLACK, self.api.rstrip("/"), self.channel, self.token)


class MattermostEntry(Strict):
    """A channel of Mattermost, by a bot account."""

    url: WebAddress = Field(description="Where Mattermost is: `https://chat.example.com`.")
    token: Secret = Field(description="The bot's access token: `{secret: NAME}`.")
    channel: Annotated[str, AfterValidator(_channel_id)] = Field(description="The id of the channel.")

    @property
    def bot(self) -> Bot:
        """The bot."""
        return Bot(BotKind.MATTERMOST, self.url.rstrip("/"), self.channel, self.token)


class DiscordEntry(Strict):
    """A channel of Discord, by a webhook of it."""

    webhook: Secret = Field(
        description="Its URL, `https://discord.com/api/webhooks/ID/TOKEN`: `{secret: NAME}`."
    )

    @property
    def bot(self) -> Bot:
        """The webhook, which can change what it said."""
        return Bot(BotKind.DISCORD, "", "", self.webhook)
