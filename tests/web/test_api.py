"""The API as programs use it, over a service that really deploys."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Role
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.api_service import Offline, token_of
from tests.little_web import Web
from tests.running_service import LOGIN, Site

ORDER = {"app": "blog", "environment": "staging", "ref": "main"}


@contextmanager
def store_of(site: Site) -> Iterator[Store]:
    """The database of a running service."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    yield store
    store.close()


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[httpx.Client]:
    """A program with a token of ada's."""
    with store_of(site) as store:
        ada = store.people.by_login(LOGIN)
        assert ada is not None
        token = token_of(store, ada)
    head = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{site.url}/api/v1", headers=head, timeout=60) as made:
        yield made


def events(client: httpx.Client, number: int, **asked: Any) -> Iterator[tuple[str, str, Any]]:
    """(event, id, data) of each event of a stream until it ends."""
    with client.stream("GET", f"/deploys/{number}/events", **asked) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        found: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                found[name] = value
            elif found:
                yield found["event"], found.get("id", ""), json.loads(found["data"])
                found = {}


def until_ended(client: httpx.Client, number: int) -> dict[str, Any]:
    """The deploy, once it is over."""
    for _ in events(client, number):
        pass
    found: dict[str, Any] = client.get(f"/deploys/{number}").json()
    return found


def test_a_deploy_is_ordered_and_followed_to_its_end(client: httpx.Client) -> None:
    made = client.post("/deploys", json=ORDER | {"reason": "a test"})
    assert made.status_code == 201
    number = made.json()["id"]
    assert made.headers["location"] == f"/api/v1/deploys/{number}"
    assert "config_text" not in made.json()
    told = list(events(client, number))
    kinds = [data["kind"] for event, _, data in told if event == "happened"]
    assert (kinds[0], kinds[-1]) == ("deploy_started", "deploy_finished")
    hosts: dict[str, str] = {}
    for event, _, data in told:
        hosts |= data if event == "hosts" else {}
    assert len(hosts) == 6
    assert set(hosts.values()) == {"done"}
    assert told[-1] == ("ended", "", {})
    assert client.get(f"/deploys/{number}").json()["state"] == "succeeded"

    last = max(int(number) for _, number, _ in told if number)
    again = list(events(client, number, headers={"last-event-id": str(last - 1)}))
    assert [int(number) for event, number, _ in again if event == "happened"][-1] == last
    assert len([1 for event, _, _ in again if event == "happened"]) < len(kinds)

    states = {run["host"]["name"]: run["state"] for run in client.get(f"/deploys/{number}/hosts").json()}
    assert states == hosts
    builds = client.get(f"/deploys/{number}/outputs", params={"host": ""}).json()
    assert [one["output"]["command"] for one in builds] == ["bin/build"]
    status = client.get("/apps/blog/environments/staging/status").json()
    assert {one["standing"] for one in status["hosts"]} == {"as intended"}
    kept = client.get("/apps/blog/environments/staging/releases", params={"regions": ["nowhere"]})
    assert (kept.status_code, kept.json()["code"]) == (409, "SH520")


def test_a_key_makes_one_deploy(client: httpx.Client) -> None:
    head = {"idempotency-key": "a-test"}
    first, second = (client.post("/deploys", json=ORDER, headers=head) for _ in range(2))
    assert first.json()["id"] == second.json()["id"]
    other = client.post("/deploys", json=ORDER | {"ref": "HEAD"}, headers=head)
    assert (other.status_code, other.json()["code"]) == (409, "SH581")
    until_ended(client, first.json()["id"])


def test_a_deploy_is_stopped(client: httpx.Client) -> None:
    order = ORDER | {"selection": {"hosts": ["nobody*"]}}
    first = client.post("/deploys", json=ORDER).json()["id"]
    asked = client.post(f"/deploys/{first}/wish", json={"wish": "stop", "reason": "a test"})
    assert (asked.status_code, asked.json()["wish"]) == (200, "stop")
    assert until_ended(client, first)["state"] == "stopped"
    late = client.post(f"/deploys/{first}/wish", json={"wish": "stop"})
    assert (late.status_code, late.json()["code"]) == (409, "SH523")
    second = client.post("/deploys", json=order).json()["id"]
    ended = until_ended(client, second)
    assert (ended["state"], ended["code"] != "") == ("failed", True)


def test_a_lock_answers_why_nobody_deploys(client: httpx.Client, site: Site) -> None:
    with store_of(site) as store:
        eve = store.people.add("eve", time.time(), held=[Grant(Role.DEPLOYER, Scope("blog"))])
        assert eve is not None
        head = {"authorization": f"Bearer {token_of(store, eve)}"}
    body = {"app": "blog", "environment": "production", "reason": "a freeze"}
    placed = client.post("/locks", json=body)
    assert (placed.status_code, placed.json()["lock"]["by"]) == (201, "ada")
    order = {"app": "blog", "environment": "production", "ref": "main"}
    told = client.post("/why", json=order, headers=head).json()
    assert told["open"] is False
    assert [one["gate"] for one in told["answers"] if one["verdict"] == "refuse"] == ["locked"]
    taken = client.post("/locks", json=body | {"steal": True}, headers=head)
    assert (taken.status_code, taken.json()["code"]) == (403, "SH550")
    assert [one["reason"] for one in client.get("/locks").json() if one["app"] == "blog"] == ["a freeze"]
    assert client.post("/locks/release", json=body).status_code == 200
    assert client.post("/why", json=order, headers=head).json()["open"] is True


def test_a_command_runs_on_the_hosts_and_is_on_record(client: httpx.Client) -> None:
    until_ended(client, client.post("/deploys", json=ORDER).json()["id"])
    path = "/apps/blog/environments/staging/exec"
    ran = client.post(path, json={"command": "echo hello; exit 3", "selection": {"hosts": ["*1*"]}}).json()
    assert ran
    assert {(one["output"]["output"].strip(), one["output"]["exit_status"]) for one in ran} == {("hello", 3)}
    [act, *_] = client.get("/audit", params={"act": "exec"}).json()["items"]
    assert (act["actor"], act["via"]) == ("ada", "api")
    assert act["facts"]["command"] == "echo hello; exit 3"


def test_a_webhook_hears_of_a_deploy(client: httpx.Client, web: Web) -> None:
    made = client.post(
        "/webhooks", json={"url": f"http://127.0.0.1:{web.port}/hook", "kinds": ["deploy_finished"]}
    ).json()
    assert made["secret"].startswith("whsec_")
    number = client.post("/deploys", json=ORDER).json()["id"]
    until_ended(client, number)
    path = f"/webhooks/{made['webhook']['id']}/deliveries"
    given_up_at = time.monotonic() + 30
    while not [one for one in client.get(path).json()["items"] if one["delivered_at"]]:
        assert time.monotonic() < given_up_at
    assert json.loads(web.bodies[0])["deploy"]["state"] == "succeeded"
    client.post(f"/webhooks/{made['webhook']['id']}/disable", json={"reason": "a test"})


def test_the_service_is_alive_and_ready(site: Site) -> None:
    assert httpx.get(f"{site.url}/healthz").json() == {"status": "alive"}
    ready = httpx.get(f"{site.url}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"worker": "at work", "database": "answers"})


async def test_deploys_come_a_page_at_a_time(api: Offline) -> None:
    async with api.client() as client:
        numbers: list[list[int]] = []
        before: dict[str, int] = {}
        while True:
            page = (await client.get("/deploys", params={"limit": 2} | before)).json()
            numbers.append([one["id"] for one in page["items"]])
            if page["next"] is None:
                break
            before = {"before": page["next"]}
    assert numbers == [[3, 2], [1]]


async def test_deploys_are_narrowed(api: Offline) -> None:
    async with api.client() as client:

        async def found(**wanted: str) -> list[int]:
            return [one["id"] for one in (await client.get("/deploys", params=wanted)).json()["items"]]

        assert await found(app="shop") == [2, 1]
        assert await found(app="shop", environment="staging") == [2]
        assert await found(state="failed") == []
        assert await found(kind="deploy", actor="ada") == [3, 2, 1]
        assert await found(q="nothing like it") == []


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "code"),
    [
        ("GET", "/nothing", {}, 404, "SH585"),
        ("GET", "/schema/nothing", {}, 404, "SH585"),
        ("GET", "/apps/none", {}, 404, "SH580"),
        ("GET", "/deploys/99", {}, 404, "SH522"),
        ("GET", "/apps/shop/environments/none/status", {}, 404, "SH110"),
        ("POST", "/me", {}, 405, "SH586"),
        ("GET", "/deploys?limit=0", {}, 400, "SH588"),
        ("POST", "/deploys", {"json": {"app": "shop"}}, 400, "SH588"),
        (
            "POST",
            "/deploys",
            {"content": b"{", "headers": {"content-type": "application/json"}},
            400,
            "SH588",
        ),
        ("POST", "/deploys", {"data": {"app": "shop"}}, 415, "SH583"),
        ("POST", "/locks", {"json": {"app": "shop"}}, 409, "SH543"),
        ("GET", "/apps/shop/graph?digest=none", {}, 404, "SH569"),
        ("POST", "/webhooks", {"json": {"url": "ftp://example.com"}}, 409, "SH566"),
    ],
)
async def test_what_goes_wrong_is_told_as_a_problem(
    api: Offline, method: str, path: str, sent: dict[str, Any], status: int, code: str
) -> None:
    async with api.client() as client:
        answer = await client.request(method, path, **sent)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


async def test_a_person_is_invited_and_given_a_role(api: Offline) -> None:
    async with api.client() as client:
        body = {"login": "bob", "grants": [{"role": "viewer", "app": "shop"}]}
        made = (await client.post("/people", json=body)).json()
        assert "/link/" in made["link"]
        held = (await client.post("/people/bob/grant", json={"role": "deployer", "app": "blog"})).json()
        assert {(one["scope"]["app"], one["role"]) for one in held["grants"]} == {
            ("shop", "viewer"),
            ("blog", "deployer"),
        }
        await client.post("/people/bob/ungrant", json={"app": "shop"})
        gone = (await client.post("/people/bob/disable", json={"reason": "left"})).json()
        assert gone["disabled_at"] is not None
        acts = (await client.get("/audit", params={"limit": 2})).json()
        assert [one["act"] for one in acts["items"]] == ["person disabled", "role taken away"]
        assert (await client.get("/audit/verify")).json() == {"well": True, "problems": []}
        assert (await client.get("/audit.jsonl")).text.count("\n") == acts["items"][0]["id"]


async def test_a_revoked_token_opens_nothing(api: Offline) -> None:
    async with api.client("viewer") as client:
        [token] = (await client.get("/tokens")).json()
        assert (await client.post(f"/tokens/{token['id']}/revoke", json={})).json()["revoked_at"]
        assert (await client.get("/me")).status_code == 401


async def test_a_queued_deploy_is_moved(api: Offline) -> None:
    async with api.client() as client:
        order = {"app": "shop", "environment": "production", "ref": "main"}
        first, second = [(await client.post("/deploys", json=order)).json()["id"] for _ in range(2)]
        for number in (first, second):
            api.service.store.deploys.update(number, state="queued")
        moved = (await client.post(f"/queue/{second}/move", json={"ahead_of": first})).json()
        assert [one["deploy"]["id"] for one in moved] == [second, first]
        wrong = await client.post(f"/queue/{second}/move", json={"ahead_of": 1})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "SH582")


async def test_the_page_of_the_description_loads_nothing_from_elsewhere(api: Offline) -> None:
    async with api.client("nobody") as client:
        page = await client.get("/docs")
    assert page.status_code == 200
    assert "/api/v1/deploys/{deploy_id}/wish" in page.text
    assert "<script" not in page.text
    assert 'src="http' not in page.text
    assert 'rel="stylesheet" href="http' not in page.text


async def test_it_is_not_ready_without_its_worker(api: Offline) -> None:
    from dataclasses import replace

    from shiphorn.adapters.vault import Vault
    from shiphorn.web.app import make_app
    from shiphorn.web.site import Site as Place

    service = replace(api.service, works=lambda: False)
    app = make_app(service, Vault(b"0" * 32), Place("/deploy"))
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/deploy/readyz")
        assert (answer.status_code, answer.json()["worker"]) == (503, "not at work")
        assert (await client.get("/deploy/healthz")).status_code == 200
        assert "/deploy/api/v1/me" in (await client.get("/deploy/api/v1/schema")).json()["paths"]


async def test_who_stops_following_a_deploy_is_let_go(api: Offline) -> None:
    config = uvicorn.Config(api.app, "127.0.0.1", 0, log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    api.service.store.deploys.update(1, state="running", finished_at=None)
    head = {"authorization": f"Bearer {api.tokens['viewer']}"}
    url = f"http://127.0.0.1:{port}/api/v1/deploys/1/events"
    async with httpx.AsyncClient(headers=head) as client, client.stream("GET", url) as answer:
        lines = answer.aiter_lines()
        assert await anext(lines) == "id: 1"
        assert api.service.live.watched == {1: 1}
    async with asyncio.timeout(10):
        while api.service.live.watched:
            await asyncio.sleep(0.01)
    server.should_exit = True
    await serving
