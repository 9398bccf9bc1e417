"""Artifacts: the same bytes for the same tree, whole or not at all."""

import gzip
import os
import socket
import tarfile
from pathlib import Path

import pytest
import zstandard

from shiphorn.adapters.artifacts import Artifacts, recipe_digest
from shiphorn.errors import SourceError
from shiphorn.model.settings import Command


def tree(path: Path) -> Path:
    path.mkdir()
    (path / "b").write_text("bee")
    (path / "a dir").mkdir()
    (path / "a dir" / "run").write_text("#!/bin/sh\n")
    (path / "a dir" / "run").chmod(0o700)
    (path / "link").symlink_to("/elsewhere")
    (path / ".git").mkdir()
    (path / ".git" / "HEAD").write_text("never packed")
    return path


async def test_the_same_tree_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = Artifacts(tmp_path / "one"), Artifacts(tmp_path / "two")
    first = await one.pack(tree(tmp_path / "x"), "r")
    other = tree(tmp_path / "y")
    os.utime(other / "b", (5, 5))
    (other / "b").chmod(0o600)
    second = await two.pack(other, "r")
    assert first == second
    assert (await one.packing(first, "zstd")).digest == (await two.packing(second, "zstd")).digest
    assert (await one.packing(first, "gzip")).digest == (await two.packing(second, "gzip")).digest


async def test_the_tar_holds_names_modes_and_links(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    packing = await artifacts.packing(await artifacts.pack(tree(tmp_path / "x"), "r"), "zstd")
    with (
        Path(packing.path).open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as plain,
        tarfile.open(fileobj=plain, mode="r|") as tar,
    ):
        found = [(one.name, oct(one.mode), one.linkname, one.uid, one.mtime) for one in tar]
    assert found == [
        ("a dir", "0o755", "", 0, 1),
        ("a dir/run", "0o755", "", 0, 1),
        ("b", "0o644", "", 0, 1),
        ("link", "0o777", "/elsewhere", 0, 1),
    ]


async def test_gzip_holds_the_same_tar(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    artifact = await artifacts.pack(tree(tmp_path / "x"), "r")
    packing = await artifacts.packing(artifact, "gzip")
    assert len(gzip.decompress(Path(packing.path).read_bytes())) == artifact.tar_bytes


async def test_what_is_damaged_or_gone_is_not_found(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    artifact = await artifacts.pack(tree(tmp_path / "x"), "r")
    assert artifacts.find("r") == artifact
    assert artifacts.find("other") is None
    path = Path((await artifacts.packing(artifact, "zstd")).path)
    path.write_bytes(path.read_bytes()[:-1])
    assert artifacts.find("r") is None
    (tmp_path / "cache/recipes/r.json").write_text("{")
    assert artifacts.find("r") is None


async def test_a_socket_in_the_tree_is_refused(tmp_path: Path) -> None:
    folder = tree(tmp_path / "x")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "sock"))
        with pytest.raises(SourceError, match="SH210 sock is neither a file"):
            await Artifacts(tmp_path / "cache").pack(folder, "r")
    assert list((tmp_path / "cache/blobs").iterdir()) == []


async def test_old_artifacts_are_pruned(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    await artifacts.pack(tree(tmp_path / "x"), "r")
    assert artifacts.prune(keep_bytes=10_000) == 0
    assert artifacts.prune(keep_bytes=0) > 0
    assert artifacts.find("r") is None


async def test_what_dead_processes_left_half_written_goes_after_a_day(tmp_path: Path) -> None:
    artifacts = Artifacts(tmp_path / "cache")
    await artifacts.pack(tree(tmp_path / "x"), "r")
    old, fresh = (tmp_path / "cache/blobs" / name for name in (".new-old", ".new-fresh"))
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    artifacts.prune()
    assert (old.exists(), fresh.exists()) == (False, True)


def test_a_recipe_changes_with_all_that_it_is_made_of() -> None:
    plain = recipe_digest("a" * 40, "", [])
    assert plain == recipe_digest("a" * 40, "", [])
    assert len({plain, recipe_digest("b" * 40, "", []), recipe_digest("a" * 40, "web", [])}) == 3
    assert recipe_digest("a" * 40, "", [Command("make")]) != plain
