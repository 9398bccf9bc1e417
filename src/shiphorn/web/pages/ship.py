"""Ship it: where to, which commit, what that changes, whether it may go; then the order itself.

The same page rolls back and converges. What is chosen is all in its address.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from litestar import Request, Response, get, post
from litestar.datastructures import MultiDict
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.errors import NotFound, Refused
from shiphorn.model.deploy import Kind, Order
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.target import Host, Selection
from shiphorn.service import approvals, orders
from shiphorn.service.builds.repositories import compare_url
from shiphorn.service.commits.histories import History
from shiphorn.service.deploys.preview import Preview, preview
from shiphorn.service.hosts import fleet
from shiphorn.service.service import Service
from shiphorn.web.given import Form, TheCaller, TheService, TheSite

REFS_SUGGESTED = 300
HOSTS_WITH_SCRIPTS = 40
"""Of more hosts no scripts are written into the page."""
_PARTS = ("regions", "zones", "roles")


@dataclass(frozen=True, slots=True)
class Choice:
    """What is chosen on the page."""

    environment: str
    kind: Kind
    ref: str
    selection: Selection

    def order(self, app: str, actor: str = "", reason: str = "", forced: str = "") -> Order:
        """The order that it is."""
        return Order(app, self.environment, self.kind, self.ref, self.selection, actor, reason, forced)

    @property
    def query(self) -> str:
        """It as the query of an address."""
        return urlencode(
            [
                ("environment", self.environment),
                ("kind", str(self.kind)),
                ("ref", self.ref),
                *((part, value) for part in _PARTS for value in getattr(self.selection, part)),
                ("hosts", " ".join(self.selection.hosts)),
            ]
        )


@dataclass
class Confirmed:
    """What the form of the page sends. `choice` is its query, `expected` the commit that was shown."""

    choice: str
    key: str
    expected: str = ""
    reason: str = ""
    override: str = ""


@dataclass
class Approving:
    """What somebody approves: a `choice` as that of the page, of the commit `expected`."""

    choice: str
    expected: str
    reason: str = ""


def chosen(asked: MultiDict[Any], environments: Sequence[str]) -> Choice:
    """The choice that a query makes. Raises Refused SH594 for a kind that there is not."""
    kind = asked.get("kind") or Kind.DEPLOY
    if kind not in list(Kind):
        raise Refused(
            "SH594", f"{kind} is nothing that can be ordered.", hint=f"There are {', '.join(Kind)}."
        )
    parts = {part: tuple(value for value in asked.getall(part, []) if value) for part in _PARTS}
    patterns = " ".join(asked.getall("hosts", [])).replace(",", " ").split()
    environment = asked.get("environment") or next(iter(environments), "")
    return Choice(
        environment, Kind(kind), (asked.get("ref") or "").strip(), Selection(**parts, hosts=tuple(patterns))
    )


@get("/apps/{app_name:str}/ship")
async def show(
    request: Request[Any, Any, Any], service: TheService, caller: TheCaller, app_name: FromPath[str]
) -> Response[Any]:
    """The whole page."""
    context = await _context(service, caller, app_name, request.query_params)
    return Template("ship.html", context=context)


@get("/apps/{app_name:str}/ship/preview")
async def told(
    request: Request[Any, Any, Any],
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
) -> Response[Any]:
    """What the order would do."""
    context = await _context(service, caller, app_name, request.query_params)
    address = f"{site.base}/apps/{app_name}/ship?{context['choice'].query}"
    return Template("parts/ship_preview.html", context=context, headers={"hx-replace-url": address})


@get("/apps/{app_name:str}/ship/plan")
async def plan(
    request: Request[Any, Any, Any], service: TheService, caller: TheCaller, app_name: FromPath[str]
) -> Response[Any]:
    """What the hosts say to it: nothing is changed on them."""
    choice = chosen(request.query_params, _environments(service, caller, app_name))
    now = None
    wanted = [choice.order(app_name)]
    if choice.kind == Kind.CONVERGE:
        now = await orders.status(service, caller, app_name, choice.environment, choice.selection)
        may = caller.may(Role.DEPLOYER, Scope(app_name, choice.environment))
        wanted = fleet.what_lacks(app_name, now, caller.name) if may else []
    plans = [await orders.plan(service, caller, one) for one in wanted]
    context = {
        "caller": caller,
        "app": app_name,
        "choice": choice,
        "plans": plans,
        "now": now,
        "scripts_of": HOSTS_WITH_SCRIPTS,
    }
    return Template("parts/ship_plan.html", context=context)


@post("/apps/{app_name:str}/ship")
async def confirm(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[Confirmed, Form],
) -> Response[Any]:
    """Give the order."""
    choice = chosen(MultiDict(parse_qsl(data.choice)), ())
    if choice.kind == Kind.CONVERGE:
        made = await orders.converge(
            service, caller, app_name, choice.environment, choice.selection, key=data.key
        )
        if len(made) == 1:
            return site.back(f"/deploys/{made[0].id}")
        numbers = ", ".join(f"deploy {one.id}" for one in made)
        note = f"{numbers} were ordered." if made else "Every host runs what it should."
        return site.back(f"/apps/{app_name}", note)
    order = choice.order(app_name, caller.name, data.reason.strip(), data.override.strip())
    deploy = await orders.ship(service, caller, order, key=data.key, expected=data.expected)
    return site.back(f"/deploys/{deploy.id}")


@post("/apps/{app_name:str}/ship/approve")
async def approve(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    app_name: FromPath[str],
    data: Annotated[Approving, Form],
) -> Response[Any]:
    """Approve the commit that was shown, for an order of somebody else."""
    choice = replace(chosen(MultiDict(parse_qsl(data.choice)), ()), ref=data.expected)
    await approvals.approve_commit(service, caller, choice.order(app_name), data.reason)
    note = f"You approved {data.expected[:8]} for {choice.environment}: somebody else may ship it."
    return site.back(f"/apps/{app_name}/ship?{choice.query}", note)


async def _context(service: Service, caller: Caller, app: str, asked: MultiDict[Any]) -> dict[str, Any]:
    names = _environments(service, caller, app)
    choice, config = chosen(asked, names), service.config(caller, app)
    if choice.environment in config.endpoint_environments and caller.sees(Scope(app, choice.environment)):
        # That of an endpoint is come to from there; it is not among those to choose from.
        names = [*names, choice.environment]
    if choice.environment not in names:
        raise NotFound("SH595", f"{app} has no environment {choice.environment}.", hint="Or it is not yours.")
    history = await service.histories.of(service.world, config, wait_seconds=0)
    found = await preview(service, caller, choice.order(app), history.graph)
    scope = Scope(app, choice.environment)
    return {
        "here": "Board",
        "caller": caller,
        "app": app,
        "environments": names,
        "choice": choice,
        "confirmed": replace(choice, ref=found.release) if choice.kind == Kind.ROLLBACK else choice,
        "preview": found,
        "comparison": compare_url(
            service.apps.service,
            config.repo,
            found.live.sha if found.live else "",
            found.commit.sha if found.commit else "",
        ),
        "regions": _regions(found),
        "places": _places(found.everything, choice.selection),
        "refs": _suggested(history),
        "branch": config.branch or "the default branch",
        "history": history,
        "key": secrets.token_urlsafe(12),
        "may": caller.may(Role.DEPLOYER, scope),
        "may_force": caller.may(Role.ADMIN, scope),
    }


def _environments(service: Service, caller: Caller, app: str) -> list[str]:
    names = service.config(caller, app).environments
    return [name for name in names if caller.sees(Scope(app, name))]


def _regions(found: Preview) -> list[tuple[str, list[str], int]]:
    """Each region with the hosts in it that are chosen, and how many it has."""
    totals = Counter(host.region for host in found.everything)
    return [
        (region, [step.host.name for step in found.steps if step.host.region == region], count)
        for region, count in totals.items()
    ]


def _places(hosts: Sequence[Host], selection: Selection) -> dict[str, list[tuple[str, int, bool]]]:
    """What can be chosen of each part: its values, how many hosts have each, and whether it is chosen."""
    found = {
        "regions": Counter(host.region for host in hosts),
        "zones": Counter(host.zone for host in hosts if host.zone),
        "roles": Counter(role for host in hosts for role in host.roles),
    }
    for part, counts in found.items():
        # What is chosen and not there any more is shown all the same: it can be taken back.
        counts.update(dict.fromkeys(getattr(selection, part), 0))
    return {
        part: [(value, count, value in getattr(selection, part)) for value, count in counts.items()]
        for part, counts in found.items()
    }


def _suggested(history: History) -> list[str]:
    if history.graph is None:
        return [":live", ":previous"]
    refs = history.graph.refs
    names = sorted((ref.name for ref in refs.all), key=lambda name: (name != refs.default, name))
    return [*names[:REFS_SUGGESTED], ":live", ":previous"]


ROUTES = (show, told, plan, confirm, approve)
