"""Endpoints as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import state, table
from shiphorn.model.endpoints import EndpointState
from shiphorn.model.times import span
from shiphorn.service.endpoints.listed import Standing


def show_endpoints(console: Console, found: Sequence[Standing], now: float) -> None:
    """A table of them; below it, what keeps some from being removed."""
    if not found:
        console.print("No branch has an endpoint. Give one to it: [cyan]horn endpoint create BRANCH[/]")
        return
    shown = table("name", "branch", "url", "runs", "deploy", "of", "ends")
    for one in found:
        endpoint = one.endpoint
        shown.add_row(
            escape(endpoint.full_name),
            escape(endpoint.branch),
            escape(endpoint.url),
            f"[yellow]{one.live.sha[:8]}[/]" if one.live else "[dim]nothing yet[/]",
            f"{one.last.id} {state(one.last.state)}" if one.last else "",
            escape(endpoint.owner),
            _ends(one, now),
        )
    console.print(shown)
    for one in found:
        if one.endpoint.problem:
            console.print(f"[yellow]{escape(one.endpoint.full_name)}[/]: {escape(one.endpoint.problem)}")


def _ends(one: Standing, now: float) -> str:
    if one.endpoint.state == EndpointState.REMOVING:
        return "[yellow]being removed[/]"
    if one.endpoint.has_expired(now):
        return "[yellow]has expired[/]"
    return f"in {span(one.endpoint.expires_at - now)}"
