"""A new app: its file as a form describes it, looked through, and written beside shiphorn.yml."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

from shiphorn.config.load import Config
from shiphorn.errors import ConfigError, Refused
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.audit import record
from shiphorn.service.service import Service

FOLDER = "apps"


@dataclass(frozen=True, slots=True)
class Draft:
    """What is said of a new app. `hosts` are by environment; one without hosts has those of shiphorn.yml.

    `inner` names the file in the repository that holds the rest; then only the repository is told.
    """

    app: str
    repo: str
    branch: str = ""
    inner: str = ""
    deploy_to: str = ""
    user: str = ""
    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    build: Sequence[str] = ()
    restart: Sequence[str] = ()


def as_yaml(draft: Draft) -> str:
    """The file of an app, in the order in which people read one."""
    said: dict[str, Any] = {"app": draft.app, "repo": draft.repo, "branch": draft.branch}
    if draft.inner:
        said["config"] = draft.inner
    else:
        commands = {"build": list(draft.build), "restart": list(draft.restart)}
        said |= {
            "deploy_to": draft.deploy_to,
            "commands": {moment: lines for moment, lines in commands.items() if lines},
            "ssh": {"user": draft.user} if draft.user else {},
        }
        if any(draft.hosts.values()):
            said["environments"] = {
                name: {"hosts": list(hosts)} if hosts else None for name, hosts in draft.hosts.items()
            }
        else:
            said["environments"] = list(draft.hosts)
    parts = {key: value for key, value in said.items() if value}
    return yaml.safe_dump(parts, sort_keys=False, allow_unicode=True, width=100)


def checked(service: Service, text: str) -> Config:
    """The app that a text describes. Raises ConfigError SH101, SH102, with all that is wrong."""
    # What is wrong is told by lines of this name, and paths are relative to its folder.
    return service.apps.checked(text, service.apps.directory / FOLDER / "new.yml")


def file_of(service: Service, app: str) -> Path:
    """Where the file of a new app goes. A name may have slashes, its file has none."""
    return service.apps.directory / FOLDER / f"{app.replace('/', '-')}.yml"


def add(service: Service, caller: Caller, text: str) -> Path:
    """Write the file of a new app: its path. No file is ever overwritten.

    Raises Forbidden SH550, ConfigError, Refused SH505 (there is one), SH506 (it would not be read),
    SH507 (it cannot be written).
    """
    require(caller, Role.ADMIN, EVERYWHERE, "add apps")
    app = checked(service, text).app
    path = _place(service, app)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x") as file:
            file.write(text if text.endswith("\n") else f"{text}\n")
    except FileExistsError:
        raise Refused("SH505", f"{path} exists already, and is left as it is.", hint="Edit that.") from None
    except OSError as error:
        raise Refused(
            "SH507", f"{path} cannot be written: {error.strerror}.", hint="Put the file there yourself."
        ) from error
    service.apps.refresh()
    record(service.store, caller, "app added", Scope(app), time.time(), facts={"file": str(path)})
    return path


def _place(service: Service, app: str) -> Path:
    if app in service.apps.names():
        raise Refused("SH505", f"there is an app {app} already.", hint="Give this one another name.")
    path = file_of(service, app)
    inner = path.relative_to(service.apps.directory)
    globs = service.apps.service.model.apps
    if service.apps.single or not any(fnmatch(str(inner), glob) for glob in globs):
        raise Refused(
            "SH506",
            f"a file {inner} would not be read: {service.apps.reads}.",
            hint="Let shiphorn.yml name it under apps.",
        )
    return path


def problems_of(error: ConfigError) -> Sequence[str]:
    """What is wrong with a text, a line each."""
    return error.problems or (f"{error.message} {error.hint}".strip(),)
