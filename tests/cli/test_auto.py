"""horn auto: what goes out by itself, on this machine and at a service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cli.test_remote import Laptop, sign_in
from tests.deploy.conftest import Project
from tests.running_service import Site


async def test_on_this_machine_it_is_stopped_and_resumed_for_the_services_of_its_databases(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path)
    hosts = {"hosts": ["web1"]}
    project.config = {
        "app": "sample",
        "repo": "app",
        "deploy_to": "/srv/sample",
        "environments": {
            "staging": hosts | {"auto": {"on": "push", "delay": "5m"}},
            "production": hosts | {"auto": {"after": "staging", "healthy": "30m"}},
            "dev": hosts,
        },
    }
    assert (await project.horn("auto", "status")).out == (
        "staging deploys by itself: main, when it is pushed to, 5 min later\n"
        "  no service has looked yet\n"
        "production deploys by itself: what staging runs, once it has been well there for 30 min\n"
        "  no service has looked yet\n"
    )
    assert (await project.horn("auto", "stop", "staging")).err.startswith("SH543 ")
    stopped = await project.horn("auto", "stop", "staging", "--reason", "the database moves")
    assert stopped.out.startswith("Nothing goes out to staging by itself any more: the database moves\n")
    (first, _) = (await project.horn("auto", "status", "--json")).json
    assert (first["state"], first["stopped_by"], first["reason"]) == ("stopped", "ada", "the database moves")
    assert "  stopped: the database moves\n  by ada at " in (await project.horn("auto", "status")).out
    assert (await project.horn("auto", "resume", "staging")).out == "staging deploys by itself again.\n"
    assert (await project.horn("auto", "resume", "staging")).err.startswith("SH922 ")
    assert (await project.horn("auto", "stop", "dev", "--reason", "x")).err.startswith("SH920 ")


@pytest.fixture
def robotic(site: Site) -> Iterator[None]:
    """An app of the site that waits for its builds."""
    path = site.folder / "apps" / "robotic.yml"
    path.write_text(
        yaml.safe_dump({"app": "robotic", "repo": "../blog.git", "environments": {"staging": {"auto": True}}})
    )
    yield
    path.unlink()


@pytest.mark.usefixtures("robotic")
def test_a_service_says_what_it_waits_for(site: Site, tmp_path: Path) -> None:
    laptop = Laptop(tmp_path / "laptop", HORN_APP="robotic")
    with site.client() as client:
        sign_in(laptop, site, client)
    given_up_at = time.monotonic() + 60
    while "waits for a first word of its builds" not in (told := laptop.horn("auto", "status").stdout):
        assert time.monotonic() < given_up_at, told
    assert told.startswith("staging deploys by itself: main, when it is green\n  waits: ")
    assert laptop.said("auto", "stop", "staging", "--reason", "not now") == (
        "Nothing goes out to staging by itself any more: not now\n  Let it go on: horn auto resume staging\n"
    )
    assert "  stopped: not now\n  by ada at " in laptop.said("auto", "status")
    assert laptop.said("auto", "resume", "staging") == "staging deploys by itself again.\n"
