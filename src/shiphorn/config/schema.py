"""The keys of deploy.yml and what each may hold."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic import Strict as PydanticStrict
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from shiphorn.model.health import Kind
from shiphorn.model.settings import OnFailure, SecretRef

PLACEHOLDERS = ("app", "environment", "region", "zone", "host")
WATCH_PLACEHOLDERS = (*PLACEHOLDERS, "address")
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_APP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9._-]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} may hold letters, digits, dots, dashes and underscores only")
    return text


def _app(text: str) -> str:
    if _APP.fullmatch(text) is None:
        raise ValueError(f"{text!r} may hold letters, digits, dots, dashes, underscores and slashes only")
    return text


def _variable(text: str) -> str:
    if _VARIABLE.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no name for a variable")
    return text


def _plain_text(text: str) -> str:
    if any(ord(char) < 32 or ord(char) == 127 for char in text):
        raise ValueError("it may not hold control characters or line breaks")
    return text


def _filled(text: str, known: tuple[str, ...] = PLACEHOLDERS) -> str:
    for match in PLACEHOLDER.finditer(text):
        if match[2] and match[2] not in known:
            raise ValueError(
                f"there is no placeholder {{{match[2]}}}; there are {', '.join(known)} "
                f"(write {{{{{match[2]}}}}} to mean it literally)"
            )
    return text


def _watched(text: str) -> str:
    return _filled(_plain_text(text), WATCH_PLACEHOLDERS)


def _url(text: str) -> str:
    if re.match(r"https?://[^/\s]+", text) is None or " " in text:
        raise ValueError("it has to be a URL such as http://{address}:8080/health")
    return text


def _endpoint(text: str) -> str:
    if re.fullmatch(r".+:(\d{1,5}|\{\w+\})", text) is None:
        raise ValueError('it has to be an address and a port, such as "{address}:5432"')
    return text


def _unit(text: str) -> str:
    if text.startswith("-") or " " in text:
        raise ValueError("it has to be the name of a systemd unit, such as sample.service")
    return text


def _pid_file(text: str) -> str:
    if ".." in text.split("/"):
        raise ValueError("it has to be a path in deploy_to, an absolute one, or one below ~/, without ..")
    return text


def _status(value: Any) -> str:
    text = str(value)
    if re.fullmatch(r"[1-5](\d\d|xx)", text) is None or isinstance(value, bool):
        raise ValueError("it has to be a status such as 200, or a class of them such as 2xx")
    return text


def _deploy_to(text: str) -> str:
    _plain_text(text)
    parts = text.split("/")
    if not text.startswith(("/", "~/")) or ".." in parts or text.rstrip("/") in ("", "~"):
        raise ValueError("it has to be an absolute path, or one below ~/, without ..")
    return text.rstrip("/")


def _inner_path(text: str) -> str:
    """A path in the release, normalised."""
    _plain_text(text)
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if text.startswith("/") or ".." in parts or not parts:
        raise ValueError("it has to be a path inside the release, without ..")
    return "/".join(parts)


def _duration(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("it has to be a time such as 90, 30s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _env_value(value: Any) -> str | SecretRef:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            if "\0" in value:
                raise ValueError("it may not hold a NUL character")
            return _filled(value)
        case {"secret": str(name), **rest} if not rest:
            return SecretRef(name)
        case _:
            raise ValueError("it has to be a text, or {secret: NAME}")


def _amount(value: Any) -> str:
    text = str(value)
    share = re.fullmatch(r"(\d{1,3}(?:\.\d+)?)%", text)
    if (share and float(share[1]) <= 100) or (text.isdigit() and not isinstance(value, bool)):
        return text
    raise ValueError("it has to be a share such as 95%, or a number of hosts")


def _some(text: str) -> str:
    if float(text.rstrip("%")) == 0:
        raise ValueError("it has to be more than 0")
    return text


def _growing(sizes: list[str]) -> list[str]:
    for before, after in pairwise(sizes):
        alike = before.endswith("%") == after.endswith("%")
        if alike and float(after.rstrip("%")) <= float(before.rstrip("%")):
            raise ValueError(
                f"{after} after {before}: each says how many hosts have the release by then, so they grow"
            )
    return sizes


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _repository(text: str) -> str:
    _plain_text(text)
    if text.startswith("-") or "::" in text or not text:
        raise ValueError("it has to be a path or a git URL")
    return text


def _unique(paths: list[str]) -> list[str]:
    for path in paths:
        if paths.count(path) > 1:
            raise ValueError(f"{path} is listed twice")
        above = next((other for other in paths if path.startswith(f"{other}/")), None)
        if above:
            raise ValueError(f"{path} lies in {above}, which is shared already")
    return paths


Name = Annotated[str, AfterValidator(_name)]
Variable = Annotated[str, AfterValidator(_variable)]
InnerPath = Annotated[str, AfterValidator(_inner_path)]
Text = Annotated[str, AfterValidator(_plain_text)]
Files = Annotated[
    list[Text],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Duration = Annotated[
    float, BeforeValidator(_duration), Field(gt=0), WithJsonSchema({"type": ["number", "string"]})
]
Amount = Annotated[str, BeforeValidator(_amount), WithJsonSchema({"type": ["string", "integer"]})]
Sizes = Annotated[list[Annotated[Amount, AfterValidator(_some)]], AfterValidator(_growing)]
Patience = Annotated[
    float, BeforeValidator(_duration), Field(ge=0), WithJsonSchema({"type": ["number", "string"]})
]
EnvValue = Annotated[
    Any,
    AfterValidator(_env_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "object", "properties": {"secret": {"type": "string"}}, "required": ["secret"]},
            ]
        }
    ),
]


class Strict(BaseModel):
    """A mapping that takes no other keys, and no text where a number is due."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Shared(Strict):
    """What all releases of a host have in common, kept in `shared/` and linked into each."""

    dirs: Annotated[list[InnerPath], AfterValidator(_unique)] = Field(
        [], description="Directories, made if missing."
    )
    files: Annotated[list[InnerPath], AfterValidator(_unique)] = Field(
        [], description="Files, which must be on the host before the first deploy."
    )


class Ssh(Strict):
    """How to log in; what is left out is as for `ssh`."""

    user: Text = Field("", description="Login name.")
    port: int = Field(0, ge=0, le=65535, description="Port of sshd.")
    identity_file: Files = Field(
        [], description="Private key file or files; certificates beside them are used."
    )
    known_hosts: Files = Field([], description="Files with the hosts' keys.")
    config: Files = Field([], description="ssh_config files; ~/.ssh/config if left out.")
    jump: Text = Field("", description="`user@host:port` to go through, several separated by commas.")
    connect_timeout: Duration = Field(20.0, description="How long a login may take.")


class Short(Strict):
    """A mapping that may also be written shorter, as `short` says in JSON Schema."""

    short: ClassVar[dict[str, Any]] = {"type": "string"}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Both forms."""
        reference = handler(core)
        long = handler.resolve_ref_schema(reference)
        both = {"description": long.pop("description", ""), "anyOf": [cls.short, dict(long)]}
        long.clear()
        long.update(both)
        return reference


class CommandEntry(Short):
    """A shell command: a string, or a mapping with `run`."""

    run: str = Field(min_length=1, description="The command, for `sh`.")
    roles: list[Name] = Field([], description="Only hosts with one of these roles.")
    once: bool = Field(default=False, description="On one host only: the first with the roles.")
    repeatable: bool = Field(default=False, description="May run again if it was interrupted.")
    timeout: Duration = Field(600.0, description="How long it may take.")
    user: Text = Field("", description="Another account, by `sudo -n`.")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"run": value} if isinstance(value, str) else value


class Commands(Strict):
    """Commands by moment."""

    build: list[CommandEntry] = Field(
        [], description="On the deployer, in the exported tree, before packing; without `env`."
    )
    stage: list[CommandEntry] = Field([], description="On hosts, in the new release, before the flip.")
    restart: list[CommandEntry] = Field([], description="On hosts, right after the flip.")
    finish: list[CommandEntry] = Field([], description="On hosts, when everything else went well.")


class CheckEntry(Strict):
    """What has to be well after the switch: one of the five, and how it is looked at."""

    http: Annotated[Text, AfterValidator(_watched), AfterValidator(_url)] | None = Field(
        None, description="A URL that has to answer: `http://{address}:8080/health`."
    )
    tcp: Annotated[Text, AfterValidator(_watched), AfterValidator(_endpoint)] | None = Field(
        None, description="An address and port that has to take connections: `{address}:5432`."
    )
    command: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="A command in the live release that has to end with 0; 75 (EX_TEMPFAIL) is unclear.",
    )
    unit: Annotated[Text, AfterValidator(_watched), AfterValidator(_unit)] | None = Field(
        None, description="A systemd unit that has to be active, and not to be restarted by systemd."
    )
    process: Annotated[Text, AfterValidator(_watched), AfterValidator(_pid_file)] | None = Field(
        None, description="A pid file, in `deploy_to`: its process has to live, and to stay the same one."
    )
    status: Annotated[str, BeforeValidator(_status), WithJsonSchema({"type": ["string", "integer"]})] = Field(
        "2xx", description="http: the status wanted, or its class. Redirects are not followed."
    )
    body: Text = Field("", description="http: a text that the first 512 kB of the answer have to contain.")
    within: Duration | None = Field(None, description="http: the longest time that the answer may take.")
    headers: dict[Text, Annotated[Text, AfterValidator(_watched)]] = Field(
        {}, description="http: headers of the request, such as `Host`."
    )
    from_: Literal["deployer", "host"] = Field(
        "deployer", alias="from", description="http, tcp: who looks, the deployer or the `host` itself."
    )
    roles: list[Name] = Field([], description="Only hosts with one of these roles.")
    interval: Duration = Field(5.0, description="How often it is tried.")
    successes: int = Field(2, ge=1, le=100, description="Passes in a row that it takes to be healthy.")
    failures: int = Field(2, ge=0, le=100, description="Failures in a row that are allowed.")
    timeout: Duration = Field(5.0, description="How long a try may take.")

    @property
    def kind(self) -> Kind:
        """Which of the five it is."""
        return next(kind for kind in Kind if getattr(self, kind) is not None)

    @model_validator(mode="after")
    def _one(self) -> CheckEntry:
        kinds = [kind for kind in Kind if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"it needs exactly one of {', '.join(Kind)}")
        given = {"from" if name == "from_" else name for name in self.model_fields_set}
        odd = given & {"status", "body", "within", "headers"} if kinds[0] != Kind.HTTP else set()
        if kinds[0] not in (Kind.HTTP, Kind.TCP):
            odd |= given & {"from"}
        if odd:
            raise ValueError(f"a check of kind {kinds[0]} has no {' and no '.join(sorted(odd))}")
        return self


class Overrides(Strict):
    """The keys that every layer may set."""

    deploy_to: Annotated[str, AfterValidator(_deploy_to), AfterValidator(_filled)] = Field(
        "", description="Directory on the hosts: absolute, or below `~/`."
    )
    keep_releases: int = Field(5, ge=1, description="Releases kept on a host.")
    shared: Shared = Field(Shared(), description="What releases share.")
    ssh: Ssh = Field(Ssh(), description="How to log in.")
    commands: Commands = Field(Commands(), description="Commands by moment.")
    env: dict[Variable, EnvValue] = Field(
        {}, description="Environment of commands. `{region}` and such are filled in."
    )
    env_file: Annotated[str, AfterValidator(_inner_path)] = Field(
        "", description="File in the release to which `env` is written, mode 0600."
    )
    watch: list[CheckEntry] = Field([], description="What has to be well after the switch.")


class HostEntry(Overrides, Short):
    """A host: its name, or a mapping with `name`."""

    name: Name = Field(description="Name, and address if none is given.")
    address: Text = Field("", description="What is dialled.")
    port: int = Field(0, ge=0, le=65535, description="Port of sshd.")
    zone: Text = Field("", description="Availability zone.")
    roles: list[Name] = Field([], description="What it does: web, db ...")

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class WavesEntry(Short):
    """How an environment is cut into waves: a list of sizes, or a mapping."""

    short: ClassVar[dict[str, Any]] = {"type": "array", "items": {"type": ["string", "integer"]}}

    sizes: Sizes = Field([], description="Hosts that have the release after each wave: `1`, `10%`, `50%`.")
    per: Literal["region", "zone", "role"] | None = Field(
        None, description="Take the sizes within each of these, all at once."
    )
    by: Literal["region", "zone", "role"] | None = Field(
        None, description="Let one of these follow the other."
    )
    order: list[Text] = Field([], description="Which of them come first.")
    pause: bool = Field(default=False, description="Wait for a person before each further wave.")

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return {"sizes": value} if isinstance(value, list) else value


class InventoryEntry(Strict):
    """A dynamic list of hosts."""

    exec: str = Field(min_length=1, description="Command that prints Ansible's inventory JSON.")


class Region(Overrides):
    """A region: its hosts, and what is special there."""

    hosts: list[HostEntry] = Field([], description="Hosts.")
    inventory: InventoryEntry | None = Field(None, description="A program that lists the hosts.")

    @model_validator(mode="after")
    def _one_list(self) -> Region:
        if self.hosts and self.inventory:
            raise ValueError("it has both hosts and inventory; use one")
        return self


class Environment(Region):
    """An environment: hosts, or regions of hosts."""

    regions: dict[Name, Region] = Field({}, description="Regions by name, in place of `hosts`.")
    roles: dict[Name, Overrides] = Field({}, description="What is special on hosts of a role.")
    require: Annotated[Amount, AfterValidator(_some)] = Field(
        "100%", description="How many hosts must be staged before any flips: a share or a count."
    )
    max_failures: Amount | None = Field(
        None, description="How many hosts may fail after their flip; as many as `require` allows if left out."
    )
    on_failure: Annotated[OnFailure, PydanticStrict(strict=False)] = Field(
        OnFailure.ROLLBACK, description="When more fail: `rollback`, `pause` (ask a person) or `stop`."
    )
    waves: WavesEntry = Field(WavesEntry(), description="Which hosts come first; a list stands for `sizes`.")
    bake: Patience = Field(0.0, description="How long a wave is watched before it counts as well.")
    pause_timeout: Duration = Field(
        3600.0, description="How long a paused deploy waits for a person before it takes itself back."
    )
    queue: Literal["all", "newest"] = Field(
        "all", description="Which waiting deploys get their turn: `newest` pushes older ones out."
    )
    concurrency: int = Field(128, ge=1, le=10_000, description="Hosts worked on at a time.")
    phase_timeout: Duration = Field(
        900.0, description="How long a host may take for a phase, its commands apart."
    )
    sound: bool | None = Field(None, description="Sound the horn; yes for `production` if left out.")

    @model_validator(mode="after")
    def _regions_or_hosts(self) -> Environment:
        if self.regions and (self.hosts or self.inventory):
            raise ValueError("it has regions and hosts of its own; put the hosts into a region")
        return self


class SecretEntry(Strict):
    """Where a secret comes from: one of the three."""

    env: Variable | None = Field(None, description="An environment variable of the deployer.")
    file: Text | None = Field(None, description="A file on the deployer.")
    command: str | None = Field(None, description="A command that prints it: pass, op, vault ...")

    @model_validator(mode="after")
    def _one(self) -> SecretEntry:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            raise ValueError("it needs exactly one of env, file and command")
        return self


class App(Overrides):
    """deploy.yml."""

    app: Annotated[str, AfterValidator(_app)] = Field(description="Name of the application.")
    repo: Annotated[str, AfterValidator(_repository)] = Field(description="Path or git URL.")
    repo_tree: Annotated[str, AfterValidator(_inner_path)] = Field(
        "", description="Subdirectory that is deployed."
    )
    branch: Text = Field("main", description="What is deployed when nothing else is named.")
    secrets: dict[Variable, SecretEntry] = Field({}, description="Secrets by name.")
    roles: dict[Name, Overrides] = Field({}, description="What is special on hosts of a role.")
    environments: dict[Name, Environment] = Field(min_length=1, description="Environments by name.")


Layer = Literal["default", "app", "environment", "region", "role", "host"]
OVERRIDABLE = tuple(Overrides.model_fields)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of deploy.yml, for editors."""
    schema = App.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "deploy.yml", **schema}
