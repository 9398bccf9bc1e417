"""What webhooks say, by kind of forge: from JSON to a message. What is not understood is left aside.

GitHub  https://docs.github.com/en/webhooks/webhook-events-and-payloads
GitLab  https://docs.gitlab.com/user/project/integrations/webhook_events/
Gitea   modules/structs/hook.go of its source
Jenkins https://plugins.jenkins.io/notification/
"""

from __future__ import annotations

from typing import Any

from shiphorn.adapters import forge_gitea, forge_github, forge_gitlab
from shiphorn.adapters.forge_http import moment, objects, page, part, plain, status, text, those
from shiphorn.model.forge import SHA, ForgeKind, Message, PullRequest, PullState, Pushed
from shiphorn.model.statuses import BuildState, repository_key

LABELS = 100
OLD_SECONDS = 7 * 86400.0
"""What happened to a pull request longer ago is not acted on: somebody may send it once more, and deliveries
are not remembered for ever."""
REF_CHARACTERS, PATH_CHARACTERS = 250, 300
_HEADS = "refs/heads/"
_BUILT = {
    "SUCCESS": BuildState.SUCCESS,
    "UNSTABLE": BuildState.FAILURE,
    "FAILURE": BuildState.FAILURE,
    "ABORTED": BuildState.FAILURE,
    "NOT_BUILT": BuildState.FAILURE,
}
_GENERIC = {
    "pending": BuildState.PENDING,
    "running": BuildState.PENDING,
    "success": BuildState.SUCCESS,
    "failure": BuildState.FAILURE,
    "failed": BuildState.FAILURE,
    "error": BuildState.FAILURE,
}

_NO_STATUS = "no status of a commit: it takes a whole commit id, a context and a state"


def read(kind: ForgeKind, event: str, body: dict[str, Any], now: float) -> Message:
    """What a webhook says. `event` is what its headers call it; `now` stands where it names no time."""
    match kind:
        case ForgeKind.GITHUB:
            return _fresh(_github(event, body), part(body, "pull_request", "updated_at"), now)
        case ForgeKind.GITEA:
            return _fresh(_gitea(event, body), part(body, "pull_request", "updated_at"), now)
        case ForgeKind.GITLAB:
            return _fresh(_gitlab(event, body), part(body, "object_attributes", "updated_at"), now)
        case ForgeKind.JENKINS if isinstance(body.get("build"), dict):
            return _jenkins(body, now)
        case _:
            return _generic(body, now)


def _github(event: str, body: dict[str, Any]) -> Message:
    path = _path(text(body, "repository", "full_name"))
    match event:
        case "status":
            sha = text(body, "sha")
            return _of_statuses(path, forge_github.commit_status(body, sha), ask=sha)
        case "check_run":
            run = part(body, "check_run")
            run = run if isinstance(run, dict) else {}
            return _of_statuses(path, forge_github.check_run(run), ask=text(run, "head_sha"))
        case "check_suite" | "workflow_run":
            return _only_ask(path, text(body, event, "head_sha"))
        case "push":
            return _push(path, body)
        case "pull_request":
            return _pull_request(path, body, merged=part(body, "pull_request", "merged") is True)
        case _:
            return _unknown(path, event)


def _gitea(event: str, body: dict[str, Any]) -> Message:
    path = _path(text(body, "repository", "full_name"))
    match event:
        case "status":
            sha = text(body, "sha")
            return _of_statuses(path, forge_gitea.commit_status(body, sha), ask=sha)
        case "push":
            return _push(path, body)
        case "pull_request" | "pull_request_label" | "pull_request_sync":
            merged = part(body, "pull_request", "merged") is True
            return _pull_request(path, body, merged=merged)
        case _:
            return _unknown(path, event)


def _gitlab(event: str, body: dict[str, Any]) -> Message:
    path = _path(text(body, "project", "path_with_namespace"))
    match event:
        case "Pipeline Hook":
            about = part(body, "object_attributes")
            about = about if isinstance(about, dict) else {}
            sha = text(about, "sha")
            jobs = [forge_gitlab.job(one, sha, None) for one in objects(body.get("builds"))]
            whole = forge_gitlab.pipeline(about, about.get("url"))
            return _of_statuses(path, whole, *jobs, ask=sha)
        case "Job Hook":
            return _gitlab_job(path, body)
        case "Push Hook":
            return _push(path, body)
        case "Merge Request Hook":
            return _merge_request(path, body)
        case _:
            return _unknown(path, event)


def _gitlab_job(path: str, body: dict[str, Any]) -> Message:
    names = {"status": "build_status", "name": "build_name", "allow_failure": "build_allow_failure"}
    names |= {f"{one}_at": f"build_{one}_at" for one in ("created", "started", "finished")}
    one = {ours: body.get(theirs) for ours, theirs in names.items()}
    sha = text(body, "sha")
    return _of_statuses(path, forge_gitlab.job(one, sha, None), ask=sha)


def _merge_request(path: str, body: dict[str, Any]) -> Message:
    about = part(body, "object_attributes")
    about = about if isinstance(about, dict) else {}
    state = {"opened": PullState.OPEN, "merged": PullState.MERGED}.get(text(about, "state"), PullState.CLOSED)
    labels = about.get("labels") if isinstance(about.get("labels"), list) else body.get("labels")
    source, target = about.get("source_project_id"), about.get("target_project_id")
    merged = text(about, "merge_commit_sha") or text(about, "squash_commit_sha")
    return _pulled(
        path,
        number=about.get("iid"),
        branch=text(about, "source_branch"),
        base=text(about, "target_branch"),
        state=state,
        sha=text(about, "last_commit", "id"),
        labels=[one.get("title") for one in objects(labels)],
        title=about.get("title"),
        author=part(body, "user", "username"),
        url=about.get("url"),
        from_fork=not isinstance(source, int) or source != target,
        merged_sha=merged,
    )


def _pull_request(path: str, body: dict[str, Any], *, merged: bool) -> Message:
    about = part(body, "pull_request")
    about = about if isinstance(about, dict) else {}
    state = PullState.OPEN if text(about, "state") == "open" else PullState.CLOSED
    source = text(about, "head", "repo", "full_name").lower()
    return _pulled(
        path,
        number=about.get("number"),
        branch=text(about, "head", "ref"),
        base=text(about, "base", "ref"),
        state=PullState.MERGED if merged else state,
        sha=text(about, "head", "sha"),
        labels=[one.get("name") for one in objects(about.get("labels"))],
        title=about.get("title"),
        author=part(about, "user", "login"),
        url=about.get("html_url"),
        from_fork=source != path.lower(),
        merged_sha=(text(about, "merge_commit_sha") or text(about, "merged_commit_id")) if merged else "",
    )


def _pulled(path: str, *, labels: list[Any], **values: Any) -> Message:
    number, branch, base = values["number"], _ref(values["branch"]), _ref(values["base"])
    whole = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 2**31
    if not whole or not branch or not base:
        return Message(path, ignored="a pull request without number and branches")
    named = tuple(plain(one, 100) for one in labels[:LABELS])
    return Message(
        path,
        pull_request=PullRequest(
            "",
            "",
            number,
            branch,
            base,
            values["state"],
            _sha(values["sha"]),
            tuple(one for one in named if one),
            plain(values["title"], 200),
            plain(values["author"], 100),
            page(values["url"]),
            values["from_fork"],
            _sha(values["merged_sha"]),
        ),
    )


def _fresh(message: Message, at: Any, now: float) -> Message:
    if message.pull_request is None or moment(at, now) > now - OLD_SECONDS:
        return message
    return Message(message.path, ignored="it tells of what was long ago")


def _push(path: str, body: dict[str, Any]) -> Message:
    ref = text(body, "ref")
    if not ref.startswith(_HEADS):
        return Message(path, ignored="a push of something else than a branch")
    branch = _ref(ref.removeprefix(_HEADS))
    if not branch:
        return Message(path, ignored="a push of a branch with an impossible name")
    return Message(path, push=Pushed("", "", branch, _sha(text(body, "after")), _sha(text(body, "before"))))


def _jenkins(body: dict[str, Any], now: float) -> Message:
    """What its plugin Notification sends. `COMPLETED` comes before what is done after a build: both count."""
    build, phase = body["build"], text(body, "build", "phase")
    sha, address = text(build, "scm", "commit"), text(build, "scm", "url")
    state = _BUILT.get(text(build, "status")) if phase in ("COMPLETED", "FINALIZED") else None
    if phase in ("QUEUED", "STARTED"):
        state = BuildState.PENDING
    if state is None:
        return Message(_key(address), ignored=f"a build whose phase is {plain(phase, 40) or 'not named'}")
    said = f"build {build.get('number')}: {text(build, 'status') or phase}"
    name = f"jenkins/{text(body, 'name')}" if text(body, "name") else ""
    found = status(sha, name, state, said=said, url=build.get("full_url"), at=now)
    return _of_statuses(_key(address), found)


def _generic(body: dict[str, Any], now: float) -> Message:
    state = _GENERIC.get(text(body, "state"))
    path = _key(text(body, "repository"))
    if state is None:
        return Message(path, ignored=f"a state that is none of {', '.join(_GENERIC)}")
    found = status(
        body.get("sha"),
        body.get("context"),
        state,
        said=body.get("description"),
        url=body.get("url"),
        at=moment(body.get("at"), now),
    )
    return _of_statuses(path, found)


def _of_statuses(path: str, *found: Any, ask: str = "") -> Message:
    good = those(found)
    commit = _sha(ask)
    if not good:
        return Message(path, ask=(commit,) if commit else (), ignored="" if commit else _NO_STATUS)
    return Message(path, good, ask=(commit,) if commit else ())


def _only_ask(path: str, sha: str) -> Message:
    commit = _sha(sha)
    return Message(path, ask=(commit,)) if commit else Message(path, ignored=_NO_STATUS)


def _unknown(path: str, event: str) -> Message:
    if event == "ping":
        return Message(path, ignored="a ping: the webhook is set up")
    return Message(path, ignored=f"nothing is done about the event {plain(event, 60) or 'without a name'}")


def _path(given: str) -> str:
    return given.strip("/") if _fit(given) else ""


def _key(address: str) -> str:
    """A repository by its address, or by a key such as `github.com/acme/shop` itself."""
    if not _fit(address):
        return ""
    if ":" in address or "@" in address or address.startswith("/"):
        return repository_key(address)
    return address.strip("/").removesuffix(".git").lower()


def _fit(given: str) -> bool:
    return given.isprintable() and " " not in given and len(given) <= PATH_CHARACTERS


def _ref(given: Any) -> str:
    """The name of a branch; "" for what cannot be one."""
    good = isinstance(given, str) and given.isprintable() and 0 < len(given) <= REF_CHARACTERS
    return given if good and not given.startswith("-") and " " not in given and ".." not in given else ""


def _sha(given: Any) -> str:
    """A commit id; "" for none, as forges write with zeros."""
    lower = given.lower() if isinstance(given, str) else ""
    return lower if SHA.fullmatch(lower) and lower.strip("0") else ""
