"""The keys of deploy.yml; `values.py` has what each may hold."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator
from pydantic import Strict as PydanticStrict
from pydantic.json_schema import SkipJsonSchema

from shiphorn.config import metric_checks
from shiphorn.config.auto import Auto, BranchesEntry
from shiphorn.config.endpoints import SAMPLE, EndpointEntry, EndpointsKeys, fill_own
from shiphorn.config.gates import GatesEntry
from shiphorn.config.sources import SourceEntry
from shiphorn.config.strict import Short, Strict
from shiphorn.config.values import (
    Amount,
    AppName,
    DeployTo,
    Duration,
    Endpoint,
    EnvironmentName,
    EnvValue,
    Files,
    FreezeTime,
    InnerPath,
    InnerPaths,
    Name,
    Patience,
    PidFile,
    Repository,
    Sizes,
    Some,
    Status,
    Text,
    Unit,
    Url,
    Variable,
    Watched,
    Zone,
)
from shiphorn.model.freezes import Freeze, window
from shiphorn.model.health import METRICS, Kind
from shiphorn.model.settings import OnFailure


class Shared(Strict):
    """What all releases of a host have in common, kept in `shared/` and linked into each."""

    dirs: InnerPaths = Field([], description="Directories, made if missing.")
    files: InnerPaths = Field([], description="Files, which must be on the host before the first deploy.")


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


class LookEntry(Strict):
    """What is looked at, and how."""

    http: Url | None = Field(None, description="A URL that has to answer: `http://{address}:8080/health`.")
    tcp: Endpoint | None = Field(
        None, description="An address and port that has to take connections: `{address}:5432`."
    )
    command: Annotated[str, Field(min_length=1)] | None = Field(
        None,
        description="A command in the live release that has to end with 0; 75 (EX_TEMPFAIL) is unclear.",
    )
    unit: Unit | None = Field(
        None, description="A systemd unit that has to be active, and not to be restarted by systemd."
    )
    process: PidFile | None = Field(
        None, description="A pid file, in `deploy_to`: its process has to live, and to stay the same one."
    )
    status: Status = Field(
        "2xx", description="http: the status wanted, or its class. Redirects are not followed."
    )
    body: Text = Field("", description="http: a text that the first 512 kB of the answer have to contain.")
    within: Duration | None = Field(None, description="http: the longest time that the answer may take.")
    headers: dict[Text, Watched] = Field({}, description="http: headers of the request, such as `Host`.")
    from_: Literal["deployer", "host"] = Field(
        "deployer", alias="from", description="http, tcp: who looks, the deployer or the `host` itself."
    )
    roles: list[Name] = Field([], description="Only hosts with one of these roles.")
    interval: Duration = Field(5.0, description="How often it is tried; every 30 s for metrics.")
    successes: int = Field(2, ge=1, le=100, description="Passes in a row that it takes to be healthy.")
    failures: int = Field(2, ge=0, le=100, description="Failures in a row that are allowed.")
    timeout: Duration = Field(5.0, description="How long a try may take; 10 s for metrics.")


class CheckEntry(metric_checks.MetricKeys, LookEntry):
    """What has to be well after the switch: one of the seven, and how it is looked at."""

    @property
    def kind(self) -> Kind:
        """Which of the seven it is."""
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
        if kinds[0] not in METRICS:
            odd |= given & metric_checks.keys()
        if odd:
            raise ValueError(f"a check of kind {kinds[0]} has no {' and no '.join(sorted(odd))}")
        if kinds[0] in METRICS:
            metric_checks.fits(self, given)
        return self


class Overrides(Strict):
    """The keys that every layer may set."""

    deploy_to: DeployTo = Field("", description="Directory on the hosts: absolute, or below `~/`.")
    keep_releases: int = Field(
        5, ge=1, description="Good releases kept on a host; what ran before the last switch stays as well."
    )
    shared: Shared = Field(Shared(), description="What releases share.")
    ssh: Ssh = Field(Ssh(), description="How to log in.")
    commands: Commands = Field(Commands(), description="Commands by moment.")
    env: dict[Variable, EnvValue] = Field(
        {}, description="Environment of commands. `{region}` and such are filled in."
    )
    env_file: InnerPath = Field("", description="File in the release to which `env` is written, mode 0600.")
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


class FreezeEntry(Strict):
    """A window in which nothing is deployed; rollbacks go on. A day or a date alone is its first moment."""

    from_: FreezeTime = Field(
        alias="from", description="When it begins: `fri 16:00`, `22:00` (each day) or `2026-12-20` (once)."
    )
    to: FreezeTime = Field(description="When it ends, of the same kind; `to: mon` still lets Monday deploy.")
    zone: Zone = Field("UTC", description="The time zone whose clocks count: `Europe/London`.")
    reason: Text = Field("", description="Why, for whoever is refused.")

    @property
    def freeze(self) -> Freeze:
        """As it is reckoned with."""
        return window(self.from_, self.to, self.zone, self.reason)

    @model_validator(mode="after")
    def _together(self) -> FreezeEntry:
        window(self.from_, self.to)
        return self


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


def _checks_of_endpoints(found: list[Any]) -> list[Any]:
    """Checks with the placeholders of an endpoint in them, which are looked at with some filled in."""
    for number, one in enumerate(found):
        try:
            CheckEntry.model_validate(fill_own(one, SAMPLE))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"]))
            raise ValueError(f"check {number + 1}: {f'{key}: ' if key else ''}{first['msg']}") from None
    return found


class EndpointCommands(Strict):
    """Commands at the beginning and the end of an endpoint's life."""

    create: list[CommandEntry] = Field(
        [], description="On hosts, ahead of `stage`, until a deploy of it has gone well: make a database."
    )
    remove: list[CommandEntry] = Field(
        [], description="On hosts, before its directory is removed; tried again if one fails."
    )


class EndpointsEntry(EndpointsKeys):
    """Branches that get an environment and a URL of their own on these hosts, for a while."""

    commands: EndpointCommands = Field(EndpointCommands(), description="At its beginning and its end.")
    watch: Annotated[list[Any], AfterValidator(_checks_of_endpoints)] = Field(
        [],
        description="What has to be well after the switch, in place of the environment's own checks; "
        "`{name}`, `{url}` and `{port}` are filled in, too.",
    )


class Environment(Region):
    """An environment: hosts, or regions of hosts."""

    regions: dict[Name, Region] = Field({}, description="Regions by name, in place of `hosts`.")
    roles: dict[Name, Overrides] = Field({}, description="What is special on hosts of a role.")
    require: Some = Field(
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
    auto: Auto = Field(None, description="What is deployed by itself; nothing if left out.")
    branches: BranchesEntry = Field(
        BranchesEntry(), description="When another branch than the base branch is deployed."
    )
    sound: bool | None = Field(None, description="Sound the horn; yes for `production` if left out.")
    freezes: list[FreezeEntry] = Field([], description="Windows in which nothing is deployed.")
    gates: GatesEntry = Field(GatesEntry(), description="What has to be true before a deploy goes out.")
    endpoints: EndpointsEntry | None = Field(
        None, description="Branches that get an environment and a URL of their own on these hosts."
    )
    endpoint: SkipJsonSchema[EndpointEntry | None] = Field(None, exclude=True)

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

    app: AppName = Field(description="Name of the application.")
    repo: Repository = Field(description="Path or git URL.")
    repo_tree: InnerPath = Field("", description="Subdirectory that is deployed.")
    branch: Text = Field("main", description="What is deployed when nothing else is named.")
    hooks: Commands = Field(
        Commands(), description="Commands that run ahead of those of every layer, whichever those are."
    )
    secrets: dict[Variable, SecretEntry] = Field({}, description="Secrets by name.")
    sources: dict[Name, SourceEntry] = Field({}, description="Where checks ask for metrics, by name.")
    roles: dict[Name, Overrides] = Field({}, description="What is special on hosts of a role.")
    environments: dict[EnvironmentName, Environment] = Field(
        min_length=1, description="Environments by name."
    )


OVERRIDABLE = tuple(Overrides.model_fields)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of deploy.yml, for editors."""
    schema = App.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "deploy.yml", **schema}
