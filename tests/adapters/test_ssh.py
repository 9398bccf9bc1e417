"""Logging in to real OpenSSH servers, and to demo hosts that misbehave."""

import asyncio
import hashlib
import os
import re
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shiphorn.adapters.ssh import SshTransport
from shiphorn.adapters.ssh_trust import trust
from shiphorn.demo.fleet import DemoFleet, Fault, demo_hosts
from shiphorn.errors import ConnectError, HostError
from shiphorn.model.release import Packing
from shiphorn.model.settings import Login
from shiphorn.model.target import Host
from shiphorn.ports import Script
from shiphorn.remote import scripts
from shiphorn.remote.answers import parse_inspect
from tests.sshd import SshLab, keygen

SAY = 'printf "\\n@horn %s said %s\\n%s\\n" "$H" "${#word}" "$word"'
ECHO = Script(f"read -r word; {SAY}")


@pytest.fixture
async def transport() -> AsyncIterator[SshTransport]:
    made = SshTransport()
    yield made
    await made.close()


async def refusal(transport: SshTransport, host: Host, login: Login) -> ConnectError:
    """The error of a connection that must not come about, at the latest at its first script."""
    with pytest.raises(ConnectError) as raised:
        shell = await transport.connect(host, login)
        await shell.run(scripts.inspect("~/x"), timeout_seconds=5)
    return raised.value


async def reaches(transport: SshTransport, host: Host, login: Login) -> bool:
    shell = await transport.connect(host, login)
    reply = await shell.run(scripts.inspect("~/nothing-here"), timeout_seconds=10)
    await shell.close()
    return parse_inspect(reply).releases == ()


async def test_a_script_runs_over_a_real_sshd(transport: SshTransport, ssh_lab: SshLab) -> None:
    assert await reaches(transport, ssh_lab.start().host, ssh_lab.login())


async def test_a_closed_port_is_unreachable(transport: SshTransport, ssh_lab: SshLab) -> None:
    server = ssh_lab.start()
    server.stop()
    error = await refusal(transport, server.host, ssh_lab.login())
    assert error.code == "SH301"
    assert f"web1 (127.0.0.1:{server.port}) cannot be reached" in error.message


async def test_a_name_that_does_not_exist_is_unreachable(transport: SshTransport, ssh_lab: SshLab) -> None:
    error = await refusal(transport, Host("web1", "no-such-host.invalid"), ssh_lab.login())
    assert error.code == "SH301"


async def test_a_host_that_never_answers_is_given_up(transport: SshTransport, ssh_lab: SshLab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = Host("web1", "127.0.0.1", silent.getsockname()[1])
        error = await refusal(transport, host, ssh_lab.login(connect_timeout_seconds=0.3))
    assert error.code == "SH302"


async def test_an_unknown_host_key_is_refused_and_the_way_out_is_shown(
    transport: SshTransport, ssh_lab: SshLab
) -> None:
    server = ssh_lab.start(trusted=False)
    error = await refusal(transport, server.host, ssh_lab.login())
    assert (error.code, error.hint) == (
        "SH303",
        "Look at its fingerprint and accept it: horn host trust web1",
    )
    assert server.sessions() == 0


async def test_a_changed_host_key_is_refused(transport: SshTransport, ssh_lab: SshLab) -> None:
    first, second = ssh_lab.start(), ssh_lab.start(trusted=False)
    line = first.known_hosts_line().replace(str(first.port), str(second.port))
    ssh_lab.known_hosts.write_text(line)
    error = await refusal(transport, second.host, ssh_lab.login())
    assert error.code == "SH304"
    assert second.sessions() == 0


async def test_a_host_is_trusted_once_a_person_has_accepted_its_key(
    transport: SshTransport, ssh_lab: SshLab
) -> None:
    server = ssh_lab.start(trusted=False)
    key = await transport.offered_key(server.host, ssh_lab.login())
    listed = subprocess.run(
        ["ssh-keygen", "-lf", f"{server.key}.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert key.fingerprint == listed.split()[1]
    assert trust(ssh_lab.known_hosts, key)
    assert not trust(ssh_lab.known_hosts, key)
    assert await reaches(transport, server.host, ssh_lab.login())


async def test_an_authority_vouches_for_hosts(transport: SshTransport, ssh_lab: SshLab) -> None:
    authority = ssh_lab.folder / "authority"
    keygen("-t", "ed25519", "-N", "", "-f", str(authority))
    public = Path(f"{authority}.pub").read_text()
    ssh_lab.known_hosts.write_text(f"@cert-authority * {public}")
    certified = ssh_lab.start(trusted=False, host_certificate=authority)
    plain = ssh_lab.start(trusted=False)
    assert await reaches(transport, certified.host, ssh_lab.login())
    assert (await refusal(transport, plain.host, ssh_lab.login())).code == "SH303"


async def test_a_refused_login_names_user_and_key(transport: SshTransport, ssh_lab: SshLab) -> None:
    stranger = ssh_lab.folder / "stranger"
    keygen("-t", "ed25519", "-N", "", "-f", str(stranger))
    error = await refusal(transport, ssh_lab.start().host, ssh_lab.login(identity_files=(str(stranger),)))
    assert error.code == "SH305"
    assert "refused the login of " in error.message
    assert str(stranger) in error.message


async def test_a_missing_key_file_is_told(transport: SshTransport, ssh_lab: SshLab) -> None:
    error = await refusal(transport, ssh_lab.start().host, ssh_lab.login(identity_files=("/no/such/key",)))
    assert (error.code, error.message) == ("SH305", "there is no key file /no/such/key.")


async def test_a_user_certificate_beside_the_key_is_used(transport: SshTransport, ssh_lab: SshLab) -> None:
    authority, key = ssh_lab.folder / "user_ca", ssh_lab.folder / "id_certified"
    keygen("-t", "ed25519", "-N", "", "-f", str(authority))
    keygen("-t", "ed25519", "-N", "", "-f", str(key))
    login = ssh_lab.login(identity_files=(str(key),))
    keygen("-s", str(authority), "-I", "me", "-n", login.user, f"{key}.pub")
    server = ssh_lab.start(f"TrustedUserCAKeys {authority}.pub")
    assert await reaches(transport, server.host, login)


async def test_an_encrypted_key_works_by_the_agent_only(
    transport: SshTransport, ssh_lab: SshLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    server = ssh_lab.start()
    plain = ssh_lab.folder / "plain"
    plain.write_bytes(ssh_lab.key.read_bytes())
    plain.chmod(0o600)
    keygen("-p", "-P", "", "-N", "passphrase", "-f", str(ssh_lab.key))
    error = await refusal(transport, server.host, ssh_lab.login())
    assert error.code == "SH305"
    assert "ssh-add" in error.hint
    started = subprocess.run(["ssh-agent", "-s"], capture_output=True, text=True, check=True).stdout
    agent = dict(re.findall(r"(SSH_\w+)=([^;]+)", started))
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", agent["SSH_AUTH_SOCK"])
        subprocess.run(["ssh-add", "-q", str(plain)], check=True)
        other = SshTransport()
        assert await reaches(other, server.host, ssh_lab.login())
        await other.close()
    finally:
        os.kill(int(agent["SSH_AGENT_PID"]), 15)


@pytest.mark.parametrize("command", ["/bin/false", "echo This account is not available."])
async def test_an_account_without_a_shell_is_told(
    transport: SshTransport, ssh_lab: SshLab, command: str
) -> None:
    error = await refusal(transport, ssh_lab.start(f"ForceCommand {command}").host, ssh_lab.login())
    assert error.code == "SH306"
    if "echo" in command:
        assert "This account is not available." in error.message


async def test_hosts_behind_a_jump_host_share_one_connection_to_it(
    transport: SshTransport, ssh_lab: SshLab
) -> None:
    jump, one, two = ssh_lab.start(), ssh_lab.start(), ssh_lab.start()
    login = ssh_lab.login(jump=f"{ssh_lab.login().user}@127.0.0.1:{jump.port}")
    found = await asyncio.gather(reaches(transport, one.host, login), reaches(transport, two.host, login))
    assert list(found) == [True, True]
    assert (jump.sessions(), one.sessions(), two.sessions()) == (1, 1, 1)


async def test_an_unknown_jump_host_is_refused(transport: SshTransport, ssh_lab: SshLab) -> None:
    jump, one = ssh_lab.start(trusted=False), ssh_lab.start()
    error = await refusal(transport, one.host, ssh_lab.login(jump=f"127.0.0.1:{jump.port}"))
    assert error.code == "SH303"
    assert one.sessions() == 0


async def test_ssh_config_gives_what_the_config_leaves_out(transport: SshTransport, ssh_lab: SshLab) -> None:
    jump, server = ssh_lab.start(), ssh_lab.start()
    user = ssh_lab.login().user
    config = ssh_lab.folder / "ssh_config"
    config.write_text(
        f"Host alias\n  HostName 127.0.0.1\n  Port {server.port}\n  ProxyJump {user}@127.0.0.1:{jump.port}\n"
        f"Host *\n  User {user}\n  IdentityFile {ssh_lab.key}\n  UserKnownHostsFile {ssh_lab.known_hosts}\n"
    )
    login = Login(ssh_config=(str(config),), connect_timeout_seconds=5)
    assert await reaches(transport, Host("web1", "alias"), login)
    assert (jump.sessions(), server.sessions()) == (1, 1)


@pytest.mark.parametrize("file", ["none", "/dev/null"])
async def test_no_setting_of_ssh_config_turns_the_check_of_host_keys_off(
    transport: SshTransport, ssh_lab: SshLab, file: str
) -> None:
    server = ssh_lab.start(trusted=False)
    config = ssh_lab.folder / "ssh_config"
    config.write_text(f"Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile {file}\n")
    error = await refusal(transport, server.host, ssh_lab.login(ssh_config=(str(config),), known_hosts=()))
    assert error.code == "SH303"


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[DemoFleet]:
    async with DemoFleet(tmp_path / "fleet", demo_hosts(3)) as made:
        yield made


def demo(fleet: DemoFleet, name: str = "web1.eu") -> tuple[Host, Login]:
    key, known = str(fleet.root / "id_ed25519"), str(fleet.root / "known_hosts")
    login = Login("demo", 0, (key,), (known,), (os.devnull,), connect_timeout_seconds=5)
    return Host(name, "127.0.0.1", fleet.ports[name]), login


async def test_scripts_sent_ahead_are_answered_in_order(transport: SshTransport, fleet: DemoFleet) -> None:
    shell = await transport.connect(*demo(fleet))
    exchanges = []
    for word in (b"one\n", b"two\n", b"three\n"):
        exchanges.append(shell.start(ECHO))
        await exchanges[-1].send(word)
    replies = [await exchange.reply(timeout_seconds=5) for exchange in reversed(exchanges)]
    assert [reply.frames[0].data for reply in replies] == [b"three", b"two", b"one"]
    await shell.close()


async def test_a_large_payload_arrives_whole(transport: SshTransport, fleet: DemoFleet) -> None:
    data = os.urandom(20_000_000)
    path = fleet.root / "payload"
    path.write_bytes(data)
    packing = Packing("gzip", str(path), hashlib.sha256(data).hexdigest(), len(data))
    script = Script(
        f"word=$(dd bs={len(data)} count=1 iflag=fullblock 2>/dev/null | sha256sum)\n"
        f"word=${{word%% *}}; {SAY}"
    )
    shell = await transport.connect(*demo(fleet))
    reply = await shell.run(script, timeout_seconds=60, payload=packing)
    assert reply.frames[0].data.decode() == packing.digest
    await shell.close()


async def test_a_payload_stops_when_the_script_has_ended(transport: SshTransport, fleet: DemoFleet) -> None:
    path = fleet.root / "payload"
    path.write_bytes(b"x" * 50_000_000)
    shell = await transport.connect(*demo(fleet))
    reply = await shell.run(Script("exit 5"), timeout_seconds=10, payload=Packing("gzip", str(path), "", 0))
    assert reply.status == 5
    exchange = shell.start(ECHO)
    await exchange.send(b"still here\n")
    reply = await exchange.reply(timeout_seconds=30)
    assert reply.frames[0].data == b"still here"
    await shell.close()


async def test_a_lost_connection_is_told_to_all_who_wait(transport: SshTransport, fleet: DemoFleet) -> None:
    shell = await transport.connect(*demo(fleet))
    await shell.run(Script("true"), timeout_seconds=5)
    exchange = shell.start(ECHO)
    fleet.drop("web1.eu")
    with pytest.raises(ConnectError, match="SH307"):
        await exchange.reply(timeout_seconds=5)
    assert not shell.alive
    with pytest.raises(ConnectError, match="SH307"):
        await shell.run(ECHO, timeout_seconds=5)


async def test_a_host_that_takes_too_long_is_let_go(transport: SshTransport, fleet: DemoFleet) -> None:
    shell = await transport.connect(*demo(fleet))
    with pytest.raises(HostError, match=r"SH420 web1\.eu did not answer within 0 s"):
        await shell.run(Script("sleep 20"), timeout_seconds=0.2)
    assert not shell.alive


async def test_noise_before_the_first_answer_is_dropped(transport: SshTransport, fleet: DemoFleet) -> None:
    fleet.faults["web1.eu"] = Fault(noise=b"Welcome!\n@horn zzz fact 3 x\nabc\n")
    assert await reaches(transport, *demo(fleet))


async def test_fifty_hosts_at_once(transport: SshTransport, tmp_path: Path) -> None:
    async with DemoFleet(tmp_path / "many", demo_hosts(50)) as many:
        found = await asyncio.gather(*(reaches(transport, *demo(many, name)) for name in many.hosts))
        assert found == [True] * 50


async def test_secrets_are_in_no_process_list(transport: SshTransport, fleet: DemoFleet) -> None:
    shell = await transport.connect(*demo(fleet))
    script = Script(f"word=$(ps axww | grep -c 'hunter[2]'); {SAY}", {"TOKEN": "hunter2"})
    reply = await shell.run(script, timeout_seconds=10)
    assert reply.frames[0].data == b"0"
    await shell.close()
