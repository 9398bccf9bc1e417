"""A service in real networks of IRC: it announces, and deploys for whom it knows."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.ircd import Inspircd, Ngircd, Server, Somebody
from tests.running_service import LOGIN, PASSWORD, Site


@contextmanager
def chatting(site: Site, **networks: Any) -> Iterator[None]:
    """The service with these networks in its shiphorn.yml."""
    path = site.folder / "shiphorn.yml"
    before = path.read_text()
    path.write_text(f"{before}\n{yaml.safe_dump({'chat': {'irc': networks}})}")
    try:
        yield
    finally:
        path.write_text(before)


def network(server: Server, **more: Any) -> dict[str, Any]:
    channels = [{"name": "#ops"}, {"name": "#prod", "environments": ["production"]}]
    return {"server": "127.0.0.1", "port": server.port, "tls": False, "channels": channels} | more


@asynccontextmanager
async def signed_in(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=site.url, follow_redirects=True, timeout=60) as client:
        await client.get("/sign-in")
        await send(client, "/sign-in", login=LOGIN, password=PASSWORD)
        yield client


async def send(client: httpx.AsyncClient, path: str, **form: str) -> httpx.Response:
    return await client.post(path, data=form | {"_csrf_token": client.cookies["horn_csrf"]})


async def code(client: httpx.AsyncClient, use: str) -> str:
    page = await send(client, "/account/code", use=use)
    found = re.search(r"<code>([A-Z0-9]{4}-[A-Z0-9]{4})</code>", page.text)
    assert found, page.text
    return found[1]


@pytest.fixture
def ngircd(tmp_path: Path) -> Iterator[Ngircd]:
    server = Ngircd(tmp_path / "ngircd")
    yield server
    server.stop()


@pytest.fixture
def inspircd(tmp_path: Path) -> Iterator[Inspircd]:
    server = Inspircd(tmp_path / "inspircd")
    yield server
    server.stop()


async def here(somebody: Somebody) -> None:
    """Wait until horn is in the channel."""
    await somebody.sees(":horn!")


async def test_without_accounts_a_deploy_takes_a_code_and_is_announced_in_the_words_of_the_talk(
    site: Site, ngircd: Ngircd
) -> None:
    matt = await Somebody.at(ngircd, "matt", "#ops", "#prod")
    with chatting(site, test=network(ngircd)):
        await here(matt)
        matt.say("#ops", "horn: deploy shop/main to staging")
        assert "nobody vouches for you, matt: a nick is no proof" in await matt.said("matt: ")
        matt.say("#ops", "just talking about deploy shop/main to staging")
        async with signed_in(site) as client:
            made = await code(client, "act")
            matt.say("#ops", f"horn: deploy shop/main to staging code {made}")
            first = await matt.said("matt: ")
            assert re.match(r"matt: deploy \d+ is ordered: shop/main to staging\. http://", first), first
            assert re.fullmatch(
                r"shop/main \([0-9a-f]{8}\) is being deployed to staging by Ada Lovelace",
                await matt.said("is being deployed"),
            )
            assert await matt.said("successfully") == "shop/main successfully deployed to staging"
            # A code works once.
            matt.say("#ops", f"horn: lock staging of shop because $(reboot) code {made}")
            assert "SH941 this code is not good" in await matt.said("matt: ")
            told = await client.get("/settings/chat")
            assert "connected" in told.text
            test = await send(client, "/settings/chat/test/test", channel="#prod")
            assert test.status_code == 200
            assert "Ada Lovelace tries the notifier test #prod" in await matt.said("tries")
        assert [line for line in matt.lines if "#prod :shop" in line] == []


async def test_whoever_linked_their_account_is_known_by_it_and_never_by_a_nick(
    site: Site, inspircd: Inspircd
) -> None:
    ada = await Somebody.at(inspircd, "ada_irc")
    await ada.register("ada_irc")
    ada.send("JOIN #ops")
    with chatting(site, tested=network(inspircd, accounts=True)):
        await here(ada)
        async with signed_in(site) as client:
            ada.say("horn", f"link {await code(client, 'link')}")
            assert await ada.said("You are") == "You are ada from here on, as ada_irc of irc:tested."
            ada.say("#ops", "horn: lock staging of shop for 2h because the database moves")
            assert "staging of shop is locked until" in await ada.said("ada_irc: ")
            ada.say("#ops", "!unlock staging of shop")
            assert "staging of shop is unlocked" in await ada.said("unlocked")
            fake = await Somebody.at(inspircd, "ada", "#ops")
            fake.say("#ops", "horn: deploy shop to staging")
            assert "nobody vouches for you, ada" in await fake.said("ada: ")
            await send(client, "/account/unlink", network="irc:tested", account="ada_irc")
        ada.say("#ops", "horn: deploy shop to staging")
        assert "I do not know whose the account ada_irc is" in await ada.said("do not know")
