"""The reference of all keys, as Markdown, from the schema itself."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from shiphorn.config.auto import AutoEntry, BranchesEntry
from shiphorn.config.bots import DiscordEntry, MattermostEntry, SlackEntry
from shiphorn.config.chat import ChannelEntry, ChatEntry, IrcEntry
from shiphorn.config.endpoints import VhostEntry
from shiphorn.config.forges import ForgeEntry
from shiphorn.config.gates import AfterEntry, ApprovalEntry, GateCommand, GatesEntry
from shiphorn.config.hours import QuietEntry
from shiphorn.config.metrics import GrafanaEntry, GraphiteEntry, MetricsEntry, StatsdEntry
from shiphorn.config.schema import (
    App,
    CheckEntry,
    CommandEntry,
    Commands,
    EndpointCommands,
    EndpointsEntry,
    Environment,
    FreezeEntry,
    HostEntry,
    InventoryEntry,
    Overrides,
    Region,
    SecretEntry,
    Shared,
    Ssh,
    WavesEntry,
)
from shiphorn.config.service import NotifierEntry, OidcEntry, ServiceFile, SignIn
from shiphorn.config.slack import SlackAppEntry
from shiphorn.config.sources import SourceEntry

_SECTIONS: tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("Top of the file", App, Overrides),
    ("At every layer", Overrides, None),
    ("shared", Shared, None),
    ("ssh", Ssh, None),
    ("commands", Commands, None),
    ("A command", CommandEntry, None),
    ("A check of `watch`", CheckEntry, None),
    ("An environment", Environment, Overrides),
    ("waves", WavesEntry, None),
    ("auto", AutoEntry, None),
    ("branches", BranchesEntry, None),
    ("A window of `freezes`", FreezeEntry, None),
    ("gates", GatesEntry, None),
    ("gates: approval", ApprovalEntry, None),
    ("gates: after", AfterEntry, None),
    ("A command of `gates`", GateCommand, None),
    ("endpoints", EndpointsEntry, None),
    ("endpoints: vhost", VhostEntry, None),
    ("endpoints: commands", EndpointCommands, None),
    ("A region", Region, Overrides),
    ("A host", HostEntry, Overrides),
    ("inventory", InventoryEntry, None),
    ("A secret", SecretEntry, None),
    ("A source of metrics", SourceEntry, None),
)

_HEAD = """\
# deploy.yml

Generated from the schema; `make docs` writes it anew.

Layers: defaults < app < environment < region < role < host. A later layer wins; mappings merge key by key,
lists and single values replace. `horn config explain ENV HOST KEY` shows where a value comes from.

In `env` and `deploy_to`, `{app}`, `{environment}`, `{region}`, `{zone}` and `{host}` are filled in;
`{{host}}` stands for `{host}` itself. A value of `env` may be `{secret: NAME}`. The same are filled in, and
`{address}`, in the checks of `watch` and their headers; a command has the variables of `env` instead.
"""


_SERVICE_HEAD = """\
# shiphorn.yml

Generated from the schema; `make docs` writes it anew.

What a service is told about itself, and what all of its apps have in common. An app is a file of its own,
`apps/NAME.yml`: a [deploy.yml](config.md) that leaves out what stands here. Its `environments` may be a list
of names, or be left out for all of them; what it says of one lies over what is said here, and an app with
hosts of its own in an environment goes to these alone. `config: deploy.yml` in it has the rest read from
the app's own repository, at the revision that is deployed.

Both kinds of files are read again when they change. What is wrong with one is shown on the board, and what
was good before stays in force. Paths are relative to the file that they stand in.
"""
_SERVICE_SECTIONS: tuple[tuple[str, type[BaseModel], type[BaseModel] | None], ...] = (
    ("Top of the file", ServiceFile, None),
    ("sign_in", SignIn, None),
    ("oidc", OidcEntry, None),
    ("A notifier", NotifierEntry, None),
    ("slack", SlackEntry, None),
    ("mattermost", MattermostEntry, None),
    ("discord", DiscordEntry, None),
    ("quiet", QuietEntry, None),
    ("A forge", ForgeEntry, None),
    ("chat", ChatEntry, None),
    ("A network of `irc`", IrcEntry, None),
    ("A channel of `channels`", ChannelEntry, None),
    ("An app of Slack", SlackAppEntry, None),
    ("metrics", MetricsEntry, None),
    ("graphite", GraphiteEntry, None),
    ("statsd", StatsdEntry, None),
    ("grafana", GrafanaEntry, None),
)


def markdown() -> str:
    """The whole reference of deploy.yml."""
    return _HEAD + "".join(_section(*section) for section in _SECTIONS)


def service_markdown() -> str:
    """The whole reference of shiphorn.yml."""
    return _SERVICE_HEAD + "".join(_section(*section) for section in _SERVICE_SECTIONS)


def _section(title: str, model: type[BaseModel], without: type[BaseModel] | None) -> str:
    rows = [
        f"| `{field.alias or name}` | {_default(field)} | {field.description} |\n"
        for name, field in model.model_fields.items()
        if not field.exclude and (without is None or name not in without.model_fields)
    ]
    also = " Also every key of the layers." if without is not None else ""
    about = (model.__doc__ or "").strip().splitlines()[0]
    head = f"\n## {title}\n\n{about}{also}\n\n| Key | Default | Meaning |\n| --- | --- | --- |\n"
    return head + "".join(rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default
    # A port of 0 stands for ssh's own.
    if (
        value in ("", None)
        or (value == 0 and type(value) is int)
        or isinstance(value, (list, dict, BaseModel))
    ):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
