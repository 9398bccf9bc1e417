"""Failures of many hosts, told by their few causes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from shiphorn.errors import ShiphornError
from shiphorn.model.deploy import HostRun, Problem
from shiphorn.model.target import Host

CAUSES = {
    "SH301": "unreachable",
    "SH302": "no answer in time",
    "SH303": "host key not known",
    "SH304": "host key changed",
    "SH305": "login refused",
    "SH306": "no usable shell",
    "SH307": "connection lost",
    "SH420": "took too long",
}


def problem_of(error: ShiphornError, host: Host) -> Problem:
    """An error that a host's work raised, as that host's problem."""
    cause = error.facts.get("group") or CAUSES.get(error.code) or error.message.replace(host.name, "host")
    return Problem(error.code, error.message, cause, error.hint)


def by_cause(runs: Iterable[HostRun]) -> dict[str, list[HostRun]]:
    """Cause -> the hosts that failed for it, the most frequent first."""
    causes: defaultdict[str, list[HostRun]] = defaultdict(list)
    for run in runs:
        if run.problem is not None:
            causes[run.problem.group].append(run)
    return dict(sorted(causes.items(), key=lambda cause: -len(cause[1])))


def causes(runs: Iterable[HostRun]) -> dict[str, dict[str, list[str]]]:
    """The facts of an error about many hosts: cause -> their names."""
    return {"causes": {cause: [run.host.name for run in same] for cause, same in by_cause(runs).items()}}


def summary(runs: Iterable[HostRun]) -> str:
    """`212 hosts: disk full; web3.eu: login refused`, in one line."""
    return "; ".join(
        f"{hosts[0].host.name if len(hosts) == 1 else f'{len(hosts)} hosts'}: {cause}"
        for cause, hosts in by_cause(runs).items()
    )
