"""Webhooks of forges and builds: believed by their signature, taken once, and acted on."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from shiphorn.adapters.hook_signatures import sign
from shiphorn.adapters.vault import Vault
from shiphorn.model.forge import PullRequest, PullState, Pushed
from shiphorn.service.builds.incoming import MOST_FAILURES, Wanted
from shiphorn.service.builds.receiving import Receiver
from shiphorn.service.service import Service
from shiphorn.service.telling.webhooks import KEPT_SECONDS
from shiphorn.web.app import make_app
from shiphorn.web.site import Site
from tests.forge_service import HOOK_SECRET, KEY, OLD_SECRET, serving, write
from tests.forge_service import make_app as make_shop

SHA = "6957bb87" + "0" * 32
WEBHOOK = [{"secret": "HOOK_SECRET"}, {"secret": "OLD_SECRET"}]
HOME = "http://127.0.0.1:1"
FORGES: dict[str, Any] = {
    "hub": {"kind": "github", "url": HOME, "webhook": WEBHOOK},
    "lab": {"kind": "gitlab", "url": HOME, "webhook": WEBHOOK},
    "tea": {"kind": "gitea", "url": HOME, "webhook": WEBHOOK},
    "ci": {"kind": "jenkins", "webhook": WEBHOOK, "repositories": ["127.0.0.1/acme/*"]},
    "any": {"kind": "generic", "webhook": WEBHOOK, "repositories": ["*"]},
    "narrow": {"kind": "generic", "webhook": WEBHOOK, "repositories": ["github.com/other/*"]},
    "mute": {"kind": "github", "url": HOME},
    "locked": {"kind": "github", "url": HOME, "webhook": {"secret": "NOT_THERE"}},
}
STATUS = {
    "id": 11,
    "sha": SHA,
    "name": "acme/shop",
    "context": "ci/build",
    "state": "success",
    "description": "all is well",
    "target_url": "https://ci.example.com/11",
    "updated_at": "2026-11-25T20:00:00Z",
    "repository": {"full_name": "Acme/Shop"},
}
GITHUB_PULL: dict[str, Any] = {
    "action": "closed",
    "number": 12,
    "pull_request": {
        "number": 12,
        "state": "closed",
        "title": "Faster\u001b[31m checkout",
        "html_url": "https://github.com/acme/shop/pull/12",
        "user": {"login": "ada"},
        "labels": [{"name": "endpoint"}, {"name": "bug"}],
        "merged": True,
        "merge_commit_sha": "b" * 40,
        "head": {"ref": "faster", "sha": SHA, "repo": {"full_name": "acme/shop"}},
        "base": {"ref": "main", "sha": "c" * 40, "repo": {"full_name": "acme/shop"}},
    },
    "repository": {"full_name": "acme/shop"},
}
PIPELINE = {
    "object_kind": "pipeline",
    "object_attributes": {
        "id": 31,
        "sha": SHA,
        "status": "success",
        "created_at": "2016-08-12 15:23:28 UTC",
        "finished_at": "2016-08-12 15:26:29 UTC",
        "url": "http://example.com/gitlab-org/gitlab-test/-/pipelines/31",
    },
    "project": {"path_with_namespace": "acme/shop"},
    "builds": [
        {"id": 380, "stage": "deploy", "name": "production", "status": "skipped", "allow_failure": False},
        {
            "id": 377,
            "stage": "test",
            "name": "test-image",
            "status": "success",
            "finished_at": "2016-08-12 15:26:29 UTC",
            "allow_failure": False,
        },
    ],
}
MERGE_REQUEST: dict[str, Any] = {
    "object_kind": "merge_request",
    "user": {"username": "root"},
    "project": {"path_with_namespace": "acme/shop"},
    "object_attributes": {
        "iid": 1,
        "target_branch": "main",
        "source_branch": "ms-viewport",
        "source_project_id": 14,
        "target_project_id": 14,
        "title": "MS-Viewport",
        "state": "opened",
        "url": "http://example.com/diaspora/merge_requests/1",
        "last_commit": {"id": SHA},
        "labels": [{"title": "API"}],
        "action": "open",
    },
}
JENKINS = {
    "name": "shop",
    "url": "job/shop/",
    "build": {
        "full_url": "http://jenkins.example.com/job/shop/18/",
        "number": 18,
        "phase": "COMPLETED",
        "status": "FAILURE",
        "url": "job/shop/18/",
        "scm": {"url": "git@127.0.0.1:acme/shop.git", "branch": "origin/main", "commit": SHA},
    },
}
GENERIC = {
    "repository": "127.0.0.1/acme/shop",
    "sha": SHA,
    "context": "ci/smoke",
    "state": "pending",
    "description": "it runs",
    "url": "https://ci.example.com/1",
}


@dataclass
class Hooks:
    """The application, and what its listeners heard."""

    service: Service
    client: httpx.AsyncClient
    heard: list[Any]

    async def send(self, name: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
        answer = await self.client.post(f"/hooks/{name}", content=body, headers=headers)
        return answer.status_code, answer.json()["reason"]

    async def github(
        self, event: str, body: Any, delivery: str, secret: str = HOOK_SECRET
    ) -> tuple[int, str]:
        raw = json.dumps(body).encode()
        return await self.send("hub", raw, github(raw, event, delivery, secret))

    async def gitea(self, event: str, body: Any, delivery: str) -> tuple[int, str]:
        raw = json.dumps(body).encode()
        head = {"X-Gitea-Event": event, "X-Gitea-Delivery": delivery, "X-Gitea-Signature": digest(raw)}
        return await self.send("tea", raw, head)

    async def gitlab(
        self, event: str, body: Any, delivery: str, secret: str = HOOK_SECRET
    ) -> tuple[int, str]:
        head = {"X-Gitlab-Event": event, "X-Gitlab-Token": secret, "X-Gitlab-Event-UUID": delivery}
        return await self.send("lab", json.dumps(body).encode(), head)

    async def signed(self, name: str, body: Any, at: float | None = None) -> tuple[int, str]:
        raw = json.dumps(body).encode()
        return await self.send(name, raw, sign(HOOK_SECRET, raw, int(at or time.time())))

    def said(self) -> list[tuple[str, str, str, str]]:
        found = self.service.store.statuses.of_commit(SHA, KEY)
        return [(one.source, one.context, one.state.value, one.description) for one in found]

    def log(self) -> list[tuple[str, str, str]]:
        return [(one.sender, one.outcome, one.problem) for one in self.service.store.received.page()]

    async def wait(self, count: int) -> list[Any]:
        """What was heard, once it is so much."""
        async with asyncio.timeout(20):
            while len(self.heard) < count:
                await asyncio.sleep(0.02)
        return self.heard


def digest(body: bytes, secret: str = HOOK_SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def github(body: bytes, event: str, delivery: str, secret: str = HOOK_SECRET) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": f"sha256={digest(body, secret)}",
    }


@asynccontextmanager
async def at_work(service: Service) -> AsyncIterator[Hooks]:
    heard: list[Any] = []

    async def note(what: Any) -> None:
        heard.append(what)

    async def fail(_: Any) -> None:
        raise RuntimeError("a listener that is broken")

    service.heard.on_push += [fail, note]
    service.heard.on_pull_request += [fail, note]
    app = make_app(service, Vault(b"0" * 32), Site())
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    work = asyncio.create_task(Receiver(service).work())
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Hooks(service, client, heard)
    work.cancel()


@pytest.fixture
async def hooks(place: Path) -> AsyncIterator[Hooks]:
    secrets = {name: {"env": name} for name in ("HOOK_SECRET", "OLD_SECRET", "NOT_THERE")}
    path = write(place, FORGES, secrets=secrets)
    await asyncio.to_thread(make_shop, place)
    async with serving(path) as service, at_work(service) as made:
        yield made


async def test_a_github_says_how_commits_stand(hooks: Hooks) -> None:
    assert await hooks.github("status", STATUS, "1") == (202, "ci/build of 6957bb87: success")
    run: dict[str, Any] = {
        "name": "test",
        "head_sha": SHA,
        "status": "in_progress",
        "conclusion": None,
        "output": {},
    }
    body = {"action": "created", "check_run": run, "repository": {"full_name": "acme/shop"}}
    assert await hooks.github("check_run", body, "2") == (202, "test of 6957bb87: pending")
    assert hooks.said() == [
        ("hub", "ci/build", "success", "all is well"),
        ("hub", "test", "pending", "in progress"),
    ]
    # It says no more than that there is something new: it is asked.
    suite = {"check_suite": {"head_sha": SHA}, "repository": {"full_name": "acme/shop"}}
    assert await hooks.github("check_suite", suite, "3") == (202, "it is asked about 6957bb87")
    assert hooks.service.incoming.asked == {Wanted("hub", KEY, "acme/shop", SHA)}


async def test_both_secrets_are_good_while_one_takes_over_from_the_other(hooks: Hooks) -> None:
    assert (await hooks.github("status", STATUS, "1", OLD_SECRET))[0] == 202
    assert (await hooks.gitlab("Pipeline Hook", PIPELINE, "2", OLD_SECRET))[0] == 202


async def test_pushes_and_pull_requests_reach_those_who_act_on_them(hooks: Hooks) -> None:
    push = {"ref": "refs/heads/faster", "before": "0" * 40, "after": SHA}
    answer = await hooks.github("push", push | {"repository": {"full_name": "acme/shop"}}, "1")
    assert answer == (202, "faster is at 6957bb87 now")
    assert await hooks.github("pull_request", GITHUB_PULL, "2") == (
        202,
        "pull request 12 of faster is merged",
    )
    assert await hooks.gitlab("Merge Request Hook", MERGE_REQUEST, "3") == (
        202,
        "pull request 1 of ms-viewport is open",
    )
    pushed, merged, opened = await hooks.wait(3)
    assert pushed == Pushed("hub", KEY, "faster", SHA, "")
    assert merged == PullRequest(
        "hub",
        KEY,
        12,
        "faster",
        "main",
        PullState.MERGED,
        SHA,
        ("endpoint", "bug"),
        "Faster [31m checkout",
        "ada",
        "https://github.com/acme/shop/pull/12",
        from_fork=False,
        merged_sha="b" * 40,
    )
    assert (opened.forge, opened.labels, opened.from_fork) == ("lab", ("API",), False)


async def test_a_branch_of_a_fork_is_not_taken_for_one_of_ours(hooks: Hooks) -> None:
    pull = GITHUB_PULL["pull_request"]
    fork = pull | {"head": pull["head"] | {"repo": {"full_name": "mallory/shop"}}}
    await hooks.github("pull_request", GITHUB_PULL | {"pull_request": fork}, "1")
    gone = pull | {"head": pull["head"] | {"repo": None}}
    await hooks.github("pull_request", GITHUB_PULL | {"pull_request": gone}, "2")
    attributes = MERGE_REQUEST["object_attributes"] | {"source_project_id": 15}
    await hooks.gitlab("Merge Request Hook", MERGE_REQUEST | {"object_attributes": attributes}, "3")
    assert [one.from_fork for one in await hooks.wait(3)] == [True, True, True]


async def test_a_gitlab_says_how_pipelines_and_jobs_stand(hooks: Hooks) -> None:
    assert await hooks.gitlab("Pipeline Hook", PIPELINE, "1") == (
        202,
        "pipeline of 6957bb87: success, test-image of 6957bb87: success",
    )
    job = {"build_name": "spec", "build_status": "failed", "sha": SHA, "build_allow_failure": False}
    body = job | {"build_finished_at": "2026-11-25 20:00:00 UTC", "project": PIPELINE["project"]}
    assert await hooks.gitlab("Job Hook", body, "2") == (202, "spec of 6957bb87: failure")
    assert [one[1:3] for one in hooks.said()] == [
        ("pipeline", "success"),
        ("spec", "failure"),
        ("test-image", "success"),
    ]


async def test_a_gitea_says_the_same(hooks: Hooks) -> None:
    assert await hooks.gitea("status", STATUS | {"state": "error"}, "1") == (
        202,
        "ci/build of 6957bb87: failure",
    )
    assert await hooks.gitea("pull_request", GITHUB_PULL, "2") == (
        202,
        "pull request 12 of faster is merged",
    )
    # What it is told of our own deploys is no word on a build.
    own = STATUS | {"context": "shiphorn/production"}
    assert await hooks.gitea("status", own, "3") == (202, "nothing new")


async def test_builds_without_a_forge_say_when_they_are_over(hooks: Hooks) -> None:
    assert await hooks.signed("ci", JENKINS) == (202, "jenkins/shop of 6957bb87: failure")
    assert await hooks.signed("any", GENERIC) == (202, "ci/smoke of 6957bb87: pending")
    # A sender that may speak of everything need not name a repository.
    nameless = {name: value for name, value in GENERIC.items() if name != "repository"}
    assert (await hooks.signed("any", nameless | {"context": "ci/load"}))[0] == 202
    assert [one[:3] for one in hooks.said()] == [
        ("any", "ci/load", "pending"),
        ("any", "ci/smoke", "pending"),
        ("ci", "jenkins/shop", "failure"),
    ]


async def test_a_forged_webhook_is_refused_and_written_down(hooks: Hooks) -> None:
    raw = json.dumps(STATUS).encode()
    good = github(raw, "status", "1")
    wrong = "its X-Hub-Signature-256 is not by a secret that is known here."
    assert await hooks.send("hub", raw + b" ", good) == (401, wrong)
    assert await hooks.send("hub", raw, github(raw, "status", "1", "a guess")) == (401, wrong)
    bare = {"X-GitHub-Event": "status", "X-GitHub-Delivery": "1"}
    missing = "it has no X-Hub-Signature-256: set the secret where the webhook is made."
    assert await hooks.send("hub", raw, bare) == (401, missing)
    # The old signature, by SHA-1, is no longer one.
    sha1 = {"X-Hub-Signature-256": "sha1=" + hmac.new(HOOK_SECRET.encode(), raw, "sha1").hexdigest()}
    assert await hooks.send("hub", raw, bare | sha1) == (401, wrong)
    assert (await hooks.gitlab("Pipeline Hook", PIPELINE, "1", "a guess"))[0] == 401
    assert (await hooks.send("any", raw, {"X-Horn-Timestamp": str(int(time.time()))}))[0] == 401
    assert hooks.said() == []
    assert hooks.log()[-1] == ("hub", "refused", wrong)
    assert {outcome for _, outcome, _ in hooks.log()} == {"refused"}
    # And a good one comes through after all of them.
    assert (await hooks.send("hub", raw, good))[0] == 202


async def test_a_replayed_webhook_is_refused(hooks: Hooks) -> None:
    raw = json.dumps(STATUS).encode()
    before = "it was taken before: nothing is done again."
    assert (await hooks.send("hub", raw, github(raw, "status", "1")))[0] == 202
    assert await hooks.send("hub", raw, github(raw, "status", "1")) == (409, before)
    # Its name is not signed: whoever replays it may change that.
    assert await hooks.send("hub", raw, github(raw, "status", "2")) == (409, before)
    assert (await hooks.gitlab("Pipeline Hook", PIPELINE, "1"))[0] == 202
    assert await hooks.gitlab("Pipeline Hook", PIPELINE, "1") == (409, before)
    at = time.time()
    assert (await hooks.signed("any", GENERIC, at))[0] == 202
    assert await hooks.signed("any", GENERIC, at) == (409, before)
    assert [one[1] for one in hooks.log()].count("taken") == 3


async def test_a_late_webhook_is_refused(hooks: Hooks) -> None:
    status, reason = await hooks.signed("any", GENERIC, time.time() - 400)
    assert (status, reason[:8]) == (401, "it is 40")
    assert reason.endswith("at most 300 s are allowed, are the clocks right?.")
    assert (await hooks.signed("any", GENERIC, time.time() + 310))[0] == 401
    assert (await hooks.signed("any", GENERIC, time.time() - 290))[0] == 202
    old = GITHUB_PULL["pull_request"] | {"updated_at": "2026-01-01T00:00:00Z"}
    answer = await hooks.github("pull_request", GITHUB_PULL | {"pull_request": old}, "1")
    assert answer == (202, "it tells of what was long ago.")


async def test_a_huge_webhook_is_refused_without_being_read(hooks: Hooks) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(160):
            sent += 65536
            yield b"x" * 65536

    huge = "it is larger than 1 MB."
    assert await hooks.send("hub", b"x" * 10_000_000, {}) == (413, huge)
    # Neither is one whose sender does not say how long it is.
    answer = await hooks.client.post("/hooks/hub", content=endless())
    assert (answer.status_code, answer.json()["code"]) == (413, "SH914")
    assert sent < 1_200_000
    assert hooks.log()[0] == ("hub", "refused", huge)


MALFORMED = [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"null", b"[" * 200_000, b'{"a":' * 100_000]


async def test_a_malformed_webhook_is_refused(hooks: Hooks) -> None:
    for body in MALFORMED:
        answer = await hooks.send("hub", body, github(body, "status", "1"))
        assert answer == (400, "it is not a JSON object."), body[:20]


SHOP = {"repository": {"full_name": "acme/shop"}}
STRANGE: list[tuple[str, Any]] = [
    ("status", {"sha": 5, "repository": ["acme/shop"]}),
    ("status", {"sha": SHA, "state": {}, "context": [], "repository": {"full_name": 7}}),
    ("check_run", {"check_run": "x"} | SHOP),
    ("push", {"ref": "refs/heads/--upload-pack=x"} | SHOP),
    ("push", {"ref": "refs/heads/a\nb"} | SHOP),
    ("pull_request", {"pull_request": {"number": -1}} | SHOP),
    ("pull_request", {"pull_request": {"number": 1e300}, "repository": {"full_name": "../../x"}}),
    ("status", STATUS | {"repository": {"full_name": "acme/shop\u0000"}}),
    ("made_up\u00e9", {"any": "thing"} | SHOP),
]


async def test_a_webhook_in_another_shape_is_ignored(hooks: Hooks) -> None:
    for number, (event, body) in enumerate(STRANGE):
        raw = json.dumps(body).encode()
        head = [
            (key.encode(), value.encode("latin-1")) for key, value in github(raw, event, str(number)).items()
        ]
        answer = await hooks.client.post("/hooks/hub", content=raw, headers=head)
        assert (answer.status_code, answer.json()["outcome"]) == (202, "ignored"), body
    assert hooks.said() == []


async def test_hostile_text_in_a_status_is_made_harmless(hooks: Hooks) -> None:
    body = STATUS | {
        "context": "ci\r\nX-Evil: 1\u001b[2J",
        "description": "<script>alert(1)</script>\u0007" + "x" * 5000,
        "target_url": "javascript:alert(1)",
    }
    assert (await hooks.github("status", body, "1"))[0] == 202
    [one] = hooks.service.store.statuses.of_commit(SHA, KEY)
    assert one.context == "ci  X-Evil: 1 [2J"
    assert (one.url, len(one.description)) == ("", 500)


async def test_a_forge_speaks_of_what_it_is_configured_for_alone(hooks: Hooks) -> None:
    other = STATUS | {"repository": {"full_name": "mallory/shop"}}
    assert await hooks.github("status", other, "1") == (202, "no app has the repository mallory/shop.")
    assert await hooks.signed("narrow", GENERIC) == (
        202,
        "the forge narrow may not speak of 127.0.0.1/acme/shop.",
    )
    nameless = GENERIC | {"repository": ""}
    assert await hooks.signed("narrow", nameless) == (202, "the forge narrow may not speak of no repository.")
    assert hooks.said() == []


async def test_an_unknown_event_is_taken_and_ignored(hooks: Hooks) -> None:
    body = {"zen": "Design for failure.", "repository": {"full_name": "acme/shop"}}
    assert await hooks.github("ping", body, "1") == (202, "a ping: the webhook is set up.")
    answer = await hooks.github("star", body, "2")
    assert answer == (409, "it was taken before: nothing is done again.")
    assert await hooks.github("star", {"action": "created"}, "3") == (
        202,
        "nothing is done about the event star.",
    )


async def test_a_github_may_send_a_form(hooks: Hooks) -> None:
    raw = urlencode({"payload": json.dumps(STATUS)}).encode()
    head = github(raw, "status", "1") | {"Content-Type": "application/x-www-form-urlencoded"}
    assert await hooks.send("hub", raw, head) == (202, "ci/build of 6957bb87: success")


async def test_nothing_is_taken_without_a_secret(hooks: Hooks) -> None:
    raw = json.dumps(STATUS).encode()
    head = github(raw, "status", "1", "")
    assert await hooks.send("nobody", raw, head) == (404, "there is no forge nobody.")
    mute = "no webhook secret is set for the forge mute: nothing is taken."
    assert await hooks.send("mute", raw, head) == (403, mute)
    assert await hooks.send("locked", raw, head) == (
        503,
        "its webhook secret cannot be read; see the log.",
    )


async def test_whoever_guesses_is_slowed_down_and_good_ones_are_not(hooks: Hooks) -> None:
    raw = json.dumps(STATUS).encode()
    wrong = github(raw, "status", "1", "a guess")
    answers = [await hooks.client.post("/hooks/hub", content=raw, headers=wrong) for _ in range(35)]
    statuses = [one.status_code for one in answers]
    assert statuses == [401] * MOST_FAILURES + [429] * 5
    assert int(answers[-1].headers["retry-after"]) > 0
    assert len(hooks.log()) == MOST_FAILURES
    # GitHub may come through the same proxy.
    assert (await hooks.send("hub", raw, github(raw, "status", "1")))[0] == 202


async def test_what_could_not_be_acted_on_may_come_again(
    hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: Any) -> None:
        raise OSError("the disk is full")

    raw = json.dumps(STATUS).encode()
    with monkeypatch.context() as broken:
        broken.setattr(hooks.service.store.statuses, "put", away)
        answer = await hooks.client.post("/hooks/hub", content=raw, headers=github(raw, "status", "1"))
        assert (answer.status_code, answer.json()["code"]) == (500, "SH699")
    assert hooks.log() == [("hub", "failed", "a defect; see the log")]
    assert (await hooks.send("hub", raw, github(raw, "status", "1")))[0] == 202


async def test_deliveries_are_kept_for_a_month(hooks: Hooks) -> None:
    await hooks.github("status", STATUS, "1")
    received = hooks.service.store.received
    received.forget(time.time() - KEPT_SECONDS)
    assert len(hooks.log()) == 1
    received.forget(time.time() + 1)
    assert hooks.log() == []
