"""The apps tab of the settings: which there are, what is wrong with their files, and adding one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.response import Template

from shiphorn.config.load import Config
from shiphorn.errors import ConfigError, ShiphornError
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import adding
from shiphorn.service.access import EVERYWHERE, require
from shiphorn.service.service import Service
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.pages.settings import tab


@dataclass
class NewApp:
    """What the form of a new app sends; lists are a line each."""

    app: str = ""
    repo: str = ""
    branch: str = ""
    inner: str = ""
    deploy_to: str = ""
    user: str = ""
    environment: str = ""
    hosts: str = ""
    environment2: str = ""
    hosts2: str = ""
    build: str = ""
    restart: str = ""

    def draft(self, common: list[str]) -> adding.Draft:
        """The same as the service takes it. Without environments of its own it has the `common` ones."""
        named = ((self.environment.strip(), self.hosts), (self.environment2.strip(), self.hosts2))
        hosts = {name: _lines(text) for name, text in named if name} or {name: [] for name in common}
        return adding.Draft(
            self.app.strip(),
            self.repo.strip(),
            self.branch.strip(),
            self.inner.strip(),
            self.deploy_to.strip(),
            self.user.strip(),
            hosts,
            _lines(self.build),
            _lines(self.restart),
        )


@dataclass
class Written:
    """The text of an app's file."""

    text: str = ""


@get("/settings/apps")
@in_thread
def show(service: TheService, caller: TheCaller) -> Response[Any]:
    """The files of apps, and what is wrong with them."""
    admin = caller.may(Role.ADMIN, EVERYWHERE)
    listed = [
        one
        for one in service.apps.listed()
        if (caller.sees(Scope(one.config.app)) if one.config is not None else admin)
    ]
    wrong = [one for one in service.apps.wrong() if one.path == service.apps.path] if admin else []
    context = tab(caller, "Apps", listed=listed, wrong=wrong, directory=service.apps.directory)
    return Template("settings/apps.html", context=context)


@get("/settings/apps/new")
@in_thread
def new(service: TheService, caller: TheCaller) -> Response[Any]:
    """The form of a new app."""
    require(caller, Role.ADMIN, EVERYWHERE, "add apps")
    return _form(service, caller, NewApp())


@post("/settings/apps/draft")
@in_thread
def draft(service: TheService, caller: TheCaller, data: Annotated[NewApp, Form]) -> Response[Any]:
    """The file that the form describes, to look at before it is written."""
    require(caller, Role.ADMIN, EVERYWHERE, "add apps")
    return _preview(
        service, caller, adding.as_yaml(data.draft(list(service.apps.service.model.environments)))
    )


@get("/settings/apps/check")
@in_thread
def paste(service: TheService, caller: TheCaller) -> Response[Any]:
    """A place to paste a deploy.yml."""
    require(caller, Role.ADMIN, EVERYWHERE, "add apps")
    return _preview(service, caller, "")


@post("/settings/apps/check")
@in_thread
def check(service: TheService, caller: TheCaller, data: Annotated[Written, Form]) -> Response[Any]:
    """What is wrong with a text, or what it would be in force as."""
    require(caller, Role.ADMIN, EVERYWHERE, "add apps")
    return _preview(service, caller, data.text)


@post("/settings/apps")
@in_thread
def add(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Written, Form]
) -> Response[Any]:
    """Write the file of a new app."""
    try:
        path = adding.add(service, caller, data.text)
    except ShiphornError as error:
        require(caller, Role.ADMIN, EVERYWHERE, "add apps")
        return _preview(service, caller, data.text, error)
    return site.back("/settings/apps", f"{path.name} is written; its app is on the board.")


def _form(service: Service, caller: Caller, given: NewApp) -> Response[Any]:
    common = list(service.apps.service.model.environments)
    if not common:
        given = replace(given, environment="staging", environment2="production")
    context = tab(
        caller, "Apps", given=given, common=common, reads=service.apps.reads, single=service.apps.single
    )
    return Template("settings/app_new.html", context=context)


def _preview(
    service: Service, caller: Caller, text: str, problem: ShiphornError | None = None
) -> Response[Any]:
    text = text.replace("\r\n", "\n")
    config: Config | None = None
    if text.strip() and problem is None:
        try:
            config = adding.checked(service, text)
        except ConfigError as error:
            problem = error
    context = tab(
        caller,
        "Apps",
        text=text,
        config=config,
        problem=problem,
        problems=adding.problems_of(problem) if isinstance(problem, ConfigError) else [],
        path=adding.file_of(service, config.app if config else "NAME"),
        taken=config is not None and config.app in service.apps.names(),
    )
    return Template("settings/app_check.html", context=context, status_code=422 if problem else 200)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


ROUTES = (show, new, draft, paste, check, add)
