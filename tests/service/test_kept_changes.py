"""What commits change is asked of git once, with a real repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from shiphorn.adapters.git import GitSource
from shiphorn.service.commits.kept_changes import KeptChanges
from tests.adapters.test_git import Repo


async def test_changes_of_a_commit_are_kept_and_those_that_nobody_could_tell_are_not(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "app")
    first = repo.commit({"a": "1\n"}, "first")
    second = repo.commit({"a": "2\n"}, "second")
    source = GitSource(str(repo.path), tmp_path / "cache")
    await source.refresh()
    changes = KeptChanges()
    lacking = await changes.of("app", source, "f" * 40, second)
    assert lacking.diff is None
    assert "does not hold the commit" in lacking.trouble
    known = await changes.of("app", source, first, second)
    assert known.message == "second"
    assert known.diff is not None
    assert "+2" in known.diff.text
    shutil.rmtree(tmp_path / "cache")
    assert await changes.of("app", source, first, second) is known
