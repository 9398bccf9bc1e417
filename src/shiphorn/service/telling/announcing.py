"""What people are told of a deploy, in words: from an event to a notice, and from many to one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shiphorn.model.deploy import Deploy, Kind, Phase
from shiphorn.model.events import Continued, DeployFinished, Paused, PhaseStarted, Queued
from shiphorn.model.notices import Moment, Notice, Severity
from shiphorn.model.plain import one_line

KINDS = (PhaseStarted.kind, Queued.kind, Paused.kind, Continued.kind, DeployFinished.kind)
"""The kinds of events that something is told of."""
BEGUN = Phase.DISCOVER
"""The first phase of a deploy once nobody stands in its way, and its commit is known."""
LINES = 20
"""One notice tells of so many things at most, a line each."""
CAUSE_CHARACTERS = 500
_TITLES = {
    Moment.QUEUED: "waits for {place}",
    Moment.STARTED: "is going to {place}",
    Moment.PAUSED: "is paused in {place}",
    Moment.CONTINUED: "goes on in {place}",
    Moment.SUCCEEDED: "is in {place}",
    Moment.FAILED: "failed in {place}",
    Moment.ROLLED_BACK: "was rolled back in {place}",
    Moment.STOPPED: "was stopped in {place}",
    Moment.SUPERSEDED: "was left out in {place}",
}
_SENTENCES = {
    Moment.QUEUED: "{whole} waits for its turn in {place}, behind {said}",
    Moment.STARTED: "{whole} is being deployed to {place} by {actor}",
    Moment.PAUSED: "{whole} is paused in {place}: {said}",
    Moment.CONTINUED: "{whole} goes on in {place}, says {said}",
    Moment.SUCCEEDED: "{what} successfully deployed to {place}",
    Moment.FAILED: "{whole} could not be deployed to {place}: {said}",
    Moment.ROLLED_BACK: "{whole} went wrong in {place} and was taken back: {said}",
    Moment.STOPPED: "{whole} was stopped in {place}: {said}",
    Moment.SUPERSEDED: "{what} was left out in {place}: {said}",
}
_OF_ROLLBACKS = {
    Moment.STARTED: "{whole} is being rolled back in {place}{to} by {actor}",
    Moment.SUCCEEDED: "{what} successfully rolled back in {place}",
    Moment.FAILED: "{whole} could not be rolled back in {place}: {said}",
}
_WORST_FIRST = (Severity.FAILURE, Severity.WARNING, Severity.SUCCESS)


@dataclass(frozen=True, slots=True)
class Subject:
    """The deploy that is told of. `actor` ordered it, by name; `url` is its page, "" when nobody knows."""

    app: str
    environment: str
    kind: Kind
    ref: str
    sha: str
    actor: str
    url: str = ""

    @property
    def what(self) -> str:
        """`shop/main`; `shop` alone where the ref is a commit, a release or a word of ours."""
        plain = not self.ref or self.ref.startswith(":") or self.sha.startswith(self.ref)
        return self.app if plain or self.kind != Kind.DEPLOY else f"{self.app}/{self.ref}"

    @property
    def whole(self) -> str:
        """The same with the commit: `shop/main (6957bb87)`."""
        return f"{self.what} ({self.sha[:8]})" if self.sha else self.what


def subject_of(deploy: Deploy, actor: str, url: str) -> Subject:
    """The subject that a deploy is. `url` is where the service is reached."""
    order = deploy.order
    page = f"{url}/deploys/{deploy.id}" if url else ""
    ref, actor = one_line(order.ref), one_line(actor)
    return Subject(order.app, order.environment, order.kind, ref, deploy.sha, actor, page)


def moment_of(kind: str, body: Mapping[str, Any], order: Kind) -> Moment | None:
    """What an event of a deploy is to people, if anything.

    Hosts that are brought up to date are left to the fleet page: it happens by itself, over and over.
    """
    if order == Kind.CONVERGE:
        return None
    match kind:
        case PhaseStarted.kind:
            return Moment.STARTED if body["phase"] == BEGUN else None
        case Queued.kind | Paused.kind | Continued.kind:
            return Moment(kind)
        case DeployFinished.kind if body["state"] in list(Moment):
            return Moment(body["state"])
        case _:
            return None


def announcement(moment: Moment, body: Mapping[str, Any], subject: Subject) -> Notice:
    """What is told of an event, given as JSON."""
    title = f"{subject.what} {_TITLES[moment].format(place=subject.environment)}"
    text = _sentence(moment, body, subject)
    if subject.url and (moment.is_failure or moment == Moment.PAUSED):
        text = f"{text}\n{subject.url}"
    return Notice(title, text, moment.severity)


def together(notices: Sequence[Notice]) -> Notice:
    """Many notices as one: how many, and the last of them, failures ahead of all others."""
    counts = Counter(notice.severity for notice in notices)
    failed = f", {counts[Severity.FAILURE]} of them failures" if counts[Severity.FAILURE] else ""
    head = f"{len(notices)} things happened{failed}:"
    by_weight = sorted(range(len(notices)), key=lambda at: (notices[at].severity != Severity.FAILURE, -at))
    kept = sorted(by_weight[:LINES])
    left = [f"and {len(notices) - len(kept)} more"] if len(notices) > len(kept) else []
    lines = [f"- {notices[at].text.replace(chr(10), ' ')}" for at in kept]
    worst = next((one for one in _WORST_FIRST if counts[one]), Severity.INFO)
    return Notice(f"{len(notices)} things happened{failed}", "\n".join([head, *lines, *left]), worst)


def trial(name: str, actor: str, url: str) -> Notice:
    """What is told when somebody tries a notifier."""
    where = f" at {url}" if url else ""
    return Notice(
        "A test", f"{actor} tries the notifier {name} of shiphorn{where}. You will hear of deploys here."
    )


def _sentence(moment: Moment, body: Mapping[str, Any], subject: Subject) -> str:
    template = _SENTENCES[moment]
    if subject.kind == Kind.ROLLBACK:
        template = _OF_ROLLBACKS.get(moment, template)
    return template.format(
        what=subject.what,
        whole=subject.whole,
        place=subject.environment,
        to=f" to {subject.ref}" if subject.ref else "",
        actor=subject.actor,
        said=_said(moment, body),
    )


def _said(moment: Moment, body: Mapping[str, Any]) -> str:
    """What an event has to say for itself."""
    match moment:
        case Moment.QUEUED:
            return _cause(body["behind"])
        case Moment.PAUSED:
            return _cause(body["reason"])
        case Moment.CONTINUED:
            return _cause(body["actor"])
        case _:
            said = f"{body.get('code', '')} {body.get('message', '')}".strip()
            return _cause(said or "no reason was given")


def _cause(text: str) -> str:
    """The first paragraph of it, and not too much of that."""
    line = " ".join(text.strip().split("\n\n")[0].split())
    return line if len(line) <= CAUSE_CHARACTERS else f"{line[: CAUSE_CHARACTERS - 1]}…"
