"""Programs that are started from several event loops."""

from __future__ import annotations

import asyncio
import threading

import uvloop

from shiphorn.adapters.programs import run


def test_two_loops_start_programs_at_the_same_time() -> None:
    problems: list[Exception] = []

    async def start_many() -> None:
        for _ in range(20):
            ended = await asyncio.gather(*(run(["true"]) for _ in range(10)))
            assert [one.status for one in ended] == [0] * 10

    def loop() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(start_many())
        except (AssertionError, RuntimeError) as error:
            problems.append(error)

    threads = [threading.Thread(target=loop) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
