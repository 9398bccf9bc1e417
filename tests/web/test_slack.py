"""Slack talks to shiphorn: what is forged, old or comes twice is refused, and what is said is answered."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import yaml

from shiphorn.chat import slack as chat
from shiphorn.chat.answering import answer
from shiphorn.model import slack
from shiphorn.model.chat import CodeUse, Shown
from shiphorn.model.people import Caller
from shiphorn.service.people.chat_accounts import make_code
from tests.api_service import Offline
from tests.bots import TOKEN, Chats

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
USER = "U2147483697"


class Workspace:
    """A workspace of Slack whose app is served: what it sends, and what comes of it."""

    def __init__(self, api: Offline, chats: Chats) -> None:
        self._api = api
        self.chats = chats
        self._count = 0

    async def send(
        self,
        kind: str,
        body: bytes,
        given: dict[str, str] | None = None,
        *,
        name: str = "acme",
        age: float = 0,
        secret: str = SECRET,
    ) -> httpx.Response:
        at = str(int(time.time() - age))
        headers = {
            "x-slack-request-timestamp": at,
            "x-slack-signature": slack.signature(secret, at, body),
            "content-type": "application/json" if kind == "events" else "application/x-www-form-urlencoded",
        }
        transport = httpx.ASGITransport(app=self._api.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(f"/slack/{name}/{kind}", content=body, headers=headers | (given or {}))

    def event(self, text: str, **event: Any) -> bytes:
        self._count += 1
        said = {
            "type": "app_mention",
            "user": USER,
            "text": text,
            "ts": "1515449522.000016",
            "channel": "C123ABC456",
            "event_ts": "1515449522000016",
        }
        whole = {
            "token": "ZZZZZZWSxiZZZ2yIvs3peJ",
            "team_id": "T123ABC456",
            "api_app_id": "A123ABC456",
            "event": said | event,
            "type": "event_callback",
            "event_id": f"Ev123ABC45{self._count}",
            "event_time": 1515449522000016,
        }
        return json.dumps(whole).encode()

    def command(self, text: str, **more: str) -> bytes:
        self._count += 1
        fields = {
            "token": "gIkuvaNzQIHg97ATvDxqgjtO",
            "team_id": "T123ABC456",
            "team_domain": "example",
            "channel_id": "C2147483705",
            "channel_name": "test",
            "user_id": USER,
            "user_name": "Steve",
            "command": "/horn",
            "text": text,
            "response_url": f"{self.chats.url}/response/{self._count}",
            "trigger_id": f"13345224609.738474920.{self._count}",
        }
        return urlencode(fields | more).encode()


@pytest.fixture
def workspace(api: Offline, chats: Chats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("SIGNING", SECRET)
    monkeypatch.setenv("BOT", TOKEN)
    path = tmp_path / "shiphorn.yml"
    app = {
        "signing_secret": {"secret": "SIGNING"},
        "token": {"secret": "BOT"},
        "teams": ["T123ABC456"],
        "api": f"{chats.url}/api",
    }
    more = {
        "secrets": {"SIGNING": {"env": "SIGNING"}, "BOT": {"env": "BOT"}},
        "chat": {"slack": {"acme": app}},
    }
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | more))
    api.service.apps.refresh()
    store = api.service.store
    ada = store.people.by_login("admin")
    assert ada is not None
    store.people.add_identity("slack:T123ABC456", USER.lower(), ada.id)
    return Workspace(api, chats)


async def test_slack_tries_the_url_with_a_challenge(workspace: Workspace) -> None:
    body = json.dumps({"token": "x", "challenge": "3eZbrw1aBm2rZgRN", "type": "url_verification"}).encode()
    answered = await workspace.send("events", body)
    assert (answered.status_code, answered.json()) == (200, {"challenge": "3eZbrw1aBm2rZgRN"})


async def test_who_mentions_the_bot_is_answered_in_the_thread(workspace: Workspace) -> None:
    answered = await workspace.send("events", workspace.event("<@U0LAN0Z89> whoami"))
    assert answered.status_code == 200
    [(text, thread)] = workspace.chats.messages.values()
    assert text
    assert thread == "1515449522.000016"
    assert workspace.chats.sent[0][2]["channel"] == "C123ABC456"


async def test_a_direct_message_is_answered_there(workspace: Workspace) -> None:
    said = {"type": "message", "channel_type": "im", "channel": "D0PNCRP9N"}
    await workspace.send("events", workspace.event("help", **said))
    [(text, thread)] = workspace.chats.messages.values()
    assert "deploy" in text
    assert thread == ""


async def test_an_event_that_slack_sends_again_is_answered_once(workspace: Workspace) -> None:
    body = workspace.event("help")
    for number in range(3):
        answered = await workspace.send("events", body, {"x-slack-retry-num": str(number)})
        assert answered.status_code == 200
    assert len(workspace.chats.messages) == 1


async def test_what_is_no_order_is_not_answered(workspace: Workspace) -> None:
    for event in (
        {"bot_id": "B123"},
        {"type": "message", "channel_type": "channel"},
        {"type": "message", "channel_type": "im", "subtype": "message_changed"},
        {"type": "reaction_added"},
    ):
        answered = await workspace.send("events", workspace.event("help", **event))
        assert answered.status_code == 200
    assert workspace.chats.messages == {}


async def test_a_slash_command_is_answered_at_once_and_escaped(workspace: Workspace) -> None:
    answered = await workspace.send("commands", workspace.command("help"))
    body = answered.json()
    assert (answered.status_code, body["response_type"]) == (200, "ephemeral")
    assert "deploy" in body["text"]
    answered = await workspace.send("commands", workspace.command("<!channel> nonsense"))
    assert "<!channel>" not in answered.text


async def test_what_takes_long_is_sent_afterwards_where_slack_said(
    workspace: Workspace, api: Offline
) -> None:
    message = slack.command_of(workspace.command("help"), "v0=1")
    work = asyncio.ensure_future(answer(api.service, message.speaker(Shown()), message.text))
    await chat.follow(api.service, "acme", message, work)
    [(text, kind)] = workspace.chats.messages.values()
    assert "deploy" in text
    assert kind == "ephemeral"
    elsewhere = slack.command_of(workspace.command("help", response_url="http://127.0.0.1:1/"), "v0=2")
    await chat.follow(api.service, "acme", elsewhere, work)
    assert len(workspace.chats.messages) == 1


async def test_an_account_is_linked_by_a_code_and_then_gives_orders(
    workspace: Workspace, api: Offline
) -> None:
    store = api.service.store
    person = store.people.by_login("deployer")
    assert person is not None
    caller = Caller("deployer", "web", grants=person.grants, person_id=person.id)
    code, _ = make_code(store, caller, CodeUse.LINK, time.time())
    steve = {"user_id": "U99STEVE"}
    lock = "lock production of shop because we count the stock"
    await workspace.send("commands", workspace.command(lock, **steve))
    assert [one.app for one in store.locks.in_force(time.time())] == ["blog"]
    linked = await workspace.send("commands", workspace.command(f"link {code}", **steve))
    assert linked.json()["text"].startswith("You are deployer from here on")
    assert linked.json()["response_type"] == "ephemeral"
    again = await workspace.send("commands", workspace.command(f"link {code}", user_id="U98OTHER"))
    assert "SH941" in again.text
    await workspace.send("commands", workspace.command(lock, **steve))
    locks = {one.app: one.owner for one in store.locks.in_force(time.time())}
    assert locks == {"blog": "ada", "shop": "deployer"}


def test_an_answer_goes_to_slack_and_nowhere_else() -> None:
    assert slack.may_be_answered_at("https://hooks.slack.com/commands/1/2", "https://slack.com/api")
    for url in (
        "http://hooks.slack.com/x",
        "https://hooks.slack.com.evil.example/x",
        "https://evil.example/?slack.com",
        "http://169.254.169.254/",
        "https://[",
        "",
    ):
        assert not slack.may_be_answered_at(url, "https://slack.com/api")


async def test_what_is_forged_old_or_unsigned_is_refused(workspace: Workspace) -> None:
    for kind in ("events", "commands"):
        await refused(workspace, kind)


async def refused(workspace: Workspace, kind: str) -> None:
    body = workspace.event("help") if kind == "events" else workspace.command("help")
    forged = await workspace.send(kind, body, secret="guessed")
    assert (forged.status_code, "SH952" in forged.text) == (401, True)
    tampered = await workspace.send(kind, body, {"x-slack-signature": "v0=" + "e" * 64})
    assert tampered.status_code == 401
    for age in (301, -301):
        late = await workspace.send(kind, body, age=age)
        assert (late.status_code, "SH953" in late.text) == (401, True)
    for at in ("", "x", "9" * 400, "-1", "1e9"):
        signed = slack.signature(SECRET, at, body)
        given = {"x-slack-request-timestamp": at, "x-slack-signature": signed}
        assert (await workspace.send(kind, body, given)).status_code == 401
    assert (await workspace.send(kind, body, name="nobody")).status_code == 404
    assert workspace.chats.messages == {}


async def test_a_command_that_is_replayed_is_refused(workspace: Workspace) -> None:
    body, at = workspace.command("help"), str(int(time.time()))
    given = {"x-slack-request-timestamp": at, "x-slack-signature": slack.signature(SECRET, at, body)}
    answers = await asyncio.gather(*(workspace.send("commands", body, given) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]


async def test_what_slack_would_not_send_is_refused_or_ignored(workspace: Workspace) -> None:
    for body in (
        b"",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({"type": "event_callback", "event": {"type": "app_mention"}}).encode(),
        json.dumps({"type": "url_verification", "challenge": {"a": 1}}).encode(),
        b"team_id=T1&user_id=../../x&channel_id=C1",
    ):
        for kind in ("events", "commands"):
            answered = await workspace.send(kind, body)
            assert (answered.status_code, "SH955" in answered.text) == (409, True), (kind, body[:40])
    assert workspace.chats.messages == {}


async def test_what_is_too_large_is_not_read(workspace: Workspace) -> None:
    assert (await workspace.send("events", b"x" * 10_000_000)).status_code == 413


async def test_another_workspace_and_a_guest_of_a_shared_channel_are_nobody(workspace: Workspace) -> None:
    other = json.loads(workspace.event("help")) | {"team_id": "T999"}
    await workspace.send("events", json.dumps(other).encode())
    assert workspace.chats.messages == {}
    guest = slack.event_of(workspace.event("help", user_team="T999"))
    assert isinstance(guest, slack.Message)
    assert guest.vouched is False
    refused = await workspace.send("commands", workspace.command("help", team_id="T999"))
    assert refused.status_code == 409


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<@U0LAN0Z89> deploy shop/main to staging", "deploy shop/main to staging"),
        ("<@U0LAN0Z89>: deploy <http://shop.eu|shop.eu> &amp; more", "deploy shop.eu & more"),
        ("see <https://example.com/a>", "see https://example.com/a"),
        ("a &lt;b&gt; &amp;lt;", "a <b> &lt;"),
    ],
)
def test_what_slack_makes_of_a_text_is_undone(text: str, wanted: str) -> None:
    assert slack.plain(text) == wanted
