"""Hosts that die in the middle of a deploy, and come back later."""

import os

import pytest

from shiphorn.demo.fleet import Fault
from tests.faults.conftest import WAIT, FaultyLab, FaultySite
from tests.faults.invariants import check, everywhere, recovers
from tests.faults.table import sample

VICTIM = "web1.us"


@pytest.mark.fault("host dies in the middle of its upload")
async def test_a_host_that_dies_in_its_upload_changes_nobody(site: FaultySite) -> None:
    one = await site.ships()
    (site.repo / "noise").write_bytes(os.urandom(2_000_000))
    site.commit("two")
    site.fleet.dies(Fault(drop_after_bytes=1_000_000), VICTIM)
    done = await site.deploy()
    assert done.status == 6
    assert "web1.us: unreachable" in done.out
    await check(site, everywhere(site, one), away={VICTIM})
    assert [path.name[:9] for path in (site.host(VICTIM) / ".horn").glob("incoming.*")] == ["incoming."]
    site.fleet.faults.clear()
    await recovers(site)


@pytest.mark.fault("host dies in the middle of its upload (sshd)", more=True)
async def test_a_real_host_that_dies_in_its_upload_changes_nobody(lab: FaultyLab) -> None:
    one = await lab.ships()
    (lab.repo / "noise").write_bytes(os.urandom(30_000_000))
    lab.commit("two")
    deploying = await lab.start("deploy", "production", "--yes", "--json")
    horn = lab.host("web2") / ".horn"
    await lab.until(lambda: any(path.stat().st_size for path in horn.glob("incoming.*")))
    lab.kill("web2")
    done = await lab.end(deploying)
    assert (done.status, done.json["deploy"]["code"]) == (6, "SH601")
    await check(lab, everywhere(lab, one), away={"web2"})
    lab.restart("web2")
    await recovers(lab)


@pytest.mark.fault("host dies when it is armed", more=True)
async def test_a_host_that_dies_before_the_barrier_changes_nobody(site: FaultySite) -> None:
    one = await site.ships()
    site.commit("two")
    site.fleet.dies(Fault(drop_on=b" armed "), VICTIM)
    assert (await site.deploy()).status == 6
    await check(site, everywhere(site, one), away={VICTIM})
    site.fleet.faults.clear()
    await recovers(site)


DEATHS = {
    "before its switch": (Fault(drop_when_told=b"go 1"), False),
    "after its switch": (Fault(drop_on=b" flipped "), True),
    "in its restart": (Fault(drop_on=b" restarted "), True),
}


@pytest.mark.parametrize("moment", sample(*DEATHS))
@pytest.mark.fault("host dies in the middle of the flip")
async def test_hosts_go_back_when_one_dies_at_the_flip_and_it_follows_later(
    site: FaultySite, moment: str
) -> None:
    one = await site.ships()
    two = site.commit("two")
    fault, switched = DEATHS[moment]
    site.fleet.dies(fault, VICTIM)
    done = await site.deploy("--json")
    assert (done.json["deploy"]["state"], done.json["deploy"]["code"]) == ("failed", "SH608")
    assert "1 of 3 hosts could not be switched back: web1.us: unreachable" in done.json["deploy"]["message"]
    await check(site, everywhere(site, one) | {VICTIM: two if switched else one}, away={VICTIM})
    site.fleet.faults.clear()
    await recovers(site)


@pytest.mark.fault("all hosts die in the middle of the flip")
@pytest.mark.parametrize("moment", sample("after its switch", "before its switch"))
async def test_when_all_hosts_die_at_the_flip_each_is_told_of(site: FaultySite, moment: str) -> None:
    one = await site.ships()
    two = site.commit("two")
    fault, switched = DEATHS[moment]
    site.fleet.dies(fault, *site.names)
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH608"
    assert {host["state"] for host in done.json["hosts"]} == {"unknown"}
    await check(site, everywhere(site, two if switched else one), away=site.names)
    site.fleet.faults.clear()
    await recovers(site)


@pytest.mark.fault("host dies between armed and flipped (sshd)")
async def test_a_real_host_that_dies_armed_lets_the_others_go_back(lab: FaultyLab) -> None:
    one = await lab.ships()
    lab.commit("two")
    deploying = await lab.armed()
    lab.kill("web2")
    done = await lab.goes_on(deploying)
    assert done.status == 6
    await check(lab, everywhere(lab, one), away={"web2"})
    lab.restart("web2")
    await recovers(lab)


@pytest.mark.fault("sshd restarts, its connections with it")
async def test_an_sshd_that_restarts_costs_nothing_and_runs_no_command_twice(lab: FaultyLab) -> None:
    await lab.ships()
    two = lab.commit("two")
    lab.config["commands"]["stage"] = [f'echo x >>"$HOME/ran"; {WAIT}']
    deploying = await lab.start("deploy", "production", "--yes")
    await lab.until(lambda: all((lab.home(name) / "waiting").exists() for name in lab.names))
    for name, server in zip(lab.names, lab.ssh.servers, strict=True):
        server.kill()
        server.begin()
        (lab.home(name) / "go").touch()
    done = await lab.end(deploying)
    assert done.status == 0, done.out
    assert {(lab.home(name) / "ran").read_text() for name in lab.names} == {"x\n"}
    await check(lab, everywhere(lab, two))
    await recovers(lab)
