"""Forges: asked how commits stand and told of deploys, over HTTP, also while they are down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from shiphorn.model.deploy import DeployState
from shiphorn.model.endpoints import Endpoint
from shiphorn.model.events import DeployFinished, PhaseStarted
from shiphorn.model.people import Caller, Grant, Role
from shiphorn.model.statuses import BuildState, CommitStatus, overall
from shiphorn.model.target import Selection
from shiphorn.service.builds.asking import Asker, is_due
from shiphorn.service.builds.clients import Clients
from shiphorn.service.builds.listed import ask, listed
from shiphorn.service.builds.telling import Teller
from shiphorn.service.service import Service
from shiphorn.store.store import Store
from tests.forge_server import NOW, ForgeServer
from tests.forge_service import KEY, make_app, serving, write
from tests.service.past import SHOP, STAGING, deploy

ADMIN = Caller("ada", "web", grants=(Grant(Role.ADMIN),))
SHA = "6957bb87" + "0" * 32
GITHUB_STATUS = {
    "id": 1,
    "context": "ci/jenkins",
    "state": "success",
    "description": "Build 7 has completed\u0007",
    "target_url": "https://ci.example.com/7",
    "created_at": "2026-11-25T19:59:00Z",
    "updated_at": NOW,
}
CHECK_RUN: dict[str, Any] = {
    "id": 4,
    "name": "test",
    "status": "completed",
    "conclusion": "success",
    "started_at": "2026-11-25T19:50:00Z",
    "completed_at": NOW,
    "html_url": "https://github.com/acme/shop/runs/4",
    "output": {"title": "12 passed", "summary": None},
}
GITLAB_JOB = {
    "id": 91,
    "name": "rubocop",
    "status": "success",
    "allow_failure": False,
    "target_url": "https://gitlab.example.com/acme/shop/builds/91",
    "description": None,
    "started_at": "2026-11-25T19:50:00.241Z",
    "finished_at": "2026-11-25T20:00:00.000Z",
}
PIPELINE = {"id": 47, "status": "running", "updated_at": NOW, "web_url": "https://gitlab.example.com/p/47"}
GITEA_STATUS = {
    "id": 1,
    "status": "pending",
    "context": "ci/woodpecker",
    "description": "",
    "target_url": "",
    "created_at": "2026-11-25T19:50:00Z",
    "updated_at": "2026-11-25T19:50:00Z",
}


def entry(forge: ForgeServer, kind: str = "github", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "url": forge.url, "token": {"secret": "FORGE_TOKEN"}, **more}


@asynccontextmanager
async def asking(place: Path, forge: ForgeServer, kind: str) -> AsyncIterator[tuple[Service, Asker, str]]:
    """A service that asks a forge, and the commit that its app's branch is at."""
    path = write(place, {"hub": entry(forge, kind)})
    sha = await asyncio.to_thread(make_app, place)
    async with serving(path) as service:
        clients = Clients(service)
        yield service, Asker(service, clients), sha
        await clients.close()


def on_record(service: Service, sha: str) -> list[tuple[str, str, str]]:
    found = service.store.statuses.of_commit(sha, KEY)
    return [(one.context, one.state.value, one.description) for one in found]


async def test_a_github_is_asked_for_statuses_and_check_runs(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "github") as (service, asker, sha):
        own = GITHUB_STATUS | {"context": "shiphorn/production"}
        forge.said[sha] = [GITHUB_STATUS, own]
        red = CHECK_RUN | {"id": 5, "conclusion": "timed_out", "output": {"title": None}}
        forge.runs[sha] = [
            CHECK_RUN | {"head_sha": sha},
            red | {"head_sha": sha},
            CHECK_RUN | {"head_sha": sha, "name": "lint", "conclusion": "skipped"},
            CHECK_RUN | {"head_sha": sha, "name": "docs", "status": "in_progress", "conclusion": None},
        ]
        await asker.look()
        assert on_record(service, sha) == [
            ("ci/jenkins", "success", "Build 7 has completed"),
            ("docs", "pending", "12 passed"),
            ("lint", "success", "12 passed"),
            ("test", "failure", "timed out"),
        ]
        (first, *_) = service.store.statuses.of_commit(sha, KEY)
        assert (first.source, first.url, first.at) == ("hub", "https://ci.example.com/7", 1795636800.0)
        # What has not changed is not sent again.
        await asker.ask(service.apps.service.forges[0])
        assert forge.unchanged == 2


async def test_a_gitlab_is_asked_for_pipelines_and_jobs(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "gitlab") as (service, asker, sha):
        forge.runs[sha] = [PIPELINE | {"sha": sha}]
        forge.said[sha] = [
            GITLAB_JOB,
            GITLAB_JOB | {"name": "flaky", "status": "failed", "allow_failure": True},
            GITLAB_JOB | {"name": "deploy", "status": "manual"},
            GITLAB_JOB | {"name": "spec", "status": "canceled"},
        ]
        await asker.look()
        assert on_record(service, sha) == [
            ("flaky", "success", "failed, as it may"),
            ("pipeline", "pending", "pipeline 47: running"),
            ("rubocop", "success", "success"),
            ("spec", "failure", "canceled"),
        ]


async def test_the_last_word_of_each_context_of_a_gitea_counts(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "gitea") as (service, asker, sha):
        forge.said[sha] = [
            GITEA_STATUS | {"id": 2, "status": "failure", "updated_at": NOW},
            GITEA_STATUS,
            GITEA_STATUS | {"id": 3, "context": "lint", "status": "warning"},
        ]
        await asker.look()
        assert on_record(service, sha) == [("ci/woodpecker", "failure", ""), ("lint", "success", "")]


async def test_who_waits_is_woken_when_something_is_new(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "github") as (service, asker, sha):
        forge.said[sha] = [GITHUB_STATUS]
        waiting = asyncio.create_task(service.news.wait(10))
        await asyncio.sleep(0)
        await asker.look()
        assert await waiting is True


async def test_a_commit_that_a_deploy_waits_for_is_asked_about(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "gitea") as (service, asker, _):
        values: dict[str, Any] = {
            "state": DeployState.RUNNING,
            "finished_at": None,
            "phase": "gates",
            "sha": SHA,
        }
        deploy(service.store, SHOP, **values)
        await asker.look()
        assert f"GET /api/v1/repos/acme/shop/statuses/{SHA}" in forge.asked


async def test_a_forge_that_is_down_is_asked_later_and_says_so_on_its_page(
    place: Path, forge: ForgeServer
) -> None:
    async with asking(place, forge, "gitea") as (service, asker, sha):
        forge.down, forge.said[sha] = True, [GITEA_STATUS]
        await asker.look()
        [row] = listed(service, ADMIN)
        assert row.ask_problem == "SH225 the forge hub answered 502: Bad Gateway."
        asked = len(forge.asked)
        await asker.look()
        assert len(forge.asked) == asked
        standing = service.store.notified.listed()["asked:hub"]
        assert standing.failures == 1
        assert 5 < standing.free_at - time.time() <= 60
        forge.down = False
        service.store.notified.free("asked:hub", 0.0)
        await asker.look()
        [row] = listed(service, ADMIN)
        assert row.ask_problem == ""
        assert on_record(service, sha) == [("ci/woodpecker", "pending", "")]


async def test_a_forge_that_wants_to_be_left_alone_is(place: Path, forge: ForgeServer) -> None:
    async with asking(place, forge, "github") as (service, asker, _):
        forge.limited = {"Retry-After": "1800"}
        await asker.look()
        standing = service.store.notified.listed()["asked:hub"]
        assert standing.problem == "SH227 the forge hub wants to be left alone for 1800 s."
        assert 1700 < standing.free_at - time.time() <= 1800
        forge.limited = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 900)}
        asked = await ask(service, ADMIN, "hub")
        assert asked.problem.startswith("SH227")
        assert 800 < service.store.notified.listed()["asked:hub"].free_at - time.time() <= 900


async def test_a_token_that_is_refused_is_told_without_the_token(
    place: Path, forge: ForgeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORGE_TOKEN", "another-token")
    async with asking(place, forge, "github") as (service, asker, _):
        await asker.look()
        [row] = listed(service, ADMIN)
        assert row.ask_problem == (
            "SH226 the forge hub does not let us (401): Bad credentials. "
            "Is its token in force, and may it do that?"
        )


def test_commits_with_nothing_to_wait_for_are_asked_about_seldom() -> None:
    green = [CommitStatus(SHA, KEY, "hub", "ci", BuildState.SUCCESS, at=1.0)]
    pending = [CommitStatus(SHA, KEY, "hub", "ci", BuildState.PENDING, at=1.0)]
    assert is_due(pending, 0.0, 99_000.0, 100_000.0)
    assert is_due([], 99_000.0, 99_990.0, 100_000.0)
    assert not is_due(green, 99_000.0, 99_990.0, 100_000.0)
    assert not is_due([], 10_000.0, 99_990.0, 100_000.0)
    assert is_due(green, 10_000.0, 99_000.0, 100_000.0)


# Told of deploys.


@asynccontextmanager
async def telling(place: Path, forge: ForgeServer, kind: str) -> AsyncIterator[tuple[Service, Teller]]:
    path = write(place, {"hub": entry(forge, kind, deployments=True, poll=0)})
    await asyncio.to_thread(make_app, place)
    async with serving(path) as service:
        clients = Clients(service)
        teller = Teller(service, clients)
        await teller.look()
        yield service, teller
        await clients.close()


def begin(store: Store, where: tuple[str, str] = SHOP, sha: str = SHA, **values: Any) -> int:
    going: dict[str, Any] = {"state": DeployState.RUNNING, "finished_at": None, "sha": sha}
    number = deploy(store, where, **going | values)
    store.records.add_events([PhaseStarted(number, time.time(), "discover")])
    return number


def end(store: Store, number: int, state: DeployState = DeployState.SUCCEEDED) -> None:
    code = "" if state == DeployState.SUCCEEDED else "SH611"
    store.deploys.update(number, state=state, finished_at=time.time(), code=code, message="eu1.secret: 502")
    store.records.add_events([DeployFinished(number, time.time(), state, 1.0, {}, code, "eu1.secret: 502")])


async def one_after_the_other(store: Store, teller: Teller) -> None:
    first = begin(store, sha="a" * 40)
    await teller.look()
    end(store, first)
    await teller.look()
    second = begin(store)
    await teller.look()
    end(store, second, DeployState.ROLLED_BACK)
    third = begin(store, STAGING)
    end(store, third)
    await teller.look()
    fourth = begin(store)
    end(store, fourth)
    await teller.look()
    # That one ended before it began: its gates refused.
    fifth = deploy(store, SHOP, sha=SHA)
    end(store, fifth, DeployState.FAILED)
    await teller.look()


async def test_a_github_knows_what_is_where(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "github") as (service, teller):
        await one_after_the_other(service.store, teller)
        assert forge.told() == [
            ("production", "aaaa", ["in_progress", "success", "inactive"]),
            ("production", "6957", ["in_progress", "failure"]),
            ("staging", "6957", ["in_progress", "success"]),
            ("production", "6957", ["in_progress", "success"]),
        ]
        first, second, third, _ = forge.deployments
        assert [one["production_environment"] for one in (first, third)] == [True, False]
        [_, failed] = second["statuses"]
        assert failed["log_url"] == "https://deploy.example.com/deploys/2"
        assert failed["description"] == (
            "shop 6957bb87 to production by ada: failed, and was taken back (SH611)"
        )


async def test_a_github_knows_where_an_endpoint_is_reached(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "github") as (service, teller):
        url = "https://one.staging.example.com"
        service.store.endpoints.add(Endpoint(0, "shop", "staging", "one", "one", url, "ada", 1.0, 9e9))
        end(service.store, begin(service.store, ("shop", "staging~one")))
        await teller.look()
        (made,) = forge.deployments
        assert (made["environment"], made["transient_environment"]) == ("staging~one", True)
        assert {one["environment_url"] for one in made["statuses"]} == {url}


async def test_a_gitlab_knows_what_is_where(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "gitlab") as (service, teller):
        await one_after_the_other(service.store, teller)
        assert forge.told() == [
            ("production", "aaaa", ["running", "success"]),
            ("production", "6957", ["running", "failed"]),
            ("staging", "6957", ["running", "success"]),
            ("production", "6957", ["running", "success"]),
        ]
        assert [(one["ref"], one["tag"]) for one in forge.deployments] == [("main", False)] * 4


async def test_a_gitea_is_told_by_statuses_of_commits(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "gitea") as (service, teller):
        await one_after_the_other(service.store, teller)
        told = [(one["context"], one["state"]) for one in forge.said[SHA]]
        assert told == [
            ("shiphorn/production", "pending"),
            ("shiphorn/production", "failure"),
            ("shiphorn/staging", "pending"),
            ("shiphorn/staging", "success"),
            ("shiphorn/production", "pending"),
            ("shiphorn/production", "success"),
        ]
        assert forge.said[SHA][0]["target_url"] == "https://deploy.example.com/deploys/2"


@pytest.mark.parametrize("kind", ["github", "gitlab"])
async def test_a_deployment_is_not_made_twice_after_a_crash(
    place: Path, forge: ForgeServer, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with telling(place, forge, kind) as (service, teller):
        number = begin(service.store)
        # The process dies between the forge's answer and the word of it.
        with monkeypatch.context() as dying:
            dying.setattr(service.store.forge_deployments, "put", _dies)
            with pytest.raises(ExceptionGroup):
                await teller.look()
        service.store.notified.free("forge:hub", 0.0)
        await teller.look()
        end(service.store, number)
        await teller.look()
        done = {"github": ["in_progress", "success"], "gitlab": ["running", "success"]}
        assert forge.told() == [("production", "6957", done[kind])]


def _dies(*_: object) -> None:
    raise RuntimeError("killed")


async def test_a_forge_that_was_down_is_told_later_what_it_missed(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "github") as (service, teller):
        forge.down = True
        number = begin(service.store)
        await teller.look()
        end(service.store, number)
        assert listed(service, ADMIN)[0].tell_problem == "SH225 the forge hub answered 502: Bad Gateway."
        assert service.store.notified.listed()["forge:hub"].free_at > time.time()
        forge.down = False
        service.store.notified.free("forge:hub", 0.0)
        await teller.look()
        assert forge.told() == [("production", "6957", ["in_progress", "success"])]
        assert listed(service, ADMIN)[0].tell_problem == ""


async def test_a_deploy_to_some_hosts_takes_nothings_place(place: Path, forge: ForgeServer) -> None:
    async with telling(place, forge, "github") as (service, teller):
        for selection in (Selection(), Selection(hosts=("eu1",))):
            number = begin(service.store, selection=selection)
            end(service.store, number)
            await teller.look()
        assert [told for _, _, told in forge.told()] == [["in_progress", "success"]] * 2
        assert "eu1" not in str(forge.deployments)


async def test_apps_of_one_repository_have_environments_of_their_own(place: Path, forge: ForgeServer) -> None:
    path = write(place, {"hub": entry(forge, deployments=True, poll=0)})
    await asyncio.to_thread(make_app, place)
    (place / "apps" / "blog.yml").write_text("app: blog\nrepo: http://127.0.0.1:1/acme/shop\n")
    async with serving(path) as service:
        clients = Clients(service)
        teller = Teller(service, clients)
        await teller.look()
        for where in (SHOP, ("blog", "production")):
            end(service.store, begin(service.store, where))
        await teller.look()
        assert [name for name, _, _ in forge.told()] == ["shop/production", "blog/production"]
        await clients.close()


def test_red_comes_before_pending_before_green() -> None:
    states = (BuildState.SUCCESS, BuildState.PENDING, BuildState.FAILURE)
    said = [CommitStatus(SHA, KEY, "hub", str(state), state) for state in states]
    assert [overall(said[:count]) for count in range(4)] == [None, *states]
