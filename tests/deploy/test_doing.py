"""What a deploy does this moment, as other processes see it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from shiphorn.deploy import doing
from shiphorn.deploy.doing import Doing
from shiphorn.model.events import BuildOutput, Continued, WatchProgress


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
