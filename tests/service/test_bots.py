"""Bots of Slack, Mattermost and Discord: a message a deploy, changed or answered, and no flood."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from shiphorn.adapters.notify_apprise import AppriseNotifier
from shiphorn.adapters.notify_bots import escaped
from shiphorn.config import service as service_file
from shiphorn.errors import ConfigError
from shiphorn.model.events import DeployFinished, Paused, PhaseStarted
from shiphorn.model.notices import BotKind
from shiphorn.service.apps import Apps
from shiphorn.service.telling.notifiers import Announcer
from shiphorn.store.store import Store
from tests.bots import CHANNEL, TOKEN, Chats
from tests.service.past import SHOP, deploy

SHA = "6957bb87" + "0" * 32
BEGUN = "shop/main (6957bb87) is being deployed to production by ada"
DONE = "shop/main successfully deployed to production"


def entry(kind: str, chats: Chats) -> dict[str, Any]:
    match kind:
        case "slack":
            return {"slack": {"api": f"{chats.url}/api", "token": {"secret": "BOT"}, "channel": "#deploys"}}
        case "mattermost":
            return {"mattermost": {"url": chats.url, "token": {"secret": "BOT"}, "channel": CHANNEL}}
        case _:
            return {"discord": {"webhook": {"secret": "HOOK"}}}


@pytest.fixture
def secrets(chats: Chats, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT", TOKEN)
    monkeypatch.setenv("HOOK", f"{chats.url}/api/webhooks/223704706495545344/hunter2hunter2")


def announcer(store: Store, folder: Path, notifier: dict[str, Any]) -> Announcer:
    text = {"secrets": {"BOT": {"env": "BOT"}, "HOOK": {"env": "HOOK"}}, "notifiers": {"team": notifier}}
    (folder / "shiphorn.yml").write_text(json.dumps(text))
    return Announcer(store, Apps(folder / "shiphorn.yml"), AppriseNotifier())


def begin(store: Store, **values: Any) -> int:
    number = deploy(store, SHOP, sha=SHA, **values)
    store.records.add_events([PhaseStarted(number, time.time(), "discover")])
    return number


def end(store: Store, number: int, state: str = "succeeded") -> None:
    told = DeployFinished(number, time.time(), state, 1.0, {}, "", "eu1: status 502")
    store.records.add_events([told])


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("kind", ["slack", "mattermost", "discord"])
async def test_one_message_tells_how_a_deploy_stands(
    store: Store, tmp_path: Path, chats: Chats, kind: str
) -> None:
    teller = announcer(store, tmp_path, entry(kind, chats))
    await teller.look()
    first = begin(store)
    await teller.look()
    assert chats.texts == [BEGUN]
    end(store, first)
    await teller.look()
    assert chats.texts == [DONE]
    second = begin(store)
    end(store, second)
    await teller.look()
    assert chats.texts == [DONE, DONE]
    assert len(chats.sent) == 3
    assert store.notified.listed()["team"].problem == ""


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("kind", ["slack", "mattermost", "discord"])
async def test_what_somebody_has_to_look_at_is_a_message_of_its_own_besides(
    store: Store, tmp_path: Path, chats: Chats, kind: str
) -> None:
    teller = announcer(store, tmp_path, entry(kind, chats))
    await teller.look()
    number = begin(store)
    await teller.look()
    store.records.add_events([Paused(number, time.time(), "look at eu1", time.time() + 60)])
    await teller.look()
    assert chats.texts == ["shop/main (6957bb87) is paused in production: look at eu1"] * 2
    end(store, number, "rolled_back")
    await teller.look()
    gone = "shop/main (6957bb87) went wrong in production and was taken back: eu1: status 502"
    assert chats.texts.count(gone) == 2


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("kind", ["slack", "mattermost"])
async def test_a_thread_tells_what_comes_later(store: Store, tmp_path: Path, chats: Chats, kind: str) -> None:
    teller = announcer(store, tmp_path, entry(kind, chats) | {"updates": "thread"})
    await teller.look()
    number = begin(store)
    await teller.look()
    end(store, number, "failed")
    await teller.look()
    [root, answer] = chats.messages.items()
    assert root[1] == (BEGUN, "")
    assert answer[1] == ("shop/main (6957bb87) could not be deployed to production: eu1: status 502", root[0])
    if kind == "slack":
        assert chats.sent[-1][2]["reply_broadcast"] is True


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("kind", ["slack", "mattermost", "discord"])
async def test_a_message_that_somebody_removed_is_said_anew(
    store: Store, tmp_path: Path, chats: Chats, kind: str
) -> None:
    teller = announcer(store, tmp_path, entry(kind, chats))
    await teller.look()
    number = begin(store)
    await teller.look()
    chats.messages.clear()
    end(store, number)
    await teller.look()
    assert chats.texts == [DONE]


@pytest.mark.usefixtures("secrets")
async def test_another_process_changes_the_same_message(store: Store, tmp_path: Path, chats: Chats) -> None:
    first, second = (announcer(store, tmp_path, entry("slack", chats)) for _ in range(2))
    await first.look()
    number = begin(store)
    await first.look()
    end(store, number)
    await second.look()
    assert chats.texts == [DONE]


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("kind", ["slack", "mattermost", "discord"])
async def test_what_was_refused_is_told_later_and_the_reason_holds_no_secret(
    store: Store, tmp_path: Path, chats: Chats, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    teller = announcer(store, tmp_path, entry(kind, chats))
    await teller.look()
    monkeypatch.setenv("BOT", "xoxb-wrong-hunter3hunter3")
    monkeypatch.setenv("HOOK", f"{chats.url}/api/webhooks/99/hunter3hunter3")
    begin(store)
    await teller.look()
    problem = store.notified.listed()["team"].problem
    assert problem
    assert "hunter3" not in problem
    if kind == "slack":
        assert problem == "Slack says invalid_auth"


@pytest.mark.usefixtures("secrets")
async def test_a_flood_is_one_message(store: Store, tmp_path: Path, chats: Chats) -> None:
    teller = announcer(store, tmp_path, entry("slack", chats))
    await teller.look()
    for _ in range(5):
        end(store, begin(store))
    await teller.look()
    [text] = chats.texts
    assert text.splitlines()[0] == "10 things happened:"


@pytest.mark.usefixtures("secrets")
async def test_only_what_is_as_bad_as_wanted_is_told(store: Store, tmp_path: Path, chats: Chats) -> None:
    teller = announcer(store, tmp_path, entry("slack", chats) | {"at_least": "warning"})
    await teller.look()
    end(store, begin(store))
    end(store, begin(store), "failed")
    await teller.look()
    assert chats.texts == ["shop/main (6957bb87) could not be deployed to production: eu1: status 502"]


def test_a_ref_calls_nobody_and_links_nowhere() -> None:
    assert escaped(BotKind.SLACK, "<!channel> & <http://x|y>") == "&lt;!channel&gt; &amp; &lt;http://x|y&gt;"
    assert escaped(BotKind.MATTERMOST, "@all") == "@\u200ball"
    assert len(escaped(BotKind.DISCORD, "x" * 5000)) == 1900


@pytest.mark.parametrize(
    ("notifier", "problem"),
    [
        ({}, "notifiers.team: it has to have one of url, slack, mattermost and discord"),
        (
            {"url": "json://x", "updates": "thread"},
            "notifiers.team: updates is for slack, mattermost and discord: what a url says, stays",
        ),
        (
            {"discord": {"webhook": {"secret": "A"}}, "updates": "thread"},
            "notifiers.team: a webhook of Discord has no threads: updates may be in_place or each",
        ),
        (
            {"slack": {"token": "xoxb-hunter2", "channel": "#a"}},
            "notifiers.team.slack.token: it has to be {secret: NAME}, with that secret under secrets",
        ),
        (
            {"slack": {"token": {"secret": "LOST"}, "channel": "#a"}},
            "notifiers.team.slack.token: the secret LOST is not defined under secrets",
        ),
        (
            {"url": "json://x", "at_least": "bad"},
            "notifiers.team.at_least: it should be 'info', 'success', 'warning' or 'failure'",
        ),
    ],
)
def test_what_cannot_be_is_said(tmp_path: Path, notifier: dict[str, Any], problem: str) -> None:
    path = tmp_path / "shiphorn.yml"
    path.write_text(json.dumps({"secrets": {"A": {"env": "A"}}, "notifiers": {"team": notifier}}))
    with pytest.raises(ConfigError) as error:
        service_file.load(path)
    assert [one.split(" ", 1)[1] for one in error.value.problems] == [problem]
