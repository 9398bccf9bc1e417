"""What a deploy does this moment, as other processes see it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from shiphorn.deploy import doing
from shiphorn.deploy.doing import Doing
from shiphorn.model.events import BuildOutput, Continued, WatchProgress
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Site


def line(text: str) -> BuildOutput:
    return BuildOutput(1, 2.0, text)


class Written:
    """What was written, and a word when it was."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.more = asyncio.Event()

    def take(self, text: str) -> None:
        self.texts.append(text)
        self.more.set()

    @property
    def last(self) -> Any:
        return json.loads(self.texts[-1])


async def test_of_many_lines_the_first_is_shown_at_once_and_the_last_a_second_later() -> None:
    written = Written()
    shown = Doing(written.take)
    for number in range(100):
        assert shown.say(line(f"line {number}"))
    assert [json.loads(text)["line"] for text in written.texts] == ["line 0"]
    written.more.clear()
    await asyncio.wait_for(written.more.wait(), 5)
    assert len(written.texts) == 2
    assert written.last == {"kind": "build_output", "deploy_id": 1, "at": 2.0, "line": "line 99"}


async def test_what_is_over_is_taken_back_and_what_waited_is_dropped() -> None:
    written = Written()
    shown = Doing(written.take)
    shown.say(WatchProgress(1, 2.0, {"eu": 3}, {"eu": 2}, 60.0))
    assert written.last["until"] == 60.0
    shown.say(WatchProgress(1, 3.0, {"eu": 3}, {"eu": 3}, 60.0))
    shown.clear()
    shown.clear()
    await asyncio.sleep(0)
    assert written.texts[1:] == [""]
    assert shown._timer is None


async def test_events_that_are_kept_are_none_of_its_business_and_lines_have_an_end() -> None:
    written = Written()
    shown = Doing(written.take)
    assert not shown.say(Continued(1, 2.0, "ada"))
    assert written.texts == []
    shown.say(line("x" * 9000))
    assert written.last["line"] == "x" * doing.LONGEST_LINE


async def test_other_processes_see_what_a_build_prints_but_no_secrets(site: Site) -> None:
    site.env |= {"DB_PASSWORD": "correct-horse-battery", "GO": str(site.folder / "go")}
    site.config["secrets"] = {"DB": {"env": "DB_PASSWORD"}}
    site.config["env"] = {"PASSWORD": {"secret": "DB"}}
    wait = "while ! test -e $GO; do sleep 0.05; done"
    site.config["commands"]["build"] = [f"echo connects with $DB_PASSWORD; {wait}"]
    site.config["environments"]["production"]["bake"] = "2s"
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))

    def seen() -> Any:
        record = store.deploys.get(1)
        return json.loads(record.doing) if record and record.doing else {}

    deploying = await site.start("deploy", "production", "--yes", "--json")
    await site.until(lambda: seen().get("line") == "connects with [secret]")
    (site.folder / "go").touch()
    await site.until(lambda: seen().get("kind") == "watch_progress")
    done = await site.end(deploying)
    assert done.status == 0, done.out
    assert seen() == {}
    kept = {body["kind"] for _, body in store.records.events(1)}
    assert not kept & {"build_output", "watch_progress"}
    store.close()
    for path in (site.folder / "state").rglob("*"):
        assert path.is_dir() or b"correct-horse" not in path.read_bytes()
