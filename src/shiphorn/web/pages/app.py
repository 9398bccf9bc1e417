"""An app: what its environments run, its commit graph, and one commit of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.service import heartbeat
from shiphorn.service.auto.standing import by_place, standings
from shiphorn.service.board import board
from shiphorn.service.builds.repositories import pages
from shiphorn.service.commits import commit as commits
from shiphorn.service.commits.graph import Graph, Standing
from shiphorn.service.commits.histories import History
from shiphorn.service.commits.standing import standing
from shiphorn.service.endpoints.orders import listed
from shiphorn.service.freezes import frozen
from shiphorn.service.service import Service
from shiphorn.web import diff
from shiphorn.web.given import TheCaller, TheService, TheSite

FIRST_FETCH_SECONDS = 4.0
"""How long the page itself waits for a repository that was never fetched; the graph waits longer."""
PLAIN_COMMITS = 50


@get("/apps/{app_name:str}")
async def show(
    service: TheService,
    caller: TheCaller,
    app_name: FromPath[str],
    commit: FromQuery[str] = "",
    environment: FromQuery[str] = "",
) -> Response[Any]:
    """The whole page; with a `commit`, that one is looked at beside the graph."""
    history = await _history(service, caller, app_name, FIRST_FETCH_SECONDS)
    context = await asyncio.to_thread(_cards, service, caller, app_name, history)
    chosen = environment if environment in context["environments"] else _main(context["environments"])
    look = await commits.look(service, caller, app_name, commit, chosen, history.graph) if commit else None
    row = history.graph.row_of(look.commit.sha) if look and history.graph else None
    plain = None
    if history.graph:
        asked = (service, caller, app_name, history.graph, row or 0, PLAIN_COMMITS)
        plain = await asyncio.to_thread(_window, *asked)
    context |= {"plain": plain, "environment": chosen, "row": row}
    return Template("app.html", context=context | _panel(service, caller, app_name, look))


@get("/apps/{app_name:str}/cards")
async def cards(service: TheService, caller: TheCaller, app_name: FromPath[str]) -> Response[Any]:
    """What changes of the environments."""
    history = await _history(service, caller, app_name, 0)
    context = await asyncio.to_thread(_cards, service, caller, app_name, history)
    return Template("parts/app_cards.html", context=context)


@get("/apps/{app_name:str}/graph")
async def graph(
    service: TheService,
    caller: TheCaller,
    app_name: FromPath[str],
    digest: FromQuery[str] = "",
    start: FromQuery[int] = 0,
    count: FromQuery[int] = 100,
) -> dict[str, Any]:
    """A window of the graph that has the digest, or of the newest one."""
    found = await _graph(service, caller, app_name, digest)
    return await asyncio.to_thread(_window, service, caller, app_name, found, start, count)


@get("/apps/{app_name:str}/graph/find")
async def find(
    service: TheService,
    caller: TheCaller,
    app_name: FromPath[str],
    q: FromQuery[str] = "",
    digest: FromQuery[str] = "",
) -> list[int]:
    """The rows of commits whose id, subject, author or branch has the text."""
    found = await _graph(service, caller, app_name, digest)
    return await asyncio.to_thread(found.find, q)


@get("/apps/{app_name:str}/graph/state")
async def state(service: TheService, caller: TheCaller, app_name: FromPath[str]) -> dict[str, str]:
    """The digest of the newest graph, and why it could not be fetched."""
    history = await _history(service, caller, app_name, 0)
    return {"graph": history.graph.digest if history.graph else "", "trouble": history.trouble}


@get("/apps/{app_name:str}/commits/{sha:str}")
async def one(
    service: TheService,
    caller: TheCaller,
    app_name: FromPath[str],
    sha: FromPath[str],
    environment: FromQuery[str] = "",
) -> Response[Any]:
    """What is beside the graph of one commit, compared with what an environment runs."""
    history = await _history(service, caller, app_name, 0)
    look = await commits.look(service, caller, app_name, sha, environment, history.graph)
    names = await asyncio.to_thread(_environments, service, caller, app_name)
    return Template(
        "parts/commit.html",
        context={"caller": caller, "environments": names} | _panel(service, caller, app_name, look),
    )


@post("/apps/{app_name:str}/fetch")
async def fetch(
    service: TheService, caller: TheCaller, site: TheSite, app_name: FromPath[str]
) -> Response[Any]:
    """Fetch the repository at once."""
    history = await service.histories.fetch(service.world, service.config(caller, app_name))
    return site.back(f"/apps/{app_name}", "" if history.trouble else "The newest commits are here.")


async def _history(service: Service, caller: Caller, app: str, wait_seconds: float | None) -> History:
    config = service.config(caller, app)
    return await service.histories.of(service.world, config, wait_seconds=wait_seconds)


async def _graph(service: Service, caller: Caller, app: str, digest: str) -> Graph:
    history = await _history(service, caller, app, None if not digest else 0)
    found = service.histories.graphs.kept(digest) if digest else None
    newest = found or history.graph
    if newest is None:
        # It asks the mirror itself, and raises what is wrong with it.
        newest = await service.histories.graphs.of(service.world.source(service.config(caller, app)))
    return newest


def _window(
    service: Service, caller: Caller, app: str, found: Graph, start: int, count: int
) -> dict[str, Any]:
    shas = found.shas(start, count)
    return found.window(start, max(0, count), _standing(service, caller, app, shas))


def _environments(service: Service, caller: Caller, app: str) -> list[str]:
    names = service.config(caller, app).environments
    return [name for name in names if caller.sees(Scope(app, name))]


def _standing(service: Service, caller: Caller, app: str, shas: Sequence[str] = ()) -> Standing:
    config = service.config(caller, app)
    return standing(service.store, config, _environments(service, caller, app), shas)


def _cards(service: Service, caller: Caller, app: str, history: History) -> dict[str, Any]:
    # Ahead of what is shown: what changes meanwhile is told again rather than not at all.
    since = heartbeat.state(service.store, time.time())
    names, config = _environments(service, caller, app), service.config(caller, app)
    live = _standing(service, caller, app).live
    told = {name: one for name, sha in live.items() if (one := service.histories.told(config, sha))}
    ahead = {(app, name): one.behind for name, one in told.items()}
    now = time.time()
    found = board(service.store, [(app, names)], now, caller, behind=ahead)
    cells = found.rows[0].cells if found.rows else []
    wide = {lock.id: lock for cell in cells for lock in cell.locks if not lock.environment}
    return {
        "here": "Board",
        "caller": caller,
        "app": app,
        "environments": names,
        "cells": cells,
        "subjects": {name: one.subject for name, one in told.items()},
        "frozen": frozen(service.apps, [(app, name) for name in names], now),
        "since": since,
        "autos": by_place(standings(service.store, [config])),
        "wide_locks": list(wide.values()),
        "deploys_to": [name for name in names if caller.may(Role.DEPLOYER, Scope(app, name))],
        "admin_of": [name for name in names if caller.may(Role.ADMIN, Scope(app, name))],
        "may_all": caller.may(Role.DEPLOYER, Scope(app)),
        "may_everything": caller.may(Role.DEPLOYER, Scope()),
        "history": history,
        "endpoints": listed(service, caller, app),
    }


def _panel(service: Service, caller: Caller, app: str, look: commits.CommitLook | None) -> dict[str, Any]:
    repo = service.config(caller, app).repo
    at_forge = pages(service.apps.service, repo, look.commit.sha, look.base) if look else None
    may = look is not None and caller.may(Role.DEPLOYER, Scope(app, look.environment))
    return {
        "app": app,
        "look": look,
        "pages": at_forge,
        "files": diff.files(look.diff) if look and look.diff else [],
        "may_ship": may,
        "may_mark": caller.may(Role.DEPLOYER, Scope(app)),
    }


def _main(environments: list[str]) -> str:
    """The environment that a commit is compared with unless told: the last one of the pipeline."""
    return environments[-1] if environments else ""


ROUTES = (show, cards, graph, find, state, one, fetch)
