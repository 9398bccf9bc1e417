"""The exact texts that hosts would run, each line of them once: what repeats is told by where it stands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from difflib import unified_diff

from rich.console import Console
from rich.markup import escape

from shiphorn.cli.show import names
from shiphorn.deploy.plan import HostPreview
from shiphorn.remote import scripts

_WHEN = {
    "connect": "the only command that is executed; the texts below are sent to its stdin",
    "clock": "answers the time, for the instant of the switch",
    "probe": "looks, and changes nothing",
    "undo": "only if it does not come to the switch",
    "rollback": "only if it goes wrong after the switch",
}


def show_scripts(console: Console, hosts: Sequence[HostPreview], *, is_built: bool) -> None:
    """Show every text of a plan."""
    later = "RUN, TOKEN, DEPLOYER and RELEASE are those of this plan, a deploy has its own"
    later += "" if is_built else "; DIGEST and PACKED_BYTES are known once it is built"
    console.print(f"\n[bold]What each host would run[/], to the letter. {later}.")
    shown: set[str] = set()
    for moment in dict.fromkeys(moment for one in hosts for moment in one.scripts):
        _show(console, moment, hosts, shown)


def _show(console: Console, moment: str, hosts: Sequence[HostPreview], shown: set[str]) -> None:
    same: defaultdict[str, list[str]] = defaultdict(list)
    for one in hosts:
        if moment in one.scripts:
            same[one.scripts[moment]].append(one.host.name)
    (text, who), *others = same.items()
    when = f": [dim]{_WHEN[moment]}[/]" if moment in _WHEN else ""
    console.print(f"[bold]{moment}[/] on [cyan]{escape(_who(who, len(hosts)))}[/]{when}")
    for line in _folded(text, shown):
        console.print(f"  [dim]|[/] {line}")
    for other, more in others:
        console.print(f"[bold]{moment}[/] on [cyan]{escape(_who(more, len(hosts)))}[/], the same but for:")
        for line in _changes(text, other):
            console.print(f"  [dim]|[/] {escape(line)}")


def _who(hosts: Sequence[str], total: int) -> str:
    return f"all {total} hosts" if len(hosts) == total > 1 else names(hosts)


def _folded(text: str, shown: set[str]) -> list[str]:
    """The lines of a text; a part that all scripts share is told by its name once it was shown."""
    lines: list[str] = []
    for name in scripts.SHARED_PARTS:
        part = scripts.part(name)
        before, found, behind = text.partition(part)
        if found and name in shown:
            count = len(part.splitlines())
            lines += [*_escaped(before), f"[dim]({name}: the {count} lines shown above)[/]"]
            text = behind
        elif found:
            shown.add(name)
            lines += _escaped(before + part)
            text = behind
    return lines + _escaped(text)


def _escaped(text: str) -> list[str]:
    return [escape(line) for line in text.removesuffix("\n").split("\n")] if text else []


def _changes(first: str, other: str) -> list[str]:
    """The lines that differ: `-` is not there, `+` is there instead."""
    old, new = first.splitlines(), other.splitlines()
    # Most of it is the same: without that, hundreds of hosts are compared in no time.
    for _ in range(2):
        same = next(
            (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
        )
        old, new = old[same:][::-1], new[same:][::-1]
    lines = list(unified_diff(old, new, n=0, lineterm=""))[2:]
    return [line for line in lines if not line.startswith("@@")]
