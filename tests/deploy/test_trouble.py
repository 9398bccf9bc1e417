"""Deploys into which things break: networks, hosts, disks, and the deployer itself."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from shiphorn.demo.fleet import Fault
from tests.deploy.conftest import Site
from tests.programs import is_running

WAIT = 'touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done; echo ran >>"$HOME/ran"'


async def test_a_host_that_cannot_be_reached_stops_the_deploy_before_any_change(site: Site) -> None:
    site.fleet.faults["web2.ap"] = Fault(refuse=True)
    done = await site.deploy()
    assert done.status == 6
    assert "web2.ap: unreachable" in done.out
    assert site.releases() == {()}


async def test_a_host_that_says_nothing_more_fails_in_time(site: Site) -> None:
    site.config["environments"]["production"]["phase_timeout"] = 1
    site.fleet.faults["web1.us"] = Fault(hang=True)
    done = await site.deploy()
    assert done.status == 6
    assert "web1.us: took too long" in done.out
    assert site.pages() == [""] * 6


@pytest.mark.parametrize("word", [b" unpacked ", b" armed ", b" flipped ", b" restarted ", b" live "])
async def test_a_connection_that_breaks_once_costs_nothing(site: Site, word: bytes) -> None:
    site.fleet.faults["web1.us"] = Fault(drop_on=word)
    done = await site.deploy()
    assert (done.status, site.pages()) == (0, ["one"] * 6)
    assert site.fleet.faults["web1.us"].drop_on == b""


async def test_a_connection_that_breaks_in_the_artifact_costs_nothing(site: Site) -> None:
    (site.repo / "noise").write_bytes(os.urandom(3_000_000))
    site.commit("two")
    site.fleet.faults["web1.us"] = Fault(drop_after_bytes=1_000_000)
    done = await site.deploy()
    assert (done.status, site.pages()) == (0, ["two"] * 6)


async def test_noise_of_login_files_is_no_trouble(site: Site) -> None:
    site.fleet.faults["web1.us"] = Fault(noise=b"Welcome to web1!\n@horn is not a frame\n")
    assert (await site.deploy()).status == 0


async def test_a_full_disk_is_told_as_such_and_leaves_nothing(site: Site) -> None:
    full = site.folder / "full"
    full.mkdir()
    _program(
        full / "df", 'echo "Filesystem 1024-blocks Used Available Capacity Mounted on"\necho "x 1 1 0 100% /"'
    )
    site.fleet.faults["web1.us"] = site.fleet.faults["web2.us"] = Fault(path=str(full))
    done = await site.deploy()
    assert done.status == 6
    assert "2 hosts: disk full" in done.out
    assert site.releases() == {()}


async def test_a_disk_that_fills_up_while_unpacking_is_told_as_such(site: Site) -> None:
    full = site.folder / "full"
    full.mkdir()
    mark = full / "is-full"
    _program(full / "tar", f'cat >/dev/null; touch "{mark}"; echo "tar: No space left on device" >&2; exit 2')
    _program(
        full / "df",
        f'free=9999999; [ -f "{mark}" ] && free=0\necho "Filesystem"\necho "x 1 1 $free 1% /"',
    )
    site.fleet.faults["web1.us"] = Fault(path=str(full))
    done = await site.deploy()
    assert done.status == 6
    assert "web1.us: disk full" in done.out
    assert site.releases() == {()}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_takes_everything_back_and_says_so(site: Site, number: signal.Signals) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    process.send_signal(number)
    done = await site.end(process)
    assert done.status == 6
    assert "ada asked to stop: stopping, and taking everything back" in done.out
    assert "Deploy 1 stopped" in done.out
    assert "6 hosts: unchanged, the new release was removed again" in done.out
    assert site.releases() == {()}
    site.touch_everywhere("go")
    site.config["commands"]["stage"] = []
    assert (await site.deploy()).status == 0
    assert not (site.fleet.home("web1.eu") / "ran").exists()


async def test_a_second_interrupt_leaves_at_once_and_nothing_runs_on(site: Site) -> None:
    site.env["TMPDIR"] = str(site.folder / "tmp")
    (site.folder / "tmp").mkdir()
    site.config["commands"]["build"] = ["echo $$ >$OUT.new; mv $OUT.new $OUT; sleep 100"]
    site.env["OUT"] = str(site.folder / "pid")
    process = await site.start("deploy", "production", "--yes")
    await site.until((site.folder / "pid").exists)
    pid = int((site.folder / "pid").read_text())
    # The first one may be seen together with the second.
    while process.returncode is None and is_running(pid):
        process.send_signal(signal.SIGINT)
        await asyncio.sleep(0)
    done = await site.end(process)
    await site.until(lambda: not is_running(pid))
    assert done.status == 130
    assert "Left deploy 1 where it is. Bring it to its end: horn resume 1" in done.err
    assert len(list((site.folder / "tmp").glob("horn-build-*"))) == 1
    site.config["commands"]["build"] = ["true"]
    assert (await site.deploy()).status == 0
    assert list((site.folder / "tmp").glob("horn-build-*")) == []


async def test_a_resumed_deploy_can_be_interrupted_too(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    resumed = await site.start("resume", "1")
    assert resumed.stdout is not None
    assert (await resumed.stdout.readline()).startswith(b"Deploying sample")
    resumed.send_signal(signal.SIGINT)
    assert (await site.end(resumed)).status == 6
    assert (await site.horn("history", "--json")).json[0]["state"] == "stopped"
    assert site.releases() == {()}


async def test_what_an_interrupted_command_printed_is_kept(site: Site) -> None:
    site.config["commands"]["stage"] = ["echo all is well", f"echo still here; {WAIT}"]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    process.send_signal(signal.SIGINT)
    await site.end(process)
    printed = (await site.horn("logs", "1", "--json")).json["outputs"]
    assert {(one["exit_status"], one["output"]) for one in printed} == {
        (0, "all is well\n"),
        (None, "still here\n"),
    }
    assert len(printed) == 12
    assert "did not end" in (await site.horn("logs", "1")).out


async def test_a_deploy_can_be_stopped_from_another_terminal(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    assert (await site.horn("stop", "1")).status == 0
    assert (await site.end(process)).status == 6
    assert site.releases() == {()}
    assert (await site.horn("history", "--json")).json[0]["state"] == "stopped"


async def test_the_next_deploy_takes_over_from_one_that_was_killed_before_its_flip(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    site.config["commands"]["stage"] = []
    site.commit("two")
    done = await site.deploy("--json")
    assert done.status == 0
    assert site.pages() == ["two"] * 6
    assert site.releases() == {(done.json["deploy"]["release"],)}
    states = [one["state"] for one in (await site.horn("history", "--json")).json]
    assert states == ["succeeded", "abandoned"]


async def test_what_was_left_behind_is_resumed_without_its_number(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    site.touch_everywhere("go")
    done = await site.horn("resume")
    assert done.status == 0, done.out + done.err
    assert site.pages() == ["one"] * 6
    assert (await site.horn("resume")).out == "No deploy was left behind.\n"


async def test_a_killed_deploy_is_resumed_without_running_a_command_twice(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    site.touch_everywhere("go")
    done = await site.horn("resume", "1")
    assert done.status == 0, done.out + done.err
    assert site.pages() == ["one"] * 6
    assert {(site.fleet.home(name) / "ran").read_text() for name in site.names} == {"ran\n"}


async def test_a_deploy_killed_after_its_flip_has_to_be_brought_to_its_end(site: Site) -> None:
    site.config["commands"]["restart"] = [WAIT]
    process = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    refused = await site.deploy()
    assert refused.status == 6
    assert "SH502" in refused.out
    assert "horn resume 1" in refused.out
    resuming = await site.start("resume", "1")
    await asyncio.sleep(0)
    site.touch_everywhere("go")
    done = await site.end(resuming)
    assert done.status == 0, done.out + done.err
    assert {(site.fleet.home(name) / "ran").read_text() for name in site.names} == {"ran\n"}
    assert (await site.horn("history", "--json")).json[-1]["state"] == "succeeded"
    assert (await site.deploy()).status == 0


async def test_an_older_deploy_of_another_deployer_is_refused_by_the_hosts(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    slow = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    site.env["XDG_STATE_HOME"] = str(site.folder / "another-deployer")
    site.config["commands"]["stage"] = []
    site.commit("two")
    assert (await site.deploy()).status == 0
    site.touch_everywhere("go")
    done = await site.end(slow)
    assert done.status == 6
    assert site.pages() == ["two"] * 6


async def test_hosts_stay_on_the_new_release_where_the_config_wants_no_way_back(site: Site) -> None:
    site.config["environments"]["production"]["on_failure"] = "stop"
    site.config["commands"]["restart"] = ['case "$HOME" in *web2.us) echo "port taken"; exit 1;; esac']
    done = await site.deploy()
    assert done.status == 6
    assert site.pages() == ["one"] * 6
    assert "1 of 6 hosts went wrong after the flip" in done.out
    assert "1 host: run the new release, but something went wrong after the switch" in done.out


def _program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
