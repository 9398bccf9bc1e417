"""What is said in chats: each answer as lines, and nothing in a line that could begin another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shiphorn.chat.grammar import FORCED_FORM, FORMS, Verb
from shiphorn.deploy.gates import described as lock_described
from shiphorn.deploy.gates import in_words
from shiphorn.errors import ShiphornError, Unknown
from shiphorn.model.approvals import Approval
from shiphorn.model.chat import Speaker
from shiphorn.model.deploy import Deploy, DeployState, Kind
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.gates import Verdict
from shiphorn.model.history import DeployRow
from shiphorn.model.locks import Lock
from shiphorn.model.people import Caller
from shiphorn.model.plain import one_line
from shiphorn.model.times import ahead, span
from shiphorn.service.board import Cell
from shiphorn.service.gates import UnderWay, Why
from shiphorn.service.locks import Placed

_MARKS = {Verdict.PASS: "passes", Verdict.WAIT: "waits", Verdict.REFUSE: "refuses"}
_HELP = {
    "deploy": (FORMS[Verb.DEPLOY], FORCED_FORM, FORMS[Verb.ROLLBACK], FORMS[Verb.APPROVE]),
    "stop": (FORMS[Verb.CANCEL], FORMS[Verb.PAUSE], FORMS[Verb.CONTINUE]),
    "lock": (FORMS[Verb.LOCK], FORMS[Verb.UNLOCK]),
    "ask": tuple(FORMS[verb] for verb in Verb if verb.only_asks),
    "endpoint": (FORMS[Verb.ENDPOINT], FORMS[Verb.ENDPOINTS]),
    "who you are": (FORMS[Verb.WHOAMI], FORMS[Verb.LINK]),
}
_HINTS = {
    "SH522": f"See: {FORMS[Verb.DEPLOYS]}",
    "SH542": "Ask them, or an admin, who can take it over.",
    "SH544": f"See what is: {FORMS[Verb.STATUS]}",
    "SH545": f"It is not yours. Say why you release it: {FORMS[Verb.UNLOCK]}",
}


def told(lines: Iterable[str]) -> str:
    """Lines as one text."""
    return "\n".join(one_line(line) for line in lines)


def help_text(topic: str, url: str) -> str:
    """What is understood, of a command or of all; by subject, a line each."""
    verb = next((one for one in Verb if one.value == topic), None)
    if verb is not None:
        forms = [FORMS[verb], *([FORCED_FORM] if verb == Verb.DEPLOY else [])]
        return told(forms)
    lines = [f"{subject}: {'; '.join(forms)}" for subject, forms in _HELP.items()]
    return told([*lines, *([f"All of it with pictures: {url}"] if url else [])])


def error(problem: ShiphornError) -> str:
    """Why something is not done, and what to say instead where the hint is a command of `horn`."""
    hint = _HINTS.get(problem.code, problem.hint)
    return told([f"{problem.code} {problem.message} {hint}".rstrip()])


def stranger(speaker: Speaker, url: str) -> Unknown:
    """What somebody is told who is not known."""
    page = f"{url}/account" if url else "your account page"
    if speaker.account:
        hint = f"Make a code at {page}, and say to me alone: link CODE"
        text = f"I do not know whose the account {speaker.account} is."
    else:
        hint = f"Make a code for one order at {page}, and end the order with: code CODE"
        text = f"nobody vouches for you, {speaker.nick}: a nick is no proof."
    return Unknown("SH946", text, hint=hint)


def whoami(speaker: Speaker, caller: Caller | None, url: str) -> str:
    """Who speaks, as far as is known."""
    if caller is None:
        return error(stranger(speaker, url))
    roles = ", ".join(f"{grant.role} of {grant.scope}" for grant in caller.grants) or "nothing yet"
    return told([f"You are {caller.name}, by the account {speaker.account}. You are {roles}."])


def ordered(deploy: Deploy, url: str, waits_for: Sequence[UnderWay]) -> str:
    """That a deploy or rollback is on record."""
    order = deploy.order
    ref = f"/{order.ref}" if order.ref and order.kind == Kind.DEPLOY else ""
    back = f" to {order.ref}" if order.ref and order.kind == Kind.ROLLBACK else ""
    what = {Kind.DEPLOY: f"{order.app}{ref} to {order.environment}"}
    where = what.get(order.kind, f"{order.app} in {order.environment}{back}")
    narrowed = "" if order.selection.everything else f" ({order.selection})"
    ahead_of_it = [one.deploy.id for one in waits_for if one.deploy.id != deploy.id]
    behind = f", behind {', '.join(map(str, ahead_of_it))}" if ahead_of_it else ""
    page = f" {url}/deploys/{deploy.id}" if url else ""
    return told([f"{order.kind} {deploy.id} is ordered: {where}{narrowed}{behind}.{page}"])


def approved(given: Approval, now: float) -> str:
    """That something is approved."""
    until = ahead(given.expires_at, now)
    return told([f"{given.app} ({given.sha[:8]}) is approved for {given.environment} until {until}."])


def locked(placed: Placed, now: float) -> str:
    """That a lock is placed."""
    lock = placed.lock
    until = f" until {ahead(lock.until, now)}" if lock.until is not None else ""
    return told([f"{lock.scope} is locked{until}: {lock.reason}"])


def unlocked(released: Sequence[Lock]) -> str:
    """Which locks are released."""
    return told(
        [f"{released[0].scope} is unlocked; the lock was of {', '.join(one.by for one in released)}."]
    )


def status(cells: Sequence[Cell], now: float) -> str:
    """What environments run, a line each."""
    return told([_cell(cell, now) for cell in cells] or ["there is nothing that you see here."])


def deploys(rows: Sequence[DeployRow], now: float) -> str:
    """Deploys of the past, a line each, the newest first."""
    return told([_row(row, now) for row in rows] or ["nothing was deployed there yet."])


def queue(found: Sequence[UnderWay], now: float) -> str:
    """What is under way, a line each."""
    return told([_under_way(one, now) for one in found] or ["nothing is under way."])


def where(app: str, cells: Sequence[Cell], caller: Caller, may: Sequence[bool], now: float) -> str:
    """Where somebody may deploy an app, and what is in the way there."""
    lines = []
    for cell, allowed in zip(cells, may, strict=True):
        if not allowed:
            lines.append(f"{cell.environment}: no, you have no right to")
            continue
        others = [lock for lock in cell.locks if lock.refuses(caller.name, Kind.DEPLOY)]
        if others:
            lines.append(f"{cell.environment}: no, {lock_described(others[0], now)}")
        elif cell.moving:
            lines.append(
                f"{cell.environment}: yes, behind deploy {cell.moving[0].id} by {cell.moving[0].actor}"
            )
        else:
            lines.append(f"{cell.environment}: yes")
    return told(lines or [f"you see no environment of {app}."])


def why(found: Why, now: float) -> str:
    """Whether something would go out, and what stands in its way."""
    order, commit = found.order, found.commit
    ref = f"/{order.ref}" if order.ref else ""
    what = f"{order.app}{ref} ({commit.short}) to {order.environment}"
    against = [one for one in found.answers if one.verdict != Verdict.PASS]
    lines = [f"{what}: nothing is in the way." if not against else f"{what} does not go out:"]
    lines += [f"- {one.gate} {_MARKS[one.verdict]}: {in_words(one, now)}" for one in against]
    if found.queue:
        lines.append(f"It would wait for {', '.join(str(one.deploy.id) for one in found.queue)}.")
    return told(lines)


def which(found: Sequence[UnderWay], verb: Verb, now: float) -> str:
    """Several deploys could be meant."""
    return told([f"which one? Say {verb.value} and its number.", *(_under_way(one, now) for one in found)])


def endpoints(found: Sequence[Endpoint], now: float) -> str:
    """Branches with an environment of their own, a line each."""
    lines = [f"{one.app}/{one.branch}: {one.url} until {ahead(one.expires_at, now)}" for one in found]
    return told(lines or ["there are no endpoints."])


def _cell(cell: Cell, now: float) -> str:
    live = cell.live
    parts = [f"{_ref(live)} by {live.actor}, {_ago(live.finished_at, now)}" if live else "nothing yet"]
    parts += [f"{row.kind} {row.id} of {_ref(row)} by {row.actor} is {_state(row)}" for row in cell.moving]
    if cell.queued:
        parts.append(f"{cell.queued} waiting")
    parts += [f"locked by {lock.by}: {lock.reason}" for lock in cell.locks]
    if cell.last is not None and cell.last is not live and cell.last.state in _BAD:
        parts.append(f"deploy {cell.last.id} {_state(cell.last)}: {cell.last.message}")
    return f"{cell.app} {cell.environment}: {'; '.join(parts)}"


_BAD = (DeployState.FAILED, DeployState.ROLLED_BACK)


def _row(row: DeployRow, now: float) -> str:
    message = f": {row.message}" if row.message and row.state in _BAD else ""
    when = _ago(row.started_at, now)
    return f"{row.id} {row.environment}: {_ref(row)} by {row.actor}, {when}, {_state(row)}{message}"


def _under_way(one: UnderWay, now: float) -> str:
    order = one.deploy.order
    ref = f"/{order.ref}" if order.ref else ""
    stale = "" if one.alive else " (its process has died)"
    since = span(max(0.0, now - one.deploy.started_at))
    state = _spaced(one.deploy.state)
    place = f"{order.app}{ref} in {order.environment}"
    return f"{one.deploy.id}: {order.kind} of {place} by {order.actor}, {state} for {since}{stale}"


def _ref(row: DeployRow) -> str:
    sha = row.sha[:8]
    if not row.ref or row.ref.startswith(":") or row.sha.startswith(row.ref) or row.kind != Kind.DEPLOY:
        return sha or row.release or "an unknown commit"
    return f"{row.ref} ({sha})" if sha else row.ref


def _state(row: DeployRow) -> str:
    return _spaced(row.state)


def _spaced(state: DeployState) -> str:
    return str(state.value).replace("_", " ")


def _ago(at: float | None, now: float) -> str:
    return f"{span(max(0.0, now - at))} ago" if at is not None else "just now"
