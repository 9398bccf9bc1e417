"""Lines of measured values to carbon and StatsD, over TCP or in datagrams."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress

from shiphorn.model.metrics import datagrams

TIMEOUT_SECONDS = 10.0
END_SECONDS = 3.0
BURST, BURST_SECONDS = 50, 0.005
"""So many datagrams fit into what a receiver usually has room for, and so long it is given to read them."""
REFUSAL_SECONDS = 0.05
"""A machine that has nobody at a port says so about as fast as a datagram gets there, if it does at all."""


async def send_stream(address: str, lines: Sequence[str]) -> str:
    """Send lines over TCP: "" when they are there, else why not.

    Carbon confirms nothing. But it closes the connection once it has read to its end, and what it did not
    read makes that a reset: so a carbon that ended meanwhile is noticed.
    """
    host, port = _parts(address)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write("".join(lines).encode())
                writer.write_eof()
                await writer.drain()
                # One that keeps a connection open all the same has what TCP took.
                with suppress(TimeoutError):
                    async with asyncio.timeout(END_SECONDS):
                        await reader.read(1)
            finally:
                writer.close()
    except TimeoutError:
        return f"{address} did not answer within {TIMEOUT_SECONDS:g} s"
    except OSError as error:
        return _told(address, error)
    return ""


async def send_datagrams(address: str, lines: Sequence[str]) -> str:
    """Send lines in datagrams: "" when they went out, else why not. Whether they arrive nobody knows."""
    host, port = _parts(address)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            with socket.socket(found[0][0], socket.SOCK_DGRAM) as to:
                to.setblocking(False)
                to.connect(found[0][4])
                for number, one in enumerate(datagrams(lines), 1):
                    await loop.sock_sendall(to, one)
                    if number % BURST == 0:
                        await asyncio.sleep(BURST_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(REFUSAL_SECONDS):
                        await loop.sock_recv(to, 1)
    except TimeoutError:
        return f"{address} took nothing within {TIMEOUT_SECONDS:g} s"
    except OSError as error:
        return _told(address, error)
    return ""


def _parts(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _told(address: str, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"{address} is not known by that name"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens at {address}"
    return f"{address}: {error.strerror or type(error).__name__}"
