"""shiphorn.yml: what a service is told about itself, and what all of its apps have in common.

An app's file lies over it: environments of the same name merge, lists of hosts included only where the
app has none. So an app needs to say little more than its name, its repository and where it goes.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from shiphorn.config import forges as forge_entries
from shiphorn.config import whole
from shiphorn.config.bots import DiscordEntry, MattermostEntry, SlackEntry
from shiphorn.config.chat import ChatEntry
from shiphorn.config.forges import ForgeEntry
from shiphorn.config.hours import MomentName, QuietEntry
from shiphorn.config.load import Config, SecretSource, load_data, source
from shiphorn.config.metrics import MetricsEntry
from shiphorn.config.positions import Key, Positions, read
from shiphorn.config.problems import problems_error, told
from shiphorn.config.schema import Commands, Environment, Overrides, SecretEntry
from shiphorn.config.secret_refs import lacking
from shiphorn.config.sources import SourceEntry
from shiphorn.config.strict import Strict
from shiphorn.config.values import Duration, Glob, Name, Patience, ServiceUrl, Text, Variable
from shiphorn.errors import ConfigError
from shiphorn.model.forge import Forge
from shiphorn.model.notices import Audience, Moment, Severity, Updates

FILE_NAME = "shiphorn.yml"
_NAMING_SECRETS = ("notifiers", "forges", "chat", "metrics", "sources")
"""Keys below which secrets are named; those of `env` are looked at with the rest."""
_HOST_LISTS = ("hosts", "inventory", "regions")
_PATHS = ("identity_file", "known_hosts", "config")


class OidcEntry(Strict):
    """A provider of OpenID Connect."""

    name: Text = Field("Single sign-on", description="What the button says.")
    issuer: Annotated[str, Field(min_length=1)] = Field(description="Its URL, as its discovery names it.")
    client_id: Annotated[str, Field(min_length=1)] = Field(description="What it knows this service by.")
    client_secret: SecretEntry = Field(description="Where the secret comes from.")
    scopes: list[Text] = Field(["openid", "email", "profile"], description="What is asked for.")
    link_by_email: bool = Field(
        default=False, description="Whoever comes with a verified address of somebody known is that person."
    )
    role: Literal["", "viewer", "deployer", "admin"] = Field(
        "", description="What somebody new may do; nobody new gets in if left out."
    )


class SignIn(Strict):
    """How people sign in."""

    password: bool = Field(default=True, description="By login and password.")
    oidc: OidcEntry | None = Field(None, description="By OpenID Connect.")
    session: Duration = Field(7 * 86_400.0, description="How long a browser stays signed in.")


class NotifierEntry(Strict):
    """People who are told of deploys, in chat or by mail."""

    url: ServiceUrl | None = Field(
        None, description="Where: a URL of [Apprise](https://appriseit.com/services/), or `{secret: NAME}`."
    )
    slack: SlackEntry | None = Field(None, description="In its place: a channel of Slack.")
    mattermost: MattermostEntry | None = Field(None, description="In its place: a channel of Mattermost.")
    discord: DiscordEntry | None = Field(None, description="In its place: a channel of Discord.")
    updates: Literal["", "in_place", "thread", "each"] = Field(
        "",
        description="How more is told of a deploy: `in_place` changes the message, `thread` answers it (not "
        "in Discord), `each` is a new message, the only way of a `url`; if left out, `in_place`.",
    )
    apps: list[Glob] = Field(["*"], min_length=1, description="Of which apps; globs.")
    environments: list[Glob] = Field(["*"], min_length=1, description="Of which environments; globs.")
    on: list[MomentName] = Field(
        ["started", "succeeded", "failed", "rolled_back", "paused"],
        min_length=1,
        description="Of what: queued, started, paused, continued, succeeded, failed, rolled_back, stopped, "
        "superseded; if left out, of started, succeeded, failed, rolled_back and paused.",
    )
    at_least: Literal["info", "success", "warning", "failure"] = Field(
        "info", description="Only what is so bad, or worse: `warning` leaves pauses, stops and failures."
    )
    quiet: QuietEntry | None = Field(None, description="When they are told of failures only.")

    @model_validator(mode="after")
    def _one_way(self) -> NotifierEntry:
        ways = [self.url, self.slack, self.mattermost, self.discord]
        if len([way for way in ways if way is not None]) != 1:
            raise ValueError("it has to have one of url, slack, mattermost and discord")
        if self.url is not None and self.updates not in ("", "each"):
            raise ValueError("updates is for slack, mattermost and discord: what a url says, stays")
        if self.discord is not None and self.updates == "thread":
            raise ValueError("a webhook of Discord has no threads: updates may be in_place or each")
        return self

    def audience(self, name: str) -> Audience:
        """Who is told, and of what."""
        quiet = self.quiet.hours if self.quiet else None
        on = tuple(moment for moment in Moment if moment in self.on)
        entry = self.slack or self.mattermost or self.discord
        usual = Updates.IN_PLACE if entry else Updates.EACH
        return Audience(
            name,
            self.url or "",
            tuple(self.apps),
            tuple(self.environments),
            on,
            quiet,
            entry.bot if entry else None,
            Updates(self.updates) if self.updates else usual,
            Severity(self.at_least),
        )


class ServiceFile(Strict):
    """shiphorn.yml."""

    url: Text = Field("", description="Where people reach the service: `https://deploy.example.com`.")
    apps: list[Text] = Field(["apps/*.yml"], description="Files of apps, beside this one.")
    sign_in: SignIn = Field(SignIn(), description="How people sign in.")
    converge: Patience = Field(
        300.0, description="How often hosts that are behind are brought up to date; 0 for never."
    )
    defaults: Overrides = Field(Overrides(), description="The weakest layer of every app.")
    hooks: Commands = Field(Commands(), description="Commands that every app runs ahead of its own.")
    secrets: dict[Variable, SecretEntry] = Field({}, description="Secrets by name.")
    sources: dict[Name, SourceEntry] = Field({}, description="Where checks ask for metrics, by name.")
    roles: dict[Name, Overrides] = Field({}, description="What is special on hosts of a role.")
    environments: dict[Name, Environment] = Field({}, description="Environments that apps may go to.")
    notifiers: dict[Name, NotifierEntry] = Field({}, description="Who is told of deploys, by name.")
    forges: dict[Name, ForgeEntry] = Field({}, description="Where repositories live and are built, by name.")
    chat: ChatEntry = Field(ChatEntry(), description="Where people talk to shiphorn.")
    metrics: MetricsEntry = Field(MetricsEntry(), description="Where measured values go.")


@dataclass(frozen=True)
class ServiceConfig:
    """A valid shiphorn.yml. `path` is where it is, or would be."""

    path: Path
    model: ServiceFile
    _data: dict[str, Any]
    _positions: Positions

    @property
    def directory(self) -> Path:
        """The folder that its paths are relative to."""
        return self.path.parent

    @property
    def audiences(self) -> list[Audience]:
        """Who is told of deploys, in the order of the file."""
        return [entry.audience(name) for name, entry in self.model.notifiers.items()]

    @property
    def forges(self) -> list[Forge]:
        """Where repositories live and are built, in the order of the file."""
        return [entry.forge(name) for name, entry in self.model.forges.items()]

    @property
    def secrets(self) -> dict[str, SecretSource]:
        """Where its own secrets come from, by name."""
        return {name: source(entry) for name, entry in self.model.secrets.items()}

    def app_files(self) -> list[Path]:
        """The files of apps, in the order of their names."""
        return sorted({path for glob in self.model.apps for path in self.directory.glob(glob)})

    def app(self, text: str, path: Path, over: dict[str, Any] | None = None) -> Config:
        """An app by the text of its file, laid over this one; what is in `over` wins over both.

        Raises ConfigError SH101, SH102.
        """
        data, positions = read(text, path)
        return self.laid_under(data | (over or {}), positions, path)

    def laid_under(self, data: dict[str, Any], positions: Positions, path: Path) -> Config:
        """An app whose file was read already. Raises as `app`."""
        environments = data.get("environments", list(self._data.get("environments", {})))
        if isinstance(environments, list):
            environments = dict.fromkeys(map(str, environments))
        if isinstance(environments, dict):
            data = data | {"environments": self._environments(environments)}
        below = dict(self._data.get("defaults", {}))
        data = _merged(below, data)
        for name in ("secrets", "roles", "sources"):
            if name in self._data:
                data[name] = _merged(self._data[name], data.get(name, {}))
        data["hooks"] = self._hooks(data.get("hooks", {}), positions)
        positions.over(self._positions)
        return load_data(data, positions, json.dumps(data), path)

    def _environments(self, own: dict[str, Any]) -> dict[str, Any]:
        """The app's environments, each over the common one of its name."""
        laid: dict[str, Any] = {}
        for name, entry in own.items():
            below = dict(self._data.get("environments", {}).get(name) or {})
            if isinstance(entry, dict) and any(key in entry for key in _HOST_LISTS):
                regions = below.get("regions") if "regions" in entry else None
                below = {key: value for key, value in below.items() if key not in _HOST_LISTS}
                below |= {"regions": regions} if regions else {}
            laid[name] = (
                _merged(below, entry) if isinstance(entry, dict) else below if entry is None else entry
            )
        return laid

    def _hooks(self, own: Any, positions: Positions) -> Any:
        common = self._data.get("hooks", {})
        if not isinstance(own, dict):
            return own
        hooks = dict(common) | own
        for moment in common.keys() & own.keys():
            if isinstance(own[moment], list):
                positions.shift(("hooks", moment), len(common[moment]))
                hooks[moment] = [*common[moment], *own[moment]]
        return hooks


def load(path: Path) -> ServiceConfig:
    """Load shiphorn.yml; all its defaults where there is none.

    Raises ConfigError SH101 (problems, all of them), SH102 (no YAML), SH100 (it cannot be read).
    """
    path = path.absolute()
    if not path.exists():
        return ServiceConfig(path, ServiceFile(), {}, Positions(path))
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError("SH100", f"{path} cannot be read: {reason}.") from error
    if not text.strip():
        return ServiceConfig(path, ServiceFile(), {}, Positions(path))
    data, positions = read(text, path)
    whole.keep_env_as_written(data, positions)
    if isinstance(data.get("defaults"), dict):
        positions.lift("defaults")
        whole.keep_env_as_written(data["defaults"], positions)
    found = whole.problems(data)
    # Whether deploy_to is set only an app can tell.
    found = [one for one in found if "deploy_to" not in one[1]]
    try:
        model = ServiceFile.model_validate(data)
    except ValidationError as error:
        found = [*told(error, ServiceFile), *found]
    found += forge_entries.problems(data) + lacking(data, *_NAMING_SECRETS)
    if found:
        raise problems_error(found, positions, path)
    _anchor(data, path.parent)
    return ServiceConfig(path, model, data, positions)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Mappings merged key by key; what lies above wins."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _anchor(data: dict[str, Any], directory: Path) -> None:
    """Make paths absolute: they are relative to this file, and the app's to its own."""
    for entry in data.get("secrets", {}).values():
        if isinstance(entry.get("file"), str):
            entry["file"] = str(directory / Path(entry["file"]).expanduser())
    for entry in data.get("sources", {}).values():
        if entry.get("ca"):
            entry["ca"] = str(directory / Path(entry["ca"]).expanduser())
    for _, place in _places(data):
        ssh = place.get("ssh")
        for name in _PATHS:
            if isinstance(ssh, dict) and name in ssh:
                listed = ssh[name] if isinstance(ssh[name], list) else [ssh[name]]
                ssh[name] = [str(directory / Path(one).expanduser()) for one in listed]
        inventory = place.get("inventory")
        if isinstance(inventory, dict) and "exec" in inventory:
            inventory["exec"] = f"cd {shlex.quote(str(directory))} && {inventory['exec']}"


def _places(data: dict[str, Any]) -> Iterable[tuple[Key, dict[str, Any]]]:
    yield from whole.places(data)
    if isinstance(data.get("defaults"), dict):
        yield ("defaults",), data["defaults"]
