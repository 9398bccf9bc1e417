"""The fleet: every host with what it runs and what it should run, and what deploys did to each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from shiphorn.errors import ShiphornError
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Role
from shiphorn.model.target import Selection
from shiphorn.service import orders
from shiphorn.service.hosts import listed as hosts
from shiphorn.service.hosts.fleet import EnvironmentStatus
from shiphorn.service.hosts.intent import Standing
from shiphorn.service.hosts.listed import HostFilter
from shiphorn.service.service import Service
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread
from shiphorn.web.queries import link, names, numbered

PAGE_HOSTS = 100


@dataclass
class Place:
    """An environment of an app, as a form sends it."""

    app: str
    environment: str


@get("/fleet")
@in_thread
def show(
    service: TheService,
    caller: TheCaller,
    q: FromQuery[str] = "",
    app: FromQuery[str] = "",
    environment: FromQuery[str] = "",
    region: FromQuery[str] = "",
    zone: FromQuery[str] = "",
    role: FromQuery[str] = "",
    standing: FromQuery[str] = "",
    after: FromQuery[str] = "",
) -> Response[Any]:
    """The hosts that are looked for, a page of them."""
    stands = standing if standing in list(Standing) else ""
    wanted = HostFilter(app, environment, region, zone, role, Standing(stands) if stands else None, q.strip())
    found = _page(service, caller, wanted, after=after, limit=PAGE_HOSTS)
    asked = asdict(wanted) | {"standing": stands, "q": wanted.text, "text": ""}
    context = {
        "here": "Fleet",
        "caller": caller,
        "found": found,
        "wanted": wanted,
        "stands": stands,
        "is_filtered": any(asked.values()),
        "standings": [
            (
                one,
                found.standings.get(one, 0),
                link("/fleet", asked | {"standing": "" if one == stands else one}),
            )
            for one in Standing
        ],
        "next": link("/fleet", asked | {"after": found.next}) if found.next else "",
        "first": link("/fleet", asked) if after else "",
        "look": link("/fleet/look", {"app": app, "environment": environment}) if app and environment else "",
    }
    return Template("fleet.html", context=context | names(service, caller))


@get("/fleet/hosts/{host:str}")
@in_thread
def one_host(
    service: TheService, caller: TheCaller, host: FromPath[str], before: FromQuery[str] = ""
) -> Response[Any]:
    """A host: where it belongs, what it runs there, and what deploys did to it."""
    history = hosts.visits(service.store, host, caller, before=numbered(before))
    everywhere = _page(service, caller, HostFilter(text=host), limit=1000)
    path = f"/fleet/hosts/{host}"
    context = {
        "here": "Fleet",
        "caller": caller,
        "host": host,
        "history": history,
        "members": [one for one in everywhere.hosts if one.host.name == host],
        "next": link(path, {"before": history.next}) if history.next else "",
    }
    return Template("host.html", context=context)


@get("/fleet/look")
async def look(
    service: TheService, caller: TheCaller, app: FromQuery[str], environment: FromQuery[str]
) -> Response[Any]:
    """What the hosts of an environment run, asked now."""
    problem: ShiphornError | None = None
    status: EnvironmentStatus | None = None
    service.config(caller, app, environment)
    try:
        status = await orders.status(service, caller, app, environment, Selection())
    except ShiphornError as error:
        problem = error
    lacking = (
        [one for one in status.hosts if one.standing in (Standing.BEHIND, Standing.DRIFTED)] if status else []
    )
    context = {
        "here": "Fleet",
        "caller": caller,
        "app": app,
        "environment": environment,
        "status": status,
        "problem": problem,
        "lacking": len(lacking),
        "may_converge": bool(lacking) and caller.may(Role.DEPLOYER, Scope(app, environment)),
    }
    return Template("fleet_look.html", context=context)


@post("/fleet/converge")
async def converge(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Place, Form]
) -> Response[Any]:
    """Bring hosts that are behind to the release that they should run."""
    made = await orders.converge(service, caller, data.app, data.environment, Selection())
    if not made:
        where = link("/fleet", {"app": data.app, "environment": data.environment})
        return site.back(where, "Every host that answers runs what it should.")
    numbers = ", ".join(str(one.id) for one in made)
    path = f"/deploys/{made[0].id}" if len(made) == 1 else f"/history?app={data.app}&kind=converge"
    return site.back(path, f"Converge {numbers} is on its way.")


def _page(
    service: Service, caller: Caller, wanted: HostFilter, *, limit: int, after: str = ""
) -> hosts.FleetPage:
    known = service.known
    return hosts.page(
        service.store,
        service.places(),
        caller,
        wanted,
        after=after,
        limit=limit,
        listing=known.fleet,
        standing_of=known.standings,
    )


ROUTES = (show, one_host, look, converge)
