"""The files of a commit: its tree, with submodules and large files (LFS) put in their places."""

from __future__ import annotations

import asyncio
import os
import shutil
import tarfile
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from shiphorn.adapters.git_command import git, git_env
from shiphorn.adapters.programs import end, run, start
from shiphorn.errors import MissingProgram, SourceError

LFS_MARK = b"version https://git-lfs.github.com/spec/v1\n"
LFS_POINTER_BYTES = 1024
SUBMODULE_DEPTH = 10
# Pointers come out as they are, whatever this account has set up: they are replaced by us.
_WITHOUT_LFS = ("-c", "filter.lfs.process=", "-c", "filter.lfs.smudge=", "-c", "filter.lfs.required=false")


MirrorOf = Callable[[str, str], Awaitable[Path | None]]
"""(URL, commit) -> the mirror of that repository, or None when it lacks the commit."""


async def export_tree(
    mirror: Path, url: str, sha: str, tree: str, into: Path, mirror_of: MirrorOf, depth: int = 0
) -> None:
    """Write the tree of a commit to an empty directory, honouring `export-ignore`.

    `mirror_of` gets the repositories of submodules.

    Raises SourceError SH206 (no such subdirectory), SH207 (submodule), SH208 (LFS), SH209 (the commit).
    """
    verified = await git(mirror, "rev-parse", "--verify", "--end-of-options", f"{sha}^{{commit}}")
    if verified.stdout.decode().strip() != sha:
        raise SourceError("SH209", f"the mirror does not hold the commit {sha}.", hint="Deploy again.")
    what = f"{sha}:{tree}" if tree else sha
    if tree and (await git(mirror, "cat-file", "-t", what)).stdout.strip() != b"tree":
        raise SourceError(
            "SH206", f"there is no directory {tree} in {sha[:8]}.", hint='Look at "repo_tree" in deploy.yml.'
        )
    await _archive(mirror, sha, tree, into)
    for path, source, child_sha in await _submodules(mirror, url, sha, tree):
        if depth >= SUBMODULE_DEPTH:
            raise SourceError(
                "SH207", f"the submodules of {sha[:8]} are nested more than {SUBMODULE_DEPTH} deep."
            )
        child = await mirror_of(source, child_sha)
        if child is None:
            raise SourceError(
                "SH207", f"the submodule {path} has no commit {child_sha[:8]}.", hint="Push it there first."
            )
        place = into / (path[len(tree) + 1 :] if tree else path)
        place.mkdir(parents=True, exist_ok=True)
        await export_tree(child, source, child_sha, "", place, mirror_of, depth + 1)
    await _large_files(mirror, url, sha, into)


async def _archive(mirror: Path, sha: str, tree: str, into: Path) -> None:
    # With the commit and a path, not commit:path: so attributes of the upper folders hold as well.
    what = ["archive", "--format=tar", sha, *(["--", tree] if tree else [])]
    arguments = ["git", "-C", str(mirror), *_WITHOUT_LFS, *what]
    process = await start(arguments, env=git_env())
    with tempfile.TemporaryFile(dir=into.parent) as file:
        try:
            if process.stdout is not None:
                while data := await process.stdout.read(1 << 20):
                    file.write(data)
            words = await process.stderr.read() if process.stderr else b""
            status = await process.wait()
        finally:
            if process.returncode is None:
                await end(process)
        if status != 0:
            raise SourceError(
                "SH209", f"{sha[:8]} cannot be exported: {words.decode(errors='replace').strip()}."
            )
        file.seek(0)
        await asyncio.to_thread(_unpack, file, into, tree)


def _unpack(file: object, into: Path, tree: str) -> None:
    """Links stay as they are, wherever they point: on the host they may be right."""
    prefix = f"{tree}/" if tree else ""
    with tarfile.open(fileobj=file, mode="r|") as tar:  # type: ignore[call-overload]
        # As an attribute: Debian 12's Python knows no argument `filter`, and unpacks like this anyway.
        tar.extraction_filter = _as_it_is
        for entry in tar:
            if not entry.name.startswith(prefix) and prefix:
                continue
            entry.name = entry.name[len(prefix) :]
            if entry.name:
                tar.extract(entry, into, set_attrs=True)


def _as_it_is(entry: tarfile.TarInfo, _into: str) -> tarfile.TarInfo:
    return entry


async def _submodules(mirror: Path, url: str, sha: str, tree: str) -> list[tuple[str, str, str]]:
    """(path, URL, commit) of the submodules of a commit, of those below `tree`."""
    listed = await git(mirror, "ls-tree", "-r", "-z", "--full-tree", sha, *(["--", tree] if tree else []))
    links = [line.split(b"\t", 1) for line in listed.stdout.split(b"\0") if line.startswith(b"160000 ")]
    urls = await _submodule_urls(mirror, sha) if links else {}
    found = []
    for meta, name in links:
        path = os.fsdecode(name)
        if path not in urls:
            raise SourceError(
                "SH207",
                f"{path} is a submodule, but .gitmodules has no URL for it.",
                hint="Mend .gitmodules.",
            )
        found.append((path, _resolve_url(url, urls[path], path), meta.split()[2].decode()))
    return found


async def _submodule_urls(mirror: Path, sha: str) -> dict[str, str]:
    got = await git(mirror, "config", "--blob", f"{sha}:.gitmodules", "-z", "--list")
    values = dict(
        line.split("\n", 1) for line in got.stdout.decode(errors="replace").split("\0") if "\n" in line
    )
    names = [key[: -len(".path")] for key in values if key.startswith("submodule.") and key.endswith(".path")]
    return {values[f"{name}.path"]: values[f"{name}.url"] for name in names if f"{name}.url" in values}


def _resolve_url(parent: str, url: str, path: str) -> str:
    """The URL of a submodule. One that names local files is trusted only by a local parent."""
    local_parent = parent.startswith(("/", "file://"))
    if url.startswith(("./", "../")):
        base = parent.rstrip("/")
        while url.startswith(("./", "../")):
            if url.startswith("../"):
                base = base.rpartition("/")[0]
            url = url.partition("/")[2]
        return f"{base}/{url}"
    is_local = url.startswith("/") or urlsplit(url).scheme == "file"
    if url.startswith("-") or "::" in url or (is_local and not local_parent):
        raise SourceError(
            "SH207",
            f"the submodule {path} comes from {url}, which is not safe to fetch.",
            hint="Use a git URL.",
        )
    return url


async def _large_files(mirror: Path, url: str, sha: str, into: Path) -> None:
    """Put the content in the place of LFS pointers; it is fetched into the mirror's own LFS store."""
    pointers = await asyncio.to_thread(_find_pointers, into)
    if not pointers:
        return
    if shutil.which("git-lfs") is None:
        raise MissingProgram(
            "SH702",
            f"{len(pointers)} of the files of {sha[:8]} are in Git LFS, and git-lfs is not installed.",
            hint="Install it: apt-get install git-lfs",
        )
    fetched = await git(mirror, "-c", f"remote.origin.url={url}", "lfs", "fetch", "origin", sha, limit=1800.0)
    for path in pointers:
        smudged = await run(
            ["git", "-C", str(mirror), "lfs", "smudge"],
            env=git_env() | {"GIT_LFS_SKIP_SMUDGE": "0"},
            stdin=path.read_bytes(),
            timeout_seconds=1800.0,
        )
        if smudged.status != 0 or smudged.stdout.startswith(LFS_MARK):
            raise SourceError(
                "SH208",
                f"{path.relative_to(into)} cannot be had from Git LFS: "
                f"{fetched.last_words or smudged.last_words}.",
                hint="Was it pushed? Try: git lfs fetch",
            )
        path.write_bytes(smudged.stdout)


def _find_pointers(into: Path) -> list[Path]:
    found = []
    for folder, _, names in os.walk(into):
        for name in names:
            path = Path(folder, name)
            if path.is_symlink() or path.stat().st_size > LFS_POINTER_BYTES:
                continue
            with path.open("rb") as file:
                if file.read(len(LFS_MARK)) == LFS_MARK:
                    found.append(path)
    return found
