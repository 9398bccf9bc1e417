"""Notifiers: told once of what they want, of many things together, and never what is secret in their URL."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from shiphorn.adapters.notify_apprise import AppriseNotifier
from shiphorn.demo.project import free_port
from shiphorn.model.events import DeployFinished, Event, PhaseStarted
from shiphorn.model.notices import Notice, Severity
from shiphorn.service.apps import Apps
from shiphorn.service.telling.notifiers import Announcer, pause
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.little_web import Web
from tests.service.past import BLOG, SHOP, STAGING, deploy

SHA = "6957bb87" + "0" * 32


def write(folder: Path, text: str) -> Apps:
    (folder / "shiphorn.yml").write_text(f"url: https://deploy.example.com\n{text}")
    return Apps(folder / "shiphorn.yml")


def announcer(store: Store, folder: Path, web: Web, more: str = "") -> Announcer:
    """One that tells the notifier `team`, which is a little web server."""
    entry = f"url: json://127.0.0.1:{web.port}/token-of-team, {more}"
    return Announcer(store, write(folder, f"notifiers: {{team: {{{entry}}}}}\n"), AppriseNotifier())


def happen(store: Store, *events: Event) -> None:
    store.records.add_events(list(events))


def begin(store: Store, place: tuple[str, str] = SHOP) -> int:
    number = deploy(store, place, sha=SHA)
    happen(store, PhaseStarted(number, time.time(), "discover"))
    return number


def end(store: Store, number: int, state: str = "succeeded", message: str = "") -> None:
    happen(store, DeployFinished(number, time.time(), state, 1.0, {}, "SH611" if message else "", message))


def told(web: Web) -> list[str]:
    return [json.loads(body)["message"] for body in web.bodies]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What gets into the log of a service."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    logging.getLogger().addHandler(handler)
    yield lines
    logging.getLogger().removeHandler(handler)


async def test_people_are_told_of_what_happens_from_now_on(store: Store, tmp_path: Path, web: Web) -> None:
    begin(store)
    teller = announcer(store, tmp_path, web)
    await teller.look()
    store.people.add("ada", 1.0, name="Matt Heath")
    number = begin(store)
    await teller.look()
    end(store, number, "rolled_back", "eu1: status 502")
    await teller.look()
    await teller.look()
    began, ended = told(web)
    assert began == "shop/main (6957bb87) is being deployed to production by Matt Heath"
    assert ended.splitlines() == [
        "shop/main (6957bb87) went wrong in production and was taken back: SH611 eu1: status 502",
        f"https://deploy.example.com/deploys/{number}",
    ]
    assert [json.loads(body)["type"] for body in web.bodies] == ["info", "failure"]


async def test_another_process_and_a_later_one_tell_nothing_again(
    store: Store, tmp_path: Path, web: Web
) -> None:
    first, second = announcer(store, tmp_path, web), announcer(store, tmp_path, web)
    await first.look()
    begin(store)
    await first.look()
    await second.look()
    later = Store(open_sqlite(tmp_path / "state.db"))
    await announcer(later, tmp_path, web).look()
    later.close()
    assert len(web.bodies) == 1


async def test_two_processes_at_once_tell_a_thing_once(store: Store, tmp_path: Path, web: Web) -> None:
    both = [announcer(store, tmp_path, web) for _ in range(2)]
    await both[0].look()
    for _ in range(3):
        begin(store)
        await asyncio.gather(*(one.look() for one in both))
    assert len(web.bodies) == 3


async def test_a_deploy_that_is_resumed_is_not_told_of_again(store: Store, tmp_path: Path, web: Web) -> None:
    teller = announcer(store, tmp_path, web)
    await teller.look()
    number = begin(store)
    await teller.look()
    happen(store, PhaseStarted(number, time.time(), "discover"))
    await teller.look()
    assert len(web.bodies) == 1


async def test_only_what_is_wanted_is_told(store: Store, tmp_path: Path, web: Web) -> None:
    teller = announcer(store, tmp_path, web, "apps: [sh*], environments: [production], on: [succeeded]")
    await teller.look()
    for place in (BLOG, STAGING, SHOP):
        end(store, begin(store, place))
    await teller.look()
    assert told(web) == ["shop/main successfully deployed to production"]


async def test_what_waits_too_long_and_too_many_do_not_flood(store: Store, tmp_path: Path, web: Web) -> None:
    teller = announcer(store, tmp_path, web)
    await teller.look()
    happen(store, PhaseStarted(deploy(store), 1.0, "discover"))
    for _ in range(4):
        begin(store)
    await teller.look()
    assert told(web)[0].splitlines()[0] == "4 things happened:"
    assert len(web.bodies) == 1


async def test_what_was_not_taken_is_told_later_and_the_reason_kept(
    store: Store, tmp_path: Path, web: Web
) -> None:
    teller = announcer(store, tmp_path, web)
    await teller.look()
    web.status = 503
    begin(store)
    await teller.look()
    standing = store.notified.listed()["team"]
    assert (standing.failures, standing.told_at, standing.free_at > time.time()) == (1, None, True)
    assert "503" in standing.problem
    web.status = 200
    await teller.look()
    assert len(web.bodies) == 1
    store.notified.free("team", 0.0)
    await teller.look()
    assert len(web.bodies) == 2
    assert store.notified.listed()["team"].failures == 0


async def test_a_url_may_be_a_secret(
    store: Store, tmp_path: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    apps = write(tmp_path, "secrets: {TEAM: {env: TEAM_URL}}\nnotifiers: {team: {url: {secret: TEAM}}}\n")
    teller = Announcer(store, apps, AppriseNotifier())
    await teller.look()
    begin(store)
    await teller.look()
    problem = store.notified.listed()["team"].problem
    assert problem == "SH130 the secret TEAM is not in the environment."
    monkeypatch.setenv("TEAM_URL", f"json://127.0.0.1:{web.port}/")
    store.notified.free("team", 0.0)
    await teller.look()
    assert len(web.bodies) == 1


async def test_one_that_does_not_listen_keeps_no_other_waiting(
    store: Store, tmp_path: Path, web: Web, log: io.StringIO
) -> None:
    entries = (
        f"{{gone: {{url: 'json://127.0.0.1:1/hush-hush'}}, team: {{url: 'json://127.0.0.1:{web.port}/'}}}}"
    )
    teller = Announcer(store, write(tmp_path, f"notifiers: {entries}\n"), AppriseNotifier())
    await teller.look()
    begin(store)
    await teller.look()
    assert len(web.bodies) == 1
    assert "127.0.0.1" in store.notified.listed()["gone"].problem
    assert log.getvalue() == (
        "notifier gone: A Connection error occurred sending JSON notification to 127.0.0.1.\n"
    )


class Mailbox:
    """Takes mail."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's
        self.letters.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def mail() -> Iterator[tuple[int, Mailbox]]:
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield port, mailbox
    controller.stop()


async def test_mail_has_a_subject(mail: tuple[int, Mailbox]) -> None:
    port, mailbox = mail
    url = f"mailto://127.0.0.1:{port}?from=horn@example.com&to=ada@example.com&mode=insecure&format=text"
    notice = Notice("shop failed in production", "why\nhttps://x", Severity.FAILURE)
    assert await AppriseNotifier().tell(url, notice) == ""
    [letter] = mailbox.letters
    assert (letter["subject"], letter["to"]) == ("shop failed in production", "ada@example.com")
    assert letter.get_content().split() == ["why", "https://x"]


async def test_a_reason_and_the_log_do_not_hold_what_is_secret(
    web: Web, capfd: pytest.CaptureFixture[str], log: io.StringIO
) -> None:
    web.status = 401
    url = f"json://horn:hunter2@127.0.0.1:{web.port}/5f6e7d8c?+X-Token=letmein"
    said = await AppriseNotifier().tell(url, Notice("", "x"))
    assert "401" in said
    said = await AppriseNotifier().tell("nothere://hunter2", Notice("", "x"))
    assert said == "Apprise knows no such service, or the URL lacks a part"
    said = await AppriseNotifier().tell("json://horn:hunter2@host_of_5f6e7d8c:1/", Notice("", "x"))
    assert "hunter2" not in said
    assert "5f6e7d8c" not in said
    assert await AppriseNotifier().tell("slack://hunter2/hunter2", Notice("", "x"))
    assert "hunter2" not in log.getvalue() + "".join(capfd.readouterr())


def test_pauses_grow_up_to_half_an_hour() -> None:
    assert [pause(failures) for failures in (1, 2, 3, 9)] == [10.0, 30.0, 90.0, 1800.0]
