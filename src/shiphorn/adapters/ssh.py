"""SSH by asyncssh: logs in as `ssh` would, and never without knowing the host's key."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncssh

from shiphorn.adapters.ssh_shell import SshShell
from shiphorn.adapters.ssh_trust import OfferedKey, known_hosts, known_hosts_files, offered
from shiphorn.errors import ConnectError
from shiphorn.model.settings import Login
from shiphorn.model.target import Host
from shiphorn.remote.driver import bootstrap

OPEN_FILES = 20_000
KEEPALIVE_SECONDS = 15
# chacha20, asyncssh's first choice, costs twice the CPU when streaming; OpenSSH's post-quantum
# exchange costs 80 ms a connection. The rest stays behind these, for hosts that want it.
FIRST_CIPHER = "aes128-gcm@openssh.com"
FIRST_EXCHANGES = ("curve25519-sha256", "curve25519-sha256@libssh.org")


def _first(*names: str, of: list[bytes]) -> list[str]:
    known = [name.decode() for name in of]
    return [name for name in names if name in known] + [name for name in known if name not in names]


_PREFERENCES: dict[str, Any] = {
    "encryption_algs": _first(FIRST_CIPHER, of=asyncssh.encryption.get_encryption_algs()),
    "kex_algs": _first(*FIRST_EXCHANGES, of=asyncssh.kex.get_kex_algs()),
    "keepalive_interval": KEEPALIVE_SECONDS,
    "agent_forwarding": False,
    "ignore_encrypted": True,
}


@dataclass(frozen=True, slots=True)
class _Way:
    """How to get to a host. `known_as` is its name in known_hosts, `options` are asyncssh's."""

    host: str
    port: int
    user: str
    known_as: str
    jump: str
    options: dict[str, Any]


class SshTransport:
    """Opens shells over SSH. Jump connections are shared by all hosts behind them."""

    def __init__(self) -> None:
        self._jumps: dict[str, asyncio.Task[asyncssh.SSHClientConnection]] = {}
        self._keys: dict[tuple[str, ...], Any] = {}
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        _allow_open_files()

    async def connect(self, host: Host, login: Login) -> SshShell:
        """As the port says."""
        nonce = secrets.token_hex(8)
        shell = SshShell(host, nonce)
        connection = await self._log_in(host, login)
        try:
            async with asyncio.timeout(login.connect_timeout_seconds):
                await connection.create_session(lambda: shell, bootstrap(nonce), encoding=None)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            connection.abort()
            raise ConnectError(
                "SH306",
                f"{host.name} let us in but opens no session: {_said(error)}.",
                hint="Does its sshd allow sessions (MaxSessions, ForceCommand)?",
            ) from error
        shell.attach(connection)
        return shell

    async def close(self) -> None:
        """Close the jump connections."""
        tasks = list(self._jumps.values())
        self._jumps.clear()
        for task in tasks:
            task.cancel()
        for jump in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(jump, BaseException):
                jump.abort()

    async def offered_key(self, host: Host, login: Login) -> OfferedKey:
        """The key that a host shows now, whether it is known or not. Raises ConnectError."""
        way = await self._way(host.address, host.port, login)
        try:
            async with asyncio.timeout(login.connect_timeout_seconds):
                tunnel = await self._tunnel(way, login)
                key = await asyncssh.get_server_host_key(way.host, way.port, tunnel=tunnel, config=None)
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise _as_connect_error(error, host.name, login, way) from error
        if key is None:
            raise ConnectError("SH301", f"{host.name} showed no host key.")
        return offered(way.known_as, way.port, key)

    async def _log_in(self, host: Host, login: Login) -> asyncssh.SSHClientConnection:
        way = await self._way(host.address, host.port, login)
        try:
            async with asyncio.timeout(login.connect_timeout_seconds):
                return await asyncssh.connect(
                    way.host, way.port, tunnel=await self._tunnel(way, login), **way.options
                )
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise _as_connect_error(error, host.name, login, way) from error

    async def _way(self, address: str, port: int, login: Login) -> _Way:
        """How to get to an address, from the config, ssh_config and our own preferences."""
        options = dict(_PREFERENCES)
        files = _config_files(login)
        if login.user:
            options["username"] = login.user
        if login.identity_files:
            options["client_keys"] = self._load_keys(login.identity_files)
        if not files:
            options |= {"config": None, "known_hosts": known_hosts(known_hosts_files(login.known_hosts))}
            return _Way(address, port or login.port or 22, login.user, address, "", options)
        try:
            read = await asyncssh.SSHClientConnectionOptions.construct(
                None, config=files, host=address, port=port or login.port or (), **options
            )
        except (asyncssh.Error, ValueError, OSError) as error:
            raise ConnectError(
                "SH309",
                f"the ssh settings for {address} are not usable: {_said(error)}.",
                hint='Look at "ssh" in deploy.yml and at ~/.ssh/config.',
            ) from error
        # `UserKnownHostsFile none` would have asyncssh accept any key: it then vouches for nobody.
        configured: Any = read.known_hosts or ()
        trusted = login.known_hosts or tuple(map(str, configured))
        options |= {"config": files, "known_hosts": known_hosts(known_hosts_files(trusted))}
        jump = read.tunnel if isinstance(read.tunnel, str) else ""
        return _Way(read.host, read.port, read.username, read.host_key_alias or read.host, jump, options)

    def _load_keys(self, files: tuple[str, ...]) -> Any:
        """Keys with their certificates, read once. Raises ConnectError SH305."""
        if files not in self._keys:
            missing = [path for path in files if not Path(path).is_file()]
            if missing:
                raise ConnectError(
                    "SH305", f"there is no key file {missing[0]}.", hint="Set ssh.identity_file."
                )
            try:
                self._keys[files] = asyncssh.load_keypairs(list(files), ignore_encrypted=True)
            except (asyncssh.Error, ValueError, OSError) as error:
                raise ConnectError(
                    "SH305", f"the key {', '.join(files)} is not usable: {_said(error)}."
                ) from error
        return self._keys[files]

    async def _tunnel(self, way: _Way, login: Login) -> asyncssh.SSHClientConnection | None:
        """The connection to go through, if any: of the config's `jump`, else ssh_config's ProxyJump."""
        path = login.jump or way.jump
        if path in ("", "none"):
            return None
        through: asyncssh.SSHClientConnection | None = None
        hops = path.split(",")
        for number, hop in enumerate(hops):
            through = await self._jump(",".join(hops[: number + 1]), hop, login, through)
        return through

    async def _jump(
        self, key: str, hop: str, login: Login, through: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        task = self._jumps.get(key)
        if task is None or _is_over(task):
            task = asyncio.create_task(self._open_jump(hop, login, through))
            self._jumps[key] = task
        return await asyncio.shield(task)

    async def _open_jump(
        self, hop: str, login: Login, through: asyncssh.SSHClientConnection | None
    ) -> asyncssh.SSHClientConnection:
        user, _, rest = hop.rpartition("@")
        address, _, port = rest.partition(":")
        to_jump = replace(login, user=user, port=0, jump="")
        way = await self._way(address, int(port or 0), to_jump)
        try:
            return await asyncssh.connect(way.host, way.port, tunnel=through, **way.options)
        except (OSError, asyncssh.Error) as error:
            raise _as_connect_error(error, f"the jump host {rest}", to_jump, way) from error


def _is_over(task: asyncio.Task[asyncssh.SSHClientConnection]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None or task.result().is_closed())


def _config_files(login: Login) -> list[str]:
    own = (Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config"))
    return [str(path) for path in login.ssh_config or own if Path(path).is_file()]


def _as_connect_error(error: Exception, name: str, login: Login, way: _Way) -> ConnectError:
    where = f"{name} ({way.host}:{way.port})"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return _key_error(name, way, where)
    if isinstance(error, asyncssh.PermissionDenied):
        keys = ", ".join(login.identity_files) or "ssh's own keys"
        agent = "the agent and " if os.environ.get("SSH_AUTH_SOCK") else ""
        return ConnectError(
            "SH305",
            f"{where} refused the login of {way.user or 'this user'} with {agent}{keys}.",
            hint="Is the public key in its authorized_keys? An encrypted key needs an agent: ssh-add.",
        )
    broke = isinstance(error, asyncssh.KeyExchangeFailed | asyncssh.ConnectionLost | ConnectionResetError)
    if broke and _needs_certificate(way):
        return ConnectError(
            "SH303",
            f"{where} shows no host certificate of the authority on record for it.",
            hint=f"Give it one, or look at its key and accept that: horn host trust {name}",
        )
    if isinstance(error, TimeoutError):
        return ConnectError(
            "SH302",
            f"{where} did not answer within {login.connect_timeout_seconds:.0f} s.",
            hint="Is the host up, and does a firewall let us through? ssh.connect_timeout allows for more.",
        )
    return ConnectError(
        "SH301", f"{where} cannot be reached: {_said(error)}.", hint="Is sshd running there, at this port?"
    )


def _needs_certificate(way: _Way) -> bool:
    """Whether only an authority is on record for a host: a plain key is then not even negotiated."""
    keys, authorities, *_ = way.options["known_hosts"].match(way.known_as, "", way.port)
    return bool(authorities) and not keys


def _key_error(name: str, way: _Way, where: str) -> ConnectError:
    keys, authorities, *_ = way.options["known_hosts"].match(way.known_as, "", way.port)
    if keys or authorities:
        on_record = sorted({key.get_fingerprint("sha256") for key in [*keys, *authorities]})
        return ConnectError(
            "SH304",
            f"{where} shows another host key than the one on record: {', '.join(on_record)}.",
            hint="Find out why before you do anything else: a new machine, or somebody in between?",
        )
    return ConnectError(
        "SH303",
        f"the host key of {where} is not known.",
        hint=f"Look at its fingerprint and accept it: horn host trust {name}",
    )


def _said(error: BaseException) -> str:
    return (getattr(error, "reason", "") or str(error) or type(error).__name__).rstrip(".")


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
