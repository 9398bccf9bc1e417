"""The history of real repositories: commits, refs, diffs and messages."""

from pathlib import Path

import pytest

from shiphorn.adapters.git import GitSource
from shiphorn.errors import SourceError
from shiphorn.model.graph import FileChange, Ref, RefKind
from tests.adapters.test_git import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "app")


@pytest.fixture
def source(repo: Repo, tmp_path: Path) -> GitSource:
    return GitSource(str(repo.path), tmp_path / "cache")


async def test_commits_of_all_branches_and_tags_come_with_their_parents(
    repo: Repo, source: GitSource
) -> None:
    first = repo.commit({"a": "1"}, "first")
    repo.git("checkout", "--quiet", "-b", "feature")
    aside = repo.commit({"b": "1"}, "aside: ünïcode | and\ttabs")
    repo.git("checkout", "--quiet", "main")
    second = repo.commit({"a": "2"}, "second")
    repo.git("merge", "--quiet", "--no-ff", "--message", "merged", "feature")
    merged = repo.git("rev-parse", "HEAD")
    repo.git("checkout", "--quiet", "--detach")
    tagged = repo.commit({"c": "1"}, "only a tag has it")
    repo.git("tag", "--annotate", "v1", "--message", "one")
    await source.refresh()
    nodes = await source.graph()
    assert {node.commit.sha: node.parents for node in nodes} == {
        tagged: (merged,),
        merged: (second, aside),
        second: (first,),
        aside: (first,),
        first: (),
    }
    assert [nodes[0].commit.sha, nodes[1].commit.sha, nodes[-1].commit.sha] == [tagged, merged, first]
    (told,) = [node.commit for node in nodes if node.commit.sha == aside]
    assert (told.subject, told.author) == ("aside: ünïcode | and\ttabs", "Ada")
    assert [node.commit.sha for node in await source.graph(2)] == [tagged, merged]


async def test_refs_are_at_commits_even_where_a_tag_has_an_object(repo: Repo, source: GitSource) -> None:
    first = repo.commit({"a": "1"})
    repo.git("tag", "--annotate", "v1", "--message", "one")
    repo.git("tag", "--annotate", "v1-again", "--message", "of a tag", "v1")
    repo.git("branch", "team/feature")
    second = repo.commit({"a": "2"})
    await source.refresh()
    refs = await source.refs()
    assert (refs.default, refs.head) == ("main", second)
    assert set(refs.all) == {
        Ref("main", RefKind.BRANCH, second),
        Ref("team/feature", RefKind.BRANCH, first),
        Ref("v1", RefKind.TAG, first),
        Ref("v1-again", RefKind.TAG, first),
    }
    again = await source.refs()
    assert again.digest == refs.digest
    repo.git("branch", "another")
    await source.refresh()
    assert (await source.refs()).digest != refs.digest


async def test_a_tag_of_something_else_than_a_commit_does_no_harm(repo: Repo, source: GitSource) -> None:
    first = repo.commit({"a": "1"})
    repo.git("tag", "a-file", "HEAD:a")
    await source.refresh()
    assert [node.commit.sha for node in await source.graph()] == [first]
    assert len((await source.refs()).all) == 2


async def test_a_repository_without_commits_has_no_history(repo: Repo, source: GitSource) -> None:
    await source.refresh()
    assert (await source.refs()).all == ()
    assert await source.graph() == []


async def test_a_mirror_that_is_not_there_is_told(source: GitSource) -> None:
    with pytest.raises(SourceError) as raised:
        await source.refs()
    assert raised.value.code == "SH213"


async def test_a_diff_counts_lines_of_changed_renamed_and_binary_files(repo: Repo, source: GitSource) -> None:
    old = repo.commit({"a": "1\n2\n3\n", "gone": "bye\n", "named": "some\nlonger\ntext\n"})
    repo.git("mv", "named", "renamed")
    (repo.path / "gone").unlink()
    (repo.path / "picture").write_bytes(b"\0\1\2")
    new = repo.commit({"a": "1\ntwo\n3\n4\n"})
    await source.refresh()
    diff = await source.diff(old, new)
    assert list(diff.changes) == [
        FileChange("a", 2, 1),
        FileChange("gone", 0, 1),
        FileChange("picture", 0, 0, binary=True),
        FileChange("renamed", 0, 0),
    ]
    assert (diff.insertions, diff.deletions, diff.truncated) == (2, 2, False)
    assert "-2\n+two\n 3\n+4\n" in diff.text
    assert (await source.diff(new, new)).text == ""


async def test_against_nothing_all_is_new(repo: Repo, source: GitSource) -> None:
    sha = repo.commit({"a": "1\n"})
    await source.refresh()
    assert list((await source.diff("", sha)).changes) == [FileChange("a", 1, 0)]


async def test_a_large_diff_ends_at_a_line_within_the_limit(repo: Repo, source: GitSource) -> None:
    old = repo.commit({"a": ""})
    new = repo.commit({"a": "".join(f"line {number}\n" for number in range(200_000))})
    await source.refresh()
    diff = await source.diff(old, new, limit_bytes=100_000)
    assert diff.truncated
    assert 99_900 < len(diff.text) <= 100_000
    assert diff.text.endswith("\n")
    assert diff.insertions == 200_000


async def test_a_commit_that_is_not_there_has_no_diff_and_no_message(repo: Repo, source: GitSource) -> None:
    sha = repo.commit({"a": "1"})
    await source.refresh()
    for asked in (source.diff(sha, "e" * 40), source.diff("--output=x", sha), source.show("e" * 40)):
        with pytest.raises(SourceError) as raised:
            await asked
        assert raised.value.code == "SH214"


async def test_the_whole_message_is_shown(repo: Repo, source: GitSource) -> None:
    sha = repo.commit({"a": "1"}, "a subject\n\nand why:\n- it is better")
    await source.refresh()
    assert await source.show(sha) == "a subject\n\nand why:\n- it is better"
