"""Health: what is looked at after a switch, what each look found, and what that says about a host."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from shiphorn.model.measures import Measured, Metric, Of

NAME_LENGTH = 80
EVERY = "*"
"""In place of a host: all that have switched, judged together."""


class Kind(StrEnum):
    """What a check looks at."""

    HTTP = "http"
    TCP = "tcp"
    COMMAND = "command"
    UNIT = "unit"
    """A systemd unit: active, and not restarted by systemd since the switch."""
    PROCESS = "process"
    """A pid file: it names a process that lives, and the same one all the time."""
    GRAPHITE = "graphite"
    """What a query to Graphite gives."""
    PROMETHEUS = "prometheus"
    """What a query to Prometheus gives."""


METRICS = (Kind.GRAPHITE, Kind.PROMETHEUS)
"""Kinds that ask for numbers, and so have a `metric`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing of the config that has to be well on a host.

    `what` is a URL, `address:port`, a command, a unit, a pid file or a query; `pattern` is the same as
    the config has it, before placeholders are filled: hosts whose check fails alike share it.
    `successes` passes in a row are needed, `failures` failures in a row allowed. `on_host` says
    that the host itself makes the look. `status` (`200`, `2xx`), `body` (a text that the answer
    contains), `within_seconds` (0 for any) and `headers` are for http. `metric` says how numbers are judged.
    """

    kind: Kind
    what: str
    pattern: str
    position: int = 0
    roles: tuple[str, ...] = ()
    interval_seconds: float = 5.0
    successes: int = 2
    failures: int = 2
    timeout_seconds: float = 5.0
    on_host: bool = False
    status: str = "2xx"
    body: str = ""
    within_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    metric: Metric | None = None

    @property
    def together(self) -> bool:
        """Whether all hosts that have switched are judged as one."""
        return self.metric is not None and self.metric.of == Of.WAVE

    @property
    def name(self) -> str:
        """`http://192.0.2.10:8080/health`, `tcp 192.0.2.10:5432`; of a long command its beginning."""
        return self._named(self.what)

    @property
    def group(self) -> str:
        """The name without what is of one host: `http://{address}:8080/health`."""
        return self._named(self.pattern)

    def _named(self, what: str) -> str:
        if self.metric is not None and self.metric.title:
            return self.metric.title
        # A URL says itself what kind of check it is.
        return _short(what) if self.kind == Kind.HTTP else f"{self.kind} {_short(what)}"

    @property
    def last_tries(self) -> int:
        """How many tries there are once the bake time is over: enough to tell well from ill, and one more."""
        return self.successes + self.failures + 1


class Verdict(StrEnum):
    """What one try says."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    MISSING = "missing"
    """What is looked at is not there: a failure, but before a deploy it says nothing."""
    UNCLEAR = "unclear"
    """The look itself did not work."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What one try found. `cause` is the message without what is special about a host.

    `mark` tells runs apart: what was restarted has another one. `measured` has the numbers, of a metric;
    `baseline` is what the same said before the deploy, if this look asked for that.
    """

    verdict: Verdict
    message: str
    seconds: float = 0.0
    cause: str = ""
    mark: str = ""
    measured: Measured | None = None
    baseline: Verdict | None = None

    @property
    def group(self) -> str:
        """The same for hosts that fail alike."""
        return self.cause or self.message


class Outcome(StrEnum):
    """What a check of a host comes to."""

    WATCHING = "watching"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    INCONCLUSIVE = "inconclusive"
    """Neither well nor ill when time was up."""
    RED_BEFORE = "red_before"
    """It fails, as it did before the deploy: that is not held against it."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a check of a host stands, or of all together (`EVERY`). `name` and `position` are the check's.

    `baseline` is what it said before the deploy, UNCLEAR when that is not known. `passes` and
    `failures` count those in a row. `mark` is that of the first pass after the switch; `late`
    counts the tries after the bake time.
    """

    host: str
    position: int
    name: str
    baseline: Verdict = Verdict.UNCLEAR
    outcome: Outcome = Outcome.WATCHING
    passes: int = 0
    failures: int = 0
    message: str = ""
    mark: str = ""
    seen_at: float = 0.0
    late: int = 0

    @property
    def excused(self) -> bool:
        """Whether a failure is not held against the deploy."""
        return self.baseline == Verdict.FAIL

    def is_well(self, check: Check) -> bool:
        """Whether nothing speaks against the host so far."""
        return self.outcome in (Outcome.HEALTHY, Outcome.RED_BEFORE) or self.passes >= check.successes

    def anew(self) -> Health:
        """The same check at the start of another watch."""
        return replace(self, outcome=Outcome.WATCHING, passes=0, failures=0, late=0)

    def after(self, check: Check, tried: Tried, *, baked: bool, at: float) -> Health:
        """How it stands after a try; `baked` says that the bake time was over when the try began.

        What was decided stays. An unclear try breaks a row of passes, and leaves one of failures.
        """
        if self.outcome != Outcome.WATCHING:
            return self
        if tried.baseline is not None:
            return replace(self, baseline=tried.baseline).after(
                check, replace(tried, baseline=None), baked=baked, at=at
            )
        passes = self.passes + 1 if tried.verdict == Verdict.PASS else 0
        failures = 0 if passes else self.failures + (tried.verdict != Verdict.UNCLEAR)
        late = self.late + baked
        return replace(
            self,
            outcome=self._outcome(check, passes, failures, late),
            passes=passes,
            failures=failures,
            late=late,
            message=tried.message,
            mark=self.mark or (tried.mark if passes else ""),
            seen_at=at,
        )

    def _outcome(self, check: Check, passes: int, failures: int, late: int) -> Outcome:
        if failures > check.failures:
            return Outcome.RED_BEFORE if self.excused else Outcome.UNHEALTHY
        if late and passes >= check.successes:
            return Outcome.HEALTHY
        if late >= check.last_tries:
            return Outcome.RED_BEFORE if self.excused else Outcome.INCONCLUSIVE
        return Outcome.WATCHING


def whose(host: str) -> str:
    """Who a check is about, in words: a host, or all that are judged together."""
    return "all switched hosts" if host.startswith(EVERY) else host


def before(host: str, check: Check, tried: Tried, at: float) -> Health:
    """How a check stands before the deploy, by the try that was made then."""
    baseline = Verdict.UNCLEAR if tried.verdict == Verdict.MISSING else tried.verdict
    return Health(host, check.position, check.name, baseline, message=tried.message, seen_at=at)


def noticing_restarts(check: Check, mark: str, tried: Tried) -> Tried:
    """The try, as a failure if what it looked at was restarted since it had the mark.

    Of a unit the mark is how often systemd restarted it, of a process its pid and start.
    """
    if tried.verdict != Verdict.PASS or not mark or not tried.mark or tried.mark == mark:
        return tried
    if check.kind == Kind.UNIT and int(tried.mark) < int(mark):
        return tried
    words = "was restarted after the switch"
    return replace(tried, verdict=Verdict.FAIL, message=f"{words}: {tried.message}", cause=words)


def judge_answer(check: Check, status: int, body: str, seconds: float) -> Tried:
    """What an HTTP answer says: first by its status, then by its body, then by its time."""
    if not _is_wanted(status, check.status):
        words = f"answered {status}, wanted {check.status}"
        return Tried(Verdict.FAIL, words, seconds)
    if check.body and check.body not in body:
        return Tried(Verdict.FAIL, f'answered {status}, but without "{check.body}"', seconds)
    if 0 < check.within_seconds < seconds:
        message = f"took {seconds:.2f} s, wanted {check.within_seconds:g} s"
        return Tried(Verdict.FAIL, message, seconds, "was too slow")
    return Tried(Verdict.PASS, f"answered {status} in {seconds * 1000:.0f} ms", seconds)


def too_late(check: Check) -> Tried:
    """What a check says that did not come to its end in time."""
    return Tried(Verdict.FAIL, f"gave no answer within {check.timeout_seconds:g} s", check.timeout_seconds)


def _short(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return text if text == line and len(text) <= NAME_LENGTH else f"{line[: NAME_LENGTH - 4].rstrip()} ..."


def _is_wanted(status: int, wanted: str) -> bool:
    return str(status)[:1] == wanted[:1] if wanted.endswith("xx") else str(status) == wanted
