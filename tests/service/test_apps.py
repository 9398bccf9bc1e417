"""The apps of a service, by files that change."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shiphorn.deploy.world import World
from shiphorn.errors import ConfigError, NotFound, SourceError
from shiphorn.service.apps import Apps
from shiphorn.wiring import open_world

COMMON = "defaults: {deploy_to: '~/{app}'}\nenvironments: {production: {hosts: [web1]}}\n"


@pytest.fixture
def apps(tmp_path: Path) -> Apps:
    (tmp_path / "shiphorn.yml").write_text(COMMON)
    (tmp_path / "apps").mkdir()
    write(tmp_path, "shop", "app: shop\nrepo: ../shop.git\n")
    return Apps(tmp_path / "shiphorn.yml")


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    async with open_world(lambda _: None) as opened:
        return opened


def write(folder: Path, app: str, text: str) -> None:
    path = folder / "apps" / f"{app}.yml"
    path.write_text(text)
    later = (path.stat().st_mtime_ns + len(text)) / 1e9
    os.utime(path, (later, later))


def test_an_app_is_there_as_soon_as_its_file_is(tmp_path: Path, apps: Apps) -> None:
    write(tmp_path, "blog", "app: blog\nrepo: ../blog.git\n")
    apps.refresh()
    assert apps.names() == ["blog", "shop"]
    (tmp_path / "apps" / "shop.yml").unlink()
    apps.refresh()
    assert apps.names() == ["blog"]
    with pytest.raises(NotFound, match="there is no app shop"):
        apps.config("shop")


def test_what_was_good_stays_in_force_and_what_is_wrong_is_shown(tmp_path: Path, apps: Apps) -> None:
    write(tmp_path, "shop", "app: shop\nrepo: ../shop.git\nbrunch: dev\n")
    apps.refresh()
    assert apps.config("shop").branch == "main"
    assert [one.problems for one in apps.wrong()] == [
        ("shop.yml:3 brunch: there is no such key; did you mean branch?",)
    ]
    write(tmp_path, "shop", "app: shop\nrepo: ../shop.git\nbranch: dev\n")
    apps.refresh()
    assert apps.config("shop").branch == "dev"
    assert apps.wrong() == []


def test_a_change_of_what_all_have_reaches_every_app(tmp_path: Path, apps: Apps) -> None:
    (tmp_path / "shiphorn.yml").write_text(COMMON + "# longer\n" + "hooks: {restart: [logger]}\n")
    apps.refresh()
    shop = apps.config("shop")
    host = shop.environment("production").regions[0].hosts[0]
    assert [one.run for one in shop.settings("production", host).commands["restart"]] == ["logger"]  # type: ignore[index]


def test_a_broken_common_file_leaves_all_apps_as_they_were(tmp_path: Path, apps: Apps) -> None:
    (tmp_path / "shiphorn.yml").write_text("environments: [production]\n")
    apps.refresh()
    assert apps.config("shop").environments == ("production",)
    assert [one.path.name for one in apps.wrong()] == ["shiphorn.yml"]


def test_two_files_of_one_app_are_a_problem_of_the_second(tmp_path: Path, apps: Apps) -> None:
    write(tmp_path, "store", "app: shop\nrepo: ../other.git\n")
    apps.refresh()
    assert apps.config("shop").repo == f"{tmp_path}/shop.git"
    assert [one.message for one in apps.wrong()] == ["SH112 store.yml and shop.yml are both of the app shop."]


def test_a_deploy_yml_alone_is_the_only_app(tmp_path: Path) -> None:
    path = tmp_path / "deploy.yml"
    path.write_text("app: solo\nrepo: .\ndeploy_to: /srv/solo\nenvironments: {production: {hosts: [web1]}}\n")
    assert Apps(tmp_path / "shiphorn.yml", path).names() == ["solo"]


async def test_a_repository_says_itself_how_each_of_its_revisions_is_deployed(
    tmp_path: Path, apps: Apps, world: World
) -> None:
    first = commit(tmp_path / "blog.git", "environments: [production]\nkeep_releases: 3\n")
    second = commit(tmp_path / "blog.git", "environments: [production]\nkeep_releases: 4\n")
    write(tmp_path, "blog", "app: blog\nrepo: ../blog.git\nconfig: ops/deploy.yml\n")
    apps.refresh()
    assert apps.names() == ["shop"]
    await apps.refresh_repositories(world)
    assert apps.names() == ["blog", "shop"]
    for ref, keeps, sha in (("main", 4, second), (first[:10], 3, first)):
        config, named = await apps.config_at(world, "blog", "production", ref)
        assert named == sha
        host = config.environment("production").regions[0].hosts[0]
        assert config.settings("production", host).keep_releases == keeps


async def test_a_revision_without_a_config_or_with_a_wrong_one_is_not_deployed(
    tmp_path: Path, apps: Apps, world: World
) -> None:
    good = commit(tmp_path / "blog.git", "environments: [production]\n")
    write(tmp_path, "blog", "app: blog\nrepo: ../blog.git\nconfig: ops/deploy.yml\n")
    apps.refresh()
    await apps.refresh_repositories(world)
    commit(tmp_path / "blog.git", "keep: 1\n")
    with pytest.raises(ConfigError, match="has 1 problem"):
        await apps.config_at(world, "blog", "production", "main")
    commit(tmp_path / "blog.git", None)
    with pytest.raises(SourceError, match="has no file ops/deploy"):
        await apps.config_at(world, "blog", "production", "main")
    await apps.refresh_repositories(world)
    assert apps.config("blog").environments == ("production",)
    assert [one.path.name for one in apps.wrong()] == ["blog.yml"]
    config, _ = await apps.config_at(world, "blog", "production", good)
    assert config.app == "blog"


async def test_a_branch_does_not_take_off_its_own_gates(tmp_path: Path, apps: Apps, world: World) -> None:
    repository = tmp_path / "blog.git"
    gated = "environments: {production: {gates: {approval: {people: 2}}}}\n"
    commit(repository, gated)
    git(repository, "checkout", "--quiet", "-b", "sneaky")
    commit(repository, "keep_releases: 9\nenvironments: {production: {gates: {contains_live: false}}}\n")
    git(repository, "checkout", "--quiet", "main")
    write(tmp_path, "blog", "app: blog\nrepo: ../blog.git\nconfig: ops/deploy.yml\n")
    apps.refresh()
    await apps.refresh_repositories(world)
    config, _ = await apps.config_at(world, "blog", "production", "sneaky")
    found = config.gates("production")
    assert found.approval is not None
    assert (found.approval.people, found.contains_live) == (2, True)
    host = config.environment("production").regions[0].hosts[0]
    assert config.settings("production", host).keep_releases == 9


def commit(repository: Path, text: str | None) -> str:
    """Commit ops/deploy.yml with a text, or without it: the commit."""
    if not repository.exists():
        git(repository.parent, "init", "--quiet", "--initial-branch=main", str(repository))
    path = repository / "ops" / "deploy.yml"
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True) if text is None else path.write_text(text)
    git(repository, "add", "--all")
    git(repository, "-c", "user.name=Ada", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", "x")
    return git(repository, "rev-parse", "HEAD").strip()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout
