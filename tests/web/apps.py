"""What tests of an app's pages need of the running service: commits to ship, people, and its records."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from playwright.sync_api import Page

from shiphorn.model.deploy import Deploy
from shiphorn.model.people import Grant, Role, local
from shiphorn.service.people import people
from shiphorn.store.sqlite import open_sqlite
from shiphorn.store.store import Store
from tests.deploy.conftest import AUTHOR
from tests.running_service import Site

ENDS_SECONDS = 60.0


def git(site: Site, app: str, *arguments: str, author: str = "Ada") -> str:
    """Run git in the repository of an app."""
    env = site.env | AUTHOR | {"GIT_AUTHOR_NAME": author}
    command = ["git", "-C", str(site.folder / f"{app}.git"), *arguments]
    return subprocess.run(command, check=True, env=env, capture_output=True, text=True).stdout.strip()


def commit(site: Site, app: str, subject: str, text: str = "", *, author: str = "Ada") -> str:
    """Commit to the branch that is checked out, with a file when there is text for it: its id."""
    if text:
        (site.folder / f"{app}.git" / "notes.txt").write_text(text)
        git(site, app, "add", ".")
    git(site, app, "commit", "--quiet", "--allow-empty", "--message", subject, author=author)
    return git(site, app, "rev-parse", "HEAD")


def fetch(site: Site, client: httpx.Client, app: str) -> None:
    """Have the service know of what was committed."""
    answer = site.send(client, f"/apps/{app}/fetch", {})
    assert "The newest commits are here." in answer.text, answer.text


@contextmanager
def records(site: Site) -> Iterator[Store]:
    """The store of the service."""
    store = Store(open_sqlite(site.folder / "state" / "shiphorn" / "state.db"))
    try:
        yield store
    finally:
        store.close()


def ended(site: Site, deploy_id: int) -> Deploy:
    """A deploy once it is over."""
    given_up_at = time.monotonic() + ENDS_SECONDS
    with records(site) as store:
        while True:
            found = store.deploys.get(deploy_id)
            assert found is not None
            if not found.state.active:
                return found
            assert time.monotonic() < given_up_at, (
                f"deploy {deploy_id} is still {found.state} in {found.phase}"
            )
            time.sleep(0.05)


@contextmanager
def signed_in(site: Site, login: str, *held: Grant) -> Iterator[httpx.Client]:
    """A browser without a window of somebody who has these roles; they are made when they are not there."""
    with records(site) as store:
        if store.people.by_login(login) is None:
            people.invite(store, local("test"), login, time.time(), held=held)
        secret = people.make_link(store, local("test"), login, time.time())
    with httpx.Client(base_url=site.url, follow_redirects=True, timeout=60) as client:
        assert site.send(client, f"/link/{secret}", {"password": ""}).status_code == 200
        yield client


@contextmanager
def a_viewer(site: Site) -> Iterator[httpx.Client]:
    """Somebody who may look at everything, and do nothing."""
    with signed_in(site, "vera", Grant(Role.VIEWER)) as client:
        yield client


def be(page: Page, site: Site, client: httpx.Client) -> None:
    """Let a window be that of somebody else."""
    page.context.clear_cookies()
    page.context.add_cookies(
        [{"name": one.name, "value": one.value or "", "url": site.url} for one in client.cookies.jar]
    )
