"""What goes out by itself, decided from facts alone: a table of what is known, and what is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shiphorn.model.auto import AutoState, Written
from shiphorn.model.release import Commit
from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.service.auto import branches
from shiphorn.service.auto.branches import Out, Step
from shiphorn.service.auto.decide import Candidate, Decision, Facts, Ready, decide, green

NOW = 1000.0
LIVE, OLD, MID, NEW = ("0" * 40, "1" * 40, "2" * 40, "3" * 40)
GREEN = Ready(900.0, "is green: ci/build", "main is green: ci/build")
RED = Ready(None, "is red: ci/build")
PENDING = Ready(None, "waits for ci/build")


def coming(*candidates: Candidate, **more: object) -> Facts:
    return replace(Facts("main", LIVE, candidates[0].sha, candidates), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "state", "reason", "sha"),
    [
        (Facts("branch main", LIVE, ""), "idle", "there is no branch main", ""),
        (Facts("main", LIVE, LIVE), "idle", "main is live", ""),
        (
            Facts("main", LIVE, NEW),
            "idle",
            "00000000 is live, and main at 33333333 does not contain it",
            "",
        ),
        (
            Facts("main", LIVE, NEW, out="branch fast is out, by ada"),
            "waits",
            "waits while branch fast is out, by ada",
            "",
        ),
        (Facts("", LIVE, "", stopped="deploy 3 failed"), "stopped", "deploy 3 failed", ""),
        (coming(Candidate(NEW, GREEN)), "ships", "main is green: ci/build; auto deploy", NEW),
        (coming(Candidate(NEW, PENDING)), "waits", "33333333 waits for ci/build", NEW),
        (coming(Candidate(NEW, RED)), "waits", "33333333 is red: ci/build", NEW),
        (
            coming(Candidate(NEW, RED), Candidate(MID, GREEN), Candidate(OLD, GREEN)),
            "ships",
            "main is green: ci/build; auto deploy",
            MID,
        ),
        (coming(Candidate(NEW, GREEN, skips=True)), "idle", "33333333 says [skip deploy]", ""),
        (
            coming(Candidate(NEW, GREEN, skips=True), Candidate(OLD, GREEN)),
            "ships",
            "main is green: ci/build; auto deploy",
            OLD,
        ),
        (coming(Candidate(NEW, GREEN, taken=7)), "idle", "33333333 went out already, by deploy 7", ""),
        (
            # Somebody went back from the second: what is older is not tried in its place.
            coming(Candidate(NEW, PENDING), Candidate(MID, GREEN, taken=7), Candidate(OLD, GREEN)),
            "waits",
            "33333333 waits for ci/build",
            NEW,
        ),
        (
            coming(Candidate(NEW, GREEN), Candidate(OLD, GREEN), running="deploy 4 by ada"),
            "waits",
            "33333333 goes next, after deploy 4 by ada",
            NEW,
        ),
        (coming(Candidate(NEW, GREEN), delay=101.0), "waits", "33333333 is green: ci/build", NEW),
        (coming(Candidate(NEW, GREEN), delay=100.0), "ships", "main is green: ci/build; auto deploy", NEW),
        (
            coming(
                Candidate(NEW, Ready(990.0, "is green: ci/build")),
                Candidate(OLD, GREEN),
                delay=60.0,
            ),
            "ships",
            "main is green: ci/build; auto deploy",
            OLD,
        ),
    ],
)
def test_the_newest_commit_that_is_ready_goes_out_and_never_one_that_is_behind(
    facts: Facts, state: str, reason: str, sha: str
) -> None:
    found = decide(facts, NOW)
    assert (found.state, found.reason, found.sha) == (state, reason, sha)


def test_it_says_until_when_a_commit_is_too_young() -> None:
    facts = coming(Candidate(NEW, PENDING), Candidate(OLD, GREEN), delay=300.0)
    assert decide(facts, NOW) == Decision(AutoState.WAITS, "11111111 is green: ci/build", OLD, 1200.0)


def said(context: str, state: BuildState, at: float = 5.0) -> CommitStatus:
    return CommitStatus(NEW, "repository", "forge", context, state, at=at)


S, P, F = BuildState.SUCCESS, BuildState.PENDING, BuildState.FAILURE


@pytest.mark.parametrize(
    ("statuses", "required", "since", "words"),
    [
        ([], [], None, "waits for a first word of its builds"),
        ([said("ci/build", S, 5.0), said("lint", S, 9.0)], [], 9.0, "is green: ci/build, lint"),
        ([said("ci/build", S), said("lint", P)], [], None, "waits for lint"),
        ([said("ci/build", F), said("lint", P)], [], None, "is red: ci/build"),
        ([said("ci/build", S), said("lint", F)], ["ci/*"], 5.0, "is green: ci/build"),
        ([said("ci/build", S)], ["ci/*", "lint"], None, "waits for lint"),
        ([said("ci/build", F)], ["ci/*", "lint"], None, "is red: ci/build"),
        ([], ["ci/build"], None, "waits for ci/build"),
        ([said(name, S) for name in "abcde"], [], 5.0, "is green: a, b, c and 2 more"),
        ([said("ci/build", S, NOW + 3600)], [], NOW, "is green: ci/build"),
    ],
)
def test_a_commit_is_green_when_all_that_counts_is(
    statuses: list[CommitStatus], required: list[str], since: float | None, words: str
) -> None:
    found = green(statuses, required, "main", NOW)
    assert (found.since, found.words) == (since, words)


@pytest.mark.parametrize(
    ("message", "skips"),
    [
        ("Fix it", False),
        ("Fix it [skip deploy]", True),
        ("Fix it\n\nNot today. [Skip Deploy]\n", True),
        ("Fix it [deploy skip]", True),
        ("skip deploy of it", False),
        ("Fix it [skip ci]", False),
    ],
)
def test_a_message_says_that_its_commit_is_not_to_be_deployed(message: str, skips: bool) -> None:
    assert Written(Commit(NEW, message.splitlines()[0], "Ada", 1), message).skips is skips


OUT = Out("fast", "main", head=NEW, live=OLD)


@pytest.mark.parametrize(
    ("out", "step", "words"),
    [
        (OUT, Step.KEEP, ""),
        (replace(OUT, merged=MID), Step.RELEASE, "merged as 22222222"),
        (replace(OUT, merged=MID, moving=True), Step.KEEP, ""),
        (replace(OUT, merged=MID, head=""), Step.RELEASE, "merged as 22222222"),
        (
            replace(OUT, head=""),
            Step.KEEP,
            "fast is gone, and main does not contain it: deploy main, or unlock it by hand",
        ),
        (replace(OUT, redeploys=True), Step.REDEPLOY, "fast was pushed to; it is out"),
        (replace(OUT, redeploys=True, moving=True), Step.KEEP, ""),
        (replace(OUT, redeploys=True, tried=True), Step.KEEP, ""),
        (replace(OUT, redeploys=True, live=NEW), Step.KEEP, ""),
        (replace(OUT, redeploys=True, skips=True), Step.KEEP, "33333333 says [skip deploy]"),
    ],
)
def test_a_branch_that_is_out_is_unlocked_by_its_merge_and_follows_what_is_pushed(
    out: Out, step: Step, words: str
) -> None:
    assert branches.decide(out) == branches.Decision(step, words)
