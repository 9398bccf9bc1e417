"""login, logout: which service the commands go to, and as whom."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from shiphorn.errors import ConfigError

if TYPE_CHECKING:
    from shiphorn.cli.services import SignedIn

AWAY_SECONDS = 60.0


def login(
    url: Annotated[
        str, typer.Argument(metavar="[URL]", help="The service; says who you are where if left out.")
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            "--token", metavar="TOKEN", help="A token of yours, - to read it from stdin; no browser then."
        ),
    ] = "",
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the token over plain HTTP, for all to read.")
    ] = False,
) -> None:
    """Sign in to a service: all commands go there from then on."""
    from shiphorn.cli.services import SignedIn, address, keep  # noqa: PLC0415

    if not url:
        _say_where()
        return
    url = address(url, insecure=insecure)
    given = sys.stdin.readline().strip() if token == "-" else token  # noqa: S105 - no password
    found = _known(SignedIn(url, given or _by_browser(url)))
    path = keep(found)
    typer.echo(f"Signed in to {url} as {found.login}. Commands go there; on this machine with --local.")
    typer.secho(f"  Kept in {path}. Sign out: horn logout", fg="cyan")


def logout() -> None:
    """Sign out, and have the token be good no more: commands work on this machine again."""
    from shiphorn.cli.services import keep, recall  # noqa: PLC0415
    from shiphorn.cli.wire import SIGN_IN, Wire  # noqa: PLC0415
    from shiphorn.errors import ShiphornError  # noqa: PLC0415

    kept = recall()
    if kept is None:
        typer.echo("You are not signed in to a service.")
        return
    keep(None)
    try:
        Wire(kept.url, kept.token, SIGN_IN).post("/sign-out")
    except ShiphornError as error:
        typer.echo(f"Signed out here. {kept.url} was not told: {error.message}", err=True)
        return
    typer.echo(f"Signed out of {kept.url}.")


def _say_where() -> None:
    from shiphorn.cli.services import current  # noqa: PLC0415

    found = current()
    if found is None:
        typer.echo("Commands work on this machine. Sign in to a service: horn login URL")
        return
    found = _known(found)
    typer.echo(f"You are {found.login} at {found.url}. Sign out: horn logout")


def _known(service: SignedIn) -> SignedIn:
    """A service with who its token stands for. Raises Refused SH551 when it stands for nobody."""
    from dataclasses import replace  # noqa: PLC0415

    from shiphorn.cli.wire import Wire  # noqa: PLC0415

    me = Wire(service.url, service.token).get("/me")
    return replace(service, login=me["name"])


def _by_browser(url: str) -> str:
    """Have a person agree on a page of the service: the token. Raises ConfigError SH164, SH168."""
    from shiphorn.cli.wire import SIGN_IN, Wire  # noqa: PLC0415

    token = f"horn_{secrets.token_urlsafe(32)}"
    body = {"digest": hashlib.sha256(token.encode()).hexdigest(), "machine": socket.gethostname()}
    begun = Wire(url, at=SIGN_IN).post("/authorize", body)
    page = f"{url}/cli/authorize?code={begun['code']}"
    typer.echo(f"Open this page, in the browser of any machine, and compare the code:\n\n  {page}\n")
    typer.secho(f"  {begun['short']}\n", bold=True)
    sys.stdout.flush()
    if _has_browser():
        import webbrowser  # noqa: PLC0415

        webbrowser.open(page)
    _wait(url, begun["code"], begun["expires_in_seconds"], begun["every_seconds"])
    return token


def _wait(url: str, code: str, within_seconds: float, every_seconds: float) -> None:
    from shiphorn.cli.wire import SIGN_IN, Wire  # noqa: PLC0415
    from shiphorn.errors import ConnectError, ShiphornError  # noqa: PLC0415

    given_up_at, heard_at = time.monotonic() + within_seconds, time.monotonic()
    while time.monotonic() < given_up_at:
        time.sleep(every_seconds)
        try:
            state = Wire(url, at=SIGN_IN).post("/token", {"code": code})["state"]
        except ConnectError:
            if time.monotonic() - heard_at > AWAY_SECONDS:
                raise
            continue
        except ShiphornError as error:
            # Others behind the same address ask as well.
            if "retry_after_seconds" not in error.facts:
                raise
            time.sleep(float(error.facts["retry_after_seconds"]))
            continue
        heard_at = time.monotonic()
        if state == "granted":
            return
        if state == "denied":
            raise ConfigError("SH168", f"you were turned away at {url}: somebody said no on the page.")
    raise ConfigError("SH164", "nobody agreed in time.", hint=f"Begin again: horn login {url}")


def _has_browser() -> bool:
    """Whether there is a screen to open a page on: a browser for terminals would take this one over."""
    named = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
    return sys.stdout.isatty() and (named or sys.platform == "darwin")
