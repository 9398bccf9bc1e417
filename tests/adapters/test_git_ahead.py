"""What of a branch comes after what is live, in a real repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from shiphorn.adapters.git import GitSource
from tests.service.town import git

NOBODYS = "d" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop.git"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    return folder


def commit(folder: Path, message: str) -> str:
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


async def mirrored(repository: Path) -> GitSource:
    source = GitSource(str(repository), repository.parent / "mirrors")
    await source.refresh()
    return source


async def test_commits_of_the_branch_itself_come_after_what_is_live(repository: Path) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    git(repository, "checkout", "--quiet", "-b", "fast", one)
    fast = commit(repository, "fast")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "--message", "Merge fast", "fast")
    merge = git(repository, "rev-parse", "HEAD")
    last = commit(repository, "last\n\nwith a body\x1f and more\n\n[skip deploy]")
    source = await mirrored(repository)

    async def ahead(live: str, head: str = last, limit: int = 50) -> list[str]:
        return [one.commit.sha for one in await source.ahead(live, head, limit=limit)]

    assert await ahead("") == [last, merge, two, one]
    assert await ahead("", limit=2) == [last, merge]
    assert await ahead(one) == [last, merge, two]
    # The second commit of main does not contain the branch.
    assert await ahead(fast) == [last, merge]
    assert await ahead(last) == []
    assert await ahead(last, merge) == []
    assert await ahead(NOBODYS) == []
    (newest, *_) = await source.ahead(one, last)
    assert (newest.commit.subject, newest.commit.author) == ("last", "Ada")
    assert newest.message == "last\n\nwith a body\x1f and more\n\n[skip deploy]"
    assert newest.skips


async def test_a_commit_is_part_of_another_or_not(repository: Path) -> None:
    one, two = commit(repository, "one"), commit(repository, "two")
    source = await mirrored(repository)
    assert await source.contains(two, one)
    assert await source.contains(two, two)
    assert not await source.contains(one, two)
    assert not await source.contains(two, NOBODYS)
    assert not await source.contains("--all", one)


async def test_a_repository_that_was_never_fetched_has_nothing(tmp_path: Path) -> None:
    source = GitSource(str(tmp_path / "nothing"), tmp_path / "mirrors")
    assert await source.ahead("", NOBODYS) == ()
    assert not await source.contains(NOBODYS, NOBODYS)
