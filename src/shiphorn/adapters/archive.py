"""A file of files: tar, packed with zstd, with a manifest that says what each of them has to be."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import zstandard

from shiphorn.errors import ConfigError, DatabaseError

MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20
MANIFEST_LIMIT_BYTES = 1 << 20


def pack(target: Path, facts: Mapping[str, Any], files: Mapping[str, Path]) -> None:
    """Write the files, by their names in it, with a manifest of `facts` and digests.

    It is this user's alone, and there as a whole or not at all. Raises ConfigError SH158 when there is one.
    """
    entries: dict[str, dict[str, Any]] = {
        name: {"bytes": path.stat().st_size, "sha256": _digest(path)} for name, path in sorted(files.items())
    }
    manifest = json.dumps(dict(facts) | {"files": entries}, indent=2).encode()
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            part.chmod(0o600)
            with (
                zstandard.ZstdCompressor(level=6).stream_writer(file, closefd=False) as packed,
                tarfile.open(fileobj=packed, mode="w|") as tar,
            ):
                _add(tar, MANIFEST, len(manifest), io.BytesIO(manifest))
                for name, entry in entries.items():
                    with files[name].open("rb") as content:
                        _add(tar, name, entry["bytes"], content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, target)
        except FileExistsError as error:
            raise ConfigError(
                "SH158", f"{target} is there already.", hint="Name a new file; a backup is not overwritten."
            ) from error
    finally:
        part.unlink(missing_ok=True)


def unpack(source: Path, folder: Path) -> dict[str, Any]:
    """Write the files into a folder, each compared with its digest: the manifest.

    Raises ConfigError SH156 for what is no such file, DatabaseError SH806 for one that is damaged.
    """
    manifest: dict[str, Any] = {}
    seen: set[str] = set()
    try:
        with (
            source.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for member in tar:
                content = tar.extractfile(member)
                if content is None:
                    raise _damaged(source, f"{member.name} is no file")
                if not manifest:
                    manifest = _manifest(source, member, content)
                elif member.name not in manifest["files"] or member.name in seen:
                    raise _damaged(source, f"{member.name} is not in its manifest")
                else:
                    seen.add(member.name)
                    _copy(content, folder / member.name)
    except (zstandard.ZstdError, tarfile.TarError, EOFError) as error:
        raise (_damaged(source, str(error)) if manifest else _foreign(source)) from error
    if not manifest:
        raise _foreign(source)
    for name, entry in manifest["files"].items():
        if name not in seen or _digest(folder / name) != entry["sha256"]:
            raise _damaged(source, f"{name} is not what was written")
    return manifest


def _manifest(source: Path, member: tarfile.TarInfo, content: IO[bytes]) -> dict[str, Any]:
    if member.name != MANIFEST or member.size > MANIFEST_LIMIT_BYTES:
        raise _foreign(source)
    try:
        found = json.loads(content.read())
        names = [str(name) for name in found["files"]]
    except (ValueError, KeyError, TypeError) as error:
        raise _foreign(source) from error
    if any(name != Path(name).name or name.startswith(".") for name in names):
        raise _damaged(source, "it has names that lead elsewhere")
    return dict(found)


def _add(tar: tarfile.TarFile, name: str, size: int, content: IO[bytes]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    tar.addfile(entry, content)


def _copy(content: IO[bytes], target: Path) -> None:
    target.touch(mode=0o600)
    with target.open("wb") as file:
        while chunk := content.read(CHUNK_BYTES):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _foreign(source: Path) -> ConfigError:
    return ConfigError("SH156", f"{source} is no backup.", hint="Backups are made by: horn backup FILE")


def _damaged(source: Path, what: str) -> DatabaseError:
    return DatabaseError(
        "SH806", f"{source} is damaged: {what}.", hint="Nothing was changed. Use another backup."
    )
