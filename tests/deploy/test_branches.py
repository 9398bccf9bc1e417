"""A branch that is out locks its environment for whoever deployed it, until the base branch is back."""

from __future__ import annotations

import time

import pytest

from shiphorn.model.locks import Lock
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import Done, Site
from tests.deploy.test_trouble import WAIT


@pytest.fixture(autouse=True)
def _locking(site: Site) -> None:
    """Production is locked while a branch is out; there is a branch `fast` with a commit of its own."""
    site.config["environments"]["production"]["branches"] = {"lock": True}
    site.git("checkout", "--quiet", "-b", "fast")
    site.commit("faster")
    site.git("checkout", "--quiet", "main")


def locks(site: Site) -> list[Lock]:
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    found = store.locks.in_force(time.time())
    store.close()
    return found


def ended(site: Site) -> list[tuple[str, str]]:
    """Branches whose locks were released, and why; the last one first."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    found = store.locks.history()
    store.close()
    return [(one.branch, one.release_reason) for one in found if one.released_at is not None]


async def ship(site: Site, ref: str, *more: str, actor: str = "ada") -> Done:
    site.env["HORN_ACTOR"] = actor
    return await site.horn("deploy", f"sample@{ref}", "production", "--yes", *more)


async def test_a_branch_locks_the_environment_for_its_owner_until_they_deploy_the_base(site: Site) -> None:
    done = await ship(site, "fast")
    assert done.status == 0
    assert "branch fast is out, the environment is locked for ada" in done.out
    assert [(one.owner, one.branch, one.reason) for one in locks(site)] == [
        ("ada", "fast", "branch fast is out")
    ]

    refused = await ship(site, "main", actor="bob")
    assert (refused.status, "SH540" in refused.out) == (6, True)
    assert '"branch fast is out"; cleared by the merge of fast, ada, or anybody with a reason' in refused.out
    assert site.pages() == ["faster"] * 6

    assert (await ship(site, "main")).status == 0
    assert locks(site) == []
    assert ended(site) == [("fast", "main is live again: deploy 3")]


async def test_it_is_locked_from_the_beginning_and_once_however_often_the_deploy_dies(site: Site) -> None:
    site.config["commands"]["stage"] = [WAIT]
    site.env["HORN_CRASH_AT"] = "branch:locked"
    await site.end(await site.start("deploy", "sample@fast", "production", "--yes"))
    del site.env["HORN_CRASH_AT"]
    assert [one.branch for one in locks(site)] == ["fast"]
    process = await site.start("resume", "1")
    await site.until(lambda: site.everywhere("waiting"))
    await site.kill(process)
    site.touch_everywhere("go")
    assert (await site.horn("resume", "1")).status == 0
    assert [(one.owner, one.branch) for one in locks(site)] == [("ada", "fast")]
    assert ended(site) == []


async def test_who_dies_between_the_release_and_the_end_of_the_deploy_ends_it_all_the_same(
    site: Site,
) -> None:
    assert (await ship(site, "fast")).status == 0
    site.env["HORN_CRASH_AT"] = "branch:released"
    await ship(site, "main")
    del site.env["HORN_CRASH_AT"]
    assert (await site.horn("resume", "2")).status == 0
    assert locks(site) == []
    assert ended(site) == [("fast", "main is live again: deploy 2")]
    assert site.pages() == ["one"] * 6
