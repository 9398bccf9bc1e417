"""Several deploys of one environment: they wait, push each other out, and none is stuck."""

import asyncio
import signal

import pytest

from shiphorn.model.deploy import DeployState
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Done, Site

WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done'
FIRST = "waits behind deploy 1 by ada since"


async def states(site: Site) -> list[str]:
    """The states of all deploys, the oldest first."""
    return [one["state"] for one in (await site.horn("history", "--json")).json][::-1]


async def queue(site: Site) -> list[tuple[int, str, bool]]:
    """(number, state, alive) of the deploys that are not over, in the order of their turns."""
    found = (await site.horn("queue", "--json")).json
    return [(one["deploy"]["id"], one["deploy"]["state"], one["alive"]) for one in found]


async def at_work(site: Site) -> asyncio.subprocess.Process:
    """A first deploy that is on its hosts, and stays there until `go`."""
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    return process


async def queued(site: Site, *command: str) -> asyncio.subprocess.Process:
    """Another order, once it waits."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    try:
        before = len(store.deploys.history("sample"))
        process = await site.start(*(command or ("deploy", "production")), "--yes")

        def waits() -> bool:
            newest = store.deploys.history("sample")
            return len(newest) > before and newest[0].state == DeployState.QUEUED

        await site.until(waits)
        return process
    finally:
        store.close()


async def told_times(site: Site, number: int, times: int) -> None:
    """Wait until it was told so often what a deploy waits behind."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))

    def told() -> bool:
        return [body["kind"] for _, body in store.records.events(number)].count("queued") == times

    try:
        await site.until(told)
    finally:
        store.close()


async def ends(site: Site, *processes: asyncio.subprocess.Process) -> list[Done]:
    site.touch_everywhere("go")
    return [await site.end(process) for process in processes]


async def test_the_same_deploy_twice_at_once_ends_well_twice(site: Site) -> None:
    both = [await site.start("deploy", "production", "--yes", "--json") for _ in range(2)]
    done = [await site.end(process) for process in both]
    assert [one.status for one in done] == [0, 0], done
    assert site.pages() == ["one"] * 6
    releases = {one.json["deploy"]["release"] for one in done}
    assert site.releases() == {tuple(sorted(releases))}
    assert len(releases) == 2


async def test_deploys_wait_for_their_turn_and_go_out_in_their_order(site: Site) -> None:
    first = await at_work(site)
    site.commit("two")
    second = await queued(site)
    site.commit("three")
    third = await queued(site, "deploy", "production", "--json")
    assert await queue(site) == [(1, "running", True), (2, "queued", True), (3, "queued", True)]
    shown = (await site.horn("queue")).out
    assert [line.split()[0] for line in shown.splitlines()[1:]] == ["1", "2", "3"]
    done = await ends(site, first, second, third)
    assert [one.status for one in done] == [0, 0, 0], done
    assert FIRST in done[1].out
    assert " s  waited " in done[1].out
    assert site.pages() == ["three"] * 6
    last = done[2].json["deploy"]
    assert last["from_sha"] == site.git("rev-parse", "HEAD^")
    assert last["release"] == max(max(site.releases()))
    assert (await site.horn("queue")).out == "Nothing is deployed right now.\n"


async def test_what_a_deploy_waits_behind_is_told_again_when_it_changes(site: Site) -> None:
    first = await at_work(site)
    second, third = await queued(site), await queued(site)
    second.send_signal(signal.SIGINT)
    assert (await site.end(second)).status == 6
    await told_times(site, 3, 2)
    done = await ends(site, first, third)
    assert [one.status for one in done] == [0, 0]
    waits = [line.split(" by ")[0] for line in done[1].out.splitlines() if "waits behind" in line]
    assert waits == ["… waits behind deploy 2", "… waits behind deploy 1"]
    assert await states(site) == ["succeeded", "stopped", "succeeded"]


@pytest.mark.parametrize("word", ["interrupt", "stop"])
async def test_a_deploy_that_waits_can_be_ended(site: Site, word: str) -> None:
    first = await at_work(site)
    second = await queued(site)
    if word == "stop":
        assert (await site.horn("stop", "2")).status == 0
    else:
        second.send_signal(signal.SIGINT)
    done = await site.end(second)
    assert done.status == 6
    assert "Deploy 2 stopped" in done.out
    assert await queue(site) == [(1, "running", True)]
    assert (await ends(site, first))[0].status == 0


async def test_a_deploy_that_was_killed_while_it_waited_holds_nobody_up(site: Site) -> None:
    first = await at_work(site)
    second = await queued(site)
    await site.kill(second)
    assert await queue(site) == [(1, "running", True), (2, "queued", False)]
    assert "its process has died" in (await site.horn("queue")).out
    site.commit("three")
    third = await queued(site)
    done = await ends(site, first, third)
    assert [one.status for one in done] == [0, 0], done
    assert site.pages() == ["three"] * 6
    assert await states(site) == ["succeeded", "abandoned", "succeeded"]


async def test_one_that_was_killed_while_it_waited_is_resumed(site: Site) -> None:
    first = await at_work(site)
    site.commit("two")
    second = await queued(site)
    await site.kill(second)
    assert (await ends(site, first))[0].status == 0
    done = await site.horn("resume", "2")
    assert done.status == 0, done
    assert site.pages() == ["two"] * 6


async def test_a_waiting_deploy_takes_over_when_the_one_before_it_is_killed(site: Site) -> None:
    first = await at_work(site)
    site.commit("two")
    second = await queued(site)
    await site.kill(first)
    done = (await ends(site, second))[0]
    assert done.status == 0, done
    assert "took over from deploy 1 by ada since" in done.out
    assert site.pages() == ["two"] * 6
    assert await states(site) == ["abandoned", "succeeded"]


async def test_a_waiting_deploy_does_not_guess_about_one_that_died_at_its_flip(site: Site) -> None:
    site.config["commands"]["restart"] = [WAIT]
    first = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    second = await queued(site)
    await site.kill(first)
    done = await site.end(second)
    assert done.status == 6
    assert "SH502" in done.out
    assert "horn resume 1" in done.out


async def test_the_newest_pushes_out_those_that_wait_when_the_config_says_so(site: Site) -> None:
    site.config["environments"]["production"]["queue"] = "newest"
    first = await at_work(site)
    site.commit("two")
    second = await queued(site)
    site.commit("three")
    third = await site.start("deploy", "production", "--yes")
    pushed_out = await site.end(second)
    assert pushed_out.status == 6
    assert "Deploy 2 superseded" in pushed_out.out
    assert "SH541" in pushed_out.out
    assert "deploy 3 by ada since" in pushed_out.out
    done = await ends(site, first, third)
    assert [one.status for one in done] == [0, 0], done
    assert site.pages() == ["three"] * 6
    assert await states(site) == ["succeeded", "superseded", "succeeded"]


async def test_a_deploy_to_fewer_hosts_does_not_push_out_one_to_all(site: Site) -> None:
    site.config["environments"]["production"]["queue"] = "newest"
    first = await at_work(site)
    site.commit("two")
    second = await queued(site)
    third = await queued(site, "deploy", "production", "--region", "eu")
    done = await ends(site, first, second, third)
    assert [one.status for one in done] == [0, 0, 0], done


async def test_who_does_not_want_to_wait_is_refused_at_once(site: Site) -> None:
    first = await at_work(site)
    for command in (("deploy", "production"), ("rollback", "production")):
        refused = await site.horn(*command, "--yes", "--no-wait")
        assert refused.status == 5
        assert "SH501 production is locked by deploy 1 by ada since" in refused.err
        assert "horn stop 1" in refused.err
    assert (await ends(site, first))[0].status == 0
    assert (await site.deploy("--no-wait")).status == 0
    assert await states(site) == ["succeeded", "failed", "failed", "succeeded"]


async def test_a_rollback_waits_as_well(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    second = await at_work(site)
    third = await queued(site, "rollback", "production")
    done = await ends(site, second, third)
    assert [one.status for one in done] == [0, 0], done
    assert site.pages() == ["one"] * 6
