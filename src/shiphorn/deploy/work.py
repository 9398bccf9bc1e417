"""The work on hosts: which file does it, which hosts need it, and whether a person may cut it short."""

from __future__ import annotations

from collections.abc import Callable

from shiphorn.deploy import finish, flip, probe, restart, rollback, stage, undo
from shiphorn.deploy.batch import HostWork
from shiphorn.deploy.deployment import SWITCHED, Deployment, Target
from shiphorn.model.deploy import HostState, Phase


def _is(*states: HostState) -> Callable[[Deployment, Target], bool]:
    return lambda _, target: target.run.state in states


def _in_wave(*states: HostState) -> Callable[[Deployment, Target], bool]:
    return lambda deployment, target: target.run.wave == deployment.record.wave and target.run.state in states


HOST_WORK = {
    "probe": HostWork(Phase.PROBE, probe.host, _is(HostState.WAITING)),
    "stage": HostWork(Phase.STAGE, stage.host, _is(HostState.PROBED)),
    "flip": HostWork(
        Phase.FLIP,
        flip.host,
        _in_wave(HostState.PROBED, HostState.STAGED, HostState.ARMED),
        stoppable=False,
    ),
    "restart": HostWork(Phase.RESTART, restart.host, _in_wave(HostState.FLIPPED)),
    "rollback": HostWork(
        Phase.ROLLBACK, rollback.host, _is(*SWITCHED), stoppable=False, takes_back=True, judged=False
    ),
    "finish": HostWork(Phase.FINISH, finish.host, _is(HostState.RESTARTED), judged=False),
    "undo": HostWork(Phase.STAGE, undo.host, undo.is_needed, stoppable=False, takes_back=True, judged=False),
}
"""What is done on hosts, by the name that the durable record knows it by."""
