"""Git, by real repositories."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from shiphorn.adapters.git import GitSource
from shiphorn.errors import MissingProgram, SourceError

AUTHOR = {
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


class Repo:
    """A repository to fetch from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.path), "-c", "protocol.file.allow=always", *arguments],
            env=os.environ | AUTHOR,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, files: dict[str, str], subject: str = "change") -> str:
        for name, text in files.items():
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
            (self.path / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "app")


@pytest.fixture
def source(repo: Repo, tmp_path: Path) -> GitSource:
    return GitSource(str(repo.path), tmp_path / "cache")


async def export(source: GitSource, sha: str, into: Path) -> dict[str, str]:
    """The exported files by name."""
    into.mkdir()
    await source.export(sha, into)
    return {
        str(path.relative_to(into)): path.read_text()
        for path in into.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


async def code_of(source: GitSource, ref: str) -> str:
    with pytest.raises(SourceError) as raised:
        await source.resolve(ref)
    return raised.value.code


async def test_branches_tags_and_commits_are_found(repo: Repo, source: GitSource) -> None:
    first = repo.commit({"a": "1"}, "first")
    repo.git("tag", "--annotate", "v1", "--message", "one")
    second = repo.commit({"a": "2"}, "second")
    await source.refresh()
    for ref, sha in {"main": second, "v1": first, first: first, first[:9]: first, "": second}.items():
        assert (await source.resolve(ref)).sha == sha
    commit = await source.resolve("main")
    assert (commit.subject, commit.author, commit.short) == ("second", "Ada", second[:8])


async def test_a_branch_goes_before_a_tag_of_the_same_name(repo: Repo, source: GitSource) -> None:
    repo.commit({"a": "1"})
    repo.git("tag", "twice")
    repo.git("checkout", "--quiet", "-b", "twice")
    branch = repo.commit({"a": "2"})
    await source.refresh()
    assert (await source.resolve("twice")).sha == branch


async def test_a_ref_that_does_not_exist_gets_its_neighbours_named(repo: Repo, source: GitSource) -> None:
    repo.commit({"a": "1"})
    await source.refresh()
    with pytest.raises(SourceError) as raised:
        await source.resolve("mian")
    assert (raised.value.code, raised.value.hint) == ("SH203", "Did you mean main?")


async def test_branches_of_any_language_and_whole_names_are_found(repo: Repo, source: GitSource) -> None:
    sha = repo.commit({"a": "1"})
    branches = ["größe", "日本/x", "$(id)", "it's", 'a"b', ";x", "#12", "%d"]
    for name in branches:
        repo.git("branch", name)
    await source.refresh()
    for name in [*branches, "refs/heads/main", "refs/heads/größe"]:
        assert (await source.resolve(name)).sha == sha


@pytest.mark.parametrize(
    "ref",
    ["-x", "a b", "a..b", "a~1", "main^{tree}", "x\ny", "@{1}", "a:b", "--all", "@", ".x", "a//b", "a.lock"],
)
async def test_text_that_is_no_ref_never_reaches_git(repo: Repo, source: GitSource, ref: str) -> None:
    repo.commit({"a": "1"})
    await source.refresh()
    assert await code_of(source, ref) == "SH205"


@pytest.mark.parametrize("url", ["", "-oProxyCommand=x", "ext::sh -c x", "a\nb"])
def test_text_that_is_no_repository_never_reaches_git(tmp_path: Path, url: str) -> None:
    with pytest.raises(SourceError, match="SH202"):
        GitSource(url, tmp_path)


async def test_the_mirror_follows_the_repository(repo: Repo, source: GitSource) -> None:
    repo.commit({"a": "1"})
    repo.git("branch", "old")
    await source.refresh()
    repo.git("branch", "--delete", "old")
    second = repo.commit({"a": "2"})
    assert not await source.has(second)
    await source.refresh()
    assert await source.has(second)
    assert (await source.resolve("main")).sha == second
    assert await code_of(source, "old") == "SH203"


@pytest.mark.skipif(os.getuid() != 0, reason="takes root to give a folder away")
async def test_a_repository_of_somebody_else_is_told_with_the_way_out(repo: Repo, source: GitSource) -> None:
    repo.commit({"a": "1"})
    os.chown(repo.path, 12345, 12345)
    os.chown(repo.path / ".git", 12345, 12345)
    with pytest.raises(SourceError) as raised:
        await source.refresh()
    assert "detected dubious ownership" in raised.value.message
    assert "git config --global --add safe.directory" in raised.value.message


async def test_an_unreachable_repository_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as raised:
        await GitSource("http://user:hunter2@127.0.0.1:1/app.git", tmp_path / "cache").refresh()
    assert raised.value.code == "SH201"
    assert "hunter2" not in str(raised.value)
    assert list((tmp_path / "cache").glob(".clone-*")) == []


async def test_the_log_tells_what_goes_out(repo: Repo, source: GitSource) -> None:
    first = repo.commit({"a": "1"}, "first")
    repo.commit({"a": "2"}, "second")
    third = repo.commit({"a": "3"}, "third")
    await source.refresh()
    assert [one.subject for one in await source.log(first, third)] == ["third", "second"]


async def test_a_tree_is_exported_as_it_is(repo: Repo, source: GitSource, tmp_path: Path) -> None:
    names = {"a b": "1", "it's": "2", "-rf": "3", "$(x)": "4", "ümläut": "5", "new\nline": "6", "d/e/f": "7"}
    (repo.path / "link").symlink_to("/somewhere/else")
    sha = repo.commit({**names, ".gitattributes": "secret export-ignore\n", "secret": "x"})
    (repo.path / "d/e/f").chmod(0o755)
    sha = repo.commit({}, "executable")
    await source.refresh()
    found = await export(source, sha, tmp_path / "tree")
    assert found == {**names, ".gitattributes": "secret export-ignore\n"}
    assert str((tmp_path / "tree/link").readlink()) == "/somewhere/else"
    assert (tmp_path / "tree/d/e/f").stat().st_mode & 0o111
    assert not (tmp_path / "tree/a b").stat().st_mode & 0o111


async def test_a_subdirectory_can_be_all_that_is_deployed(repo: Repo, tmp_path: Path) -> None:
    sha = repo.commit({"web/app/index": "1", "other": "2"})
    source = GitSource(str(repo.path), tmp_path / "cache", tree="web/app")
    await source.refresh()
    assert await export(source, sha, tmp_path / "tree") == {"index": "1"}
    missing = GitSource(str(repo.path), tmp_path / "cache", tree="nothing")
    with pytest.raises(SourceError, match="SH206"):
        await missing.export(sha, tmp_path / "tree")


async def test_submodules_are_put_in_their_places(repo: Repo, source: GitSource, tmp_path: Path) -> None:
    inner = Repo(tmp_path / "inner")
    inner.commit({"deep": "3"})
    lib = Repo(tmp_path / "lib")
    lib.git("submodule", "add", "--quiet", "../inner", "inner")
    lib.commit({"code": "2"})
    repo.git("submodule", "add", "--quiet", "../lib", "vendor/lib")
    sha = repo.commit({"a": "1"})
    lib.commit({"code": "newer"})
    await source.refresh()
    found = await export(source, sha, tmp_path / "tree")
    assert found["vendor/lib/code"] == "2"
    assert found["vendor/lib/inner/deep"] == "3"


async def test_a_submodule_from_this_machine_is_not_taken_from_a_remote_repository(repo: Repo) -> None:
    from shiphorn.adapters.git_tree import _resolve_url

    assert (
        _resolve_url("https://git.example.com/a/b.git", "../c.git", "c") == "https://git.example.com/a/c.git"
    )
    with pytest.raises(SourceError, match="SH207"):
        _resolve_url("https://git.example.com/a/b.git", "/etc", "c")
    with pytest.raises(SourceError, match="SH207"):
        _resolve_url("/local", "ext::sh -c x", "c")


async def test_large_files_are_put_in_their_places(repo: Repo, source: GitSource, tmp_path: Path) -> None:
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.bin")
    sha = repo.commit({"big.bin": "large " * 1000, "a": "1"})
    assert repo.git("show", "HEAD:big.bin").startswith("version https://git-lfs")
    await source.refresh()
    found = await export(source, sha, tmp_path / "tree")
    assert found["big.bin"] == "large " * 1000


async def test_large_files_are_refused_where_git_lfs_is_not_installed(
    repo: Repo, source: GitSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.bin")
    sha = repo.commit({"big.bin": "large", "a": "1"})
    await source.refresh()
    (tmp_path / "bin").mkdir()
    for name in ("git", "sh"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(MissingProgram, match=r"1 of the files of .* are in Git LFS") as raised:
        await export(source, sha, tmp_path / "tree")
    assert (raised.value.code, raised.value.hint) == ("SH702", "Install it: apt-get install git-lfs")


async def test_a_clone_that_died_leaves_nothing_behind(repo: Repo, source: GitSource, tmp_path: Path) -> None:
    repo.commit({"a": "1"})
    (tmp_path / "cache").mkdir()
    left = tmp_path / "cache" / f".clone-{source._mirror.name}-x"
    left.mkdir()
    await source.refresh()
    assert not left.exists()


async def test_two_processes_may_refresh_at_once(repo: Repo, tmp_path: Path) -> None:
    import asyncio

    sha = repo.commit({"a": "1"})
    sources = [GitSource(str(repo.path), tmp_path / "cache") for _ in range(4)]
    await asyncio.gather(*(source.refresh() for source in sources))
    assert await sources[0].has(sha)
