"""A deploy as a service tells of it, turned back into the events that the deploy itself told.

A service keeps no event of a host that fares well: what is told are states of hosts, now and then. So
hosts that passed a phase between two such words are made up for when the phase ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from shiphorn.model.deploy import HostRun, HostState, Phase
from shiphorn.model.events import (
    Event,
    HostChanged,
    PhaseFinished,
    PhaseStarted,
    WaveStarted,
    event_from_json,
)
from shiphorn.ports import EventSink

PASSED = {
    Phase.PROBE: HostState.PROBED,
    Phase.STAGE: HostState.STAGED,
    Phase.FLIP: HostState.FLIPPED,
    Phase.RESTART: HostState.RESTARTED,
    Phase.FINISH: HostState.DONE,
    Phase.ROLLBACK: HostState.REVERTED,
}
"""What a host is that has passed a phase."""
_BY_WAVE = frozenset({Phase.FLIP, Phase.RESTART, Phase.WATCH})


class Retelling:
    """Tells the events of one deploy, each once."""

    def __init__(self, deploy_id: int, tell: EventSink) -> None:
        self._deploy_id = deploy_id
        self._tell = tell
        self._told: set[str] = set()
        self._doing: Any = None
        self._runs: dict[str, HostRun] = {}
        self._states: dict[str, str] = {}
        self._failed: set[str] = set()
        self._phase = ""
        self._expected: Mapping[str, int] = {}
        self._wave = 0

    @property
    def needs_hosts(self) -> bool:
        """Whether it has to be told the hosts before it can go on."""
        return bool(self._expected) and not self._runs

    def know(self, runs: Sequence[HostRun]) -> None:
        """Learn which hosts there are."""
        self._runs = {run.host.name: run for run in runs}

    def happened(self, number: str, body: Mapping[str, Any]) -> None:
        """Take an event that is on record."""
        event = None if number in self._told else event_from_json(body)
        self._told.add(number)
        match event:
            case None:
                return
            case PhaseStarted():
                self._phase, self._expected = event.phase, event.hosts
            case WaveStarted():
                self._wave = event.wave
            case HostChanged():
                self._failed.add(event.host)
            case PhaseFinished():
                self._complete(event)
        self._tell(event)

    def row(self, deploy: Mapping[str, Any]) -> None:
        """Take the row of the deploy: it has the last of the events that are told and not kept."""
        doing = deploy.get("doing")
        if doing and doing != self._doing:
            self._doing = doing
            event = event_from_json(doing)
            if event is not None:
                self._tell(event)

    def changed(self, states: Mapping[str, str]) -> None:
        """Take the states of hosts."""
        for name, state in states.items():
            if self._states.get(name) != state and name in self._runs and name not in self._failed:
                self._tell(self._word(self._runs[name], state, 0.0))
        self._states |= states

    def _complete(self, event: PhaseFinished) -> None:
        """Tell of the hosts that passed a phase, as many as it had and have not failed in it."""
        state = PASSED.get(Phase(event.phase))
        if state is None:
            return
        passed: defaultdict[str, int] = defaultdict(int)
        for run in self._runs.values():
            in_wave = event.phase not in _BY_WAVE or self._wave in (0, run.wave)
            region = run.host.region
            if (
                in_wave
                and run.host.name not in self._failed
                and passed[region] < self._expected.get(region, 0)
            ):
                passed[region] += 1
                self._tell(self._word(run, state, event.at))

    def _word(self, run: HostRun, state: str, at: float) -> Event:
        return HostChanged(self._deploy_id, at, run.host.name, run.host.region, self._phase, state)
