"""What the config says about one host, after all layers: the values a deploy works with."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shiphorn.model.health import Check
from shiphorn.model.waves import Waves, count_of


class Moment(StrEnum):
    """When a configured command runs."""

    BUILD = "build"
    """On the deployer, in the exported tree, before packing."""
    STAGE = "stage"
    """On hosts, in the new release, before the flip."""
    RESTART = "restart"
    """On hosts, right after the flip."""
    FINISH = "finish"
    """On hosts, when everything else went well."""


@dataclass(frozen=True, slots=True)
class Command:
    """A shell command of the config. It runs at most once per deploy and host unless `repeatable`.

    `roles` empty means every host; `once` means one host of the deploy (the first that has the
    roles); `user` another account, by `sudo -n`.
    """

    run: str
    roles: tuple[str, ...] = ()
    once: bool = False
    repeatable: bool = False
    timeout_seconds: float = 600.0
    user: str = ""


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A value that is fetched when needed and never stored: by name, from a configured source."""

    name: str


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in to a host. Empty parts are left to `ssh_config`, then to ssh's own defaults.

    Paths are absolute. `known_hosts` empty means ssh's own files. `jump` is `user@host:port`,
    several separated by commas, as for `ssh -J`.
    """

    user: str = ""
    port: int = 0
    identity_files: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] = ()
    ssh_config: tuple[str, ...] = ()
    jump: str = ""
    connect_timeout_seconds: float = 20.0


@dataclass(frozen=True, slots=True)
class HostSettings:
    """All overridable keys, resolved for one host; placeholders such as `{region}` are filled."""

    deploy_to: str
    """Absolute on the host, or `~/...` below the login's home."""
    keep_releases: int
    shared_dirs: tuple[str, ...] = ()
    shared_files: tuple[str, ...] = ()
    login: Login = field(default_factory=Login)
    commands: dict[Moment, tuple[Command, ...]] = field(default_factory=dict)
    env: dict[str, str | SecretRef] = field(default_factory=dict)
    env_file: str = ""
    """Path in the release to which `env` is written (dotenv form, mode 0600); "" for none."""
    watch: tuple[Check, ...] = ()
    """What is watched after a switch, for all roles; placeholders are filled by `Config.checks`."""
    shared_from: str = ""
    """Another deploy directory, of which shared files are copied that this one lacks; "" for none."""


class OnFailure(StrEnum):
    """What a deploy does when too much went wrong after hosts had switched."""

    ROLLBACK = "rollback"
    """Each host goes back to what it ran before."""
    PAUSE = "pause"
    """A person is asked."""
    STOP = "stop"
    """Hosts stay as they are."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How an environment treats many hosts together."""

    require: str = "100%"
    """Share (`95%`) or count (`40`) of the selected hosts that must be staged before any flips."""
    max_failures: str = ""
    """Share or count of hosts that may fail after their flip; "" allows what `require` does."""
    on_failure: OnFailure = OnFailure.ROLLBACK
    waves: Waves = field(default_factory=Waves)
    bake_seconds: float = 0.0
    """How long a wave is watched before it counts as well."""
    pause_timeout_seconds: float = 3600.0
    """How long a paused deploy waits for a person before it takes itself back."""
    supersede: bool = False
    """Whether the newest deploy in the queue pushes older ones out."""
    concurrency: int = 128
    """Hosts worked on at a time."""
    phase_timeout_seconds: float = 900.0
    """How long one host may take for its part of a phase, its commands apart."""

    def required(self, hosts: int) -> int:
        """How many of `hosts` must be staged: at least one, a share is rounded up."""
        return max(1, count_of(self.require, hosts))

    def tolerated(self, hosts: int, before: int = 0) -> int:
        """How many of `hosts` may fail after their flip when `before` failed earlier; rounded down."""
        if not self.max_failures:
            return max(0, hosts - self.required(hosts) - before)
        if self.max_failures.endswith("%"):
            return int(hosts * float(self.max_failures[:-1]) / 100)
        return int(self.max_failures)
