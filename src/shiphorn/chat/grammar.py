"""What people say, and what they mean by it: hubot-deploy's grammar, and friendlier ways to say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shiphorn.config.near import near


class Verb(StrEnum):
    """What may be asked or ordered."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    CANCEL = "cancel"
    PAUSE = "pause"
    CONTINUE = "continue"
    LOCK = "lock"
    UNLOCK = "unlock"
    APPROVE = "approve"
    STATUS = "status"
    DEPLOYS = "deploys"
    WHERE = "where"
    WHY = "why"
    QUEUE = "queue"
    ENDPOINT = "endpoint"
    ENDPOINTS = "endpoints"
    LINK = "link"
    WHOAMI = "whoami"
    HELP = "help"

    @property
    def only_asks(self) -> bool:
        """Whether it changes nothing."""
        return self in _QUESTIONS


_QUESTIONS = (Verb.STATUS, Verb.DEPLOYS, Verb.WHERE, Verb.WHY, Verb.QUEUE, Verb.ENDPOINTS)

FORMS = {
    Verb.DEPLOY: "deploy APP/REF to ENVIRONMENT[/HOSTS]",
    Verb.ROLLBACK: "rollback APP in ENVIRONMENT [to RELEASE]",
    Verb.CANCEL: "cancel NUMBER, or cancel APP in ENVIRONMENT",
    Verb.PAUSE: "pause NUMBER, or pause APP in ENVIRONMENT",
    Verb.CONTINUE: "continue NUMBER, or continue APP in ENVIRONMENT",
    Verb.LOCK: "lock ENVIRONMENT of APP [for 2h] because REASON",
    Verb.UNLOCK: "unlock ENVIRONMENT of APP [because REASON]",
    Verb.APPROVE: "approve NUMBER, or approve APP/REF to ENVIRONMENT",
    Verb.STATUS: "status [APP] [in ENVIRONMENT]",
    Verb.DEPLOYS: "deploys APP [in ENVIRONMENT]",
    Verb.WHERE: "where can I deploy APP",
    Verb.WHY: "why APP/REF to ENVIRONMENT",
    Verb.QUEUE: "queue [APP] [in ENVIRONMENT]",
    Verb.ENDPOINT: "endpoint create APP/BRANCH [for 3d]",
    Verb.ENDPOINTS: "endpoints [APP]",
    Verb.LINK: "link CODE",
    Verb.WHOAMI: "whoami",
    Verb.HELP: "help [COMMAND]",
}
"""How each is said."""
FORCED_FORM = "deploy! APP/REF to ENVIRONMENT because REASON"
_WORDS = {
    "ship": Verb.DEPLOY,
    "roll": Verb.ROLLBACK,
    "revert": Verb.ROLLBACK,
    "stop": Verb.CANCEL,
    "abort": Verb.CANCEL,
    "resume": Verb.CONTINUE,
    "history": Verb.DEPLOYS,
    "?": Verb.HELP,
    "deploy:lock": Verb.LOCK,
    "deploy:unlock": Verb.UNLOCK,
    "deploy:rollback": Verb.ROLLBACK,
    "deploy:cancel": Verb.CANCEL,
    "deploy:status": Verb.STATUS,
    "deploy:queue": Verb.QUEUE,
    "deploy:why": Verb.WHY,
    "deploy:help": Verb.HELP,
} | {verb.value: verb for verb in Verb}
"""How a command may begin."""
_OF_TWO = {("roll", "back"), ("who", "am"), ("deploys", "of"), ("deploys", "for"), ("queue", "of")}
_INTO = ("to", "in", "on", "into", "of", "from", "at", "->")
_CODE = re.compile(r"(?:^|\s)code[\s:]+([0-9A-Za-z]{4}[- ]?[0-9A-Za-z]{4})\W*$", re.IGNORECASE)
_REASON = re.compile(r"(?:^|\s)(?:because|since)[\s:,]+(.*)$", re.IGNORECASE)
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:w|d|h|min|m|s))+|\d{1,2}:\d{2}|\d{4}-\d\d-\d\d\S*")
_ALL = ("everything", "all")


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody means. `until` is a time in their words; a lock without `app` is on all of them."""

    verb: Verb
    app: str = ""
    ref: str = ""
    environment: str = ""
    hosts: tuple[str, ...] = ()
    number: int | None = None
    reason: str = ""
    forced: bool = False
    until: str = ""
    text: str = ""


class Unclear(Exception):
    """What was said means nothing here; the text says what would."""


Known = Mapping[str, Sequence[str]]
"""Apps with their environments, as far as whoever speaks may know of them."""


def is_command(text: str) -> bool:
    """Whether a text begins as a command does."""
    first = text.split(maxsplit=1)[:1]
    return bool(first) and first[0].lower().rstrip("!?,") in _WORDS


def code_of(text: str) -> tuple[str, str]:
    """What was said without the one-time code at its end, and the code; "" for none."""
    found = _CODE.search(text)
    if found is None:
        return text, ""
    return text[: found.start()].rstrip(" ,;"), re.sub(r"[- ]", "", found[1]).upper()


def parse(text: str, known: Known | None) -> Command:
    """What a text means. Where `known` is None names are taken as they come. Raises Unclear."""
    words = text.split()
    if not words:
        raise Unclear("I am here. Say help to see what I understand.")
    verb, forced, rest = _begin(words)
    reading = _Reading(verb, words, known)
    if verb in (Verb.HELP, Verb.WHOAMI, Verb.LINK):
        return Command(verb, text=" ".join(word for word in rest if word.lower() != "code"))
    if verb in (Verb.LOCK, Verb.UNLOCK):
        return reading.scope(rest)
    if verb in (Verb.CANCEL, Verb.PAUSE, Verb.CONTINUE, Verb.APPROVE):
        return reading.one_deploy(rest)
    if verb == Verb.ENDPOINT:
        return reading.endpoint(rest)
    if verb == Verb.WHERE:
        rest = [word.rstrip("?") for word in rest if word.lower() not in ("can", "i", "we", "deploy")]
    elif verb == Verb.WHY:
        rest = _without_filler(rest)
    return reading.place(rest, forced=forced)


def _begin(words: list[str]) -> tuple[Verb, bool, list[str]]:
    first = words[0].lower()
    forced = first.endswith("!")
    name = first.rstrip("!?,") or first
    if name == "who" and len(words) > 1 and words[1].lower() == "am":
        return Verb.WHOAMI, False, []
    verb = _WORDS.get(name)
    if verb is None:
        meant = near(name, sorted(_WORDS))
        hint = f"Did you mean: {FORMS[_WORDS[meant]]}?" if meant else "Say help to see what I understand."
        raise Unclear(f"I do not understand {words[0]}. {hint}")
    if forced and verb != Verb.DEPLOY:
        raise Unclear(f"only deploy is forced: {FORCED_FORM}.")
    two = len(words) > 1 and (name, words[1].lower()) in _OF_TWO
    return verb, forced, words[2:] if two else words[1:]


@dataclass(frozen=True, slots=True)
class _Reading:
    """The rest of a command, read by what is known."""

    verb: Verb
    words: list[str]
    known: Known | None

    def place(self, rest: list[str], *, forced: bool = False) -> Command:
        """`APP[/REF] [to ENVIRONMENT[/HOSTS]] [to RELEASE] [because REASON]`."""
        rest, reason = _reason(rest)
        command = Command(self.verb, forced=forced, reason=reason)
        if not rest:
            if self.verb in (Verb.STATUS, Verb.QUEUE, Verb.ENDPOINTS):
                return command
            raise self._unclear()
        if rest[0].lower() in _INTO and len(rest) == 2:
            # `status in staging`
            rest = rest[1:]
        target, *tail = rest
        if self._is_environment(target) and self.verb in (Verb.STATUS, Verb.QUEUE) and not tail:
            return replace(command, environment=target)
        app, ref = self._app(target)
        if ref and self.verb not in (Verb.DEPLOY, Verb.WHY, Verb.APPROVE) and not tail:
            # `status shop/staging`, `rollback shop/staging`
            ref, tail = "", ["in", ref]
        words = tail[1:] if tail and tail[0].lower() in _INTO else tail
        release = ""
        if self.verb == Verb.ROLLBACK and len(words) == 3 and words[1].lower() == "to":
            release, words = words[2], words[:1]
        if len(words) > 1:
            raise self._unclear()
        environment, _, hosts = words[0].partition("/") if words else ("", "", "")
        return replace(
            command,
            app=app,
            ref=release or ref,
            environment=self._environment(app, environment),
            hosts=tuple(filter(None, re.split(r"[,+]", hosts))),
        )

    def one_deploy(self, rest: list[str]) -> Command:
        """A number, or a place."""
        rest, reason = _reason(rest)
        number = rest[0].lstrip("#") if rest else ""
        if rest and rest[0].lower() == "deploy" and len(rest) > 1:
            number, rest = rest[1].lstrip("#"), rest[1:]
        if number.isascii() and number.isdigit() and len(rest) == 1 and len(number) < 10:
            return Command(self.verb, number=int(number), reason=reason)
        return replace(self.place(rest), reason=reason)

    def endpoint(self, rest: list[str]) -> Command:
        """`create APP/BRANCH [for 3d]`."""
        if not rest or rest[0].lower() not in ("create", "extend", "remove", "for"):
            raise self._unclear()
        what = "create" if rest[0].lower() == "for" else rest[0].lower()
        words, until = _until(rest[1:])
        if len(words) != 1:
            raise self._unclear()
        app, branch = self._app(words[0])
        if not branch:
            raise Unclear(f"which branch? Say: {FORMS[self.verb].replace('APP', app)}")
        return Command(self.verb, app=app, ref=branch, until=until, text=what)

    def scope(self, rest: list[str]) -> Command:
        """`ENVIRONMENT of APP`, `APP/ENVIRONMENT`, either of them, or `everything`; until when, and why."""
        if not rest:
            raise self._unclear()
        first, tail = rest[0].rstrip(":,"), rest[1:]
        app, environment = "", ""
        if first.lower() in _ALL:
            pass
        elif len(tail) > 1 and tail[0].lower() in _INTO and self._are_place(first, tail[1].rstrip(":,")):
            second, tail = tail[1].rstrip(":,"), tail[2:]
            app, environment = (second, first) if self._is_environment(first, second) else (first, second)
        elif self._is_environment(first):
            environment = first
        else:
            app, environment = self._app(first)
        if app:
            app = self._app(app)[0]
            environment = self._environment(app, environment, needed=False)
        words, until = _until(tail)
        reason = re.sub(
            r"^(?:because|since|for|as|:|-)(?:[\s:,]+|$)", "", " ".join(words), flags=re.IGNORECASE
        )
        return Command(self.verb, app=app, environment=environment, until=until, reason=reason.strip())

    def _are_place(self, one: str, other: str) -> bool:
        if self.known is None:
            return True
        return self._is_environment(one, other) or self._is_environment(other, one)

    def _is_environment(self, word: str, app: str = "") -> bool:
        if self.known is None:
            return bool(app)
        if app:
            return word in self.known.get(app, ())
        return word not in self.known and any(word in names for names in self.known.values())

    def _app(self, target: str) -> tuple[str, str]:
        """An app and the ref behind it: names of apps may have slashes, too."""
        if self.known is None:
            app, _, ref = target.partition("/")
            return app, ref
        parts = target.split("/")
        for end in range(len(parts), 0, -1):
            if "/".join(parts[:end]) in self.known:
                return "/".join(parts[:end]), "/".join(parts[end:])
        meant = near(parts[0], sorted(self.known))
        if meant:
            again = " ".join(meant + word[len(parts[0]) :] if word == target else word for word in self.words)
            raise Unclear(f"there is no app {parts[0]} that you see. Did you mean: {again}")
        apps = ", ".join(sorted(self.known)[:10]) or "none"
        raise Unclear(f"there is no app {parts[0]} that you see; there are {apps}.")

    def _environment(self, app: str, name: str, *, needed: bool = True) -> str:
        """An environment of an app; the only one that it has where none is named."""
        if self.known is None:
            return name
        names = list(self.known[app])
        if not name and not (needed and self.verb in _PLACED):
            return ""
        if not name and len(names) == 1:
            return names[0]
        if not name:
            said = " ".join(self.words)
            raise Unclear(f"where? {app} has {', '.join(names)}. Say: {said} in {names[0] if names else '…'}")
        if name in names:
            return name
        meant = near(name, names)
        if meant:
            again = " ".join(_renamed(word, name, meant) for word in self.words)
            raise Unclear(f"{app} has no environment {name}. Did you mean: {again}")
        raise Unclear(f"{app} has no environment {name}; it has {', '.join(names) or 'none'}.")

    def _unclear(self) -> Unclear:
        return Unclear(f"that is said like this: {FORMS[self.verb]}")


_PLACED = (Verb.DEPLOY, Verb.ROLLBACK, Verb.CANCEL, Verb.PAUSE, Verb.CONTINUE, Verb.APPROVE, Verb.WHY)


def _reason(words: list[str]) -> tuple[list[str], str]:
    text = " ".join(words)
    found = _REASON.search(text)
    return (text[: found.start()].split(), found[1].strip()) if found else (words, "")


def _until(words: list[str]) -> tuple[list[str], str]:
    """Words without `for 2h` or `until 18:00`, and that time."""
    for at, word in enumerate(words[:-1]):
        if word.lower() in ("for", "until") and _SPAN.fullmatch(words[at + 1].rstrip(":,")):
            return words[:at] + words[at + 2 :], words[at + 1].rstrip(":,")
        if word.lower() == "because":
            break
    return words, ""


def _without_filler(words: list[str]) -> list[str]:
    """`why can't I deploy APP to ENVIRONMENT?` without the words that carry nothing."""
    filler = ("can't", "cant", "can", "not", "cannot", "i", "we", "is", "does", "deploy", "deployed", "ship")
    kept = [word for word in words if word.lower().strip("?") not in filler]
    return [*kept[:-1], kept[-1].rstrip("?")] if kept else kept


def _renamed(word: str, name: str, meant: str) -> str:
    head, slash, tail = word.partition("/")
    return f"{meant}{slash}{tail}" if head == name else word
