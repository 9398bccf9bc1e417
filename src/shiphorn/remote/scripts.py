"""The scripts that a deploy runs on hosts: the files of `scripts/`, with quoted values set ahead.

Pure: what a plan shows is to the letter what a host gets. Secrets are not part of the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files

from shiphorn.model.release import Packing
from shiphorn.model.settings import Command
from shiphorn.ports import Script
from shiphorn.remote.quote import assign, quote
from shiphorn.remote.vhost import Vhost

SHARED_PARTS = ("library", "command")
"""What several scripts have in common, in the order in which it stands in them."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What a deploy means for one host.

    `run` is unique everywhere, `token` the fence: a host refuses a lower one than it has seen.
    `env` and `secrets` are by variable name. `deployer` names the deploy to people. `endpoint` is what the
    directory of an endpoint is marked with, `vhost` how a web server answers for it; shared files that
    `deploy_to` lacks are copied from `shared_from`, another such directory.
    """

    run: str
    token: int
    release: str
    revision: str
    deploy_to: str
    shared_dirs: tuple[str, ...] = ()
    shared_files: tuple[str, ...] = ()
    keep_releases: int = 5
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    env_file: str = ""
    actor: str = ""
    branch: str = ""
    deployer: str = ""
    is_rollback: bool = False
    endpoint: str = ""
    shared_from: str = ""
    vhost: Vhost | None = None


def clock() -> Script:
    """Answers every line `ping` with a frame `clock NS`; any other line ends it."""
    return Script(_where("/", "", 0, "", "") + _text("library", "clock"))


def probe(plan: HostPlan, *, needed_bytes: int) -> Script:
    """Looks at a host and changes nothing: `answers.parse_probe`."""
    return Script(
        _of(plan)
        + assign("SHARED_FILES", "\n".join(plan.shared_files))
        + assign("SHARED_FROM", plan.shared_from)
        + assign("NEEDED_BYTES", needed_bytes)
        + _text("library", "probe")
    )


def prepare(plan: HostPlan, packing: Packing, commands: Sequence[Command]) -> Script:
    """Receives the packing on stdin, unpacks and links it, and runs the stage commands."""
    return Script(
        _of(plan)
        + assign("ENCODING", packing.encoding)
        + assign("DIGEST", packing.digest)
        + assign("PACKED_BYTES", packing.size_bytes)
        + assign("REVISION", plan.revision)
        + assign("SHARED_DIRS", "\n".join(plan.shared_dirs))
        + assign("SHARED_FILES", "\n".join(plan.shared_files))
        + assign("ENV_FILE", plan.env_file)
        + assign("ENDPOINT", plan.endpoint)
        + assign("SHARED_FROM", plan.shared_from)
        + _env(plan)
        + _text("library", "command", "prepare")
        + _commands("stage", commands)
        + _text("staged"),
        plan.secrets,
    )


def flip(plan: HostPlan, commands: Sequence[Command], *, ends: str = "") -> Script:
    """Says `armed`, reads `go NS` or `go now`, switches, says `flipped`, then restarts.

    `ends` is the run that is taken back by it: what still works for that one is ended first. With a
    plan that names no release, `current` is taken away.
    """
    return Script(
        _of(plan)
        + assign("ENDS", ends)
        + _env(plan)
        + _text("library", "command", "flip")
        + _commands("restart", commands)
        + (_vhost(plan.vhost) + _text("vhost", "vhost_answers") if plan.vhost else "")
        + _text("restarted"),
        plan.secrets,
    )


def finish(plan: HostPlan, commands: Sequence[Command]) -> Script:
    """Runs the finish commands, writes `revisions.log`, and clears old releases away."""
    line = (
        f"{plan.actor} rolled back to release {plan.release}"
        if plan.is_rollback
        else f"Branch {plan.branch} (at {plan.revision}) deployed as release {plan.release} by {plan.actor}"
    )
    return Script(
        _of(plan)
        + assign("KEEP", plan.keep_releases)
        + assign("LOG_LINE", line)
        + _env(plan)
        + _text("library", "command", "finish_begin")
        + _commands("finish", commands)
        + _text("finish"),
        plan.secrets,
    )


def undo(plan: HostPlan) -> Script:
    """Takes the new release away again, unless the host runs it."""
    return Script(_of(plan) + _text("library", "undo"))


def remove(plan: HostPlan, commands: Sequence[Command]) -> Script:
    """Takes an endpoint off a host: runs its last commands, then its vhost and its directory go."""
    return Script(
        _of(plan)
        + assign("ENDPOINT", plan.endpoint)
        + _env(plan)
        + _text("library", "command")
        + (_vhost(replace(plan.vhost, text="")) + _text("vhost") if plan.vhost else "vhost() { :; }\n")
        + _text("endpoint_remove")
        + _commands("remove", commands)
        + _text("endpoint_gone"),
        plan.secrets,
    )


def inspect(deploy_to: str) -> Script:
    """Says what a host runs and keeps: `answers.parse_inspect`."""
    return Script(_where(deploy_to, "", 0, "", "") + _text("library", "inspect"))


def check(plan: HostPlan, looks: str) -> Script:
    """Makes the looks at health that `checks.look` wrote; `plan` names the release that the host runs."""
    return Script(
        _where(plan.deploy_to, "", 0, plan.release, "")
        + _env(plan)
        + _text("library", "command", "check")
        + looks,
        plan.secrets,
    )


def check_command(kind: str) -> str:
    """The command by which a host looks at something of a kind: http, tcp or unit."""
    return _text(f"check_{kind}")


def execute(
    command: str,
    deploy_to: str,
    *,
    in_current: bool,
    env: Mapping[str, str],
    secrets: Mapping[str, str],
    timeout_seconds: float,
    user: str,
) -> Script:
    """Runs one command now, in the live release or in the home folder."""
    names = _env_lines(env, secrets)
    return Script(
        _where(deploy_to, "", 0, "", "")
        + assign("IN_CURRENT", int(in_current))
        + names
        + _text("library", "command", "execute")
        + _commands("execute", [Command(command, timeout_seconds=timeout_seconds, user=user)]),
        secrets,
    )


def part(name: str) -> str:
    """One of the `SHARED_PARTS`, as it stands in the scripts that have it."""
    return _text(name)


@cache
def _text(*names: str) -> str:
    folder = files("shiphorn.remote") / "scripts"
    return "".join((folder / f"{name}.sh").read_text() for name in names)


def _of(plan: HostPlan) -> str:
    return _where(plan.deploy_to, plan.run, plan.token, plan.release, plan.deployer)


def _where(deploy_to: str, run: str, token: int, release: str, deployer: str) -> str:
    return (
        assign("DEPLOY_TO", deploy_to)
        + assign("RUN", run)
        + assign("TOKEN", token)
        + assign("RELEASE", release)
        + assign("DEPLOYER", deployer)
    )


def _env(plan: HostPlan) -> str:
    facts = {
        "HORN_RELEASE": plan.release,
        "HORN_REVISION": plan.revision,
        "HORN_BRANCH": plan.branch,
        "HORN_ACTOR": plan.actor,
    }
    return _env_lines({**facts, **plan.env}, plan.secrets)


def _env_lines(env: Mapping[str, str], secrets: Mapping[str, str]) -> str:
    """Sets HORN_ENV_<NAME>; the values of secrets are there already, as HORN_SECRET_<NAME>."""
    plain = {name: value for name, value in env.items() if name not in secrets}
    return (
        assign("ENV_NAMES", "\n".join([*plain, *secrets]))
        + "".join(assign(f"HORN_ENV_{name}", value) for name, value in plain.items())
        + "".join(f"HORN_ENV_{name}=$HORN_SECRET_{name}\n" for name in secrets)
    )


def _vhost(vhost: Vhost) -> str:
    return (
        assign("VHOST_FILE", vhost.path)
        + assign("VHOST_TEXT", vhost.text)
        + assign("VHOST_TEST", vhost.test)
        + assign("VHOST_RELOAD", vhost.reload)
    )


def _commands(moment: str, commands: Sequence[Command]) -> str:
    return "".join(
        assign("COMMAND", command.run)
        + f"command_at {moment} {number} {max(1, round(command.timeout_seconds))} {int(command.repeatable)} "
        + quote(command.user)
        + "\n"
        for number, command in enumerate(commands)
    )
