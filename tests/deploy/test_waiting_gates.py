"""Whole deploys that wait at a gate: for a build, for people, and through the death of their process."""

from __future__ import annotations

import time

from shiphorn.model.statuses import BuildState, CommitStatus
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Done, Site


def store_of(site: Site) -> Store:
    return Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))


def build(site: Site, state: BuildState) -> None:
    """Have a build say something of the newest commit."""
    sha = site.git("rev-parse", "HEAD")
    status = CommitStatus(sha, str(site.repo.resolve()), "ci", "ci/build", state, at=time.time())
    store_of(site).statuses.put([status])


def waiting(site: Site, gate: str) -> bool:
    """Whether the first deploy waits for a gate."""
    told = [body for _, body in store_of(site).records.events(1) if body["kind"] == "gates_answered"]
    return any(
        one["gate"] == gate and one["verdict"] == "wait" for one in (told or [{"answers": []}])[-1]["answers"]
    )


async def as_bob(site: Site, *arguments: str) -> Done:
    site.env["HORN_ACTOR"] = "bob"
    done = await site.horn(*arguments)
    del site.env["HORN_ACTOR"]
    return done


async def test_a_deploy_waits_for_its_build_and_goes_on_when_that_is_green(site: Site) -> None:
    site.config["environments"]["production"]["gates"] = {"tests": ["ci/build"]}
    build(site, BuildState.PENDING)
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: waiting(site, "tests passed"))
    assert site.pages() == [""] * 6
    assert (await site.horn("why", "production")).status == 5
    build(site, BuildState.SUCCESS)
    done = await site.end(deploying)
    assert done.status == 0, done
    assert "… waits for the gate tests passed: ci/build is pending since" in done.out
    assert site.pages() == ["one"] * 6


async def test_a_deploy_whose_build_turns_red_is_refused(site: Site) -> None:
    site.config["environments"]["production"]["gates"] = {"tests": True}
    build(site, BuildState.PENDING)
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: waiting(site, "tests passed"))
    build(site, BuildState.FAILURE)
    done = await site.end(deploying)
    assert (done.status, "tests passed: ci/build is red; cleared by a build that is green" in done.out) == (
        6,
        True,
    )


async def test_a_deploy_waits_for_others_to_approve_also_when_its_process_died(site: Site) -> None:
    site.config["environments"]["production"]["gates"] = {"approval": {"people": 1}}
    deploying = await site.start("deploy", "production", "--yes")
    await site.until(lambda: waiting(site, "approval"))
    own = await site.horn("approve", "1")
    assert (own.status, "SH901 ada ordered deploy 1: somebody else has to approve it" in own.err) == (5, True)
    await site.kill(deploying)
    approved = await as_bob(site, "approve", "1", "--reason", "I looked")
    sha = site.git("rev-parse", "HEAD")
    assert approved.out.startswith(
        f"Approved {sha[:8]} of sample for production, all hosts. It counts until "
    )
    taken = await as_bob(site, "approve", "sample", "production", "main", "--withdraw")
    assert taken.out == "Your approval of sample production main does not count any more.\n"
    again = await as_bob(site, "approve", "1", "--withdraw")
    assert (again.status, "SH904 bob has not approved" in again.err) == (5, True)
    assert (await as_bob(site, "approve", "production", "main")).status == 0
    why = (await site.horn("why", "production", "--json")).json
    assert [one["reason"] for one in why["answers"] if one["gate"] == "approval"] == ["approved by bob"]
    resumed = await site.horn("resume", "1")
    assert resumed.status == 0, resumed
    assert site.pages() == ["one"] * 6
    acts = [one for one in store_of(site).audit.page(limit=50) if "approv" in one.act]
    assert [(one.actor, one.act, one.reason) for one in acts] == [
        ("bob", "approve", ""),
        ("bob", "withdraw approval", ""),
        ("bob", "approve", "I looked"),
    ]


async def test_a_branch_that_is_behind_goes_out_merged(site: Site) -> None:
    site.config["environments"]["production"]["gates"] = {"up_to_date": "merge"}
    site.git("checkout", "--quiet", "-b", "search")
    mine = site.commit("search")
    site.git("checkout", "--quiet", "main")
    (site.repo / "basket.txt").write_text("carry")
    site.git("add", "--all")
    site.git("commit", "--quiet", "--message", "basket")
    done = await site.horn("deploy", "sample@search", "to", "production", "--yes")
    assert done.status == 0, done
    merged = site.git("rev-parse", "search")
    assert f"✓ main was merged into search: {merged[:8]} goes out" in done.out
    assert site.git("rev-parse", "search^1") == mine
    assert site.pages() == ["search"] * 6
    live = site.host(site.names[0]) / "current"
    assert ((live / "basket.txt").read_text(), (live / "REVISION").read_text().strip()) == ("carry", merged)


async def test_where_no_approval_is_wanted_none_is_given(site: Site) -> None:
    done = await as_bob(site, "approve", "production", "main")
    assert (done.status, "SH900 a deploy to production takes no approval" in done.err) == (5, True)
    words = await as_bob(site, "approve", "a", "b", "c", "d")
    assert (words.status, "SH905" in words.err) == (5, True)
