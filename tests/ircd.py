"""Real IRC servers: ngIRCd, without accounts, and InspIRCd with Atheme's services, with them; and people."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from shiphorn.demo.project import free_port
from tests.programs import program

WAIT_SECONDS = 20.0

_NGIRCD = """
[Global]
Name = irc.test
Info = test
AdminEMail = a@example.com
Listen = 127.0.0.1
Ports = {port}
MotdPhrase = hello
{password}
[Limits]
ConnectRetry = 1
MaxConnections = 50
MaxConnectionsIP = 50
MaxJoins = 10
[Options]
Ident = no
PAM = no
DNS = no
RequireAuthPing = no
SyslogFacility = local1
{tls}
[Channel]
Name = #keyed
Modes = +kn
Key = sesame
"""
_INSPIRCD = """
<server name="irc.test" description="test" network="Test" id="001">
<admin name="a" nick="a" email="a@example.com">
<bind address="127.0.0.1" port="{port}" type="clients">
<bind address="127.0.0.1" port="{link}" type="servers">
<module name="cap"><module name="sasl"><module name="services_account"><module name="spanningtree">
<module name="ircv3"><module name="ircv3_servertime"><module name="ircv3_capnotify">{modules}
<sasl target="services.test" requiressl="no">
<link name="services.test" ipaddr="127.0.0.1" port="{link}" allowmask="127.0.0.0/8" sendpass="link"
 recvpass="link">
<uline server="services.test" silent="yes">
<connect name="all" allow="*" timeout="60" pingfreq="120" localmax="50" globalmax="50" useident="no"
 resolvehostnames="no" commandrate="1000000" fakelag="no" threshold="1000">
<class name="x" commands="*"><type name="NetAdmin" classes="x">
<pid file="{folder}/inspircd.pid">
<log method="file" type="*" level="default" target="{folder}/inspircd.log">
<options prefixquit="" splitwhois="no">
"""
_ATHEME = """
loadmodule "modules/protocol/inspircd";
loadmodule "modules/backend/opensex";
loadmodule "modules/crypto/pbkdf2v2";
loadmodule "modules/nickserv/main";
loadmodule "modules/nickserv/identify";
loadmodule "modules/nickserv/register";
loadmodule "modules/nickserv/logout";
loadmodule "modules/saslserv/main";
loadmodule "modules/saslserv/plain";
serverinfo {{ name = "services.test"; desc = "services"; numeric = "00A"; recontime = 1; netname = "Test";
 adminname = "a"; adminemail = "a@example.com"; registeremail = "a@example.com"; auth = none;
 loglevel = {{ error; info; }}; maxlogins = 50; maxusers = 0; mdlimit = 30; emaillimit = 10;
 emailtime = 300; casemapping = rfc1459; }};
uplink "irc.test" {{ host = "127.0.0.1"; send_password = "link"; receive_password = "link"; port = {link}; }};
nickserv {{ spam; nick = "NickServ"; user = "NickServ"; host = "services.test"; real = "n";
 no_nick_ownership; }};
saslserv {{ nick = "SaslServ"; user = "SaslServ"; host = "services.test"; real = "s"; }};
crypto {{ pbkdf2v2_rounds = 10000; }};
general {{ stop_commits; commit_interval = 5; }};
"""


def certificate(folder: Path) -> Path:
    """A certificate for localhost that signs itself; its key is beside it, in key.pem."""
    command = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    done = [program("openssl"), *command.split(), *names, *files]
    subprocess.run(done, check=True, capture_output=True)
    (folder / "key.pem").chmod(0o644)
    return folder / "cert.pem"


class Server:
    """An IRC server that runs, and ends when it is told to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        self.folder = folder
        self.port = free_port()
        self.tls_port = 0
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._processes.clear()

    def run(self, *command: str) -> None:
        log = (self.folder / "out.log").open("ab")
        self._processes.append(
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        )
        log.close()

    def wait_for(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < end, (self.folder / "out.log").read_text()
            time.sleep(0.02)

    def listens(self, port: int = 0) -> bool:
        try:
            socket.create_connection(("127.0.0.1", port or self.port), timeout=1).close()
        except OSError:
            return False
        return True


class Ngircd(Server):
    """ngIRCd, on a port in the clear and, with a certificate, on another one with TLS."""

    def __init__(self, folder: Path, *, password: str = "", tls: bool = False) -> None:
        super().__init__(folder)
        folder.chmod(0o755)
        self.ca = certificate(folder) if tls else None
        self.tls_port = free_port() if tls else 0
        text = _NGIRCD.format(
            port=self.port,
            password=f"Password = {password}" if password else "",
            tls=f"[SSL]\nCertFile = {folder}/cert.pem\nKeyFile = {folder}/key.pem\nPorts = {self.tls_port}"
            if tls
            else "",
        )
        (folder / "ngircd.conf").write_text(text)
        self.start()

    def start(self) -> None:
        self.run(program("ngircd"), "-n", "-f", str(self.folder / "ngircd.conf"))
        self.wait_for(self.listens)


class Inspircd(Server):
    """InspIRCd with services, so that there are accounts. `tagged` is whether messages say who has which."""

    def __init__(self, folder: Path, *, tagged: bool = True) -> None:
        super().__init__(folder)
        self._link = free_port()
        modules = '<module name="ircv3_accounttag">' if tagged else ""
        facts = {"port": self.port, "link": self._link, "folder": folder, "modules": modules}
        (folder / "inspircd.conf").write_text(_INSPIRCD.format(**facts))
        (folder / "atheme.conf").write_text(_ATHEME.format(**facts))
        (folder / "data").mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        root = ["--runasroot"] if os.getuid() == 0 else []
        config = f"{self.folder}/inspircd.conf"
        self.run(program("inspircd"), "--config", config, "--nofork", *root)
        self.wait_for(self.listens)
        given = ["-c", f"{self.folder}/atheme.conf", "-l", f"{self.folder}/atheme.log"]
        given += ["-p", f"{self.folder}/atheme.pid", "-D", f"{self.folder}/data"]
        self.run(program("atheme-services"), "-n", *given)
        self.wait_for(lambda: "finished synching" in (self.folder / "out.log").read_text())


class Somebody:
    """A person with an IRC client, who sees every line."""

    def __init__(self, nick: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.nick = nick
        self.lines: list[str] = []
        self._reader, self._writer = reader, writer
        self._seen = 0

    @classmethod
    async def at(
        cls,
        server: Server,
        nick: str,
        *rooms: str,
        account: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> Somebody:
        """Somebody who has come in; with the account of that name, for which the password is `secret`."""
        port = server.tls_port if tls else server.port
        name = "localhost" if tls else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=name, limit=65536
        )
        one = cls(nick, reader, writer)
        if account:
            one.send("CAP REQ :sasl")
        if password:
            one.send(f"PASS {password}")
        one.send(f"NICK {nick}", "USER somebody 0 * :somebody")
        if account:
            await one.sees("ACK")
            one.send("AUTHENTICATE PLAIN")
            await one.sees("AUTHENTICATE +")
            text = base64.b64encode(f"{account}\0{account}\0secret".encode()).decode()
            one.send(f"AUTHENTICATE {text}")
            await one.sees(" 903 ")
            one.send("CAP END")
        await one.sees(" 001 ")
        for room in rooms:
            one.send(f"JOIN {room}")
            await one.sees(" 366 ")
        return one

    def send(self, *lines: str) -> None:
        self._writer.write("".join(f"{line}\r\n" for line in lines).encode(errors="surrogateescape"))

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    def say(self, target: str, text: str) -> None:
        self.send(f"PRIVMSG {target} :{text}")

    async def register(self, account: str) -> None:
        """Make an account, with the password `secret`."""
        self.say("NickServ", f"REGISTER {account} secret {account}@example.com")
        await self.sees("is now registered")

    async def sees(self, text: str) -> str:
        """Wait for a line with a text in it, after those that were waited for: that line."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                while self._seen < len(self.lines):
                    self._seen += 1
                    if text in self.lines[self._seen - 1]:
                        return self.lines[self._seen - 1]
                raw = await self._reader.readline()
                assert raw, f"{self.nick} was thrown out: {self.lines[-1:]}"
                line = raw.rstrip(b"\r\n").decode(errors="surrogateescape")
                self.lines.append(line)
                if line.startswith("PING"):
                    self.send(line.replace("PING", "PONG", 1))

    async def said(self, text: str = "") -> str:
        """Wait until something with a text in it is said to them, or where they are: what it is."""
        while True:
            line = await self.sees(text)
            if " PRIVMSG " in line:
                return line.split(" PRIVMSG ", 1)[1].partition(" :")[2]

    def leave(self) -> None:
        self._writer.close()
