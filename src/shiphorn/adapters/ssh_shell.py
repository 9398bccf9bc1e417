"""A shell on a host over one SSH connection: scripts go in, frames come out.

No tasks and no queues of its own: asyncssh calls back when data comes or may go, and what waits is
written as far as the window allows.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import asyncssh

from shiphorn.errors import ConnectError, HostError
from shiphorn.model.release import Packing
from shiphorn.model.target import Host
from shiphorn.ports import Frame, Reply, Script
from shiphorn.remote.driver import FrameParser, request

CHUNK_BYTES = 128 * 1024
STDERR_KEPT_BYTES = 8192


class SshExchange:
    """A script on its way. Its frames are kept until `reply` has them."""

    def __init__(self, shell: SshShell, on_frame: Callable[[Frame], None] | None) -> None:
        self._shell = shell
        self._on_frame = on_frame
        self._frames: list[Frame] = []
        self._waiting: set[asyncio.Future[None]] = set()
        self.status: int | None = None
        self.lost: ConnectError | None = None

    def take(self, frame: Frame) -> None:
        """A frame has come."""
        if frame.verb == "end":
            self.status = int(frame.args[0])
        else:
            self._frames.append(frame)
            if self._on_frame is not None:
                self._on_frame(frame)
        self._wake()

    def lose(self, error: ConnectError) -> None:
        """The connection is gone."""
        self.lost = error
        self._wake()

    async def wait_for(self, verb: str, *, timeout_seconds: float) -> Frame | None:
        """As the port says."""
        async with self._limit(timeout_seconds):
            seen = 0
            while True:
                for frame in self._frames[seen:]:
                    if frame.verb == verb:
                        return frame
                seen = len(self._frames)
                if self.status is not None:
                    return None
                await self._next()

    async def send(self, data: bytes) -> None:
        """As the port says. Raises ConnectError when the connection is lost."""
        if self.lost is not None:
            raise self.lost
        self._shell.put(data)

    async def reply(self, *, timeout_seconds: float) -> Reply:
        """As the port says."""
        async with self._limit(timeout_seconds):
            while self.status is None:
                await self._next()
        return Reply(tuple(self._frames), self.status, self._shell.stderr)

    def _limit(self, timeout_seconds: float) -> _Limit:
        return _Limit(self._shell, timeout_seconds)

    async def _next(self) -> None:
        if self.lost is not None:
            raise self.lost
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


class _Limit:
    """`asyncio.timeout` that closes the shell: what still runs there must not be taken for later answers."""

    def __init__(self, shell: SshShell, seconds: float) -> None:
        self._shell = shell
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *raised: object) -> None:
        try:
            await self._timeout.__aexit__(*raised)  # type: ignore[arg-type]
        except TimeoutError:
            await self._shell.close()
            name = self._shell.host.name
            raise HostError(
                "SH420",
                f"{name} did not answer within {self._seconds:.0f} s.",
                hint="Look at what runs there; a longer phase_timeout allows for more.",
                facts={"group": "took too long"},
            ) from None


class _Payload:
    """A file that follows its script, a chunk at a time; it ends early when the script has."""

    def __init__(self, path: str, exchange: SshExchange) -> None:
        self._path = path
        self._exchange = exchange
        self._file: BinaryIO | None = None

    def read(self) -> bytes:
        """The next chunk; empty at the end."""
        if self._exchange.status is not None:
            return self._end()
        if self._file is None:
            self._file = Path(self._path).open("rb")  # noqa: SIM115 - closed by _end
        return self._file.read(CHUNK_BYTES) or self._end()

    def _end(self) -> bytes:
        if self._file is not None:
            self._file.close()
        return b""


class SshShell(asyncssh.SSHClientSession[bytes]):
    """The `sh` on a host. Made by `SshTransport.connect`."""

    def __init__(self, host: Host, nonce: str) -> None:
        self.host = host
        self._nonce = nonce
        self._parser = FrameParser(nonce)
        self._answered = False
        self._exchanges: deque[SshExchange] = deque()
        self._outgoing: deque[bytes | _Payload] = deque()
        self._may_write = True
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._connection: asyncssh.SSHClientConnection | None = None
        self._stderr = bytearray()
        self._lost: ConnectError | None = None

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""
        return self._lost is None and self._channel is not None and not self._channel.is_closing()

    @property
    def stderr(self) -> str:
        """The last 8 KiB of the shell's own words."""
        return self._stderr.decode(errors="replace")

    def attach(self, connection: asyncssh.SSHClientConnection) -> None:
        """Own the connection: it is closed with the shell."""
        self._connection = connection

    def start(
        self,
        script: Script,
        *,
        payload: Packing | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> SshExchange:
        """As the port says."""
        exchange = SshExchange(self, on_frame)
        if self._lost is not None:
            exchange.lose(self._lost)
            return exchange
        self._exchanges.append(exchange)
        self._outgoing.append(request(self._nonce, script))
        if payload is not None:
            self._outgoing.append(_Payload(payload.path, exchange))
        self._pump()
        return exchange

    async def run(
        self,
        script: Script,
        *,
        timeout_seconds: float,
        payload: Packing | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> Reply:
        """As the port says."""
        exchange = self.start(script, payload=payload, on_frame=on_frame)
        return await exchange.reply(timeout_seconds=timeout_seconds)

    def put(self, data: bytes) -> None:
        """Send bytes behind what waits to be sent."""
        self._outgoing.append(data)
        self._pump()

    async def close(self) -> None:
        """End the shell and its connection."""
        self._lose("it was closed")
        if self._connection is not None:
            self._connection.abort()
            await self._connection.wait_closed()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        """Called by asyncssh."""
        self._channel = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        """Called by asyncssh."""
        if datatype == asyncssh.EXTENDED_DATA_STDERR:
            self._stderr += data
            del self._stderr[:-STDERR_KEPT_BYTES]
            return
        for frame in self._parser.feed(data, time.time()):
            self._answered = True
            if self._exchanges:
                exchange = self._exchanges[0]
                if frame.verb == "end":
                    self._exchanges.popleft()
                exchange.take(frame)

    def pause_writing(self) -> None:
        """Called by asyncssh."""
        self._may_write = False

    def resume_writing(self) -> None:
        """Called by asyncssh."""
        self._may_write = True
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncssh, also when the remote shell ended by itself."""
        self._lose(str(exc) if exc else "the shell ended")

    def eof_received(self) -> bool:
        """Called by asyncssh."""
        return False

    def _pump(self) -> None:
        if self._channel is None:
            return
        while self._outgoing and self._may_write and self._lost is None:
            item = self._outgoing[0]
            data = item if isinstance(item, bytes) else item.read()
            if isinstance(item, bytes) or not data:
                self._outgoing.popleft()
            if data:
                self._channel.write(data)

    def _lose(self, why: str) -> None:
        if self._lost is not None:
            return
        name = self.host.name
        said = (self.stderr.strip() or self._parser.noise.strip()).splitlines()
        if self._answered:
            self._lost = ConnectError(
                "SH307", f"the connection to {name} was lost: {why}.", hint="Is the network up?"
            )
        else:
            self._lost = ConnectError(
                "SH306",
                f"{name} let us in but runs no shell for us: {said[-1] if said else why}.",
                hint="The account needs a POSIX login shell, and may not be forced to another command.",
            )
        for exchange in self._exchanges:
            exchange.lose(self._lost)
        self._exchanges.clear()
        self._outgoing.clear()
