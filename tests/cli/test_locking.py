"""Locks as a person places, meets and releases them."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from inline_snapshot import snapshot

from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.cli.test_commands import CONFIG, horn


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "deploy.yml").write_text(CONFIG)
    monkeypatch.setenv("HORN_ACTOR", "ada")
    return tmp_path


def said(folder: Path, command: str) -> str:
    """What a command says, with times and the width of columns taken out; its exit status unless 0."""
    done = horn(folder, *shlex.split(command))
    text = re.sub(r"(\d{4}-\d\d-\d\d )?\d\d:\d\d UTC( \([^)]+\))?", "TIME", done.stdout + done.stderr)
    text = re.sub(r" +(\n|(?<!\n)  )", r"\1", text)
    return text + (f"status {done.returncode}\n" if done.returncode else "")


def test_a_lock_is_placed_met_stolen_and_released(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(shop, 'lock production --reason "it moves" --until 2h') == snapshot("""\
Locked production of shop until TIME: it moves
  You may deploy, nobody else may. Release it: horn unlock production
""")
    monkeypatch.setenv("HORN_ACTOR", "bob")
    assert said(shop, "lock production --reason mine") == snapshot("""\
SH542 production of shop is locked by ada since TIME, "it moves", until TIME.
  Ask ada; or take it over, on record: --steal --reason TEXT
status 5
""")
    assert said(shop, "unlock production") == snapshot("""\
SH545 production of shop is locked by ada since TIME, "it moves".
  It is not yours. Say why you release it: horn unlock production --reason TEXT
status 5
""")
    assert said(shop, "lock production --reason fire --steal") == snapshot("""\
Released the lock of ada on production of shop: it moves
Locked production of shop: fire
  You may deploy, nobody else may. Release it: horn unlock production
""")
    assert said(shop, "locks") == snapshot("""\
production of shop is locked by bob since TIME
  fire
  horn unlock production
""")
    assert said(shop, "unlock production") == snapshot(
        "Released the lock of bob on production of shop: fire\n"
    )
    history = json.loads(horn(shop, "locks", "--all", "--json").stdout)
    assert [(one["owner"], one["released_by"], one["release_reason"]) for one in history] == [
        ("bob", "bob", ""),
        ("ada", "bob", "stolen by bob: fire"),
    ]
    assert "by bob: stolen by bob: fire" in " ".join(said(shop, "locks --all").split())
    assert said(shop, "locks") == snapshot("Nothing is locked.\n")


def test_everything_is_paused_in_one_command_anywhere(tmp_path: Path) -> None:
    assert horn(tmp_path, "lock", "--everything", "--reason", "incident").returncode == 0
    assert horn(tmp_path, "locks", "--json").stdout.count('"reason": "incident"') == 1
    assert horn(tmp_path, "unlock", "--everything").returncode == 0


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "lock production",
            snapshot("""\
SH543 a lock needs a reason.
  Whoever meets it will read it: --reason TEXT
status 5
"""),
        ),
        (
            "lock --reason why",
            snapshot("""\
SH547 it is not said what is meant.
  Name an environment; or --app for all of this app's, or --everything for all of all apps'.
status 5
"""),
        ),
        (
            "lock production --app --reason why",
            snapshot("""\
SH547 it is not said what is meant.
  Name an environment; or --app for all of this app's, or --everything for all of all apps'.
status 5
"""),
        ),
        (
            "lock nowhere --reason why",
            snapshot("""\
SH110 deploy.yml has no environment nowhere.
  It has production.
status 2
"""),
        ),
        (
            "lock production --reason why --until soon",
            snapshot("""\
SH546 "soon" is no time that is understood.
  Write 45m, 2h, 1d12h, 09:00, 2026-11-26 or 2026-11-26T09:00; times are UTC.
status 5
"""),
        ),
        (
            "lock production --reason why --until 2020-01-01",
            snapshot("""\
SH546 the lock would end before it begins: TIME.
status 5
"""),
        ),
        (
            "unlock production",
            snapshot("""\
SH544 production of shop is not locked.
  See what is: horn locks
status 5
"""),
        ),
        (
            "bad --clear",
            snapshot("""\
SH547 say which commit: horn bad REF --clear --reason TEXT
status 5
"""),
        ),
        (
            "bad main",
            snapshot("""\
SH543 a mark needs a reason.
  Whoever meets it will read it: --reason TEXT
status 5
"""),
        ),
    ],
)
def test_what_cannot_be_done_is_told_with_a_way_on(shop: Path, command: str, says: str) -> None:
    assert said(shop, command) == says


def test_what_there_is_none_of_is_said_in_words(shop: Path) -> None:
    assert [said(shop, command) for command in ("locks", "locks --all", "bad", "queue")] == snapshot(
        [
            "Nothing is locked.\n",
            "Nothing has ever been locked.\n",
            "No commit is marked bad.\n",
            "Nothing is deployed right now.\n",
        ]
    )


def test_what_is_done_on_this_machine_is_audited_as_in_a_service(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(shop, 'lock production --reason "it moves"')
    monkeypatch.setenv("HORN_ACTOR", "bob")
    said(shop, "lock production --reason mine --steal")
    said(shop, "unlock production")
    store = Store(open_sqlite(next(shop.rglob("state.db"))))
    acts = [(one.actor, one.via, one.act, one.environment, one.reason) for one in store.audit.page(None, 10)]
    store.close()
    assert acts == [
        ("bob", "cli", "unlock", "production", ""),
        ("bob", "cli", "lock", "production", "mine"),
        ("ada", "cli", "lock", "production", "it moves"),
    ]
