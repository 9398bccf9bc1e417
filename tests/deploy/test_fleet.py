"""The open shells of a fleet."""

import os
from pathlib import Path

import pytest

from shiphorn.adapters.ssh import SshTransport
from shiphorn.demo.fleet import DemoFleet, Fault, demo_hosts
from shiphorn.deploy.deployment import Target
from shiphorn.deploy.fleet import Fleet
from shiphorn.errors import ConnectError
from shiphorn.model.deploy import HostRun
from shiphorn.model.settings import HostSettings, Login
from shiphorn.model.target import Host
from shiphorn.remote import scripts


async def test_a_host_that_went_and_came_back_is_connected_to_at_the_first_asking(tmp_path: Path) -> None:
    async with DemoFleet(tmp_path, demo_hosts(1)) as demo:
        (name,) = demo.hosts
        login = Login(
            "demo",
            identity_files=(str(tmp_path / "id_ed25519"),),
            known_hosts=(str(tmp_path / "known_hosts"),),
            ssh_config=(os.devnull,),
        )
        host = Host(name, "127.0.0.1", demo.ports[name])
        target = Target(HostRun(host, 0), HostSettings("~/app", 5, login=login))
        fleet = Fleet(SshTransport())
        shell = await fleet.shell(target)
        demo.faults[name] = Fault(refuse=True)
        demo.drop(name)
        with pytest.raises(ConnectError):
            await shell.run(scripts.inspect("~/app"), timeout_seconds=30)
        with pytest.raises(ConnectError):
            await fleet.shell(target)
        demo.faults.clear()
        assert (await fleet.shell(target)).alive
        await fleet.close()
