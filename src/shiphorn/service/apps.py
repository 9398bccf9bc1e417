"""The apps of a service: their files, read again when they change, and the last good one of each in force."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shiphorn.config import service
from shiphorn.config.load import Config, guarded_by, load_text
from shiphorn.config.positions import Positions, read
from shiphorn.config.service import ServiceConfig
from shiphorn.deploy import resolve
from shiphorn.deploy.world import World
from shiphorn.errors import ConfigError, NotFound, ShiphornError, SourceError
from shiphorn.model.endpoints import Endpoint, EndpointState

FROM_REPOSITORY = "config"
"""The key of an app's file that names the deploy.yml in its repository."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong with a file, and what it does not harm: the last good one is in force."""

    path: Path
    message: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of an app: the config in force, if any, and what is wrong with the file now.

    `inner` is where the app's repository has the rest, "" for nowhere.
    """

    path: Path
    config: Config | None
    inner: str
    wrong: Wrong | None


@dataclass
class _App:
    """An app as it was read last. `inner` is where its repository has the rest, "" for nowhere."""

    path: Path
    config: Config | None = None
    inner: str = ""
    head: dict[str, Any] = field(default_factory=dict)
    seen: tuple[int, int] = (0, 0)
    wrong: Wrong | None = None


class Apps:
    """The apps that shiphorn.yml names. `single` is a deploy.yml that is the only app, without one."""

    def __init__(self, path: Path, single: Path | None = None) -> None:
        self._path = path
        self._single = single
        self._seen: tuple[int, int] = (-1, -1)
        self._wrong: Wrong | None = None
        self._apps: dict[Path, _App] = {}
        self._good: dict[str, tuple[_App, Config]] = {}
        self._endpoints: tuple[Endpoint, ...] = ()
        self._derived: dict[str, tuple[Config, tuple[Endpoint, ...], Config]] = {}
        self.service = ServiceConfig(path.absolute(), service.ServiceFile(), {}, Positions(path))
        self.refresh()

    @property
    def directory(self) -> Path:
        """The folder of shiphorn.yml."""
        return self.service.directory

    @property
    def path(self) -> Path:
        """Where shiphorn.yml is, or would be."""
        return self.service.path

    @property
    def single(self) -> bool:
        """Whether one deploy.yml is all there is."""
        return self._single is not None

    @property
    def reads(self) -> str:
        """Which files are read, in words."""
        if self._single is not None:
            return f"this service is about {self._single} alone"
        return f"{self.path.name} names {', '.join(self.service.model.apps) or 'no files'}"

    def listed(self) -> list[Listed]:
        """All files of apps, by their names, with what is in force of each."""
        return [
            Listed(one.path, one.config, one.inner, one.wrong)
            for one in sorted(self._apps.values(), key=lambda one: one.path)
        ]

    def checked(self, text: str, path: Path) -> Config:
        """The app that the text of a file describes, without a thought of other files.

        Of one that its repository holds only the head is looked at. Raises ConfigError SH101, SH102.
        """
        data, _ = read(text, path)
        if not data.get(FROM_REPOSITORY):
            return self.service.app(text, path)
        head = {key: value for key, value in data.items() if key != FROM_REPOSITORY}
        return _to_fetch(_App(path, inner=str(data[FROM_REPOSITORY]), head=head))

    def names(self) -> list[str]:
        """The names of all apps that have a good config, sorted."""
        return list(self._good)

    def config(self, app: str) -> Config:
        """The config of an app, with its endpoints; one that its repository holds as it was read last.

        Raises NotFound SH580.
        """
        return self._with_endpoints(self._known(app)[1])

    def know(self, endpoints: Iterable[Endpoint]) -> None:
        """Take the endpoints that there are: each live one is an environment of its app."""
        self._endpoints = tuple(one for one in endpoints if one.state == EndpointState.LIVE)

    def wrong(self) -> list[Wrong]:
        """What is wrong with files now."""
        found = [self._wrong, *(one.wrong for one in self._apps.values())]
        return [one for one in found if one is not None]

    def refresh(self) -> None:
        """Read again what has changed on disk."""
        anew = self._refresh_service()
        files = [self._single] if self._single else self.service.app_files()
        for gone in self._apps.keys() - set(files):
            del self._apps[gone]
        for path in files:
            app = self._apps.setdefault(path, _App(path))
            stamp = _stamp(path)
            if anew or stamp != app.seen:
                app.seen = stamp
                self._read(app)
        self._name()

    async def config_at(self, world: World, app: str, environment: str, ref: str) -> tuple[Config, str]:
        """The config that a deploy of a ref goes by, and the ref: a commit, where the config comes from it.

        Its gates are those of the branch that is deployed from.

        Raises NotFound SH580, ConfigError, SourceError, Refused SH511.
        """
        known, config = self._known(app)
        if not known.inner:
            return self._with_endpoints(config), ref
        named = resolve.named(world.store, app, environment, ref or config.branch)
        commit = await resolve.find(world.source(config), named)
        at = await self._of_commit(known, world, config, commit.sha)
        # A branch that takes off its gates is to be stopped by them.
        found = guarded_by(at, config)
        return found.with_endpoints(one for one in self._endpoints if one.app == app), commit.sha

    async def refresh_repositories(self, world: World) -> None:
        """Read the configs again that repositories hold, each from the branch it is deployed from."""
        for app in [one for one in self._apps.values() if one.inner]:
            try:
                config = app.config or _to_fetch(app)
                commit = await resolve.find(world.source(config), config.branch)
                app.config = await self._of_commit(app, world, config, commit.sha)
                app.wrong = None
            except ShiphornError as error:
                app.wrong = _wrong(app.path, error)
        self._name()

    def _name(self) -> None:
        """Put what is in force in one piece in the place of what was: others ask meanwhile."""
        good = [(one, one.config) for one in list(self._apps.values()) if one.config is not None]
        good.sort(key=lambda one: one[1].app)
        self._good = {config.app: (app, config) for app, config in good}

    async def _of_commit(self, app: _App, world: World, config: Config, sha: str) -> Config:
        text = await world.source(config).read(sha, app.inner)
        if text is None:
            raise SourceError(
                "SH216", f"commit {sha[:8]} of {config.app} has no file {app.inner}.", hint=f"See {app.path}."
            )
        return self.service.app(text, app.path.with_name(f"{app.path.stem}:{Path(app.inner).name}"), app.head)

    def _known(self, app: str) -> tuple[_App, Config]:
        found = self._good.get(app)
        if found is None:
            raise NotFound(
                "SH580", f"there is no app {app}.", hint=f"There are {', '.join(self.names()) or 'none'}."
            )
        return found

    def _with_endpoints(self, config: Config) -> Config:
        """A config with the endpoints of its app; the same one as long as nothing changes."""
        mine = tuple(one for one in self._endpoints if one.app == config.app)
        kept = self._derived.get(config.app)
        if kept is None or kept[0] is not config or kept[1] != mine:
            kept = self._derived[config.app] = (config, mine, config.with_endpoints(mine))
        return kept[2]

    def _refresh_service(self) -> bool:
        """Read shiphorn.yml again if it has changed; whether it has."""
        stamp = _stamp(self._path)
        if stamp == self._seen:
            return False
        self._seen = stamp
        try:
            self.service, self._wrong = service.load(self._path), None
        except ConfigError as error:
            self._wrong = _wrong(self._path, error)
        return True

    def _read(self, app: _App) -> None:
        try:
            text = app.path.read_text()
            data, positions = read(text, app.path)
            app.inner = str(data.get(FROM_REPOSITORY) or "")
            if app.inner:
                app.head = {key: value for key, value in data.items() if key != FROM_REPOSITORY}
                _to_fetch(app)
            else:
                app.config = self.service.laid_under(data, positions, app.path)
            self._require_only_one(app)
            app.wrong = None
        except ConfigError as error:
            app.wrong = _wrong(app.path, error)
        except (OSError, UnicodeDecodeError) as error:
            app.wrong = Wrong(app.path, f"{app.path} cannot be read: {error}")

    def _require_only_one(self, app: _App) -> None:
        for other in self._apps.values():
            same = other is not app and other.config and app.config and other.config.app == app.config.app
            if same and app.config:
                name, app.config = app.config.app, None
                raise ConfigError(
                    "SH112", f"{app.path.name} and {other.path.name} are both of the app {name}."
                )


def _to_fetch(app: _App) -> Config:
    """As much of a config as it takes to fetch the repository that holds the rest."""
    outer = {name: app.head[name] for name in ("app", "repo", "branch") if name in app.head}
    stand_in = {"deploy_to": "~/any", "environments": {"any": {}}}
    return load_text(json.dumps(outer | stand_in), app.path)


def _stamp(path: Path) -> tuple[int, int]:
    """What changes with a file: when it was written and how long it is; zeros when there is none."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _wrong(path: Path, error: ShiphornError) -> Wrong:
    problems = error.problems if isinstance(error, ConfigError) else ()
    return Wrong(path, f"{error.code} {error.message}", problems)
