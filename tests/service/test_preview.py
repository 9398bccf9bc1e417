"""What an order would do, as far as records, git and the inventory know."""

from __future__ import annotations

import subprocess
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import yaml

from shiphorn.errors import Refused
from shiphorn.model.deploy import Kind, Observed, Order
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, local
from shiphorn.model.release import Commit
from shiphorn.model.target import Selection
from shiphorn.service import orders
from shiphorn.service.apps import Apps
from shiphorn.service.commits.histories import Histories
from shiphorn.service.deploys.live import Live
from shiphorn.service.deploys.preview import Kept, kept, preview
from shiphorn.service.heartbeat import Heartbeat
from shiphorn.service.service import Service
from shiphorn.wiring import open_world
from tests.deploy.conftest import AUTHOR
from tests.service.past import STAGING, deploy, observe, place_hosts

ADA = local("ada")
HOSTS = {
    "eu": {"hosts": [{"name": "eu1", "roles": ["web"]}, {"name": "eu2", "roles": ["web", "db"]}]},
    "us": {"hosts": [{"name": "us1", "roles": ["web"]}]},
}
ALL = ("eu1", "eu2", "us1")


class Repository:
    """A repository with commits by several people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str, author: str = "Ada") -> str:
        env = AUTHOR | {"GIT_AUTHOR_NAME": author, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            ["git", "-C", str(self.folder), *arguments], check=True, env=env, capture_output=True, text=True
        )
        return done.stdout.strip()

    def commit(self, subject: str, author: str = "Ada") -> str:
        self.git("commit", "--quiet", "--allow-empty", "--message", subject, author=author)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "shop.git")


@pytest.fixture
async def service(
    tmp_path: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Service]:
    """A service with the app shop: three hosts, of which eu1 is the first wave."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    staging = {"deploy_to": "~/shop", "regions": HOSTS, "waves": {"sizes": ["1"]}}
    (tmp_path / "shiphorn.yml").write_text(yaml.safe_dump({"environments": {"staging": staging}}))
    (tmp_path / "apps").mkdir()
    commands = {"stage": ["bin/migrate", {"run": "bin/index", "roles": ["db"]}]}
    text = {"app": "shop", "repo": "../shop.git", "branch": "main", "commands": commands}
    (tmp_path / "apps" / "shop.yml").write_text(yaml.safe_dump(text))
    async with open_world(lambda _: None) as world, Histories() as histories:
        apps = Apps(tmp_path / "shiphorn.yml")
        assert apps.wrong() == []
        live, heartbeat = Live(world.store), Heartbeat(world.store)
        yield Service(world, apps, lambda _: True, lambda: None, live, heartbeat, histories)


def order(ref: str = "", kind: Kind = Kind.DEPLOY, *, selection: Selection | None = None) -> Order:
    return Order(*STAGING, kind=kind, ref=ref, selection=selection or Selection())


def subjects(commits: Sequence[Commit]) -> list[str]:
    return [one.subject for one in commits]


async def test_it_names_what_goes_in_what_does_not_and_whose_work_is_overwritten(
    service: Service, repository: Repository
) -> None:
    repository.commit("one")
    repository.git("checkout", "--quiet", "-b", "search")
    repository.commit("search", "Grace")
    repository.git("checkout", "--quiet", "main")
    live = repository.commit("basket", "Alan")
    repository.commit("later")
    deploy(service.store, STAGING, sha=live)
    found = await preview(service, ADA, order("search"))
    assert found.commit is not None
    assert found.commit.subject == "search"
    assert subjects(found.commits.bringing) == ["search"]
    assert subjects(found.commits.removing) == ["basket"]
    assert subjects(found.commits.missing) == ["later", "basket"]
    assert found.overwritten == [("Alan", 1)]
    (refused,) = [one for one in found.gates if one.verdict == "refuse"]
    assert refused.reason == f"you would overwrite {live[:8]} basket (Alan); live in staging"
    assert (found.open, found.overridable) == (False, True)
    assert found.troubles == []
    history = await service.histories.fetch(service.world, service.apps.config("shop"))
    assert history.graph is not None
    assert (await preview(service, ADA, order("search"), history.graph)).commits == found.commits


async def test_hosts_come_from_the_inventory_with_their_waves_and_what_they_would_go_back_to(
    service: Service, repository: Repository
) -> None:
    repository.commit("one")
    observe(service.store, STAGING, eu1="r1", eu2="")
    found = await preview(service, ADA, order())
    assert [(step.host.name, step.wave, step.runs) for step in found.steps] == [
        ("eu1", 1, "r1"),
        ("eu2", 2, ""),
        ("us1", 2, None),
    ]
    assert found.waves == [1, 2]
    assert found.back_to == [("r1", 1), ("", 1), (None, 1)]
    assert found.staying == ["bin/migrate", "bin/index"]


async def test_a_selection_narrows_hosts_and_what_would_stay(
    service: Service, repository: Repository
) -> None:
    repository.commit("one")
    found = await preview(service, ADA, order(selection=Selection(regions=("us",))))
    assert [step.host.name for step in found.steps] == ["us1"]
    assert len(found.everything) == 3
    assert found.staying == ["bin/migrate"]


async def test_what_cannot_be_ordered_is_told_as_trouble(service: Service, repository: Repository) -> None:
    repository.commit("one")
    nowhere = await preview(service, ADA, order(selection=Selection(hosts=("db*",))))
    assert [one.code for one in nowhere.troubles] == ["SH520"]
    nothing = await preview(service, ADA, order("serach"))
    assert [one.code for one in nothing.troubles] == ["SH203"]
    assert (nothing.commit, len(nothing.steps)) == (None, 3)
    never = await preview(service, ADA, order(":live"))
    assert [one.code for one in never.troubles] == ["SH511"]


async def test_it_is_closed_by_the_lock_of_another_and_says_whose(
    service: Service, repository: Repository
) -> None:
    repository.commit("one")
    service.store.locks.place(Scope(*STAGING), "the database moves", "bob", time.time())
    found = await preview(service, ADA, order())
    assert not found.open
    assert '"the database moves"' in found.gates[0].reason
    assert found.gates[0].cleared_by == "bob, or anybody with a reason"


async def test_a_rollback_goes_to_the_newest_release_that_all_hosts_keep(
    service: Service, repository: Repository
) -> None:
    first, second = repository.commit("one"), repository.commit("two")
    deploy(service.store, STAGING, 1.0, sha=first, release="20260101000000")
    deploy(service.store, STAGING, 2.0, sha=second, release="20260102000000")
    await service.world.source(service.apps.config("shop")).refresh()
    keeps = ("20260101000000", "20260102000000")
    service.store.hosts.observe(*STAGING, [Observed(name, keeps[1], second, keeps, 3.0) for name in ALL])
    found = await preview(service, ADA, order(kind=Kind.ROLLBACK))
    assert (found.release, found.commit and found.commit.subject) == ("20260101000000", "one")
    assert subjects(found.commits.removing) == ["two"]
    gone = await preview(service, ADA, order("20250101000000", Kind.ROLLBACK))
    assert [one.code for one in gone.troubles] == ["SH514"]


async def test_a_converge_goes_to_hosts_that_lack_what_they_should_run(
    service: Service, repository: Repository
) -> None:
    sha = repository.commit("one")
    number = deploy(service.store, STAGING, sha=sha, release="r2")
    place_hosts(service.store, number, *ALL, seen="r2")
    observe(service.store, STAGING, 13.0, eu2="")
    found = await preview(service, ADA, order(kind=Kind.CONVERGE))
    assert [(step.host.name, step.runs, step.gets) for step in found.steps] == [("eu2", "", "r2")]


def test_releases_of_deploys_that_went_wrong_are_told_as_such() -> None:
    seen = [
        Observed("eu1", "r2", "b" * 40, ("r1", "r2"), 1.0),
        Observed("us1", "r2", "b" * 40, ("r2",), 1.0),
    ]
    assert kept(seen, []) == [
        Kept("r2", "b" * 40, 2, 2, wrong=False, everywhere=True),
        Kept("r1", "", 1, 0, wrong=False, everywhere=False),
    ]


async def test_what_was_shown_is_what_ships_or_nothing(service: Service, repository: Repository) -> None:
    shown = repository.commit("one")
    found = await preview(service, ADA, order("main"))
    assert found.commit is not None
    assert found.commit.sha == shown
    later = repository.commit("two")
    with pytest.raises(Refused, match=f"main is at {later[:8]} by now, not at {shown[:8]}") as refused:
        await orders.ship(service, ADA, order("main"), expected=shown)
    assert refused.value.code == "SH592"
    assert service.store.deploys.active() == []


async def test_an_order_that_comes_twice_is_one_deploy_whatever_was_pushed_between(
    service: Service, repository: Repository
) -> None:
    shown = repository.commit("one")
    first = await orders.ship(service, ADA, order("main"), key="k", expected=shown)
    repository.commit("two")
    again = await orders.ship(service, ADA, order("main"), key="k", expected=shown)
    assert first.id == again.id


async def test_who_sees_nothing_of_an_app_is_told_that_there_is_none(
    service: Service, repository: Repository
) -> None:
    repository.commit("one")
    with pytest.raises(Refused, match="there is no app shop"):
        await preview(service, Caller("eve", "web"), order())
