"""Git by its own program: a mirror of the repository on the deployer, and trees out of it.

A person's text (a URL, a ref) is checked first and stands behind `--` or `--end-of-options`.
"""

from __future__ import annotations

import asyncio
import difflib
import fcntl
import hashlib
import re
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from shiphorn.adapters.git_ahead import is_part_of, read_ahead
from shiphorn.adapters.git_command import git, git_env
from shiphorn.adapters.git_history import read_diff, read_message, read_nodes, read_refs, read_times
from shiphorn.adapters.git_merge import commit_merge, parents_of, push, try_merge
from shiphorn.adapters.git_tree import export_tree
from shiphorn.adapters.programs import Ended, run
from shiphorn.errors import SourceError
from shiphorn.model.auto import Written
from shiphorn.model.graph import Diff, Node, Refs
from shiphorn.model.redact import without_password
from shiphorn.model.release import Commit, MergeResult
from shiphorn.ports import DIFF_LIMIT_BYTES, GRAPH_LIMIT

# As git-check-ref-format(1) has it, for a name that goes behind refs/heads/.
_REF = re.compile(r"[^-./\x00-\x20\x7f~^:?*\[\\][^\x00-\x20\x7f~^:?*\[\\]*")
_NOT_IN_REF = ("..", "@{", "//", "/.", ".lock/")
_SHA = re.compile(r"[0-9a-f]{4,40}")
_LOG_FORMAT = "%H%x00%s%x00%an%x00%ct"
FETCH_TIMEOUT_SECONDS = 1800.0
_SAID_ALWAYS = (
    "fatal: Could not read from remote repository.",
    "Please make sure you have the correct access rights",
    "and the repository exists.",
)


class GitSource:
    """A repository, by path or URL, with a bare mirror below `cache_root`.

    `tree` is the subdirectory that is deployed, "" for all. Two processes may share a mirror.
    """

    def __init__(self, url: str, cache_root: Path, tree: str = "") -> None:
        if not url or url.startswith("-") or "::" in url or any(ord(char) < 32 for char in url):
            raise SourceError(
                "SH202", f"{url!r} is not a repository.", hint='Set "repo" to a path or a git URL.'
            )
        self._url = url
        self._tree = tree
        name = re.sub(r"[^A-Za-z0-9._-]", "", url.rstrip("/").rsplit("/", 1)[-1]) or "repository"
        self._mirror = cache_root / f"{name}-{hashlib.sha256(url.encode()).hexdigest()[:16]}"

    async def refresh(self) -> None:
        """Bring the mirror up to date. Raises SourceError SH201."""
        self._mirror.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(self._mirror.with_suffix(".lock")):
            if self._mirror.exists():
                await self._fetch(self._mirror)
            else:
                await self._clone()

    async def has(self, sha: str) -> bool:
        """Whether the mirror holds this commit."""
        if not self._mirror.exists() or _SHA.fullmatch(sha) is None:
            return False
        return (await self._git("cat-file", "-e", f"{sha}^{{commit}}")).status == 0

    async def resolve(self, ref: str) -> Commit:
        """The commit of a branch, a tag or a commit id, looked for in this order; "" is HEAD.

        Raises SourceError SH203 (none), SH204 (several), SH205 (no ref at all).
        """
        if ref and not _may_be_ref(ref):
            raise SourceError(
                "SH205", f"{ref!r} cannot be a branch, a tag or a commit.", hint="Name one of them."
            )
        names = [f"refs/heads/{ref}", f"refs/tags/{ref}"] if ref else ["HEAD"]
        if ref.startswith("refs/"):
            names.append(ref)
        if _SHA.fullmatch(ref):
            names.append(ref)
        for name in names:
            found = await self._git("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
            if found.status == 0:
                return (await self._commits("-1", found.stdout.decode().strip()))[0]
            if "ambiguous" in found.stderr:
                raise SourceError(
                    "SH204", f"{ref} is the beginning of several commits.", hint="Give more digits."
                )
        raise SourceError(
            "SH203", f"{self._shown} has no branch, tag or commit {ref}.", hint=await self._near(ref)
        )

    async def log(self, old: str, new: str, *, limit: int = 200) -> Sequence[Commit]:
        """Commits of `new` that `old` lacks, newest first."""
        return await self._commits(f"-{limit}", new, *([f"^{old}"] if old else []))

    async def ahead(self, live: str, head: str, *, limit: int = 50) -> Sequence[Written]:
        """The commits of a branch itself that come after `live`, newest first. Raises SourceError SH213."""
        return await read_ahead(self._mirror, live, head, limit) if self._mirror.exists() else ()

    async def contains(self, whole: str, part: str) -> bool:
        """Whether a commit is another one, or comes after it."""
        known = _SHA.fullmatch(whole) and _SHA.fullmatch(part) and self._mirror.exists()
        return bool(known) and await is_part_of(self._mirror, part, whole)

    async def read(self, sha: str, path: str) -> str | None:
        """The text of a file in a commit, its path from the top of the repository."""
        got = await self._git("cat-file", "blob", f"{sha}:{path}")
        return got.stdout.decode(errors="replace") if got.status == 0 else None

    async def export(self, sha: str, into: Path) -> None:
        """Write the tree of a commit. Raises SourceError SH206, SH207, SH208."""
        mirror_of = partial(_mirror_holding, self._mirror.parent)
        await export_tree(self._mirror, self._url, sha, self._tree, into, mirror_of)

    async def refs(self) -> Refs:
        """All branches and tags of the mirror. Raises SourceError SH213."""
        return await read_refs(self._mirror)

    async def graph(self, limit: int = GRAPH_LIMIT) -> Sequence[Node]:
        """The newest commits of all branches and tags, by date and every child before its parents.

        Raises SourceError SH213.
        """
        return await read_nodes(self._mirror, limit)

    async def diff(self, old: str, new: str, *, limit_bytes: int = DIFF_LIMIT_BYTES) -> Diff:
        """What differs between two commits; `old` may be "". Raises SourceError SH213, SH214."""
        return await read_diff(self._mirror, old, new, limit_bytes)

    async def committed_at(self, shas: Sequence[str]) -> Mapping[str, float]:
        """When commits were made, in Unix seconds; those that the mirror lacks are left out."""
        known = [sha for sha in shas if _SHA.fullmatch(sha)]
        return await read_times(self._mirror, known) if known and self._mirror.exists() else {}

    async def show(self, sha: str) -> str:
        """The whole message of a commit. Raises SourceError SH213, SH214."""
        return await read_message(self._mirror, sha)

    async def parents(self, sha: str) -> Sequence[str]:
        """The parents of a commit, the first one first; none when the mirror lacks it."""
        return await parents_of(self._mirror, sha) if _SHA.fullmatch(sha) else ()

    async def merge(self, ours: str, theirs: str) -> MergeResult:
        """What a merge of two commits comes to; nothing is changed. Raises SourceError SH221, SH222."""
        return await try_merge(self._mirror, ours, theirs)

    async def push_merge(
        self, branch: str, tree: str, parents: tuple[str, str], message: str, at: float
    ) -> str:
        """Commit a merge and move a branch of the repository to it. Raises SourceError SH205, SH221."""
        if not _may_be_ref(branch):
            raise SourceError("SH205", f"{branch!r} cannot be a branch.", hint="Name one.")
        sha = await commit_merge(self._mirror, tree, parents, message, at)
        await push(self._mirror, sha, branch)
        await self.refresh()
        return sha

    @property
    def _shown(self) -> str:
        return without_password(self._url)

    async def _clone(self) -> None:
        prefix = f".clone-{self._mirror.name}-"
        # The lock is ours: what stands there was left by a process that died.
        for left in self._mirror.parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=self._mirror.parent))
        try:
            await run(["git", "init", "--quiet", "--bare", str(fresh)], env=git_env())
            for key, value in (
                ("remote.origin.url", self._url),
                ("remote.origin.fetch", "+refs/heads/*:refs/heads/*"),
                # Packs are put together now and then, but what a force-push left stays: a host may run it.
                ("gc.pruneExpire", "never"),
            ):
                await git(fresh, "config", key, value)
            await self._fetch(fresh)
            fresh.rename(self._mirror)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    async def _fetch(self, mirror: Path) -> None:
        try:
            got = await git(
                mirror,
                "fetch",
                "--quiet",
                "--prune",
                "--tags",
                "--force",
                "origin",
                limit=FETCH_TIMEOUT_SECONDS,
            )
            head = await git(mirror, "ls-remote", "--symref", "origin", "HEAD")
        except TimeoutError:
            raise SourceError("SH201", f"{self._shown} did not answer in time.") from None
        if got.status != 0:
            raise SourceError(
                "SH201",
                f"{self._shown} cannot be fetched: {without_password(_reason(got))}.",
                hint='Does "repo" name it, and may this account read it? Try: git ls-remote URL',
            )
        named = re.match(rb"ref: (refs/heads/\S+)\tHEAD", head.stdout)
        if named:
            await git(mirror, "symbolic-ref", "HEAD", named[1].decode())

    async def _commits(self, *what: str) -> list[Commit]:
        got = await self._git("log", "-z", f"--format={_LOG_FORMAT}", *what, "--")
        fields = got.stdout.decode(errors="replace").rstrip("\0").split("\0")
        if got.status != 0 or len(fields) < 4:
            return []
        rows = [fields[start : start + 4] for start in range(0, len(fields), 4)]
        return [Commit(sha, subject, author, int(at)) for sha, subject, author, at in rows]

    async def _near(self, ref: str) -> str:
        listed = await self._git("for-each-ref", "--format=%(refname:strip=2)", "refs/heads", "refs/tags")
        near = difflib.get_close_matches(ref, listed.stdout.decode().split(), n=3, cutoff=0.5)
        return f"Did you mean {' or '.join(near)}?" if near else "Was it pushed?"

    async def _git(self, *arguments: str) -> Ended:
        return await git(self._mirror, *arguments)


def _reason(ended: Ended) -> str:
    """Why git failed: its first lines, without those that stand below every failure."""
    lines = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
    telling = [line for line in lines if line not in _SAID_ALWAYS] or lines
    return " / ".join(telling[:3]).rstrip(".")


def _may_be_ref(text: str) -> bool:
    return (
        _REF.fullmatch(text) is not None
        and not text.endswith(("/", ".", ".lock"))
        and not any(part in text for part in _NOT_IN_REF)
        and text != "@"
    )


async def _mirror_holding(cache_root: Path, url: str, sha: str) -> Path | None:
    """The mirror of a submodule, once it holds the commit; None when its repository lacks it."""
    source = GitSource(url, cache_root)
    if not await source.has(sha):
        await source.refresh()
    return source._mirror if await source.has(sha) else None  # noqa: SLF001 - a function of this class


@asynccontextmanager
async def _locked(path: Path) -> AsyncIterator[None]:
    with path.open("w") as file:
        await asyncio.to_thread(fcntl.flock, file, fcntl.LOCK_EX)
        yield
