"""What hosts answer, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shiphorn.model.deploy import CommandOutput, Problem
from shiphorn.model.release import is_release_id
from shiphorn.model.settings import Command
from shiphorn.ports import Frame, Reply


@dataclass(frozen=True, slots=True)
class Live:
    """What a host runs and keeps; "" for none. `releases` is oldest first."""

    live_release: str
    live_revision: str
    releases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProbeFacts(Live):
    """What a probe found. `kind` of `current` is absent, release, outside, dangling, directory or file.

    `fence` is the token and the run of the last deploy that changed something, "" if none did.
    """

    home: str
    user: str
    base: str
    exists: bool
    writable: bool
    free_bytes: int
    tools: frozenset[str]
    kind: str
    target: str
    unfinished: tuple[str, ...]
    missing_shared_files: tuple[str, ...]
    fence: str

    def has(self, release: str) -> bool:
        """Whether the host keeps a release, and it is whole."""
        return release in self.releases and release not in self.unfinished


@dataclass(frozen=True, slots=True)
class Flipped:
    """A switch of `current`. `at_ns` is Unix nanoseconds by the host's clock, 0 if it has none.

    `already` says that the host had switched before it was asked.
    """

    at_ns: int
    previous: str
    already: bool


def parse_inspect(reply: Reply) -> Live:
    """What `inspect`, `probe` and `finish` say about the live release."""
    live, kept = reply.first("live"), reply.first("releases")
    return Live(
        live.args[0] if live and live.args[0] != "-" else "",
        _line(live),
        tuple(sorted(name for name in _lines(kept) if is_release_id(name))),
    )


def parse_probe(reply: Reply) -> ProbeFacts:
    """What `probe` found."""
    facts = {frame.args[0]: frame for frame in reply.frames if frame.verb == "fact"}
    live = parse_inspect(reply)
    return ProbeFacts(
        live.live_release,
        live.live_revision,
        live.releases,
        home=_line(facts.get("home")),
        user=_line(facts.get("user")),
        base=_line(facts.get("base")),
        exists=_line(facts.get("exists")) == "1",
        writable=_line(facts.get("writable")) == "1",
        free_bytes=int(_line(facts.get("free_bytes")) or 0),
        tools=frozenset(_line(facts.get("tools")).split()),
        kind=_line(facts.get("kind")),
        target=_line(facts.get("target")),
        unfinished=_lines(facts.get("unfinished")),
        missing_shared_files=_lines(facts.get("missing_shared_files")),
        fence=_line(facts.get("fence")),
    )


def parse_flipped(frame: Frame) -> Flipped:
    """The frame `flipped`."""
    at_ns, previous, already = frame.args
    return Flipped(int(at_ns), "" if previous == "-" else previous, already == "1")


def problems_of(reply: Reply) -> list[Problem]:
    """What went wrong on the host; a script that ends badly without a word is a problem too."""
    found = []
    for frame in reply.frames:
        if frame.verb == "fail":
            cause, message, hint = (*frame.data.decode(errors="replace").split("\n"), "", "")[:3]
            found.append(Problem(frame.args[0], message, cause, hint))
    if reply.status != 0 and not found:
        said = reply.stderr.strip().splitlines()
        message = f"The script ended with status {reply.status}: {said[-1] if said else 'no word why'}"
        found.append(Problem("SH499", message, "the script failed", "Is the host's sh a POSIX shell?"))
    return found


def outputs_of(reply: Reply, commands: Sequence[Command]) -> list[CommandOutput]:
    """What the commands of a script printed; `commands` are those that it was made with."""
    return [_output(frame, commands) for frame in reply.frames if frame.verb == "command"]


def clock_offset(samples: Sequence[tuple[float, int, float]]) -> tuple[float, float] | None:
    """How far a host's clock is ahead, and the round trip, both in seconds; None if it is too coarse.

    Samples are (sent, the host's Unix nanoseconds, arrived). The one with the shortest way there
    and back is off by half of that at most.
    """
    usable = [(arrived - sent, sent, host_ns) for sent, host_ns, arrived in samples if host_ns]
    if not usable:
        return None
    trip, sent, host_ns = min(usable)
    return host_ns / 1e9 - (sent + trip / 2), trip


def _output(frame: Frame, commands: Sequence[Command]) -> CommandOutput:
    moment, number, status, milliseconds, *_ = frame.args
    text = frame.data.decode(errors="replace")
    code = None if status == "-" else int(status)
    return CommandOutput(moment, commands[int(number)].run, code, text, int(milliseconds) / 1000)


def _line(frame: Frame | None) -> str:
    return frame.data.decode(errors="replace").strip("\n") if frame else ""


def _lines(frame: Frame | None) -> tuple[str, ...]:
    return tuple(line for line in _line(frame).split("\n") if line)
