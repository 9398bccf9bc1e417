"""Builds as they are reported and looked at on the command line, here and at a service."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shiphorn.demo.project import make_repository
from tests.api_service import Offline
from tests.cli.test_locking import said


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_repository(tmp_path / "shop.git")
    hosts = "[{name: eu1, address: 127.0.0.1}]"
    (tmp_path / "deploy.yml").write_text(
        f"app: shop\nrepo: shop.git\ndeploy_to: ~/shop\nenvironments: {{production: {{hosts: {hosts}}}}}\n"
    )
    monkeypatch.setenv("HORN_ACTOR", "ada")
    return tmp_path


def of_no_commit(text: str) -> str:
    return re.sub(r"[0-9a-f]{8}", "COMMIT", text)


def test_a_build_is_reported_and_looked_at(shop: Path) -> None:
    assert of_no_commit(said(shop, "builds")) == (
        "COMMIT Greet from each region\n"
        "  Nobody has said anything of it.\n"
        "  horn report COMMIT --context ci/build --state success\n"
    )
    report = "report main --context ci/build --state failure --description '2 of 9 failed'"
    told = said(shop, f"{report} --url https://ci.example.com/7")
    assert of_no_commit(told) == "ci/build of COMMIT is red.\n"
    assert of_no_commit(said(shop, "builds main")) == (
        "COMMIT Greet from each region\n"
        "  ✗ ci/build 2 of 9 failed\n"
        "  TIME, reported  https://ci.example.com/7\n"
    )
    found = json.loads(said(shop, "builds main --json"))
    assert (found["overall"], [one["state"] for one in found["statuses"]]) == ("failure", ["failure"])


def test_what_cannot_be_reported_is_said(shop: Path) -> None:
    assert said(shop, "report main --context ci --state green") == (
        "SH919 'green' is no state of a build.\n  There are pending, success, failure.\nstatus 5\n"
    )
    assert said(shop, "report main --context shiphorn/x --state success").startswith(
        "SH919 a build cannot be called 'shiphorn/x'."
    )
    assert said(shop, "report main --context ci --state success --url javascript:x").startswith(
        "SH919 'javascript:x' is no address of a page."
    )
    assert said(shop, "report nowhere --context ci --state success").startswith("SH203 ")


async def test_any_build_with_a_token_reports_to_the_service(api: Offline) -> None:
    path, body = "/apps/shop/commits/main/statuses", {"context": "ci/build", "state": "success"}
    async with api.client("deployer") as client:
        made = await client.post(path, json=body | {"url": "https://ci.example.com/7"})
        assert (made.status_code, made.json()["source"]) == (201, "reported")
        found = (await client.get(path)).json()
        assert (found["overall"], found["statuses"]) == ("success", [made.json()])
        assert (await client.post(path, json=body | {"context": " "})).status_code == 409
        assert (await client.post(path, json=body | {"state": "green"})).status_code == 400
    async with api.client("viewer") as client:
        assert (await client.post(path, json=body)).status_code == 403
    acts = [(one.actor, one.act, one.facts.get("context")) for one in api.service.store.audit.page()]
    assert ("deployer", "report build", "ci/build") in acts
