"""TCP checks from the deployer: whether somebody takes a connection."""

from __future__ import annotations

import asyncio
import time

from shiphorn.model.health import Check, Tried, Verdict, too_late


class TcpChecker:
    """Connects as `ports.Checker` says, and hangs up."""

    async def attempt(self, check: Check) -> Tried:
        """As the port says."""
        address, _, port = check.what.rpartition(":")
        began = time.monotonic()
        try:
            async with asyncio.timeout(check.timeout_seconds):
                _, writer = await asyncio.open_connection(address.strip("[]"), int(port))
        except TimeoutError:
            return too_late(check)
        except ConnectionRefusedError:
            return Tried(Verdict.FAIL, "connection refused", time.monotonic() - began)
        except (OSError, OverflowError) as error:
            return Tried(Verdict.FAIL, f"cannot be connected to: {error}", time.monotonic() - began)
        seconds = time.monotonic() - began
        writer.transport.abort()
        return Tried(Verdict.PASS, f"connected in {seconds * 1000:.0f} ms", seconds)

    async def close(self) -> None:
        """As the port says."""
