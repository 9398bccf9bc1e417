"""What the deploy needs from the outside world, as protocols. `adapters/` implements them.

The words of the wire between a deployer and a host stand here too: a `Script` goes out, `Frame`s
come back. A host runs one long-lived `sh` per connection; scripts are fed to its stdin.

On the wire:
    to the host      a header line `NONCE COUNT`, then COUNT bytes of script, then whatever the
                     script itself reads (a payload, answers)
    from the host    frames: a line `@horn NONCE VERB COUNT ARG...`, then COUNT bytes, then a newline.
                     The driver ends each script with the frame `end` whose ARG is its exit status.
Anything else on stdout is noise of a login shell and is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from shiphorn.model.auto import Written
from shiphorn.model.forge import Deployment, Progress
from shiphorn.model.gates import Answer, Question
from shiphorn.model.graph import Diff, Node, Refs
from shiphorn.model.health import Check, Tried
from shiphorn.model.measures import Series
from shiphorn.model.notices import Notice
from shiphorn.model.release import Artifact, Commit, MergeResult, Packing
from shiphorn.model.settings import Login
from shiphorn.model.statuses import CommitStatus
from shiphorn.model.target import Host

GRAPH_LIMIT = 50_000
DIFF_LIMIT_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Script:
    """Text for a host's `sh`. `secrets` are exported ahead of it and never shown or logged."""

    text: str
    secrets: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """One message from a host. `at` is the deployer's Unix time of its arrival, in seconds."""

    verb: str
    args: tuple[str, ...] = ()
    data: bytes = b""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """All that a script answered. `status` is its exit status; `stderr` the shell's own words."""

    frames: tuple[Frame, ...]
    status: int
    stderr: str = ""

    def first(self, verb: str) -> Frame | None:
        """The first frame with this verb."""
        return next((frame for frame in self.frames if frame.verb == verb), None)


class Exchange(Protocol):
    """A script that was sent to a host and is answering. Exchanges of a shell run in order."""

    async def wait_for(self, verb: str, *, timeout_seconds: float) -> Frame | None:
        """The first frame with this verb, or None if the script ended without it.

        Raises ConnectError when the connection is lost, HostError SH420 on timeout.
        """

    async def send(self, data: bytes) -> None:
        """Write to the script's stdin."""

    async def reply(self, *, timeout_seconds: float) -> Reply:
        """Wait for the end of the script. Raises as `wait_for`; after a timeout the shell is closed."""


class Shell(Protocol):
    """One long-lived `sh` on a host, over one verified connection."""

    host: Host

    def start(
        self,
        script: Script,
        *,
        payload: Packing | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> Exchange:
        """Queue a script behind the earlier ones; `payload`'s bytes follow it on stdin.

        The payload stops early when the script ends without reading it.
        """

    async def run(
        self,
        script: Script,
        *,
        timeout_seconds: float,
        payload: Packing | None = None,
        on_frame: Callable[[Frame], None] | None = None,
    ) -> Reply:
        """`start` and wait for the reply."""

    @property
    def alive(self) -> bool:
        """Whether the connection still stands, as far as is known."""

    async def close(self) -> None:
        """End the shell and its connection."""


class Transport(Protocol):
    """Opens shells. One instance serves one process; host keys are always verified."""

    async def connect(self, host: Host, login: Login) -> Shell:
        """Log in and start `sh`. Raises ConnectError: SH301 unreachable, SH302 no answer in time,
        SH303 host key unknown, SH304 host key changed, SH305 login refused, SH306 no usable `sh`,
        SH307 connection lost.
        """

    async def close(self) -> None:
        """Close whatever is still open."""


class Source(Protocol):
    """The application's repository."""

    async def refresh(self) -> None:
        """Bring the cached mirror up to date. Raises SourceError."""

    async def has(self, sha: str) -> bool:
        """Whether the mirror holds this commit already, so that it need not be refreshed."""

    async def resolve(self, ref: str) -> Commit:
        """The commit that a branch, tag or commit id names. Raises SourceError SH203 if none."""

    async def log(self, old: str, new: str, *, limit: int = 200) -> Sequence[Commit]:
        """Commits reachable from `new` and not from `old`, newest first; `old` may be ""."""

    async def ahead(self, live: str, head: str, *, limit: int = 50) -> Sequence[Written]:
        """The commits that come after `live` on the way to `head`, newest first; `live` may be "".

        Only those of the branch itself, not of branches that were merged into it. None when `live` is not
        behind `head`.
        """

    async def contains(self, whole: str, part: str) -> bool:
        """Whether a commit is another one, or comes after it; False when the mirror lacks one of them."""

    async def read(self, sha: str, path: str) -> str | None:
        """The text of a file in a commit; None when it has none there."""

    async def refs(self) -> Refs:
        """All branches and tags that the mirror has. Raises SourceError SH213 if it cannot be read."""

    async def graph(self, limit: int = GRAPH_LIMIT) -> Sequence[Node]:
        """The newest commits of all branches and tags, by date and every child before its parents."""

    async def diff(self, old: str, new: str, *, limit_bytes: int = DIFF_LIMIT_BYTES) -> Diff:
        """What differs between two commits; `old` may be "". Raises SourceError SH214 if one is missing."""

    async def committed_at(self, shas: Sequence[str]) -> Mapping[str, float]:
        """When commits were made, in Unix seconds; those that the mirror lacks are left out."""

    async def show(self, sha: str) -> str:
        """The whole message of a commit. Raises SourceError SH214 if it is missing."""

    async def parents(self, sha: str) -> Sequence[str]:
        """The parents of a commit, the first one first; none when the mirror lacks it."""

    async def merge(self, ours: str, theirs: str) -> MergeResult:
        """What a merge of two commits comes to; nothing is changed. Raises SourceError SH221, SH222."""

    async def push_merge(
        self, branch: str, tree: str, parents: tuple[str, str], message: str, at: float
    ) -> str:
        """Commit a merge and move a branch of the repository to it: the commit, the same for the same
        arguments. Raises SourceError SH221 when the repository says no.
        """

    async def export(self, sha: str, into: Path) -> None:
        """Write the tree of the commit, submodules and LFS files included, to an empty directory."""


class Inventory(Protocol):
    """Where the hosts of a region come from."""

    async def hosts(self, region: str) -> Sequence[Host]:
        """The hosts, now. Raises ConfigError or HostError when the list cannot be had."""


class Secrets(Protocol):
    """Where secret values come from."""

    async def get(self, name: str) -> str:
        """The value. Raises ConfigError SH130 if there is none, never showing a value."""


class ArtifactCache(Protocol):
    """Built artifacts on the deployer, by what they were built from."""

    def find(self, recipe: str) -> Artifact | None:
        """The artifact of a recipe digest (sha256 hex of commit, tree and build commands)."""

    async def pack(self, tree: Path, recipe: str) -> Artifact:
        """Pack a tree reproducibly and keep it under the recipe."""

    async def packing(self, artifact: Artifact, encoding: str) -> Packing:
        """The artifact compressed as `zstd` or `gzip`, made when first asked for."""


class Checker(Protocol):
    """Looks at the health of hosts from the deployer, for checks of one kind."""

    async def attempt(self, check: Check) -> Tried:
        """Try once, within the check's timeout. What goes wrong is the answer, nothing is raised."""

    async def close(self) -> None:
        """Let go of what is kept between tries."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a source of metrics is asked. `kind` is graphite or prometheus; `authorization` is the header.

    `ca` is the path of a certificate, "" for those that this machine trusts.
    """

    kind: str
    url: str
    authorization: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    ca: str = ""


class Meter(Protocol):
    """Asks sources of metrics."""

    async def series(
        self,
        access: Access,
        query: str,
        since: float,
        until: float,
        *,
        step_seconds: float,
        timeout_seconds: float,
    ) -> Sequence[Series]:
        """The points after `since` up to `until` (Unix seconds) that a query gives.

        Raises HostError: SH446 no answer, SH447 sign-in refused, SH448 query refused, SH449 an answer that
        cannot be read.
        """

    async def close(self) -> None:
        """Let go of what is kept between questions."""


class Gate(Protocol):
    """Something that has a say in whether an order may be carried out."""

    @property
    def name(self) -> str:
        """What people know it by, in a word or two."""

    async def ask(self, question: Question) -> Answer:
        """Its answer, now; asked again while it is to wait. Whatever it raises counts as a refusal."""


class Notifier(Protocol):
    """Tells people, over a service that they read."""

    async def tell(self, url: str, notice: Notice) -> str:
        """Hand a notice over: "" when it was taken, else why not, without what is secret in the URL."""


class Forge(Protocol):
    """Where repositories live and are built. `path` is what it calls one: `acme/shop`.

    All raise SourceError: SH225 no answer, SH226 not let in, SH227 asked too often (`pause_seconds` of its
    facts is how long it wants to be left alone), SH228 not there, SH229 an answer that makes no sense.
    """

    async def statuses(self, path: str, sha: str) -> Sequence[CommitStatus]:
        """What is said of a commit now, without source and repository."""

    async def tell(self, path: str, deployment: Deployment, progress: Progress, remote: str) -> str:
        """Tell of a deploy; it may be told the same again. `remote` is what the forge called it, "" at first.

        What it calls it.
        """

    async def close(self) -> None:
        """Let go of what is kept between questions."""


class EventSink(Protocol):
    """Something that wants to know what happens: a face, a metric, a log."""

    def __call__(self, event: Any, /) -> None:
        """Take an event of `model.events`; must not block or raise."""
