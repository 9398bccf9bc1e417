"""Who may do what on pages: every route, by every role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest

from shiphorn.web.pages import PAGES
from tests.running_service import PASSWORD, Site, running

ROLES = ("viewer", "deployer", "admin")


class Row(NamedTuple):
    """What a route answers to a viewer, a deployer and an admin; `form` is what is sent to a POST."""

    viewer: int
    deployer: int
    admin: int
    path: str
    form: Mapping[str, str] | None = None


def everybody(path: str, status: int = 200, **form: str) -> Row:
    return Row(status, status, status, path, form)


def deployers(path: str, status: int = 303, **form: str) -> Row:
    return Row(403, status, status, path, form)


def admins(path: str, status: int = 200, **form: str) -> Row:
    return Row(403, 403, status, path, form)


# 303 is done, 404, 409 and 422 are refusals of who may: there is no such thing to do it to.
ROWS: dict[tuple[str, str], Row] = {
    ("GET", "/"): everybody("/"),
    ("GET", "/board"): everybody("/board"),
    ("POST", "/pause"): admins("/pause", 409, reason=""),
    ("POST", "/continue"): admins("/continue", 409, reason=""),
    ("GET", "/endpoints"): everybody("/endpoints"),
    ("POST", "/endpoints"): deployers("/endpoints", 409, place="shop staging", branch="main"),
    ("POST", "/endpoints/{endpoint_id:int}/extend"): everybody("/endpoints/999/extend", 404),
    ("POST", "/endpoints/{endpoint_id:int}/remove"): everybody("/endpoints/999/remove", 404),
    ("GET", "/fleet"): everybody("/fleet"),
    ("GET", "/fleet/hosts/{host:str}"): everybody("/fleet/hosts/nobody", 404),
    ("GET", "/fleet/look"): everybody("/fleet/look?app=shop&environment=staging"),
    ("POST", "/fleet/converge"): deployers("/fleet/converge", app="shop", environment="staging"),
    ("GET", "/apps/{app_name:str}"): everybody("/apps/shop"),
    ("GET", "/apps/{app_name:str}/cards"): everybody("/apps/shop/cards"),
    ("GET", "/apps/{app_name:str}/commits/{sha:str}"): everybody("/apps/shop/commits/0123456789", 404),
    ("GET", "/apps/{app_name:str}/graph"): everybody("/apps/shop/graph"),
    ("GET", "/apps/{app_name:str}/graph/find"): everybody("/apps/shop/graph/find?q=x"),
    ("GET", "/apps/{app_name:str}/graph/state"): everybody("/apps/shop/graph/state"),
    ("GET", "/apps/{app_name:str}/ship"): everybody("/apps/shop/ship"),
    ("GET", "/apps/{app_name:str}/ship/plan"): deployers("/apps/shop/ship/plan?environment=staging", 200),
    ("GET", "/apps/{app_name:str}/ship/preview"): everybody("/apps/shop/ship/preview?environment=staging"),
    ("POST", "/apps/{app_name:str}/ship"): deployers(
        "/apps/shop/ship", 303, choice="environment=staging&kind=converge", key="one"
    ),
    ("POST", "/apps/{app_name:str}/ship/approve"): deployers(
        "/apps/shop/ship/approve", 409, choice="environment=staging", expected="main"
    ),
    ("POST", "/apps/{app_name:str}/fetch"): everybody("/apps/shop/fetch", 303),
    ("POST", "/apps/{app_name:str}/commits/{sha:str}/mark"): deployers("/apps/shop/commits/0/mark", 409),
    ("POST", "/apps/{app_name:str}/commits/{sha:str}/clear"): deployers("/apps/shop/commits/0/clear", 409),
    ("POST", "/apps/{app_name:str}/lock"): deployers("/apps/shop/lock", 409, environment="staging"),
    ("POST", "/apps/{app_name:str}/unlock"): deployers("/apps/shop/unlock", 409, environment="staging"),
    ("POST", "/apps/{app_name:str}/auto/stop"): deployers("/apps/shop/auto/stop", 409, environment="staging"),
    ("POST", "/apps/{app_name:str}/auto/resume"): deployers(
        "/apps/shop/auto/resume", 409, environment="staging"
    ),
    ("GET", "/deploys/{deploy_id:int}"): everybody("/deploys/999", 404),
    ("GET", "/deploys/{deploy_id:int}/parts"): everybody("/deploys/999/parts", 404),
    ("GET", "/deploys/{deploy_id:int}/logs"): everybody("/deploys/999/logs", 404),
    ("GET", "/deploys/{deploy_id:int}/lines/{digest:str}"): everybody("/deploys/999/lines/x", 404),
    ("GET", "/deploys/{deploy_id:int}/output/{digest:str}"): everybody("/deploys/999/output/x", 404),
    ("GET", "/deploys/{deploy_id:int}/hosts/{name:str}"): everybody("/deploys/999/hosts/web1", 404),
    ("GET", "/deploys/{deploy_id:int}/layout"): everybody("/deploys/999/layout", 404),
    ("GET", "/deploys/{deploy_id:int}/live"): everybody("/deploys/999/live", 404),
    ("POST", "/deploys/{deploy_id:int}/ask"): everybody("/deploys/999/ask", 404, wish="pause"),
    ("POST", "/deploys/{deploy_id:int}/approve"): everybody("/deploys/999/approve", 404),
    ("POST", "/deploys/{deploy_id:int}/approve/withdraw"): everybody("/deploys/999/approve/withdraw", 404),
    ("POST", "/deploys/{deploy_id:int}/back"): everybody("/deploys/999/back", 404),
    ("POST", "/deploys/{deploy_id:int}/again"): everybody("/deploys/999/again", 404),
    ("POST", "/deploys/{deploy_id:int}/unlock"): everybody("/deploys/999/unlock", 404),
    ("GET", "/history"): everybody("/history"),
    ("GET", "/history.csv"): everybody("/history.csv"),
    ("GET", "/history/dora"): everybody("/history/dora"),
    ("GET", "/settings"): everybody("/settings", 302),
    ("GET", "/settings/locks"): everybody("/settings/locks"),
    ("POST", "/settings/locks"): deployers(
        "/settings/locks", 409, app="shop", environment="staging", reason=""
    ),
    ("POST", "/settings/locks/release"): deployers("/settings/locks/release", 409, app="blog"),
    ("GET", "/settings/queue"): everybody("/settings/queue"),
    ("POST", "/settings/queue/move"): everybody("/settings/queue/move", 404, deploy="999"),
    ("POST", "/settings/queue/drop"): everybody("/settings/queue/drop", 404, deploy="999"),
    ("GET", "/settings/freezes"): everybody("/settings/freezes"),
    ("GET", "/settings/inventories"): everybody("/settings/inventories"),
    ("GET", "/settings/inventories/now"): everybody("/settings/inventories/now?app=shop&environment=staging"),
    ("GET", "/settings/apps"): everybody("/settings/apps"),
    ("POST", "/settings/apps"): admins("/settings/apps", 422, text="app: shop"),
    ("GET", "/settings/apps/new"): admins("/settings/apps/new"),
    ("POST", "/settings/apps/draft"): admins("/settings/apps/draft", app="other", repo="/srv/other.git"),
    ("GET", "/settings/apps/check"): admins("/settings/apps/check"),
    ("POST", "/settings/apps/check"): admins("/settings/apps/check", text=""),
    ("GET", "/settings/people"): admins("/settings/people"),
    ("POST", "/settings/people"): admins("/settings/people", 409, login="not a login"),
    ("GET", "/settings/people/{login:str}"): admins("/settings/people/viewer"),
    ("POST", "/settings/people/{login:str}"): admins("/settings/people/ada", 303, name="Ada", email=""),
    ("POST", "/settings/people/{login:str}/roles"): admins(
        "/settings/people/viewer/roles", 303, role="viewer"
    ),
    ("POST", "/settings/people/{login:str}/roles/drop"): admins(
        "/settings/people/viewer/roles/drop", 404, app="shop"
    ),
    ("POST", "/settings/people/{login:str}/link"): admins("/settings/people/absent/link"),
    ("POST", "/settings/people/{login:str}/disable"): admins("/settings/people/nobody/disable", 404),
    ("POST", "/settings/people/{login:str}/enable"): admins("/settings/people/ada/enable", 303),
    ("POST", "/settings/people/{login:str}/sign-out"): admins("/settings/people/absent/sign-out", 303),
    ("GET", "/settings/tokens"): everybody("/settings/tokens"),
    ("POST", "/settings/tokens"): Row(409, 409, 200, "/settings/tokens", {"name": "all", "role": "admin"}),
    ("POST", "/settings/tokens/{token_id:int}/revoke"): everybody("/settings/tokens/999/revoke", 404),
    ("GET", "/settings/forges"): admins("/settings/forges"),
    ("POST", "/settings/forges/{name:str}/ask"): admins("/settings/forges/nobody/ask", 404),
    ("GET", "/settings/notifiers"): admins("/settings/notifiers"),
    ("POST", "/settings/notifiers/{name:str}/test"): admins("/settings/notifiers/nobody/test", 404),
    ("GET", "/settings/chat"): admins("/settings/chat"),
    ("POST", "/settings/chat/{name:str}/test"): admins("/settings/chat/nowhere/test", 404, channel="#ops"),
    ("GET", "/settings/metrics"): admins("/settings/metrics"),
    ("POST", "/settings/metrics/{name:str}/test"): admins("/settings/metrics/nobody/test", 404),
    ("GET", "/settings/webhooks"): admins("/settings/webhooks"),
    ("POST", "/settings/webhooks"): admins("/settings/webhooks", 409, url="ftp://example.com"),
    ("GET", "/settings/webhooks/{webhook_id:int}"): admins("/settings/webhooks/999", 404),
    ("POST", "/settings/webhooks/{webhook_id:int}/test"): admins("/settings/webhooks/999/test", 404),
    ("POST", "/settings/webhooks/{webhook_id:int}/disable"): admins("/settings/webhooks/999/disable", 404),
    ("POST", "/settings/webhooks/{webhook_id:int}/enable"): admins("/settings/webhooks/999/enable", 404),
    ("POST", "/settings/webhooks/deliveries/{delivery_id:int}/again"): admins(
        "/settings/webhooks/deliveries/999/again", 404
    ),
    ("GET", "/settings/audit"): admins("/settings/audit"),
    ("GET", "/settings/audit/export/{kind:str}"): admins("/settings/audit/export/csv"),
    ("POST", "/settings/audit/verify"): admins("/settings/audit/verify"),
    ("GET", "/settings/service"): admins("/settings/service"),
    ("GET", "/account"): everybody("/account"),
    ("POST", "/account"): everybody("/account", 303, name="Somebody"),
    ("POST", "/account/password"): everybody("/account/password", 422, password="short", current="wrong"),
    ("POST", "/account/sign-out"): everybody("/account/sign-out", 303),
    ("POST", "/account/code"): everybody("/account/code", use="act"),
    ("POST", "/account/unlink"): everybody("/account/unlink", 404, network="irc:test", account="x"),
    ("POST", "/settings/people/{login:str}/unlink"): admins(
        "/settings/people/ada/unlink", 404, network="irc:test", account="x"
    ),
    ("POST", "/account/mute"): everybody("/account/mute", 303, muted="yes"),
    ("GET", "/cli/authorize"): everybody("/cli/authorize?code=none", 422),
    ("POST", "/cli/authorize"): everybody("/cli/authorize", 422, code="none"),
}
STREAMS = {("GET", "/board/changes")}
"""Routes that never end; they are asked for by strangers only."""
OPEN = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("GET", "/set-up"),
    ("POST", "/set-up"),
    ("GET", "/link/{secret:str}"),
    ("POST", "/link/{secret:str}"),
    ("GET", "/sign-in/oidc"),
    ("GET", "/sign-in/oidc/return"),
    ("POST", "/api/cli/authorize"),
    ("POST", "/api/cli/token"),
    ("POST", "/api/cli/sign-out"),
    ("GET", "/metrics"),
}
"""Routes for strangers."""
LEAVING = {("POST", "/sign-out")}
"""What ends the session that the other rows need; strangers have none to end."""


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, dict[str, httpx.Client]]]:
    """A service of its own, with somebody of each role who is signed in."""
    with running(tmp_path_factory.mktemp("rights"), hosts=1) as site, site.client() as ada:
        clients = {"nobody": httpx.Client(base_url=site.url, timeout=60)}
        site.send(ada, "/settings/people", {"login": "absent"})
        for role in ROLES:
            form = {"login": role, "role": role}
            invited = site.send(ada, "/settings/people", form)
            clients[role] = _signed_in(site, invited.text)
        yield site, clients
        for client in clients.values():
            client.close()


def test_every_route_of_a_page_is_listed() -> None:
    routes = {
        (str(method), path)
        for handler in PAGES
        for path in handler.paths
        for method in handler.http_methods
        if method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    }
    assert routes == ROWS.keys() | STREAMS | OPEN | LEAVING


@pytest.mark.parametrize("route", sorted(ROWS), ids=" ".join)
def test_each_role_may_do_what_it_should_and_nothing_else(
    crowd: tuple[Site, dict[str, httpx.Client]], route: tuple[str, str]
) -> None:
    site, clients = crowd
    row = ROWS[route]
    found = tuple(_status(site, clients[role], route[0], row) for role in ROLES)
    assert found == row[:3]


@pytest.mark.parametrize("route", sorted(ROWS.keys() | STREAMS), ids=" ".join)
def test_a_stranger_is_led_to_sign_in_or_refused(
    crowd: tuple[Site, dict[str, httpx.Client]], route: tuple[str, str]
) -> None:
    site, clients = crowd
    method, path = route
    row = ROWS.get(route) or everybody(path)
    stranger = clients["nobody"]
    if method == "GET":
        answer = stranger.get(row.path)
        assert (answer.status_code, answer.headers["location"][:14]) == (302, "/sign-in?next=")
    else:
        assert site.send(stranger, row.path, dict(row.form or {})).status_code == 401


def _status(site: Site, client: httpx.Client, method: str, row: Row) -> int:
    answer: Any = (
        client.get(row.path) if method == "GET" else site.send(client, row.path, dict(row.form or {}))
    )
    return int(answer.status_code)


def _signed_in(site: Site, page: str) -> httpx.Client:
    link = page.split("/link/")[1].split('"', maxsplit=1)[0]
    client = httpx.Client(base_url=site.url, timeout=60)
    assert site.send(client, f"/link/{link}", {"password": PASSWORD}).status_code == 303
    return client
