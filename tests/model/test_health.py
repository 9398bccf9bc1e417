"""Health: from a series of tries to an outcome."""

from hypothesis import given
from hypothesis import strategies as st

from shiphorn.model.health import (
    Check,
    Health,
    Kind,
    Outcome,
    Tried,
    Verdict,
    before,
    judge_answer,
    noticing_restarts,
)

CHECK = Check(Kind.COMMAND, "bin/check", "bin/check", successes=2, failures=2)
LETTERS = {"P": Verdict.PASS, "F": Verdict.FAIL, "M": Verdict.MISSING, "U": Verdict.UNCLEAR}


def watched(tries: str, *, baseline: Verdict = Verdict.UNCLEAR, check: Check = CHECK) -> Health:
    """Where a check stands after tries such as `PPF|PP`; `|` is the end of the bake time."""
    health = Health("web1", 0, check.name, baseline)
    baked = "|" not in tries
    for letter in tries:
        if letter == "|":
            baked = True
        else:
            health = health.after(check, Tried(LETTERS[letter], letter), baked=baked, at=1.0)
    return health


def test_it_is_healthy_after_enough_passes_in_a_row_once_it_is_baked() -> None:
    assert watched("P").outcome == Outcome.WATCHING
    assert watched("PP").outcome == Outcome.HEALTHY
    assert watched("FFPP").outcome == Outcome.HEALTHY
    assert watched("PPPPPPPP|").outcome == Outcome.WATCHING
    assert watched("PPPPPPPP|P").outcome == Outcome.HEALTHY
    assert watched("PPPF|P").outcome == Outcome.WATCHING


def test_it_is_unhealthy_after_more_failures_in_a_row_than_allowed_even_while_it_bakes() -> None:
    assert watched("FF").outcome == Outcome.WATCHING
    assert watched("FFF|").outcome == Outcome.UNHEALTHY
    assert watched("PPPPFFF|").outcome == Outcome.UNHEALTHY
    assert watched("FFPFF|").outcome == Outcome.WATCHING
    assert watched("MFM").outcome == Outcome.UNHEALTHY


def test_neither_well_nor_ill_when_time_is_up_is_inconclusive() -> None:
    assert watched("FPFPF").outcome == Outcome.INCONCLUSIVE
    assert watched("UUUU").outcome == Outcome.WATCHING
    assert watched("UUUUU").outcome == Outcome.INCONCLUSIVE
    assert watched("UUUUUUUUUUU|").outcome == Outcome.WATCHING


def test_an_unclear_try_breaks_a_row_of_passes_but_not_one_of_failures() -> None:
    assert watched("PUP").outcome == Outcome.WATCHING
    assert watched("FUFUF").outcome == Outcome.UNHEALTHY


def test_what_was_red_before_the_deploy_is_not_held_against_it() -> None:
    assert watched("FFF", baseline=Verdict.FAIL).outcome == Outcome.RED_BEFORE
    assert watched("FPFPF", baseline=Verdict.FAIL).outcome == Outcome.RED_BEFORE
    assert watched("PP", baseline=Verdict.FAIL).outcome == Outcome.HEALTHY
    assert watched("FFF", baseline=Verdict.PASS).outcome == Outcome.UNHEALTHY


def test_what_was_not_there_before_the_deploy_has_no_baseline() -> None:
    missing = Tried(Verdict.MISSING, "ended with status 127")
    assert before("web1", CHECK, missing, 1.0).baseline == Verdict.UNCLEAR
    assert before("web1", CHECK, Tried(Verdict.FAIL, ""), 1.0).baseline == Verdict.FAIL


def test_another_watch_begins_anew_but_knows_the_baseline_and_the_mark() -> None:
    health = Health("web1", 0, "x", Verdict.FAIL, Outcome.HEALTHY, 4, 0, "well", "7", 2.0, 3)
    assert health.anew() == Health("web1", 0, "x", Verdict.FAIL, Outcome.WATCHING, 0, 0, "well", "7", 2.0, 0)


def test_a_restart_after_the_first_look_is_a_failure() -> None:
    unit = Check(Kind.UNIT, "app.service", "app.service")
    process = Check(Kind.PROCESS, "run/app.pid", "run/app.pid")

    def verdict(check: Check, mark: str, seen: str) -> Verdict:
        return noticing_restarts(check, mark, Tried(Verdict.PASS, "is active", mark=seen)).verdict

    assert verdict(unit, "", "3") == Verdict.PASS
    assert verdict(unit, "3", "3") == Verdict.PASS
    assert verdict(unit, "3", "4") == Verdict.FAIL
    assert verdict(unit, "3", "0") == Verdict.PASS
    assert verdict(process, "812:5", "813:9") == Verdict.FAIL
    assert verdict(process, "812:5", "812:9") == Verdict.FAIL


def test_the_mark_is_that_of_the_first_pass() -> None:
    health = Health("web1", 0, "x").after(CHECK, Tried(Verdict.FAIL, "", mark="1"), baked=False, at=1.0)
    for mark in ("2", "3"):
        health = health.after(CHECK, Tried(Verdict.PASS, "", mark=mark), baked=False, at=1.0)
    assert health.mark == "2"


def test_a_long_command_is_named_by_its_beginning() -> None:
    def name(text: str) -> str:
        return Check(Kind.COMMAND, text, text).name

    assert name("bin/check --all") == "command bin/check --all"
    assert name("bin/check\nbin/other\n") == "command bin/check ..."
    assert name("x" * 81) == f"command {'x' * 76} ..."


def test_an_answer_is_judged_by_status_then_body_then_time() -> None:
    check = Check(Kind.HTTP, "http://x/", "http://x/", status="2xx", body="ok", within_seconds=2)

    def message(status: int, body: str, seconds: float) -> str:
        return judge_answer(check, status, body, seconds).message

    assert message(204, "all ok", 0.0123) == "answered 204 in 12 ms"
    assert message(500, "ok", 0.1) == "answered 500, wanted 2xx"
    assert message(200, "no", 0.1) == 'answered 200, but without "ok"'
    assert message(200, "ok", 2.3456) == "took 2.35 s, wanted 2 s"
    exact = Check(Kind.HTTP, "http://x/", "http://x/", status="301")
    assert judge_answer(exact, 301, "", 0.1).verdict == Verdict.PASS
    assert judge_answer(exact, 302, "", 0.1).verdict == Verdict.FAIL


checks = st.builds(
    Check,
    st.just(Kind.COMMAND),
    st.just("x"),
    st.just("x"),
    successes=st.integers(1, 4),
    failures=st.integers(0, 4),
)
baking = st.text("PFMU", max_size=20)
letters = st.text("PFMU", min_size=9, max_size=20)


@given(checks, baking, letters)
def test_it_is_decided_by_the_last_tries_at_latest_and_stays_so(check: Check, early: str, late: str) -> None:
    done = watched(f"{early}|{late[: check.last_tries]}", check=check)
    assert done.outcome != Outcome.WATCHING
    assert watched(f"{early}|{late}", check=check) == done


@given(checks, baking, letters)
def test_it_is_unhealthy_exactly_if_a_row_of_failures_came_first(check: Check, early: str, late: str) -> None:
    done = watched(f"{early}|{late[: check.last_tries]}", check=check)
    seen = early + late
    rows = [row for row in seen.replace("U", "").replace("M", "F").split("P") if len(row) > check.failures]
    if done.outcome == Outcome.UNHEALTHY:
        assert rows
        assert done.failures == check.failures + 1
    if done.outcome == Outcome.HEALTHY:
        assert done.passes >= check.successes
        assert done.late >= 1
    if "P" not in seen and "U" not in seen:
        assert done.outcome == Outcome.UNHEALTHY


@given(checks, baking, letters)
def test_a_red_baseline_changes_nothing_but_how_a_failure_is_called(
    check: Check, early: str, late: str
) -> None:
    tries = f"{early}|{late}"
    red = watched(tries, check=check, baseline=Verdict.FAIL).outcome
    plain = watched(tries, check=check).outcome
    excused = {Outcome.UNHEALTHY: Outcome.RED_BEFORE, Outcome.INCONCLUSIVE: Outcome.RED_BEFORE}
    assert red == excused.get(plain, plain)


@given(checks, st.integers(0, 20))
def test_only_unclear_tries_are_inconclusive_and_only_passes_healthy(check: Check, early: int) -> None:
    assert watched("U" * early + "|" + "U" * 9, check=check).outcome == Outcome.INCONCLUSIVE
    assert watched("P" * early + "|" + "P" * 9, check=check).outcome == Outcome.HEALTHY
