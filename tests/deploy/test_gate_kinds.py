"""What each gate says, with real repositories, records and commands."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import yaml

from shiphorn.adapters.programs import start
from shiphorn.config.load import Config, load_text
from shiphorn.deploy import gates
from shiphorn.deploy.deployment import Deployment, open_deployment
from shiphorn.deploy.world import World
from shiphorn.errors import Refused
from shiphorn.model.approvals import Approval, digest
from shiphorn.model.deploy import DeployState, Kind, Order
from shiphorn.model.gates import Answer, Question, Verdict
from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.model.target import Selection
from shiphorn.wiring import open_world
from tests.deploy.conftest import AUTHOR

NOW = 1_000_000.0
ORDER = Order("shop", "production", ref="main", actor="ada")


@dataclass
class Place:
    """A repository with a mirror, and an environment with gates."""

    world: World
    folder: Path

    def config(self, gates: dict[str, Any], **more: Any) -> Config:
        data = {
            "app": "shop",
            "repo": str(self.folder / "shop.git"),
            "deploy_to": "~/shop",
            "environments": {
                "staging": {"hosts": ["web1"]},
                "production": {"hosts": ["web1", "web2"], "gates": gates},
            },
        }
        return load_text(yaml.safe_dump(data | more), self.folder / "deploy.yml")

    def git(self, *arguments: str, author: str = "Ada") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder / "clone"), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=AUTHOR | {"GIT_AUTHOR_NAME": author, "PATH": "/usr/bin:/bin"},
        )
        return done.stdout.strip()

    def commit(self, subject: str, author: str = "Ada", branch: str = "") -> str:
        """Commit a file of that name, to a new branch if one is named, and push it."""
        if branch:
            self.git("checkout", "--quiet", "-B", branch)
        (self.folder / "clone" / subject.replace(" ", "-")).write_text(subject)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject, author=author)
        self.git("push", "--quiet", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    async def asked(
        self, wanted: dict[str, Any], sha: str = "", live: str = "", at: float = NOW, **more: Any
    ) -> dict[str, Answer]:
        """What the gates say that are not there anyway, by their names."""
        config = self.config(wanted)
        await self.world.source(config).refresh()
        order = more.pop("order", ORDER)
        found = await gates.ask_all(self.world, config, Question(order, sha, live, at, **more))
        return {one.gate: one for one in found if one.gate not in ("locked", "marked bad", "frozen")}

    async def says(self, gate: str, wanted: dict[str, Any], *facts: Any, **more: Any) -> tuple[str, str]:
        """The verdict of one gate, and its reason."""
        answer = (await self.asked(wanted, *facts, **more))[gate]
        return str(answer.verdict), answer.reason

    def shipped(self, sha: str, ended: float, environment: str = "staging", **more: Any) -> int:
        order = Order("shop", environment, actor="bob", kind=more.pop("kind", Kind.DEPLOY))
        deploy = self.world.store.deploys.open(order, ("deploy.yml", ""), "one", ended - 5.0)
        usual = {"state": DeployState.SUCCEEDED, "finished_at": ended, "token": deploy.id, "sha": sha}
        self.world.store.deploys.update(deploy.id, **usual | more)
        return deploy.id

    def deployment(self, wanted: dict[str, Any], sha: str, **order: Any) -> Deployment:
        asked = replace(ORDER, **order)
        config = self.config(wanted)
        record = self.world.store.deploys.open(asked, (str(config.path), config.text), "one", time.time())
        self.world.store.deploys.update(record.id, sha=sha)
        return open_deployment(self.world, replace(record, sha=sha))

    def build(self, sha: str, context: str, state: BuildState, at: float = NOW, **more: str) -> None:
        key = str(self.folder / "shop.git")
        self.world.store.statuses.put([CommitStatus(sha, key, "ci", context, state, at=at, **more)])


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    for name in ("STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    url = tmp_path / "shop.git"
    for command in (
        ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(url)],
        ["git", "clone", "--quiet", str(url), str(tmp_path / "clone")],
    ):
        subprocess.run(command, check=True, capture_output=True, env=os.environ | AUTHOR)
    async with open_world(lambda _: None) as world:
        made = Place(world, tmp_path)
        made.git("checkout", "--quiet", "-b", "main")
        yield made


async def test_whoever_would_overwrite_what_is_live_is_told_whose_work_it_is(place: Place) -> None:
    first = place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    live = [place.commit(f"basket {number}", "Grace") for number in range(5)][-1]
    verdict, reason = await place.says("contains live", {}, mine, live)
    assert verdict == "refuse"
    assert reason.startswith(f"you would overwrite {live[:8]} basket 4 (Grace), ")
    assert reason.endswith("basket 2 (Grace) and 2 more; live in production")
    assert await place.says("contains live", {}, live, first) == ("pass", "contains what is live")
    assert await place.says("contains live", {}, first, live) == ("pass", "goes back by 5 commits")
    strict = await place.says("contains live", {"contains_live": "strict"}, first, live)
    assert strict[0] == "refuse"
    assert await place.asked({"contains_live": False}, mine, live) == {}
    gone = "the repository does not have aaaaaaaa, which is live"
    assert await place.says("contains live", {}, live, "a" * 40) == ("pass", gone)


async def test_who_waited_while_somebody_else_shipped_more_does_not_take_that_back(place: Place) -> None:
    older, newer = place.commit("one"), place.commit("two", "Grace")
    await place.asked({})
    waited = place.deployment({}, older)
    place.shipped(newer, NOW, "production")
    reason = (
        f"contains live: deploy 2 came since this was ordered: {newer[:8]} two (Grace); live in production"
    )
    with pytest.raises(Refused) as refused:
        await gates.pass_all(waited)
    assert reason in refused.value.message
    assert (await gates.pass_all(place.deployment({}, older))).endswith("goes back by 1 commit")


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
async def test_rollbacks_and_converges_meet_no_gate_of_commits(place: Place, kind: Kind) -> None:
    wanted = {"tests": True, "approval": {}, "after": {"environment": "staging"}, "up_to_date": True}
    place.commit("one")
    assert await place.asked(wanted, "b" * 40, "a" * 40, order=replace(ORDER, kind=kind)) == {}


async def test_a_branch_that_is_behind_is_refused_unless_it_is_on_the_base_itself(place: Place) -> None:
    first = place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    head = place.commit("basket", "Grace")
    wanted = {"up_to_date": True}
    lacks = f"main has {head[:8]} basket (Grace), which it lacks"
    assert await place.says("up to date", wanted, mine) == ("refuse", lacks)
    assert await place.says("up to date", wanted, head) == ("pass", "up to date with main")
    assert await place.says("up to date", wanted, first) == ("pass", "it is on main")


async def test_a_question_says_what_would_be_merged_and_changes_nothing(place: Place) -> None:
    place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    place.commit("basket")
    wanted, branch = {"up_to_date": "merge"}, replace(ORDER, ref="search")
    verdict, reason = await place.says("up to date", wanted, mine, order=branch)
    assert (verdict, reason.endswith("a deploy merges main into search")) == ("wait", True)
    assert place.git("rev-parse", "origin/search") == mine
    (place.folder / "clone" / "search").write_text("otherwise")
    place.git("add", "--all")
    place.git("commit", "--quiet", "--message", "other")
    place.git("push", "--quiet", "origin", "HEAD")
    verdict, reason = await place.says("up to date", wanted, mine, order=branch)
    assert (verdict, reason.endswith("they are in conflict in search")) == ("refuse", True)


async def test_a_branch_is_merged_for_a_deploy_which_goes_on_with_the_merge(place: Place) -> None:
    place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    base = place.commit("basket")
    await place.asked({})
    deployment = place.deployment({"up_to_date": "merge"}, mine, ref="search")
    note = await gates.pass_all(deployment)
    place.git("fetch", "--quiet")
    merged = place.git("rev-parse", "origin/search")
    assert note.endswith("up to date with main")
    assert deployment.record.sha == merged
    assert place.git("log", "-1", "--format=%P %s", merged) == f"{mine} {base} Merge main into search"
    found = place.world.store.deploys.get(deployment.id)
    assert found is not None
    assert found.sha == merged


async def test_who_insists_goes_out_unmerged_unless_nobody_gets_by_that_gate(place: Place) -> None:
    place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    place.commit("basket")
    await place.asked({})
    wanted = {"up_to_date": "merge"} | command("exit 1")
    free = place.deployment(wanted, mine, ref="search", forced="it is urgent")
    assert await gates.pass_all(free) == "overridden: up to date, ticket"
    assert free.record.sha == mine
    firm = place.deployment(
        wanted | {"never_override": ["up_to_date"]}, mine, ref="search", forced="it is urgent"
    )
    assert await gates.pass_all(firm) == "overridden: ticket"
    assert firm.record.sha != mine


async def test_a_merge_that_a_dead_process_left_behind_is_found_and_not_made_again(place: Place) -> None:
    place.commit("one")
    mine = place.commit("search", branch="search")
    place.git("checkout", "--quiet", "main")
    place.commit("basket")
    await place.asked({})
    deployment = place.deployment({"up_to_date": "merge"}, mine, ref="search")
    await gates.pass_all(deployment)
    merged = deployment.record.sha
    place.commit("meanwhile")
    # As it is on record when the process dies before it could write down what it pushed.
    place.world.store.deploys.update(deployment.id, sha=mine)
    again = open_deployment(place.world, replace(deployment.record, sha=mine))
    note = await gates.pass_all(again)
    assert (again.record.sha, note.endswith("main was merged into it")) == (merged, True)


async def test_what_somebody_else_pushed_to_the_branch_is_not_taken_for_the_merge(place: Place) -> None:
    place.commit("one")
    mine = place.commit("search", branch="search")
    newer = place.commit("more")
    place.git("checkout", "--quiet", "main")
    place.commit("basket")
    await place.asked({})
    with pytest.raises(Refused, match=f"search has moved on to {newer[:8]} more by Ada"):
        await gates.pass_all(place.deployment({"up_to_date": "merge"}, mine, ref="search"))


async def test_red_refuses_pending_and_missing_wait_and_green_passes(place: Place) -> None:
    sha = place.commit("one")
    wanted = {"tests": ["ci/*", "lint"]}
    assert await place.says("tests passed", wanted, sha) == ("wait", "nothing is known of ci/*, lint")
    place.build(sha, "ci/build", BuildState.PENDING, url="https://ci.example.com/1")
    place.build(sha, "lint", BuildState.SUCCESS)
    place.build(sha, "other", BuildState.FAILURE)
    pending = "ci/build is pending since 13:46 UTC (https://ci.example.com/1)"
    assert await place.says("tests passed", wanted, sha) == ("wait", pending)
    place.build(
        sha, "ci/build", BuildState.FAILURE, NOW + 1, url="https://ci.example.com/1", description="2 fail"
    )
    red = 'ci/build is red "2 fail" (https://ci.example.com/1)'
    assert await place.says("tests passed", wanted, sha) == ("refuse", red)
    place.build(sha, "ci/build", BuildState.SUCCESS, NOW + 2)
    green = "ci/build, lint are green since 13:46 UTC"
    assert await place.says("tests passed", wanted, sha) == ("pass", green)
    assert (await place.says("tests passed", {"tests": True}, sha))[0] == "refuse"


async def test_whatever_is_said_has_to_be_green_and_something_has_to_be_said(place: Place) -> None:
    sha = place.commit("one")
    assert await place.says("tests passed", {"tests": True}, sha) == ("wait", "no build is known of")
    place.build(sha, "ci/build", BuildState.SUCCESS)
    assert (await place.says("tests passed", {"tests": True}, sha))[0] == "pass"


async def test_a_deploy_does_not_wait_for_a_build_for_ever(place: Place) -> None:
    sha = place.commit("one")
    wanted = {"tests": True, "tests_timeout": "30m"}
    assert (await place.says("tests passed", wanted, sha, at=NOW + 1799, since=NOW))[0] == "wait"
    late = await place.says("tests passed", wanted, sha, at=NOW + 1800, since=NOW)
    assert late == ("refuse", "no build is known of; after 30 min")
    place.build(sha, "ci/build", BuildState.PENDING, NOW + 600)
    assert (await place.says("tests passed", wanted, sha, at=NOW + 2399, since=NOW))[0] == "wait"
    assert (await place.says("tests passed", wanted, sha, at=NOW + 2400, since=NOW))[0] == "refuse"


async def test_other_people_have_to_approve_for_these_hosts(place: Place) -> None:
    sha, wanted = place.commit("one"), {"approval": {"people": 2}}
    hosts = digest(["web1", "web2"])

    def approve(actor: str, hosts: str = hosts, expires: float = NOW + 10) -> None:
        given = Approval(0, "shop", "production", sha, Selection(), hosts, actor, "", NOW - 10, expires)
        place.world.store.approvals.give(given)

    approve("ada")
    approve("carol", expires=NOW)
    wants = "it wants 2 approvals of others than ada"
    answer = (await place.asked(wanted, sha))["approval"]
    assert (answer.verdict, answer.reason) == (Verdict.WAIT, wants)
    assert answer.how == f"horn approve shop production {sha[:12]}"
    approve("bob")
    approve("dave", hosts=digest(["web1"]))
    wants = "approved by bob; it wants 1 approval of others than ada; what dave approved was for other hosts"
    assert await place.says("approval", wanted, sha) == ("wait", wants)
    approve("dave")
    assert await place.says("approval", wanted, sha) == ("pass", "approved by bob, dave")
    other = place.commit("two")
    assert (await place.says("approval", wanted, other))[0] == "wait"
    narrow = replace(ORDER, selection=Selection(hosts=("web1",)))
    assert (await place.says("approval", wanted, sha, order=narrow))[0] == "wait"
    late = await place.says("approval", wanted | {"wait": "1h"}, other, at=NOW + 3600, since=NOW)
    assert late == ("refuse", "it wants 2 approvals of others than ada; it waited 1 h, and no longer")


async def test_a_commit_stands_elsewhere_first_for_long_enough(place: Place) -> None:
    sha = place.commit("one")
    wanted = {"after": {"environment": "staging", "healthy": "30m"}}
    assert await place.says("after staging", wanted, sha) == (
        "refuse",
        f"{sha[:8]} was not in staging yet, on all of its hosts",
    )
    number = place.shipped(sha, NOW)
    answer = (await place.asked(wanted, sha, at=NOW + 60))["after staging"]
    assert (answer.verdict, answer.until) == (Verdict.WAIT, NOW + 1800)
    # The same once more takes nothing of the time away.
    place.shipped(sha, NOW + 1700)
    stands = ("pass", f"stands in staging since deploy {number}")
    assert await place.says("after staging", wanted, sha, at=NOW + 1800) == stands
    place.shipped("b" * 40, NOW + 2400)
    stood = ("pass", "stood in staging for 40 min")
    assert await place.says("after staging", wanted, sha, at=NOW + 9000) == stood


async def test_what_did_not_stay_elsewhere_is_refused(place: Place) -> None:
    sha, wanted = place.commit("one"), {"after": {"environment": "staging", "healthy": "30m"}}
    place.shipped(sha, NOW)
    place.shipped("b" * 40, NOW + 600)
    verdict, reason = await place.says("after staging", wanted, sha, at=NOW + 9000)
    assert verdict == "refuse"
    assert reason == f"{sha[:8]} stood in staging for 10 min only, until deploy 2, and it takes 30 min"
    place.shipped(sha, NOW + 700)
    place.shipped("b" * 40, NOW + 9000, kind=Kind.ROLLBACK)
    back = ("refuse", f"bob rolled staging back from {sha[:8]}, by rollback 4")
    assert await place.says("after staging", wanted, sha, at=NOW + 9000) == back
    place.shipped(sha, NOW + 9100)
    place.world.store.marks.mark("shop", sha, "slow", "bob", NOW + 9200)
    assert (await place.says("after staging", wanted, sha, at=NOW + 99999))[0] == "refuse"


async def test_one_that_is_on_its_way_elsewhere_is_waited_for(place: Place) -> None:
    sha, wanted = place.commit("one"), {"after": {"environment": "staging"}}
    number = place.shipped(sha, NOW, state=DeployState.RUNNING, finished_at=None)
    waits = ("wait", f"deploy {number} is bringing it to staging")
    assert await place.says("after staging", wanted, sha) == waits


def command(run: str, **more: Any) -> dict[str, Any]:
    return {"commands": [{"name": "ticket", "run": run, **more}]}


async def test_a_command_decides_by_its_exit_status_and_its_first_lines_are_told(place: Place) -> None:
    sha = place.commit("one")
    facts = 'echo "$HORN_APP $HORN_ENVIRONMENT $HORN_REF $HORN_ACTOR $HORN_LIVE_SHA"; test "$HORN_SHA"'
    assert await place.says("ticket", command(facts), sha, "a" * 40) == (
        "pass",
        f"shop production main ada {'a' * 40}",
    )
    later = command("echo not before nine; exit 75")
    assert await place.says("ticket", later, sha) == ("wait", "not before nine")
    no = command("printf 'no\\033[31m way\\n\\nnever\\nat all\\nmore\\n' >&2; exit 3")
    assert await place.says("ticket", no, sha) == ("refuse", "no [31m way / never / at all (it ended with 3)")


async def test_a_command_gets_secrets_and_never_shows_them_nor_sees_those_of_the_deployer(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = place.commit("one")
    monkeypatch.setenv("OF_TICKETS", "hunter22")
    monkeypatch.setenv("HORN_DATABASE_PASSWORD", "deployers own")
    run = 'echo "token $TOKEN, $OF_TICKETS, [$HORN_DATABASE_PASSWORD]"; exit 1'
    wanted = command(run, env={"TOKEN": {"secret": "TICKETS"}})
    config = place.config(wanted, secrets={"TICKETS": {"env": "OF_TICKETS"}})
    found = await gates.ask_all(place.world, config, Question(ORDER, sha, "", NOW))
    assert found[-1].reason == "token [secret], [secret], [] (it ended with 1)"


async def test_a_command_that_takes_too_long_is_killed_with_all_that_it_started(place: Place) -> None:
    sha = place.commit("one")
    run = "trap '' TERM; sleep 600 & echo $! > child; wait"
    assert await place.says("ticket", command(run, timeout="300ms"), sha) == (
        "refuse",
        "no answer within 0 s",
    )
    child = int((place.folder / "child").read_text())
    async with asyncio.timeout(5):
        while _alive(child):
            await asyncio.sleep(0.01)


async def test_a_command_of_a_deploy_that_is_stopped_is_killed(place: Place) -> None:
    sha = place.commit("one")
    deployment = place.deployment(command("echo $$ > parent; sleep 600"), sha)
    passing = asyncio.create_task(gates.pass_all(deployment))
    pid = place.folder / "parent"
    async with asyncio.timeout(10):
        while not (pid.exists() and pid.read_text().strip()):
            await asyncio.sleep(0.01)
    passing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await passing
    async with asyncio.timeout(10):
        while _alive(int(pid.read_text())):
            await asyncio.sleep(0.01)


def _alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


async def test_a_command_is_not_run_anew_for_each_question(place: Place) -> None:
    sha, wanted = place.commit("one"), command("echo x >> runs", every="60s")
    for at in (NOW, NOW + 59, NOW + 60):
        await place.asked(wanted, sha, at=at)
    assert (place.folder / "runs").read_text() == "x\nx\n"


async def test_nobody_gets_by_a_gate_that_is_never_overridden(place: Place) -> None:
    sha = place.commit("one")
    place.build(sha, "ci/build", BuildState.FAILURE)
    wanted = {"tests": True, "never_override": ["tests"]} | command("echo no; exit 1")
    with pytest.raises(Refused) as refused:
        await gates.pass_all(place.deployment(wanted, sha, forced="it is urgent"))
    assert refused.value.message == (
        "a gate refuses this deploy of shop to production.\n"
        "  tests passed: ci/build is red; cleared by a build that is green"
    )
    assert refused.value.hint == "Nobody may override tests passed: this environment's config says so."
    wanted["never_override"] = []
    assert await gates.pass_all(place.deployment(wanted, sha, forced="it is urgent")) == (
        "overridden: tests passed, ticket"
    )


async def test_who_insists_waits_for_a_gate_that_is_never_overridden(place: Place) -> None:
    sha = place.commit("one")
    place.build(sha, "ci/build", BuildState.PENDING, time.time())
    wanted = {"tests": True, "never_override": ["tests"]} | command("echo no; exit 1")
    deployment = place.deployment(wanted, sha, forced="it is urgent")
    passing = asyncio.create_task(gates.pass_all(deployment))
    async with asyncio.timeout(10):
        while not place.world.store.records.events(deployment.id):
            await asyncio.sleep(0.01)
    place.build(sha, "ci/build", BuildState.SUCCESS, time.time())
    assert await passing == "overridden: ticket"


PLUGIN = """
from shiphorn.model.gates import Answer, Verdict

class Moon:
    name = "moon"
    def __init__(self, setting):
        self.wanted = setting.options.get("phase", "full")
    async def ask(self, question):
        if self.wanted == "broken":
            raise RuntimeError("there is no moon")
        verdict = Verdict.PASS if self.wanted == "full" else Verdict.REFUSE
        return Answer(self.name, verdict, f"the moon is to be {self.wanted}", "the moon")
"""


async def test_a_plug_in_is_installed_and_has_its_say(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel, site = place.folder / "moongate-1-py3-none-any.whl", place.folder / "site"
    with ZipFile(wheel, "w") as file:
        file.writestr("moongate.py", PLUGIN)
        file.writestr("moongate-1.dist-info/METADATA", "Metadata-Version: 2.1\nName: moongate\nVersion: 1\n")
        file.writestr("moongate-1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr("moongate-1.dist-info/entry_points.txt", "[shiphorn.gates]\nmoon = moongate:Moon\n")
        file.writestr("moongate-1.dist-info/RECORD", "moongate.py,,\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--target", str(site), str(wheel)]
    process = await start(pip)
    _, err = await process.communicate()
    assert process.returncode == 0, err
    monkeypatch.syspath_prepend(str(site))
    sha = place.commit("one")
    assert await place.says("moon", {"plugins": {"moon": None}}, sha) == ("pass", "the moon is to be full")
    new = {"plugins": {"moon": {"phase": "new"}}}
    assert await place.says("moon", new, sha) == ("refuse", "the moon is to be new")
    broken = await place.says("moon", {"plugins": {"moon": {"phase": "broken"}}}, sha)
    assert broken == (
        "refuse",
        "it could not be asked: SH907 the plug-in failed: RuntimeError: there is no moon",
    )


async def test_a_plug_in_that_is_not_installed_refuses(place: Place) -> None:
    sha = place.commit("one")
    verdict, reason = await place.says("sun", {"plugins": {"sun": None}}, sha)
    assert (verdict, "SH170 no plug-in sun is installed on this deployer" in reason) == ("refuse", True)
