"""Artifacts on the deployer: a reproducible tar of a tree, kept compressed by its digest.

The same tree gives the same bytes everywhere: names sorted, owners and times dropped, modes reduced
to whether a file is executable.
"""

from __future__ import annotations

import asyncio
import errno
import gzip
import hashlib
import json
import os
import stat
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import zstandard

from shiphorn.errors import SourceError
from shiphorn.model.release import Artifact, Packing
from shiphorn.model.settings import Command

FORMAT = "1"
"""Raised when the same tree would be packed to other bytes: older artifacts are then built anew."""
MTIME = 1
"""Seconds after the epoch that all files carry: some programs take 0 for "no time"."""
CHUNK_BYTES = 1 << 20
KEEP_BYTES = 10 << 30
HALF_KEPT_SECONDS = 86_400
_HALF = ".new-"


def recipe_digest(sha: str, tree: str, build: Sequence[Command]) -> str:
    """What an artifact is made of, as a sha256: commit, subdirectory, build commands, format."""
    recipe = [FORMAT, sha, tree, [command.run for command in build]]
    return hashlib.sha256(json.dumps(recipe).encode()).hexdigest()


class Artifacts:
    """A folder of artifacts. Several processes may share it; a damaged one is built again."""

    def __init__(self, root: Path) -> None:
        self._recipes = root / "recipes"
        self._blobs = root / "blobs"

    def find(self, recipe: str) -> Artifact | None:
        """The artifact of a recipe, if it is here and of the right size."""
        try:
            entry = json.loads((self._recipes / f"{recipe}.json").read_text())
            artifact = Artifact(entry["tar_digest"], entry["tar_bytes"], entry["files"])
            whole = self._blob(artifact, "zstd").stat().st_size == entry["zstd_bytes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return artifact if whole else None

    async def pack(self, tree: Path, recipe: str) -> Artifact:
        """Pack a tree and keep it. Raises SourceError SH210 (a device or socket), SH211 (disk full)."""
        return await asyncio.to_thread(self._pack, tree, recipe)

    async def packing(self, artifact: Artifact, encoding: str) -> Packing:
        """The artifact as `zstd` or `gzip`; gzip is made when first asked for. Raises SourceError SH211."""
        return await asyncio.to_thread(self._packing, artifact, encoding)

    def prune(self, keep_bytes: int = KEEP_BYTES) -> int:
        """Delete what was used longest ago until at most `keep_bytes` are left. Gives the bytes freed.

        What a process that died left half-written goes as well, after a day.
        """
        for path in self._blobs.glob(f"{_HALF}*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < time.time() - HALF_KEPT_SECONDS:
                    path.unlink()
        files = sorted(
            (path.stat().st_mtime, path.stat().st_size, path) for path in self._blobs.glob("*.tar.*")
        )
        excess = sum(size for _, size, _ in files) - keep_bytes
        freed = 0
        for _, size, path in files:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed

    def _pack(self, tree: Path, recipe: str) -> Artifact:
        for folder in (self._blobs, self._recipes):
            folder.mkdir(parents=True, exist_ok=True)
        with _written(self._blobs) as (file, keep):
            compressor = zstandard.ZstdCompressor(level=3, threads=-1)
            with compressor.stream_writer(file, closefd=False) as packed:
                plain = _Digesting(packed)
                files = _write_tar(tree, plain)
            artifact = Artifact(plain.digest.hexdigest(), plain.size_bytes, files)
            entry = {
                "tar_digest": artifact.tar_digest,
                "tar_bytes": artifact.tar_bytes,
                "files": files,
                "zstd_bytes": file.tell(),
            }
            keep(self._blob(artifact, "zstd"))
        with _written(self._recipes) as (file, keep):
            file.write(json.dumps(entry).encode())
            keep(self._recipes / f"{recipe}.json")
        self.prune()
        return artifact

    def _packing(self, artifact: Artifact, encoding: str) -> Packing:
        path = self._blob(artifact, encoding)
        if not path.exists():
            self._make_gzip(artifact, path)
        found = path.stat()
        digest = _digest_of(path, found.st_size, found.st_ino)
        os.utime(path)
        return Packing(encoding, str(path), digest, found.st_size)

    def _make_gzip(self, artifact: Artifact, path: Path) -> None:
        with _written(self._blobs) as (file, keep), self._blob(artifact, "zstd").open("rb") as packed:
            with (
                gzip.GzipFile("", "wb", 6, file, mtime=0) as target,
                zstandard.ZstdDecompressor().stream_reader(packed) as plain,
            ):
                while data := plain.read(CHUNK_BYTES):
                    target.write(data)
            keep(path)

    def _blob(self, artifact: Artifact, encoding: str) -> Path:
        return self._blobs / f"{artifact.tar_digest}.tar.{'zst' if encoding == 'zstd' else 'gz'}"


class _Digesting:
    """A file that passes on what is written, and knows its sha256 and size."""

    def __init__(self, target: IO[bytes] | zstandard.ZstdCompressionWriter) -> None:
        self._target = target
        self.digest = hashlib.sha256()
        self.size_bytes = 0

    def write(self, data: bytes) -> int:
        """Write on."""
        self.digest.update(data)
        self.size_bytes += len(data)
        self._target.write(data)
        return len(data)


def _write_tar(tree: Path, target: _Digesting) -> int:
    """Write the tar of a tree; the number of its files."""
    files = 0
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.GNU_FORMAT, bufsize=CHUNK_BYTES) as tar:  # type: ignore[call-overload]
        for path in _walk(tree):
            entry = _entry(tree, path)
            if entry.isreg():
                files += 1
                with path.open("rb") as file:
                    tar.addfile(entry, file)
            else:
                tar.addfile(entry)
    return files


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(os.scandir(folder), key=lambda one: os.fsencode(one.name)):
        if entry.name == ".git":
            continue
        yield Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))


def _entry(tree: Path, path: Path) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(str(path.relative_to(tree)))
    entry.mtime = MTIME
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
    elif stat.S_ISDIR(found.st_mode):
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
    elif stat.S_ISREG(found.st_mode):
        entry.size, entry.mode = found.st_size, 0o755 if found.st_mode & 0o100 else 0o644
    else:
        raise SourceError(
            "SH210",
            f"{path.relative_to(tree)} is neither a file nor a folder nor a link.",
            hint="Have the build leave no sockets, pipes or devices behind.",
        )
    return entry


@lru_cache(maxsize=64)
def _digest_of(path: Path, size_bytes: int, inode: int) -> str:  # noqa: ARG001 - they tell a new file
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _written(folder: Path) -> Iterator[tuple[IO[bytes], Callable[[Path], None]]]:
    """A file that comes to its name whole or not at all: `keep(path)` puts it there."""
    with NamedTemporaryFile(dir=folder, prefix=_HALF, delete=False) as file:
        temporary = Path(file.name)

        def keep(path: Path) -> None:
            file.flush()
            os.fsync(file.fileno())
            temporary.rename(path)

        try:
            yield file, keep
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise SourceError(
                    "SH211", f"the disk that holds {folder} is full.", hint="Make room, and deploy again."
                ) from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
