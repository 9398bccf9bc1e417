"""Merges made in a mirror, without a work tree, and pushed to the repository that it mirrors."""

from __future__ import annotations

from pathlib import Path

from shiphorn.adapters.git_command import git, git_env
from shiphorn.adapters.programs import Ended, run
from shiphorn.errors import SourceError
from shiphorn.model.redact import without_password
from shiphorn.model.release import MergeResult

PUSH_TIMEOUT_SECONDS = 300.0
MERGER = "shiphorn"
_CONFLICTS = 1
"""How `git merge-tree` ends when there are any; 0 is a clean merge, anything else a failure."""
_TOLD_LINES = 3


async def try_merge(mirror: Path, ours: str, theirs: str) -> MergeResult:
    """What a merge of two commits comes to. No branch is touched. Raises SourceError SH221, SH222."""
    done = await git(
        mirror, "merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", f"{ours}", f"{theirs}"
    )
    tree, *files = [part for part in done.stdout.decode(errors="replace").split("\0") if part] or [""]
    if done.status not in (0, _CONFLICTS):
        if "usage: git merge-tree" in done.stderr or "unknown rev" in done.stderr:
            raise SourceError(
                "SH222", "this git cannot merge in a mirror.", hint="It takes git 2.38 or later."
            )
        raise _failed(f"{theirs[:8]} cannot be merged into {ours[:8]}", done)
    return MergeResult("" if files or done.status else tree.strip(), tuple(files))


async def commit_merge(mirror: Path, tree: str, parents: tuple[str, str], message: str, at: float) -> str:
    """Make the commit of a merge: the same one for the same arguments. Raises SourceError SH221."""
    who = {"NAME": MERGER, "EMAIL": f"{MERGER}@localhost", "DATE": f"@{int(at)} +0000"}
    env = git_env() | {
        f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()
    }
    done = await run(
        [
            "git",
            "-C",
            str(mirror),
            "-c",
            "commit.gpgSign=false",
            "commit-tree",
            tree,
            *(part for parent in parents for part in ("-p", parent)),
        ],
        env=env,
        stdin=message.encode(),
        timeout_seconds=60.0,
    )
    if done.status != 0:
        raise _failed("the merge could not be committed", done)
    return done.stdout.decode().strip()


async def push(mirror: Path, sha: str, branch: str) -> None:
    """Move a branch of the repository forward to a commit. Raises SourceError SH221 if it says no."""
    try:
        done = await git(
            mirror, "push", "--quiet", "origin", f"{sha}:refs/heads/{branch}", limit=PUSH_TIMEOUT_SECONDS
        )
    except TimeoutError:
        raise SourceError("SH221", f"the push to {branch} got no answer in time.") from None
    if done.status != 0:
        raise _failed(
            f"{branch} could not be pushed", done, hint="May this deployer write to the repository?"
        )


async def parents_of(mirror: Path, sha: str) -> tuple[str, ...]:
    """The parents of a commit, the first one first; none when it is not there."""
    done = await git(mirror, "rev-list", "--parents", "-1", sha, "--")
    return tuple(done.stdout.decode().split()[1:]) if done.status == 0 else ()


def _failed(what: str, done: Ended, hint: str = "") -> SourceError:
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    words = without_password(" / ".join(lines[:_TOLD_LINES])).rstrip(".")
    return SourceError("SH221", f"{what}: {words or 'git said nothing'}.", hint=hint)
