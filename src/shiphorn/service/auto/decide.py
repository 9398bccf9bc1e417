"""What an environment that deploys by itself does next, from the facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shiphorn.model.auto import AutoState
from shiphorn.model.statuses import BuildState, CommitStatus, overall

TOLD_CONTEXTS = 3


@dataclass(frozen=True, slots=True)
class Ready:
    """Whether a commit is ready to go out, and since when; None while it is not.

    `words` go on behind the commit: `is green: ci/build`. `why` is the reason of its deploy.
    """

    since: float | None
    words: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A commit ahead of what is live. `taken` is the deploy that took it out by itself, None for none."""

    sha: str
    ready: Ready
    skips: bool = False
    taken: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an environment.

    `what` it goes by, in words: a branch, or what another environment runs; `head` is the commit of that, ""
    when there is none. `candidates` are ahead of what is `live`, the newest first. A ready commit waits for
    `delay` seconds more. `running` is the deploy under way, in words; `out` the branch that is
    out there. `stopped` is why it was stopped.
    """

    what: str
    live: str
    head: str
    candidates: Sequence[Candidate] = ()
    delay: float = 0.0
    running: str = ""
    out: str = ""
    stopped: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What it does, and why; `until` is when it will look different by itself, None when nobody knows.

    `sha` is the commit that goes out, or that waits; "" for none.
    """

    state: AutoState
    reason: str
    sha: str = ""
    until: float | None = None


def decide(facts: Facts, now: float) -> Decision:
    """What to do. It never goes back, never sideways, and never twice with the same commit."""
    if facts.stopped:
        return Decision(AutoState.STOPPED, facts.stopped)
    if not facts.head:
        return Decision(AutoState.IDLE, f"there is no {facts.what}")
    if facts.head == facts.live:
        return Decision(AutoState.IDLE, f"{facts.what} is live")
    if not facts.candidates and facts.out:
        return Decision(AutoState.WAITS, f"waits while {facts.out}")
    if not facts.candidates:
        words = f"{facts.live[:8]} is live, and {facts.what} at {facts.head[:8]} does not contain it"
        return Decision(AutoState.IDLE, words)
    return _of_candidates(facts, now)


def _of_candidates(facts: Facts, now: float) -> Decision:
    wanted = _until_taken(facts.candidates)
    if not wanted:
        newest = facts.candidates[0]
        return Decision(AutoState.IDLE, f"{newest.sha[:8]} went out already, by deploy {newest.taken}")
    unskipped = [one for one in wanted if not one.skips]
    if not unskipped:
        return Decision(AutoState.IDLE, f"{wanted[0].sha[:8]} says [skip deploy]")
    ripe = [one for one in unskipped if one.ready.since is not None and one.ready.since + facts.delay <= now]
    if not ripe:
        return _waiting(unskipped, facts.delay)
    chosen = ripe[0]
    if facts.running:
        return Decision(AutoState.WAITS, f"{chosen.sha[:8]} goes next, after {facts.running}", chosen.sha)
    return Decision(AutoState.SHIPS, f"{chosen.ready.why}; auto deploy", chosen.sha)


def _until_taken(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that are newer than any that went out before: somebody went back from that one."""
    found = []
    for one in candidates:
        if one.taken is not None:
            break
        found.append(one)
    return found


def _waiting(candidates: Sequence[Candidate], delay: float) -> Decision:
    """What is waited for: the first that is only too young, else what the newest lacks."""
    young = [one for one in candidates if one.ready.since is not None]
    if young:
        first = min(young, key=lambda one: one.ready.since or 0.0)
        until = (first.ready.since or 0.0) + delay
        return Decision(AutoState.WAITS, f"{first.sha[:8]} {first.ready.words}", first.sha, until)
    newest = candidates[0]
    return Decision(AutoState.WAITS, f"{newest.sha[:8]} {newest.ready.words}", newest.sha)


def green(statuses: Sequence[CommitStatus], required: Sequence[str], what: str, now: float) -> Ready:
    """Whether a commit is green: all `required` contexts (globs), or all that are known and at least one."""
    silent = [glob for glob in required if not any(fnmatchcase(one.context, glob) for one in statuses)]
    counted = [
        one for one in statuses if not required or any(fnmatchcase(one.context, glob) for glob in required)
    ]
    state = overall(counted)
    if state == BuildState.FAILURE:
        return Ready(None, f"is red: {_named(counted, BuildState.FAILURE)}")
    if state == BuildState.PENDING:
        return Ready(None, f"waits for {_named(counted, BuildState.PENDING)}")
    if silent:
        return Ready(None, f"waits for {_listed(silent)}")
    if state is None:
        return Ready(None, "waits for a first word of its builds")
    # A clock of a forge that is ahead of ours must not keep a commit back.
    since, words = (
        min(now, max(one.at for one in counted)),
        f"is green: {_named(counted, BuildState.SUCCESS)}",
    )
    return Ready(since, words, f"{what} {words}")


def _named(statuses: Sequence[CommitStatus], state: BuildState) -> str:
    return _listed([one.context for one in statuses if one.state == state])


def _listed(names: Sequence[str]) -> str:
    known = list(dict.fromkeys(names))
    more = len(known) - TOLD_CONTEXTS
    return ", ".join(known[:TOLD_CONTEXTS]) + (f" and {more} more" if more > 0 else "")
