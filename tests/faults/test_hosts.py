"""Hosts whose disks, clocks and commands misbehave."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from shiphorn.demo.fleet import Fault
from tests.faults.conftest import FaultySite, Mounts
from tests.faults.invariants import check, everywhere, opened, recovers
from tests.faults.table import sample

VICTIM = "web1.us"
ON_VICTIM = f'case "$HOME" in *{VICTIM}) {{}};; esac'
HOUR_NS = 3600 * 10**9
MOST_MEMORY_KB = 400_000


@pytest.mark.fault("disk full while the release is unpacked (tmpfs)")
async def test_a_disk_that_is_too_small_changes_nobody(site: FaultySite, mounts: Mounts) -> None:
    one = await site.ships()
    (site.repo / "noise").write_bytes(os.urandom(5_000_000))
    site.commit("two")
    # It takes the packed release, and the release, but not both at once.
    mounts.small(site.host(VICTIM), "8m")
    done = await site.deploy("--json")
    assert done.status == 6
    assert [host["problem"]["group"] for host in done.json["hosts"] if host["problem"]] == ["disk full"]
    await check(site, everywhere(site, one))
    subprocess.run(["mount", "-o", "remount,size=64m", str(site.host(VICTIM))], check=True)
    await recovers(site)


@pytest.mark.fault("disk full after the flip (tmpfs)", more=True)
async def test_a_disk_that_fills_up_in_the_restart_is_told_of(site: FaultySite, mounts: Mounts) -> None:
    one = await site.ships()
    two = site.commit("two")
    mounts.small(site.host(VICTIM), "8m")
    fill = site.host(VICTIM) / "fill"
    site.config["commands"]["restart"] = [ON_VICTIM.format(f"cat /dev/zero >{fill}")]
    done = await site.deploy("--json")
    assert done.status == 6
    on = {host["host"]["name"]: host["state"] for host in done.json["hosts"]}
    goes_back = on.pop(VICTIM) == "reverted"
    assert set(on.values()) == {"reverted"}
    fill.unlink()
    await check(site, everywhere(site, one) | {VICTIM: one if goes_back else two})
    await recovers(site)


@pytest.mark.fault("read-only deploy directory (mount)")
async def test_a_read_only_host_changes_nobody(site: FaultySite, mounts: Mounts) -> None:
    one = await site.ships()
    site.commit("two")
    mounts.read_only(site.host(VICTIM))
    done = await site.deploy("--json")
    assert done.status == 6
    assert [host["problem"]["code"] for host in done.json["hosts"] if host["problem"]] == ["SH401"]
    await check(site, everywhere(site, one))
    mounts.end(site.host(VICTIM))
    await recovers(site)


@pytest.mark.fault("read-only at the flip (mount)", more=True)
async def test_a_host_that_turns_read_only_at_the_flip_takes_the_others_back(
    site: FaultySite, mounts: Mounts
) -> None:
    one = await site.ships()
    site.commit("two")
    site.fleet.faults[VICTIM] = Fault(drop_when_told=b"go 1")
    site.fleet.at_drop[VICTIM] = lambda: mounts.read_only(site.host(VICTIM))
    assert (await site.deploy()).status == 6
    mounts.end(site.host(VICTIM))
    await check(site, everywhere(site, one), keeps={VICTIM})
    await recovers(site)


@pytest.mark.fault("hung command")
@pytest.mark.parametrize("moment", sample("restart", "stage"))
async def test_a_command_that_hangs_is_ended_with_all_it_started(site: FaultySite, moment: str) -> None:
    one = await site.ships()
    site.commit("two")
    site.config["commands"][moment] = [
        {"run": ON_VICTIM.format("(trap '' TERM; sleep 600) & sleep 600"), "timeout": 1}
    ]
    done = await site.deploy("--json")
    assert done.status == 6
    assert done.json["deploy"]["state"] == ("failed" if moment == "stage" else "rolled_back")
    assert "took too long" in done.json["deploy"]["message"]
    await check(site, everywhere(site, one))
    await recovers(site)


@pytest.mark.fault("output flood of 1 GB")
async def test_a_flood_fills_neither_our_memory_nor_the_disk_of_the_host(site: FaultySite) -> None:
    flood = "echo first; head -c 1000000000 /dev/zero | tr '\\0' x; echo; echo last"
    site.config["commands"]["stage"] = [{"run": flood, "once": True}]
    sha = site.git("rev-parse", "HEAD")
    deploying = await site.start("deploy", "production", "--yes", "--json")
    ended = asyncio.create_task(site.end(deploying))
    peak_kb = 0
    while not ended.done():
        peak_kb = max(peak_kb, _peak_kb(deploying.pid))
        await asyncio.sleep(0.05)
    assert (await ended).status == 0
    assert 0 < peak_kb < MOST_MEMORY_KB
    assert sum(path.stat().st_size for path in site.host("web1.eu").rglob("*") if path.is_file()) < 10_000_000
    with opened(site) as store:
        ((_, printed),) = store.records.outputs(1)
    assert printed.output.startswith("first\nxxx")
    assert printed.output.endswith("\nlast\n")
    assert " bytes left out ...]" in printed.output
    assert len(printed.output) <= 8 << 20
    await check(site, everywhere(site, sha))


def _clock(site: FaultySite) -> Path:
    """A clock that is off on the victim, by as much as the file that is given back says in nanoseconds."""
    folder = site.folder / "clock"
    folder.mkdir()
    off = folder / "off"
    (folder / "date").write_text(
        '#!/bin/sh\ncase $1 in +%s%N) ;; *) exec /bin/date "$@" ;; esac\n'
        f'echo "$(($(/bin/date +%s%N) + $(cat {off})))"\n'
    )
    (folder / "date").chmod(0o755)
    site.fleet.faults[VICTIM] = Fault(path=str(folder))
    return off


@pytest.mark.fault("clock 1 h off")
@pytest.mark.parametrize("hours", sample(1, -1))
async def test_a_clock_that_is_an_hour_off_switches_with_the_others(site: FaultySite, hours: int) -> None:
    _clock(site).write_text(str(hours * HOUR_NS))
    done = await site.deploy("--json")
    assert done.status == 0
    assert done.json["deploy"]["skew_ms"] < 20_000
    await check(site, everywhere(site, site.git("rev-parse", "HEAD")))


@pytest.mark.fault("clock jumps back 1 h before the flip", more=True)
async def test_a_clock_that_jumps_before_the_flip_takes_all_back(site: FaultySite) -> None:
    one = await site.ships()
    site.commit("two")
    off = _clock(site)
    off.write_text("0")
    site.config["commands"]["stage"] = [ON_VICTIM.format(f"echo -{HOUR_NS} >{off}")]
    done = await site.deploy("--json")
    assert done.status == 6
    assert "SH414" in {host["problem"]["code"] for host in done.json["hosts"] if host["problem"]}
    await check(site, everywhere(site, one))
    await recovers(site)


def _peak_kb(pid: int) -> int:
    """The most memory that a process had so far; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
