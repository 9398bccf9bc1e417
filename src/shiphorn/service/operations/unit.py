"""The systemd unit of a service: it may write to its own folders, and do no more than a deploy needs."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import PurePath

NAME = "shiphorn"
_HOMES = (PurePath("/home"), PurePath("/root"))


@dataclass(frozen=True, slots=True)
class Installation:
    """How a service is started: `program` is `horn`, by its whole path; `user` "" is one made by systemd."""

    program: PurePath
    listen: str
    config: PurePath
    proxies: str = ""
    user: str = ""


def unit(installed: Installation) -> str:
    """The text of the unit."""
    words = [str(installed.program), "serve", "--log", "json", "--listen", installed.listen]
    words += ["--config", str(installed.config)]
    if installed.proxies:
        words += ["--proxies", installed.proxies]
    return _UNIT.format(
        command=_escaped(shlex.join(words)),
        user=f"User={installed.user}" if installed.user else f"DynamicUser=yes\nUser={NAME}",
        home=_home(installed),
        name=NAME,
    )


def _home(installed: Installation) -> str:
    """Homes are hidden, unless the program itself is in one."""
    in_a_home = any(installed.program.is_relative_to(home) for home in _HOMES)
    return "read-only" if in_a_home else "yes"


def _escaped(command: str) -> str:
    """As systemd reads it: % and $ begin something."""
    return command.replace("%", "%%").replace("$", "$$")


_UNIT = """\
# Written by: horn service unit > /etc/systemd/system/{name}.service
[Unit]
Description=shiphorn, the deploy service
Wants=network-online.target
After=network-online.target postgresql.service

[Service]
Type=exec
ExecStart={command}
{user}

# State in /var/lib/{name}, caches in /var/cache/{name}, shiphorn.yml and apps/ in /etc/{name}.
StateDirectory={name}
StateDirectoryMode=0700
CacheDirectory={name}
CacheDirectoryMode=0700
ConfigurationDirectory={name}
WorkingDirectory=/var/lib/{name}
Environment=HOME=/var/lib/{name} XDG_STATE_HOME=/var/lib XDG_CACHE_HOME=/var/cache XDG_CONFIG_HOME=/etc
# HORN_DATABASE, HORN_SECRET_KEY, secrets of apps: NAME=value, readable by root alone.
EnvironmentFile=-/etc/{name}/environment

# SIGTERM: pages are finished, and deploys under way are gone on with by the next start.
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec=30
Restart=on-failure
RestartSec=2
LimitNOFILE=20000
UMask=0077

# SSH keys and known_hosts are read from /var/lib/{name}/.ssh: no home of a person is.
ProtectHome={home}
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service

[Install]
WantedBy=multi-user.target
"""
