"""What keeps a deploy from going out, and how people get it out all the same."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shiphorn.deploy import gates
from shiphorn.deploy.deployment import Deployment, open_deployment
from shiphorn.deploy.lock import lock_after_failure
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.deploy import Kind, Order
from shiphorn.model.freezes import window
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.ports import Gate
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Done, Site


def store_of(site: Site) -> Store:
    return Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))


def events(site: Site, kind: str) -> list[dict[str, object]]:
    """The events of a kind of all deploys, in order."""
    store = store_of(site)
    numbers = sorted(deploy.id for deploy in store.deploys.history("sample"))
    found = [body for number in numbers for _, body in store.records.events(number) if body["kind"] == kind]
    store.close()
    return found


async def as_bob(site: Site, *arguments: str) -> Done:
    site.env["HORN_ACTOR"] = "bob"
    done = await site.horn(*arguments)
    del site.env["HORN_ACTOR"]
    return done


async def test_only_the_owner_of_a_lock_deploys_until_it_is_released(site: Site) -> None:
    assert (await as_bob(site, "lock", "production", "--reason", "the database moves")).status == 0
    refused = await site.deploy()
    assert refused.status == 6
    assert "SH540" in refused.out
    assert "locked: production of sample is locked by bob since" in refused.out
    assert (
        '"the database moves"; cleared by bob, or anybody with a reason: horn unlock production --reason TEXT'
        in refused.out
    )
    assert site.pages() == [""] * 6
    assert (await as_bob(site, "deploy", "production", "--yes")).status == 0
    assert (await as_bob(site, "unlock", "production")).status == 0
    assert (await site.deploy()).status == 0


async def test_whoever_steals_a_lock_deploys_and_its_owner_does_not_any_more(site: Site) -> None:
    await as_bob(site, "lock", "production", "--reason", "testing")
    assert (await site.horn("lock", "production", "--reason", "urgent", "--steal")).status == 0
    assert (await site.deploy()).status == 0
    assert (await as_bob(site, "deploy", "production", "--yes")).status == 6


async def test_a_lock_ends_by_itself(site: Site) -> None:
    await as_bob(site, "lock", "--everything", "--reason", "a moment", "--until", "1s")
    await site.until(lambda: not store_of(site).locks.in_force(time.time()))
    assert (await site.deploy()).status == 0


async def test_a_forced_deploy_goes_out_and_is_on_record(site: Site) -> None:
    await as_bob(site, "lock", "production", "--reason", "testing")
    sha = site.git("rev-parse", "HEAD")
    await site.horn("bad", "main", "--reason", "slow")
    done = await site.deploy("--force", "bob is asleep")
    assert done.status == 0, done
    assert "! ada insists though locked, marked bad would not let it through: bob is asleep" in done.out
    (insisted,) = events(site, "gates_overridden")
    assert (insisted["gates"], insisted["actor"], insisted["reason"]) == (
        ["locked", "marked bad"],
        "ada",
        "bob is asleep",
    )
    record = (await site.horn("history", "--json")).json[0]
    assert (record["order"]["forced"], record["sha"]) == ("bob is asleep", sha)


async def test_all_gates_that_refuse_are_told_at_once(site: Site) -> None:
    await as_bob(site, "lock", "production", "--reason", "testing", "--until", "2h")
    await as_bob(site, "bad", "main", "--reason", "slow")
    done = await site.deploy("--json")
    deploy = done.json["deploy"]
    assert (deploy["code"], deploy["state"]) == ("SH540", "failed")
    first, locked, bad = deploy["message"].splitlines()
    assert first == "2 gates refuse this deploy of sample to production."
    assert locked.startswith("  locked: production of sample is locked by bob since ")
    assert "; until " in locked
    assert bad.startswith(f"  marked bad: {deploy['sha'][:8]} was marked bad by bob at ")
    (answered,) = events(site, "gates_answered")
    assert [one["verdict"] for one in answered["answers"]] == ["refuse", "refuse", "pass", "pass"]  # type: ignore[attr-defined]


async def test_a_bad_commit_is_refused_until_it_is_cleared_and_others_are_not(site: Site) -> None:
    marked = await site.horn("bad", "main", "--reason", "loses orders")
    assert marked.out.endswith("one: is marked bad.\n")
    sha = site.git("rev-parse", "HEAD")
    assert (await site.deploy()).status == 6
    assert [one["sha"] for one in (await site.horn("bad", "--json")).json] == [sha]
    site.commit("two")
    assert (await site.deploy()).status == 0
    assert (await site.horn("bad", sha, "--clear", "--reason", "it was the database")).status == 0
    assert (await site.horn("deploy", f"sample@{sha}", "production", "--yes")).status == 0
    again = await site.horn("bad", sha, "--clear", "--reason", "it was the database")
    assert (again.status, "SH548" in again.err) == (5, True)


def frozen_today(site: Site) -> str:
    """Freeze production from yesterday's midnight until that of the day after tomorrow: that one."""
    today = datetime.now(UTC).date()
    ends = f"{today + timedelta(days=2)}"
    window = {"from": f"{today - timedelta(days=1)}", "to": ends, "reason": "Christmas"}
    site.config["environments"]["production"]["freezes"] = [window]
    return ends


async def test_a_frozen_environment_lets_no_deploy_in_unless_forced(site: Site) -> None:
    ends = frozen_today(site)
    refused = await site.deploy()
    assert refused.status == 6
    assert 'frozen: production of sample is frozen: "Christmas" (' in refused.out
    assert f"; until {ends} 00:00 UTC (in " in refused.out
    assert (
        "cleared by whoever may override gates, with a reason: horn deploy production --force" in refused.out
    )
    assert site.pages() == [""] * 6
    why = await site.horn("why", "production", "--json")
    frozen = next(one for one in why.json["answers"] if one["gate"] == "frozen")
    assert (frozen["verdict"], frozen["how"]) == ("refuse", "horn deploy production --force REASON")
    plan = await site.horn("deploy", "production", "--plan")
    assert 'production of sample is frozen: "Christmas"' in plan.out
    forced = await site.deploy("--force", "it loses orders")
    assert forced.status == 0, forced
    assert "! ada insists though frozen would not let it through: it loses orders" in forced.out
    (insisted,) = events(site, "gates_overridden")
    assert insisted["gates"] == ["frozen"]


async def test_a_freeze_lets_rollbacks_and_converges_through(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy()).status == 0
    frozen_today(site)
    assert (await site.horn("rollback", "production", "--yes")).status == 0
    assert site.pages() == ["one"] * 6
    answers = await gates.Frozen([window("00:00", "12:00"), window("12:00", "00:00")]).ask(
        Question(Order("sample", "production", Kind.CONVERGE, actor="ada"), "", "", time.time())
    )
    assert (answers.verdict, answers.reason) == (Verdict.PASS, "frozen, but not for a converge")


async def test_the_lock_of_a_failed_deploy_lets_rollbacks_through_and_no_deploy(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy()).status == 0
    store = store_of(site)
    lock_after_failure(store, "sample", "production", "the watch failed", 2, time.time())
    refused = await site.deploy()
    assert refused.status == 6
    assert "is locked by deploy 2 since" in refused.out
    assert "cleared by anybody: horn unlock production" in refused.out
    assert (await site.horn("rollback", "production", "--yes")).status == 0
    assert site.pages() == ["one"] * 6
    assert (await site.horn("unlock", "production")).status == 0
    assert (await site.deploy()).status == 0


async def test_a_rollback_does_not_pass_the_lock_of_another_person_unless_forced(site: Site) -> None:
    assert (await site.deploy()).status == 0
    site.commit("two")
    assert (await site.deploy()).status == 0
    await as_bob(site, "lock", "--app", "--reason", "testing")
    refused = await site.horn("rollback", "production", "--yes")
    assert refused.status == 6
    assert "all of sample is locked by bob" in refused.out
    assert "horn rollback production --force REASON" in refused.out
    assert (await site.horn("rollback", "production", "--yes", "--force", "it is down")).status == 0
    assert site.pages() == ["one"] * 6


async def test_a_lock_that_was_placed_while_a_deploy_waited_stops_it(site: Site) -> None:
    site.config["commands"]["stage"] = ['touch "$HOME/waiting"; until [ -f "$HOME/go" ]; do sleep 0.05; done']
    first = await site.start("deploy", "production", "--yes")
    await site.until(lambda: site.everywhere("waiting"))
    second = await site.start("deploy", "production", "--yes")
    await site.until(lambda: [one.state for one in store_of(site).deploys.active("sample")][1:] == ["queued"])
    await as_bob(site, "lock", "production", "--reason", "testing")
    site.touch_everywhere("go")
    assert (await site.end(first)).status == 0
    done = await site.end(second)
    assert done.status == 6
    assert "SH540" in done.out


async def test_a_plan_and_a_question_say_what_a_deploy_would_be_told(site: Site) -> None:
    open_ = await site.horn("why", "production")
    assert open_.status == 0
    assert [line.split() for line in open_.out.splitlines()[1:]] == [
        ["✓", "locked", "not", "locked"],
        ["✓", "marked", "bad", "not", "marked", "bad"],
        ["✓", "frozen", "not", "frozen"],
        ["✓", "contains", "live", "nothing", "known", "of", "is", "live"],
    ]
    await as_bob(site, "lock", "production", "--reason", "testing")
    asked = await site.horn("why", "production", "main")
    assert asked.status == 5
    assert asked.out.startswith("ada may not deploy sample ")
    assert "✗ locked        production of sample is locked by bob since" in asked.out
    planned = await site.deploy("--plan")
    assert planned.status == 0
    assert "✗ locked " in planned.out
    assert "this deploy would not begin" in planned.out
    told = [(await site.horn("why", "production", "--json")).json["answers"]]
    told.append((await site.deploy("--plan", "--json")).json["gates"])
    assert [[one["verdict"] for one in answers] for answers in told] == [
        ["refuse", "pass", "pass", "pass"]
    ] * 2
    assert (await site.horn("history", "--json")).json == []


async def test_a_status_shows_the_locks_in_force(site: Site) -> None:
    await site.deploy()
    await as_bob(site, "lock", "--everything", "--reason", "an incident", "--until", "2h")
    shown = (await site.horn("status", "production")).out
    assert "everything is locked by bob since" in shown
    assert "(in 2 h)\n  an incident\n  horn unlock --everything\n" in shown
    assert (await site.horn("status", "production", "--json")).json[0]["locks"][0]["owner"] == "bob"


CONFIG = """\
app: sample
repo: /nowhere
deploy_to: /srv/sample
environments: {production: {hosts: [web1]}}
"""


class Build:
    """A gate of an outside service: it answers what it is told to, in turn."""

    name = "tests"

    def __init__(self, *verdicts: Verdict) -> None:
        self._verdicts = list(verdicts)

    async def ask(self, question: Question) -> Answer:
        verdict = self._verdicts.pop(0) if len(self._verdicts) > 1 else self._verdicts[0]
        return Answer(self.name, verdict, f"tests {verdict}", "the build")


class Broken:
    """A gate that cannot be asked."""

    name = "approval"

    async def ask(self, question: Question) -> Answer:
        raise Refused("SH549", "the server is down.")


def deployment(world: World, *standing: Gate, kind: Kind = Kind.DEPLOY, forced: str = "") -> Deployment:
    order = Order("sample", "production", kind, actor="ada", forced=forced)
    record = world.store.deploys.open(order, ("deploy.yml", CONFIG), "one", time.time())
    return open_deployment(replace(world, gates=standing), record)


async def test_a_deploy_waits_for_a_gate_that_has_no_verdict_yet(world: World) -> None:
    waiting = deployment(world, Build(Verdict.WAIT, Verdict.PASS))
    passed = "not locked, not marked bad, not frozen, nothing known of is live, tests pass"
    assert await gates.pass_all(waiting) == passed
    told = [body for _, body in world.store.records.events(1)]
    assert [one["answers"][4]["verdict"] for one in told] == ["wait", "pass"]


async def test_a_gate_that_cannot_be_asked_refuses(world: World) -> None:
    with pytest.raises(Refused) as refused:
        await gates.pass_all(deployment(world, Broken(), Build(Verdict.REFUSE)))
    assert refused.value.message.splitlines()[1:] == [
        "  approval: it could not be asked: SH549 the server is down.; cleared by whoever repairs it",
        "  tests: tests refuse; cleared by the build",
    ]
    assert [one["verdict"] for one in refused.value.facts["gates"]] == [
        "pass",
        "pass",
        "pass",
        "pass",
        "refuse",
        "refuse",
    ]


async def test_who_insists_does_not_wait(world: World) -> None:
    insisting = deployment(world, Build(Verdict.WAIT), forced="the build server is on fire")
    assert await gates.pass_all(insisting) == "overridden: tests"


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
async def test_rollbacks_and_converges_are_asked_about_as_well(world: World, kind: Kind) -> None:
    asked = deployment(world, kind=kind)
    assert await gates.pass_all(asked) == "not locked, not marked bad, not frozen"
