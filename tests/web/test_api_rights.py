"""Every route of the API, for every role: who may do what. A route that is not listed fails the test."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.api_service import Offline

EVERYBODY, OPEN = "everybody", "open"
VIEWER, DEPLOYER, ADMIN = "viewer", "deployer", "admin"
ORDER = {"app": "shop", "environment": "production", "ref": "main"}
REASON = {"reason": "a test"}
PLACE = "/apps/{app}/environments/{environment}"

ROUTES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "GET /docs": (OPEN, None),
    "GET /me": (EVERYBODY, None),
    "GET /apps": (EVERYBODY, None),
    "GET /apps/{app}": (VIEWER, None),
    "GET /apps/{app}/check": (VIEWER, None),
    "GET /apps/{app}/graph": (VIEWER, None),
    "GET /apps/{app}/bad": (VIEWER, None),
    "GET /apps/{app}/commits/{sha}/diff": (VIEWER, None),
    f"GET {PLACE}/explain": (VIEWER, None),
    f"GET {PLACE}/status": (VIEWER, None),
    f"GET {PLACE}/releases": (VIEWER, None),
    f"GET {PLACE}/hosts": (VIEWER, None),
    f"GET {PLACE}/doctor": (VIEWER, None),
    f"POST {PLACE}/converge": (DEPLOYER, {}),
    "GET /auto": (EVERYBODY, None),
    f"POST {PLACE}/auto/stop": (DEPLOYER, REASON),
    f"POST {PLACE}/auto/resume": (DEPLOYER, REASON),
    f"POST {PLACE}/exec": (DEPLOYER, {"command": "id"}),
    "POST /apps/{app}/bad": (DEPLOYER, {"ref": "main"} | REASON),
    "POST /apps/{app}/bad/clear": (DEPLOYER, {"ref": "main"} | REASON),
    "GET /endpoints": (EVERYBODY, None),
    "POST /endpoints": (DEPLOYER, {"app": "shop", "branch": "main"}),
    "GET /endpoints/{endpoint_id}": (VIEWER, None),
    "POST /endpoints/{endpoint_id}/extend": (DEPLOYER, {}),
    "POST /endpoints/{endpoint_id}/remove": (DEPLOYER, {}),
    "GET /board": (EVERYBODY, None),
    "GET /deploys": (EVERYBODY, None),
    "GET /deploys/whole": (EVERYBODY, None),
    "GET /freezes": (EVERYBODY, None),
    "POST /deploys": (DEPLOYER, ORDER),
    "GET /deploys/{deploy_id}": (VIEWER, None),
    "GET /deploys/{deploy_id}/hosts": (VIEWER, None),
    "GET /deploys/{deploy_id}/outputs": (VIEWER, None),
    "GET /deploys/{deploy_id}/health": (VIEWER, None),
    "GET /deploys/{deploy_id}/events": (VIEWER, None),
    "POST /deploys/{deploy_id}/wish": (DEPLOYER, {"wish": "stop"}),
    "POST /plan": (DEPLOYER, ORDER),
    "POST /why": (VIEWER, ORDER),
    "POST /deploys/{deploy_id}/approve": (DEPLOYER, {}),
    "POST /deploys/{deploy_id}/approve/withdraw": (DEPLOYER, {}),
    f"GET {PLACE}/approvals": (VIEWER, None),
    f"POST {PLACE}/approvals": (DEPLOYER, {"ref": "main"}),
    f"POST {PLACE}/approvals/withdraw": (DEPLOYER, {"ref": "main"}),
    "GET /queue": (EVERYBODY, None),
    "POST /queue/{deploy_id}/move": (ADMIN, {}),
    "GET /locks": (EVERYBODY, None),
    "POST /locks": (DEPLOYER, {"app": "shop"} | REASON),
    "POST /locks/release": (DEPLOYER, {"app": "shop"} | REASON),
    "POST /pause": (ADMIN, REASON),
    "POST /continue": (ADMIN, REASON),
    "GET /fleet": (EVERYBODY, None),
    "GET /fleet/{host}": (EVERYBODY, None),
    "GET /dora": (EVERYBODY, None),
    "GET /history.csv": (EVERYBODY, None),
    "GET /people": (ADMIN, None),
    "POST /people": (ADMIN, {"login": "bob"}),
    "POST /people/{login}/link": (ADMIN, None),
    "POST /people/{login}/disable": (ADMIN, {}),
    "POST /people/{login}/enable": (ADMIN, {}),
    "POST /people/{login}/grant": (ADMIN, {"role": "viewer"}),
    "POST /people/{login}/ungrant": (ADMIN, {}),
    "GET /tokens": (EVERYBODY, None),
    "GET /tokens?everybodys=true": (ADMIN, None),
    "POST /tokens/{token_id}/revoke": (ADMIN, {}),
    "GET /audit": (ADMIN, None),
    "GET /audit/verify": (ADMIN, None),
    "GET /audit.csv": (ADMIN, None),
    "GET /audit.jsonl": (ADMIN, None),
    "GET /notifiers": (ADMIN, None),
    "POST /notifiers/{name}/test": (ADMIN, None),
    "GET /chats": (ADMIN, None),
    "POST /chats/{name}/test": (ADMIN, {"channel": "#ops"}),
    "GET /forges": (ADMIN, None),
    "GET /forges/deliveries": (ADMIN, None),
    "POST /forges/{name}/ask": (ADMIN, None),
    "GET /apps/{app}/commits/{sha}/statuses": (VIEWER, None),
    "POST /apps/{app}/commits/{sha}/statuses": (DEPLOYER, {"context": "ci", "state": "success"}),
    "GET /metrics": (ADMIN, None),
    "POST /metrics/{name}/test": (ADMIN, None),
    "GET /webhooks": (ADMIN, None),
    "POST /webhooks": (ADMIN, {"url": "https://example.com/"}),
    "POST /webhooks/{webhook_id}/test": (ADMIN, None),
    "POST /webhooks/{webhook_id}/disable": (ADMIN, {}),
    "POST /webhooks/{webhook_id}/enable": (ADMIN, {}),
    "GET /webhooks/{webhook_id}/deliveries": (ADMIN, None),
    "POST /deliveries/{delivery_id}/again": (ADMIN, None),
}
"""The least role that each takes (the deployer is one of the shop), and a body."""

SHOP = {
    "app": "shop",
    "environment": "production",
    "deploy_id": "1",
    "sha": "main",
    "host": "eu1",
    "login": "viewer",
    "token_id": "99",
    "endpoint_id": "1",
    "name": "nobody",
    "webhook_id": "99",
    "delivery_id": "99",
}
BLOG = SHOP | {"app": "blog", "deploy_id": "3", "endpoint_id": "2"}
MAY_SEE = {404: "not theirs to see", 403: "seen, and refused"}


def listed(api: Offline) -> set[str]:
    """The routes of the application, as they are listed here."""
    found = set()
    for route in api.app.routes:
        if not route.path.startswith("/api/v1/") or route.path.startswith("/api/v1/schema"):
            continue
        path = re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path.removeprefix("/api/v1"))
        found |= {f"{method} {path}" for method in route.methods - {"OPTIONS", "HEAD"}}
    return found


async def asked(api: Offline, role: str, values: dict[str, str]) -> dict[str, int]:
    """What each route answers somebody."""
    found = {}
    async with api.client(role) as client:
        for name, (_, body) in ROUTES.items():
            method, path = name.split(" ")
            sent = body | {"app": values["app"]} if body and "app" in body else body
            answer = await client.request(method, path.format_map(values), json=sent)
            assert answer.status_code < 500, (name, answer.text)
            found[name] = answer.status_code
    return found


def test_every_route_is_listed_here(api: Offline) -> None:
    assert {name.split("?")[0] for name in ROUTES} == listed(api)


async def test_a_stranger_gets_nothing(api: Offline) -> None:
    found = await asked(api, "nobody", SHOP)
    assert {name for name, status in found.items() if status != 401} == {"GET /docs"}


@pytest.mark.parametrize(
    ("role", "values", "least"),
    [
        ("viewer", SHOP, {EVERYBODY, OPEN, VIEWER}),
        ("viewer", BLOG, {EVERYBODY, OPEN, VIEWER}),
        ("deployer", SHOP, {EVERYBODY, OPEN, VIEWER, DEPLOYER}),
        ("deployer", BLOG, {EVERYBODY, OPEN}),
    ],
)
async def test_somebody_may_what_their_role_allows_where_they_have_it(
    api: Offline, role: str, values: dict[str, str], least: set[str]
) -> None:
    found = await asked(api, role, values)
    told = {name: status for name, status in found.items() if name != "POST /tokens/{token_id}/revoke"}
    refused = {name for name, status in told.items() if status == 403}
    unseen = {name for name, status in told.items() if status == 404}
    expected = {name for name in told if ROUTES[name][0] not in least}
    assert refused | unseen == expected
    assert bool(unseen) == (role == "deployer" and values is BLOG)


async def test_an_admin_may_do_all(api: Offline) -> None:
    found = await asked(api, "admin", SHOP)
    assert {name for name, status in found.items() if status in (401, 403)} == set()


async def test_a_token_may_no_more_than_it_was_made_for(api: Offline) -> None:
    from shiphorn.model.people import Grant, Role
    from tests.api_service import token_of

    person = api.service.store.people.by_login("admin")
    assert person is not None
    narrow = token_of(api.service.store, person, Grant(Role.VIEWER))
    async with api.client("nobody") as client:
        head = {"authorization": f"Bearer {narrow}"}
        assert (await client.get("/apps", headers=head)).status_code == 200
        assert (await client.get("/people", headers=head)).status_code == 403
        assert (await client.post("/deploys", json=ORDER, headers=head)).status_code == 403


async def test_a_session_of_a_browser_opens_nothing_here(api: Offline) -> None:
    import time

    person = api.service.store.people.by_login("admin")
    assert person is not None
    now = time.time()
    session = api.service.store.sessions.open(person.id, "", "", now, now + 60)
    async with api.client("nobody") as client:
        client.cookies.set("horn_session", session)
        answer = await client.get("/me")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
