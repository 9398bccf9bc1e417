"""Looks at health that hosts make themselves: their text, and what their answers say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from shiphorn.model.health import Check, Kind, Tried, Verdict, judge_answer, too_late
from shiphorn.ports import Reply, Script
from shiphorn.remote import scripts
from shiphorn.remote.quote import assign, quote
from shiphorn.remote.scripts import HostPlan

UNCLEAR_STATUS = 75
"""EX_TEMPFAIL of sysexits.h."""
ABSENT_STATUSES = (126, 127)
"""What a shell says of a command that is not there, or that it cannot run."""
END_SECONDS = 8.0
"""What it may take to end a command that is out of time, and to tell."""
_ACTIVE = ("active", "reloading")
_CURL_SAID = {
    6: "its name cannot be resolved",
    7: "connection refused",
    28: "no answer in time",
    35: "TLS failed",
    60: "its certificate is not trusted",
}


def look(plan: HostPlan, checks: Sequence[Check]) -> Script:
    """Makes some looks, one after the other. `plan` names the release that the host runs."""
    return scripts.check(plan, "".join(_line(number, check) for number, check in enumerate(checks)))


def patience(checks: Sequence[Check]) -> float:
    """Seconds that a host may take for these."""
    return sum(_limit(check) + END_SECONDS for check in checks)


def tried(reply: Reply, checks: Sequence[Check]) -> list[Tried]:
    """What each look found; `checks` are those that the script was made with."""
    found = {int(frame.args[0]): frame for frame in reply.frames if frame.verb == "check"}
    said = "the look could not be made there: no room for temporary files?"
    return [
        _tried(check, found[number].args, found[number].data.decode(errors="replace"))
        if number in found
        else Tried(Verdict.UNCLEAR, said)
        for number, check in enumerate(checks)
    ]


def _line(number: int, check: Check) -> str:
    if check.kind == Kind.PROCESS:
        return f"check_process {number} {quote(check.what)}\n"
    where_to = " in-release" if check.kind == Kind.COMMAND else ""
    return assign("COMMAND", command_of(check)) + f"check_by {number} {_limit(check)}{where_to}\n"


def command_of(check: Check) -> str:
    """The command by which a host makes a look."""
    match check.kind:
        case Kind.HTTP:
            headers = " ".join(quote(f"{name}: {value}") for name, value in check.headers.items())
            return (
                assign("URL", check.what)
                + assign("LIMIT", _limit(check))
                + assign("WITH_BODY", int(bool(check.body)))
                + f"set -- {headers}\n"
                + scripts.check_command(check.kind)
            )
        case Kind.TCP:
            address, _, port = check.what.rpartition(":")
            return (
                assign("ADDRESS", address.strip("[]"))
                + assign("PORT", port)
                + assign("LIMIT", _limit(check))
                + scripts.check_command(check.kind)
            )
        case Kind.UNIT:
            return assign("UNIT", check.what) + scripts.check_command(check.kind)
        case _:
            return check.what


def _limit(check: Check) -> int:
    return math.ceil(check.timeout_seconds)


def _tried(check: Check, args: tuple[str, ...], text: str) -> Tried:
    status, seconds, late = int(args[1]), int(args[2]) / 1000, args[3] == "1"
    if check.kind == Kind.PROCESS:
        return _process(check, status, text)
    if late:
        return too_late(check)
    if status == UNCLEAR_STATUS:
        return Tried(Verdict.UNCLEAR, _last(text) or "ended with status 75: unclear", seconds)
    if check.kind == Kind.HTTP:
        return _http(check, text, seconds)
    return replace(_READ[check.kind](status, text), seconds=seconds)


def _of_command(status: int, text: str) -> Tried:
    if status == 0:
        return Tried(Verdict.PASS, "ended with status 0")
    cause = f"ended with status {status}"
    last = _last(text)
    verdict = Verdict.MISSING if status in ABSENT_STATUSES else Verdict.FAIL
    return Tried(verdict, f"{cause}: {last}" if last else cause, cause=cause)


def _http(check: Check, text: str, seconds: float) -> Tried:
    body, _, last = text.rstrip("\n").rpartition("\nhorn ")
    code, _, curl = last.partition(" ")
    if not code.isdigit() or not curl.isdigit():
        return Tried(Verdict.UNCLEAR, f"the host's own client failed: {_last(text)}", seconds)
    if int(code) == 0 or int(curl) == 28:
        words = _CURL_SAID.get(int(curl), "no answer")
        return Tried(Verdict.FAIL, words, seconds)
    return judge_answer(check, int(code), body, seconds)


def _tcp(status: int, _text: str) -> Tried:
    return Tried(Verdict.PASS, "connected") if status == 0 else Tried(Verdict.FAIL, "cannot be connected to")


def _unit(status: int, text: str) -> Tried:
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    if status != 0 or "ActiveState" not in said:
        return Tried(Verdict.UNCLEAR, f"systemctl ended with status {status}: {_last(text)}")
    if said.get("LoadState") == "not-found":
        return Tried(Verdict.MISSING, "is not known to systemd")
    state, restarts = said["ActiveState"], said.get("NRestarts", "")
    if state not in _ACTIVE:
        return Tried(Verdict.FAIL, f"is {state}")
    return Tried(Verdict.PASS, f"is {state}", mark=restarts if restarts.isdigit() else "")


_READ = {Kind.TCP: _tcp, Kind.UNIT: _unit, Kind.COMMAND: _of_command}


def _process(check: Check, status: int, text: str) -> Tried:
    pid, _, start = text.partition("\n")
    if status in ABSENT_STATUSES:
        return Tried(Verdict.MISSING, f"{check.what} cannot be read", cause="cannot be read")
    if status != 0:
        cause = "names no process that lives"
        return Tried(Verdict.FAIL, f"{cause}: {pid or 'it is empty'}", cause=cause)
    return Tried(Verdict.PASS, f"lives as {pid}", mark=f"{pid}:{start}")


def _last(text: str) -> str:
    lines = ["".join(char for char in line if char.isprintable()).strip() for line in text.splitlines()[-5:]]
    return next((line[:300] for line in reversed(lines) if line), "")
