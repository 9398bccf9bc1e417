"""Apps of Slack in shiphorn.yml: who may talk to shiphorn there."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shiphorn.config.bots import SLACK_API
from shiphorn.config.metrics import WebAddress
from shiphorn.config.secret_refs import Secret
from shiphorn.config.strict import Strict
from shiphorn.config.values import Glob
from shiphorn.model.chat import Shown
from shiphorn.model.notices import Bot, BotKind


def _team(text: str) -> str:
    if re.fullmatch(r"[TE][A-Z0-9]{2,20}", text) is None:
        raise ValueError("it has to be the id of a workspace, such as T0123ABCD")
    return text


class SlackAppEntry(Strict):
    """An app of Slack that people talk to."""

    signing_secret: Secret = Field(description="By which Slack proves what it sends: `{secret: NAME}`.")
    token: Secret = Field(description="The bot's token, `xoxb-...`, with `chat:write`: `{secret: NAME}`.")
    teams: list[Annotated[str, AfterValidator(_team)]] = Field(
        [], description="Only these workspaces, by their ids; if left out, all that have the app."
    )
    apps: list[Glob] = Field(["*"], min_length=1, description="Of which apps it answers there; globs.")
    environments: list[Glob] = Field(["*"], min_length=1, description="Of which environments; globs.")
    readers: Literal["known", "everyone"] = Field(
        "known",
        description="Who is answered who asks how things stand: people that shiphorn knows, or everyone.",
    )
    api: WebAddress = Field(SLACK_API, description="Where Slack's API is.")

    @property
    def shown(self) -> Shown:
        """What may be shown there."""
        return Shown(tuple(self.apps), tuple(self.environments), self.readers == "everyone")

    def bot(self, channel: str) -> Bot:
        """Its bot in a channel."""
        return Bot(BotKind.SLACK, self.api.rstrip("/"), channel, self.token)
