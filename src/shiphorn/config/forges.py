"""`forges` of shiphorn.yml: where repositories live and are built."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from shiphorn.config.positions import Key
from shiphorn.config.secret_refs import SECRET_JSON, Secret, secret
from shiphorn.config.strict import Strict
from shiphorn.config.values import Glob, Patience, Text, is_web
from shiphorn.model.forge import REPORTED, Forge, ForgeKind
from shiphorn.model.settings import SecretRef

PUBLIC = {ForgeKind.GITHUB: "https://github.com", ForgeKind.GITLAB: "https://gitlab.com"}
"""Where a forge is when nothing else is said."""


def _secrets(value: Any) -> list[SecretRef]:
    return [secret(one) for one in (value if isinstance(value, list) else [value])]


def _address(text: str) -> str:
    if not is_web(text) or re.search(r"[\s?#@]", text):
        raise ValueError("it has to be an address such as https://git.example.com")
    return text.rstrip("/")


Secrets = Annotated[
    Any,
    BeforeValidator(_secrets),
    WithJsonSchema({"anyOf": [SECRET_JSON, {"type": "array", "items": SECRET_JSON}]}),
]
Address = Annotated[str, AfterValidator(_address)]


class ForgeEntry(Strict):
    """A forge, or a builder without one."""

    kind: Literal["github", "gitlab", "gitea", "jenkins", "generic"] = Field(
        description="What it is: github, gitlab, gitea (or Forgejo), jenkins, generic."
    )
    url: Address | None = Field(
        None, description="Its web address; https://github.com and https://gitlab.com if left out."
    )
    api: Address | None = Field(None, description="The address of its API, where that is not the usual one.")
    token: Secret | None = Field(
        None, description="What it is asked and told with, `{secret: NAME}`; without one as a stranger."
    )
    webhook: Secrets | None = Field(
        None,
        description="What its webhooks are signed with, `{secret: NAME}`, or several while one takes over "
        "from another; none are taken if left out.",
    )
    hosts: list[Text] = Field([], description="Other names of its host in repositories: `ssh.github.com`.")
    repositories: list[Glob] | None = Field(
        None,
        min_length=1,
        description="What it may speak for: globs such as `acme/*`; all of its own if left out. jenkins and "
        "generic need it, with hosts: `github.com/acme/*`.",
    )
    poll: Patience = Field(60.0, description="How often it is asked for builds; 0 for never.")
    deployments: bool = Field(default=False, description="Whether it is told of deploys.")

    @model_validator(mode="after")
    def _whole(self) -> ForgeEntry:
        kind = ForgeKind(self.kind)
        if kind.has_repositories and self.url is None and kind not in PUBLIC:
            raise ValueError(f"a forge of the kind {kind} needs its url")
        if not kind.has_repositories and self.repositories is None:
            raise ValueError(f'{kind} needs "repositories" to speak for: ["github.com/acme/*"]')
        if self.deployments and not kind.has_repositories:
            raise ValueError(f"{kind} cannot be told of deploys: leave deployments out")
        if self.deployments and self.token is None:
            raise ValueError("to be told of deploys it needs a token")
        if 0 < self.poll < 5:
            raise ValueError("poll has to be 5s or more, or 0 for never")
        return self

    def forge(self, name: str) -> Forge:
        """The forge."""
        kind = ForgeKind(self.kind)
        url = self.url or PUBLIC.get(kind, "")
        return Forge(
            name,
            kind,
            url,
            self.api or _api(kind, url),
            self.token,
            tuple(self.webhook or ()),
            tuple(self.hosts),
            tuple(self.repositories or ("*",)),
            self.poll,
            self.deployments,
        )


def well_known() -> list[Forge]:
    """Forges that everybody knows: they have pages, whether shiphorn.yml names them or not."""
    return [Forge(str(kind), kind, url, _api(kind, url), poll_seconds=0) for kind, url in PUBLIC.items()]


def problems(data: dict[str, Any]) -> list[tuple[Key, str]]:
    """What is wrong with forges as a whole: a name that is not theirs."""
    forges = data.get("forges")
    if not isinstance(forges, dict) or REPORTED not in forges:
        return []
    return [(("forges", REPORTED), f"{REPORTED} is what people report themselves: name it otherwise")]


def _api(kind: ForgeKind, url: str) -> str:
    match kind:
        case ForgeKind.GITHUB if url == PUBLIC[ForgeKind.GITHUB]:
            return "https://api.github.com"
        case ForgeKind.GITHUB:
            return f"{url}/api/v3"
        case ForgeKind.GITLAB:
            return f"{url}/api/v4"
        case ForgeKind.GITEA:
            return f"{url}/api/v1"
        case _:
            return ""
