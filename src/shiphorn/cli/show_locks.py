"""Locks, bad marks, gates and the queue as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import say, state, table
from shiphorn.deploy.gates import in_words
from shiphorn.model.gates import Answer, Verdict
from shiphorn.model.locks import BadMark, Lock
from shiphorn.model.times import ago, ahead, exact
from shiphorn.service.gates import UnderWay

_MARKS = {Verdict.PASS: "[green]✓[/]", Verdict.WAIT: "[yellow]…[/]", Verdict.REFUSE: "[red]✗[/]"}


def show_locks(console: Console, found: Sequence[Lock], now: float, *, history: bool) -> None:
    """Locks, two or three lines each; with `history` they say how they ended."""
    if not found:
        console.print("Nothing has ever been locked." if history else "Nothing is locked.")
        return
    for one in found:
        _show_lock(console, one, now)
        if history:
            say(console, f"  [dim]{escape(_ended(one, now))}[/]")
        else:
            console.print(f"  [cyan]{one.unlock}[/]")


def show_in_force(console: Console, found: Sequence[Lock], now: float) -> None:
    """The locks on an environment, with how to release them."""
    for one in found:
        _show_lock(console, one, now)
        console.print(f"  [cyan]{one.unlock}[/]")


def show_marks(console: Console, found: Sequence[BadMark], now: float) -> None:
    """The commits that are marked bad, three lines each."""
    if not found:
        console.print("No commit is marked bad.")
        return
    for one in found:
        since = ago(one.marked_at, now)
        console.print(f"[yellow]{one.sha[:8]}[/] was marked bad by {escape(one.by)}, {since}")
        say(console, f"  {escape(one.reason)}")
        console.print(f"  [cyan]horn bad {one.sha[:12]} --clear --reason TEXT[/]")


def _show_lock(console: Console, lock: Lock, now: float) -> None:
    until = f", until {ahead(lock.until, now)}" if lock.until is not None else ""
    since = ago(lock.placed_at, now)
    console.print(f"[yellow]{escape(str(lock.scope))}[/] is locked by {escape(lock.by)} since {since}{until}")
    say(console, f"  {escape(lock.reason)}")


def show_answers(console: Console, answers: Sequence[Answer], now: float) -> None:
    """What each gate says, a line each."""
    width = max((len(one.gate) for one in answers), default=0)
    for one in answers:
        firm = one.verdict == Verdict.REFUSE and not one.overridable
        words = escape(in_words(one, now) + ("; nobody may override it" if firm else ""))
        console.print(f"  {_MARKS[one.verdict]} {escape(one.gate):<{width}} {words}")


def show_queue(console: Console, found: Sequence[UnderWay], now: float) -> None:
    """A table of the deploys that are not over, in the order of their turns."""
    if not found:
        console.print("Nothing is deployed right now.")
        return
    shown = table("#", "environment", "what", "by", "since", "state", "")
    for one in found:
        deploy = one.deploy
        word = "its process has died" if not one.alive else deploy.pause_reason or deploy.phase
        shown.add_row(
            str(deploy.id),
            escape(deploy.order.environment),
            escape(f"{deploy.order.kind} {deploy.order.ref}".strip()),
            escape(deploy.order.actor),
            ago(deploy.started_at, now),
            state(deploy.state),
            escape(word) if one.alive else f"[red]{word}[/]",
        )
    console.print(shown)


def _ended(lock: Lock, now: float) -> str:
    if lock.in_force(now):
        return "in force"
    if not lock.released_by:
        return "expired"
    why = f": {lock.release_reason}" if lock.release_reason else ""
    return f"{exact(lock.released_at or now, now)} by {lock.released_by}{why}"
