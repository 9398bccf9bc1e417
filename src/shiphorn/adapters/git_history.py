"""The history of a mirror: all commits with their parents, branches and tags, diffs and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from shiphorn.adapters.git_command import git, git_env
from shiphorn.adapters.programs import Ended, end, run, start
from shiphorn.errors import SourceError
from shiphorn.model.graph import Diff, FileChange, Node, Ref, RefKind, Refs
from shiphorn.model.release import Commit

_NODE_FORMAT = "%H%x00%P%x00%s%x00%an%x00%ct"
_NODE_FIELDS = 5
_PLAIN_DIFF = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")
_KINDS = {"refs/heads/": RefKind.BRANCH, "refs/tags/": RefKind.TAG}
_PEELED = "^{}"
DIFF_TIMEOUT_SECONDS = 60.0
TIMES_TIMEOUT_SECONDS = 60.0


async def read_refs(mirror: Path) -> Refs:
    """The branches and tags; a tag that has an object of its own counts as at the commit it names.

    Raises SourceError SH213.
    """
    listed = await _read(mirror, "show-ref", "--dereference", "--heads", "--tags", none=1)
    head = await git(mirror, "symbolic-ref", "--quiet", "--short", "HEAD")
    found: dict[str, str] = {}
    for line in listed.stdout.decode(errors="replace").splitlines():
        sha, _, name = line.partition(" ")
        # The line with the commit itself follows the one with the tag's object.
        found[name.removesuffix(_PEELED)] = sha
    return Refs(head.stdout.decode(errors="replace").strip(), tuple(map(_ref, found.items())))


async def read_nodes(mirror: Path, limit: int) -> list[Node]:
    """The newest commits of all branches and tags, by date and every child before its parents.

    Raises SourceError SH213.
    """
    everything = ("--branches", "--tags", "--date-order", f"--max-count={limit}")
    if not (await read_refs(mirror)).all:
        return []
    got = await _read(mirror, "log", "-z", f"--format={_NODE_FORMAT}", *everything, "--")
    # 50,000 commits keep Python busy for a tenth of a second.
    return await asyncio.to_thread(_nodes, got.stdout)


async def read_times(mirror: Path, shas: Sequence[str]) -> dict[str, float]:
    """When commits were made, by their whole ids; those that the mirror lacks are left out."""
    ended = await run(
        [
            "git",
            "-C",
            str(mirror),
            "log",
            "--no-walk=unsorted",
            "--ignore-missing",
            "--format=%H %ct",
            "--stdin",
        ],
        env=git_env(),
        stdin="".join(f"{sha}\n" for sha in shas).encode(),
        timeout_seconds=TIMES_TIMEOUT_SECONDS,
    )
    pairs = (line.split() for line in ended.stdout.decode(errors="replace").splitlines())
    return {sha: float(at) for sha, at in pairs}


async def read_diff(mirror: Path, old: str, new: str, limit_bytes: int) -> Diff:
    """What `new` has and `old` has not, and the other way round; `old` may be "", which is nothing at all.

    Raises SourceError SH213, SH214 (no such commit).
    """
    pair = [await _tree(mirror, old), await _tree(mirror, new)]
    counted = await _read(mirror, "diff", "-z", "--numstat", *_PLAIN_DIFF, *pair, "--")
    text, truncated = await _beginning(mirror, ["diff", *_PLAIN_DIFF, *pair, "--"], limit_bytes)
    return Diff(text, _changes(counted.stdout.decode(errors="replace")), truncated)


async def read_message(mirror: Path, sha: str) -> str:
    """The whole message of a commit. Raises SourceError SH213, SH214 (no such commit)."""
    await _tree(mirror, sha)
    shown = await _read(mirror, "log", "-1", "--format=%B", sha, "--")
    return shown.stdout.decode(errors="replace").strip()


async def _read(mirror: Path, *arguments: str, none: int = 0) -> Ended:
    """Ask git; it may also end with the status `none`."""
    try:
        ended = await git(mirror, *arguments)
    except TimeoutError:
        raise _unreadable(mirror, "git took too long") from None
    if ended.status not in (0, none):
        raise _unreadable(mirror, ended.last_words)
    return ended


def _unreadable(mirror: Path, words: str) -> SourceError:
    return SourceError(
        "SH213",
        f"the history in {mirror.name} cannot be read: {words.rstrip('.')}.",
        hint="It is fetched by every deploy; or was its directory removed?",
    )


async def _tree(mirror: Path, sha: str) -> str:
    """The tree of a commit, by which git cannot mistake it for anything else."""
    if not sha:
        empty = await _read(mirror, "hash-object", "-t", "tree", "--stdin")
        return empty.stdout.decode().strip()
    found = await git(mirror, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{sha}^{{tree}}")
    if found.status != 0:
        raise SourceError(
            "SH214",
            f"the mirror does not hold the commit {sha}.",
            hint="Was it removed by a force-push before it was ever fetched?",
        )
    return found.stdout.decode().strip()


async def _beginning(mirror: Path, arguments: list[str], limit_bytes: int) -> tuple[str, bool]:
    """What git prints, to the last whole line within the limit, and whether that is not all."""
    process = await start(["git", "-C", str(mirror), *arguments], env=git_env())
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    read = bytearray()
    try:
        async with asyncio.timeout(DIFF_TIMEOUT_SECONDS):
            while len(read) <= limit_bytes and (chunk := await process.stdout.read(65536)):
                read += chunk
    except TimeoutError:
        raise _unreadable(mirror, "git took too long") from None
    finally:
        if process.returncode is None:
            await end(process)
    if len(read) <= limit_bytes:
        return read.decode(errors="replace"), False
    return read[: read.rfind(b"\n", 0, limit_bytes) + 1].decode(errors="replace"), True


def _ref(found: tuple[str, str]) -> Ref:
    name, sha = found
    prefix = next(prefix for prefix in _KINDS if name.startswith(prefix))
    return Ref(name.removeprefix(prefix), _KINDS[prefix], sha)


def _nodes(printed: bytes) -> list[Node]:
    fields = printed.decode(errors="replace").split("\0")
    return [
        Node(Commit(sha, subject, author, int(at)), tuple(parents.split()))
        for sha, parents, subject, author, at in zip(
            *(fields[start::_NODE_FIELDS] for start in range(_NODE_FIELDS)), strict=False
        )
    ]


def _changes(printed: str) -> list[FileChange]:
    """Lines of --numstat -z: counts and path; of a renamed file the path is empty, and two paths follow."""
    fields = iter(printed.split("\0"))
    changes = []
    for field in fields:
        if not field:
            break
        insertions, deletions, path = field.split("\t", 2)
        if not path:
            next(fields)
            path = next(fields)
        binary = insertions == "-"
        changes.append(
            FileChange(path, 0 if binary else int(insertions), 0 if binary else int(deletions), binary)
        )
    return changes
