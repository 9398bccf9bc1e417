"""Folding: what many hosts printed, told once, with the ones that differ by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shiphorn.model.deploy import CommandOutput


@dataclass(frozen=True, slots=True)
class Fold:
    """Hosts on which a command printed the same and ended the same. `seconds` is the slowest."""

    phase: str
    command: str
    exit_status: int | None
    output: str
    hosts: tuple[str, ...]
    seconds: float


def fold(printed: Iterable[tuple[str, CommandOutput]]) -> list[Fold]:
    """Group outputs, given as (host, output), in their order; of one command the largest group first."""
    groups: dict[tuple[str, str], dict[tuple[int | None, str], list[tuple[str, float]]]] = {}
    for host, one in printed:
        same_command = groups.setdefault((one.phase, one.command), {})
        same_command.setdefault((one.exit_status, one.output), []).append((host, one.seconds))
    return [
        Fold(
            phase,
            command,
            exit_status,
            output,
            tuple(host for host, _ in hosts),
            max(seconds for _, seconds in hosts),
        )
        for (phase, command), results in groups.items()
        for (exit_status, output), hosts in sorted(results.items(), key=lambda item: -len(item[1]))
    ]
