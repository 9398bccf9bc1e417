"""Merges in a mirror, pushed to a real repository."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from shiphorn.adapters.git import GitSource
from shiphorn.errors import SourceError
from tests.deploy.conftest import AUTHOR


class Repository:
    """A bare repository, and a clone to write commits in."""

    def __init__(self, folder: Path) -> None:
        self.url, self.clone = folder / "shop.git", folder / "clone"
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(self.url), at=folder)
        self.git("clone", "--quiet", str(self.url), str(self.clone), at=folder)
        self.git("checkout", "--quiet", "-b", "main")
        self.commit("one", "readme", "hello\n")
        self.source = GitSource(str(self.url), folder / "mirrors")

    def git(self, *arguments: str, at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", "-C", str(at or self.clone), *arguments],
            check=True,
            capture_output=True,
            text=True,
            env=AUTHOR | {"PATH": "/usr/bin:/bin"},
        )
        return done.stdout.strip()

    def commit(self, subject: str, name: str, text: str) -> str:
        """Commit a file to the branch that is checked out, and push it."""
        (self.clone / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", subject)
        self.git("push", "--quiet", "origin", "HEAD")
        return self.git("rev-parse", "HEAD")

    def branch(self, name: str) -> None:
        self.git("checkout", "--quiet", "-B", name)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


async def test_a_branch_is_merged_and_the_same_merge_is_the_same_commit(repository: Repository) -> None:
    repository.branch("search")
    ours = repository.commit("search", "search.txt", "find\n")
    repository.git("checkout", "--quiet", "main")
    theirs = repository.commit("basket", "basket.txt", "carry\n")
    source = repository.source
    await source.refresh()
    found = await source.merge(ours, theirs)
    assert found.conflicts == ()
    made = await source.push_merge("search", found.tree, (ours, theirs), "Merge main into search\n", 10.0)
    again = await source.push_merge("search", found.tree, (ours, theirs), "Merge main into search\n", 10.0)
    assert made == again
    assert (await source.resolve("search")).sha == made
    assert await source.parents(made) == (ours, theirs)
    assert repository.git("show", f"{made}:basket.txt", at=repository.url) == "carry"
    assert (await source.resolve(made)).author == "shiphorn"


async def test_files_in_conflict_are_named_and_nothing_is_pushed(repository: Repository) -> None:
    repository.branch("search")
    ours = repository.commit("search", "readme", "search\n")
    repository.git("checkout", "--quiet", "main")
    theirs = repository.commit("basket", "readme", "basket\n")
    await repository.source.refresh()
    found = await repository.source.merge(ours, theirs)
    assert (found.tree, found.conflicts) == ("", ("readme",))


async def test_a_branch_that_has_moved_on_is_not_pushed_over(repository: Repository) -> None:
    repository.branch("search")
    ours = repository.commit("search", "search.txt", "find\n")
    repository.git("checkout", "--quiet", "main")
    theirs = repository.commit("basket", "basket.txt", "carry\n")
    source = repository.source
    await source.refresh()
    found = await source.merge(ours, theirs)
    repository.git("checkout", "--quiet", "search")
    newer = repository.commit("newer", "search.txt", "find more\n")
    with pytest.raises(SourceError, match="search could not be pushed"):
        await source.push_merge("search", found.tree, (ours, theirs), "Merge\n", 10.0)
    assert repository.git("rev-parse", "search", at=repository.url) == newer


@pytest.mark.parametrize("branch", ["--force", "a b", "x:refs/heads/main", "../main"])
async def test_what_is_no_branch_is_not_pushed_to(repository: Repository, branch: str) -> None:
    await repository.source.refresh()
    head = (await repository.source.resolve("main")).sha
    with pytest.raises(SourceError, match="cannot be a branch"):
        await repository.source.push_merge(branch, f"{head}^{{tree}}", (head, head), "Merge\n", 10.0)
