"""Networks that are slow, break, or lead to somebody else."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shiphorn.demo.fleet import Fault
from tests.faults.conftest import FaultyLab, FaultySite, only_root
from tests.faults.invariants import check, everywhere, recovers
from tests.faults.table import sample
from tests.programs import program
from tests.sshd import SshLab, keygen

VICTIM = "web1.us"
PARTITIONS = {"at the word": Fault(drop_when_told=b"go 1"), "at the answer": Fault(drop_on=b" flipped ")}


@pytest.mark.fault("slow link")
async def test_a_slow_link_only_takes_longer(site: FaultySite) -> None:
    (site.repo / "noise").write_bytes(bytes(range(256)) * 4000)
    sha = site.commit("two")
    site.fleet.faults[VICTIM] = Fault(delay_seconds=0.05)
    assert await site.ships() == sha
    await check(site, everywhere(site, sha))


@pytest.mark.fault("partition during the flip, with return")
@pytest.mark.parametrize("moment", sample(*PARTITIONS))
async def test_connections_that_break_at_the_flip_cost_nothing(site: FaultySite, moment: str) -> None:
    await site.ships()
    two = site.commit("two")
    for name in site.names:
        site.fleet.faults[name] = Fault(
            drop_when_told=PARTITIONS[moment].drop_when_told, drop_on=PARTITIONS[moment].drop_on
        )
    assert await site.ships() == two
    await check(site, everywhere(site, two))


@pytest.mark.fault("partition during the flip, one host, without return")
async def test_a_host_that_is_cut_off_at_the_flip_stays_alone(site: FaultySite) -> None:
    one = await site.ships()
    two = site.commit("two")
    site.fleet.parts(PARTITIONS["at the answer"], VICTIM)
    done = await site.deploy("--json")
    assert done.json["deploy"]["code"] == "SH608"
    await check(site, everywhere(site, one) | {VICTIM: two}, away={VICTIM})
    site.fleet.faults.clear()
    await recovers(site)


@pytest.mark.fault("partition during the flip, most hosts, without return", more=True)
async def test_the_one_host_that_is_left_goes_back(site: FaultySite) -> None:
    one = await site.ships()
    site.commit("two")
    cut_off = site.names[1:]
    site.fleet.parts(PARTITIONS["at the word"], *cut_off)
    assert (await site.deploy()).status == 6
    await check(site, everywhere(site, one), away=cut_off)
    site.fleet.faults.clear()
    await recovers(site)


class Island:
    """A network of its own for one host, on a cable that can be unplugged. Nobody is told when it is."""

    def __init__(self) -> None:
        self.name = f"horn{os.getpid()}"
        net = f"10.213.{os.getpid() % 256}"
        self.address = f"{net}.2"
        self.end()
        self._ip("netns", "add", self.name)
        self._ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        self._ip("address", "add", f"{net}.1/30", "dev", self.name)
        self._ip("link", "set", self.name, "up")
        for command in (
            ("address", "add", f"{self.address}/30", "dev", "eth0"),
            ("link", "set", "eth0", "up"),
            ("link", "set", "lo", "up"),
        ):
            self._ip("-netns", self.name, *command)

    @property
    def within(self) -> tuple[str, ...]:
        """What is put ahead of a program that is to run there."""
        return (program("ip"), "netns", "exec", self.name)

    def unplug(self) -> None:
        self._ip("-netns", self.name, "link", "set", "eth0", "down")

    def plug(self) -> None:
        self._ip("-netns", self.name, "link", "set", "eth0", "up")

    def end(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._ip("netns", "del", self.name)
        with suppress(subprocess.CalledProcessError):
            self._ip("link", "del", self.name)

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run([program("ip"), *arguments], check=True, capture_output=True)


@pytest.fixture
def island() -> Iterator[Island]:
    only_root("make network namespaces")
    made = Island()
    yield made
    made.end()


@pytest.fixture
def islanders(tmp_path: Path, ssh_lab: SshLab, island: Island) -> FaultyLab:
    """A lab whose web2 is on the island."""
    lab = FaultyLab(tmp_path, ssh_lab)
    lab.production["phase_timeout"] = 3
    home = lab.home("web2")
    there = ssh_lab.start(
        f'ForceCommand HOME={home} exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"',
        address=island.address,
        within=island.within,
    )
    lab.hosts[1] |= {"address": island.address, "port": there.port}
    lab.config["ssh"]["connect_timeout"] = 2
    return lab


@pytest.mark.fault("link down during the flip, without return (sshd)")
async def test_a_host_whose_cable_is_unplugged_at_the_flip_does_not_switch_later(
    islanders: FaultyLab, island: Island
) -> None:
    one = await islanders.ships()
    islanders.commit("two")
    deploying = await islanders.armed()
    island.unplug()
    done = await islanders.goes_on(deploying)
    assert done.status == 6
    # It still waits there, armed, for a word that will not come; its next deploy ends that.
    await check(islanders, everywhere(islanders, one), away={"web2"}, works={"web2"})
    island.plug()
    await recovers(islanders)


@pytest.mark.fault("link down during the flip, with return (sshd)", more=True)
async def test_a_cable_that_is_plugged_in_again_costs_only_time(islanders: FaultyLab, island: Island) -> None:
    await islanders.ships()
    two = islanders.commit("two")
    islanders.production["phase_timeout"] = 20
    deploying = await islanders.armed()
    island.unplug()
    ended = asyncio.create_task(islanders.goes_on(deploying))
    others = [islanders.host(name) / "current" for name in ("web1", "web3")]
    await islanders.until(lambda: all((path / "REVISION").read_text().strip() == two for path in others))
    island.plug()
    done = await ended
    assert done.status == 0, done.out
    await check(islanders, everywhere(islanders, two))
    await recovers(islanders)


def _new_key(lab: FaultyLab, name: str) -> None:
    """Give a host another key, and trust that."""
    server = lab.ssh.servers[lab.names.index(name)]
    for path in (server.key, Path(f"{server.key}.pub")):
        path.unlink()
    keygen("-t", "ed25519", "-N", "", "-f", str(server.key))


def _trust_all(lab: FaultyLab) -> None:
    lab.ssh.known_hosts.write_text("".join(server.known_hosts_line() for server in lab.ssh.servers))


@pytest.mark.fault("host key changes between deploys (sshd)")
async def test_a_host_with_another_key_is_not_touched_and_keeps_all_from_a_change(lab: FaultyLab) -> None:
    one = await lab.ships()
    lab.commit("two")
    lab.kill("web2")
    _new_key(lab, "web2")
    lab.restart("web2")
    done = await lab.deploy("--json")
    assert done.status == 6
    assert "SH304" in {host["problem"]["code"] for host in done.json["hosts"] if host["problem"]}
    await check(lab, everywhere(lab, one), away={"web2"})
    _trust_all(lab)
    await recovers(lab)


@pytest.mark.fault("host key changes in the middle of a deploy (sshd)", more=True)
async def test_a_key_that_changes_in_the_middle_is_noticed_and_nobody_switches(lab: FaultyLab) -> None:
    one = await lab.ships()
    lab.commit("two")
    deploying = await lab.armed()
    server = lab.ssh.servers[1]
    server.kill()
    _new_key(lab, "web2")
    server.begin()
    done = await lab.goes_on(deploying)
    assert done.status == 6
    assert "SH304" in {host["problem"]["code"] for host in done.json["hosts"] if host["problem"]}
    await check(lab, everywhere(lab, one), away={"web2"})
    _trust_all(lab)
    await recovers(lab)
