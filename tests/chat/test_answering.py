"""What is answered, by a service with a past."""

# ruff: noqa: E501 - an answer is a line

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from inline_snapshot import snapshot

from shiphorn.chat.answering import answer
from shiphorn.model.chat import Shown, Speaker
from tests.api_service import Offline, offline

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Offline]:
    folder = tmp_path_factory.mktemp("answering")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("STATE", "CACHE", "CONFIG"):
            patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
        async with offline(folder) as made:
            yield made


async def said(api: Offline, text: str, who: str = "", shown: Shown | None = None) -> str:
    """What is answered to somebody: alone, or in a channel where something is shown."""
    store = api.service.store
    person = store.people.by_login(who)
    if person is not None:
        store.people.add_identity("irc:test", who, person.id)
    channel = {"channel": "#ops", "shown": shown} if shown else {"private": True}
    speaker = Speaker("irc:test", who, who or "eve", **channel)
    found = await answer(api.service, speaker, text)
    found = re.sub(r"\d+ d( \d+ h)? ago|since [^,]*,|for \d+ d( \d+ h)?", "WHEN", found)
    return re.sub(r"until [^()]* UTC \(in [^)]*\)", "until WHEN", found)


async def test_questions(api: Offline) -> None:
    assert await said(api, "status", "viewer") == snapshot("""\
blog production: main (aaaaaaaa) by ada, WHEN; locked by ada: a freeze
blog staging: nothing yet; locked by ada: a freeze
shop production: main (aaaaaaaa) by ada, WHEN
shop staging: main (aaaaaaaa) by ada, WHEN\
""")
    assert await said(api, "status shop in staging", "viewer") == snapshot(
        "shop staging: main (aaaaaaaa) by ada, WHEN"
    )
    assert await said(api, "deploys shop", "viewer") == snapshot("""\
2 staging: main (aaaaaaaa) by ada, WHEN, succeeded
1 production: main (aaaaaaaa) by ada, WHEN, succeeded\
""")
    assert await said(api, "queue", "viewer") == snapshot("nothing is under way.")
    assert await said(api, "where can I deploy blog", "viewer") == snapshot("""\
production: no, you have no right to
staging: no, you have no right to\
""")
    assert await said(api, "where can I deploy blog", "deployer") == snapshot(
        "there is no app blog that you see; there are shop."
    )
    assert await said(api, "endpoints shop", "viewer") == snapshot(
        "shop/feature: http://feature.shop.example.com until WHEN"
    )
    assert await said(api, "help lock") == snapshot("lock ENVIRONMENT of APP [for 2h] because REASON")
    assert await said(api, "help") == snapshot("""\
deploy: deploy APP/REF to ENVIRONMENT[/HOSTS]; deploy! APP/REF to ENVIRONMENT because REASON; rollback APP in ENVIRONMENT [to RELEASE]; approve NUMBER, or approve APP/REF to ENVIRONMENT
stop: cancel NUMBER, or cancel APP in ENVIRONMENT; pause NUMBER, or pause APP in ENVIRONMENT; continue NUMBER, or continue APP in ENVIRONMENT
lock: lock ENVIRONMENT of APP [for 2h] because REASON; unlock ENVIRONMENT of APP [because REASON]
ask: status [APP] [in ENVIRONMENT]; deploys APP [in ENVIRONMENT]; where can I deploy APP; why APP/REF to ENVIRONMENT; queue [APP] [in ENVIRONMENT]; endpoints [APP]
endpoint: endpoint create APP/BRANCH [for 3d]; endpoints [APP]
who you are: whoami; link CODE\
""")
    assert await said(api, "whoami", "deployer") == snapshot(
        "You are deployer, by the account deployer. You are deployer of all of shop."
    )
    assert re.sub(r"\([0-9a-f]{8}\)", "(SHA)", await said(api, "why blog/main to staging", "deployer")) == (
        snapshot("there is no app blog that you see; there are shop.")
    )


async def test_orders(api: Offline) -> None:
    assert await said(api, "lock staging of shop for 2h because the database moves", "deployer") == snapshot(
        "staging of shop is locked until WHEN: the database moves"
    )
    assert await said(api, "unlock staging of shop", "admin") == snapshot(
        'SH545 staging of shop is locked by deployer WHEN "the database moves". It is not yours. Say why you release it: unlock ENVIRONMENT of APP [because REASON]'
    )
    assert await said(api, "unlock staging of shop", "deployer") == snapshot(
        "staging of shop is unlocked; the lock was of deployer."
    )
    assert await said(api, "lock staging of shop", "deployer") == snapshot(
        "a lock needs a reason, for whoever meets it: lock ENVIRONMENT of APP [for 2h] because REASON"
    )
    assert await said(api, "deploy shop/main to staging", "viewer") == snapshot(
        "SH550 viewer may not deploy staging of shop: that takes the role deployer in staging of shop; viewer is viewer there. Somebody who is admin everywhere can give it."
    )
    assert await said(api, "deploy! shop/main to staging", "admin") == snapshot(
        "whoever overrides gates says why: deploy! APP/REF to ENVIRONMENT because REASON"
    )
    assert await said(api, "deploy! shop/main to staging because it burns", "deployer") == snapshot(
        "SH550 deployer may not override gates of staging of shop: that takes the role admin in staging of shop; deployer is deployer there. Somebody who is admin everywhere can give it."
    )
    assert await said(api, "deploy shop/main to staging/nowhere", "deployer") == snapshot(
        "no host, role, region or zone is called nowhere; there are default, eu1, us1."
    )
    assert await said(api, "deploy shop/main to staging/eu1 because of a test", "deployer") == snapshot(
        "deploy 4 is ordered: shop/main to staging (hosts eu1)."
    )
    assert await said(api, "cancel shop in staging", "deployer") == snapshot(
        "deploy 4 is asked to stop, and to take everything back."
    )
    assert await said(api, "cancel 999", "deployer") == snapshot(
        "SH522 there is no deploy 999. See: deploys APP [in ENVIRONMENT]"
    )
    assert await said(api, "approve 1", "viewer") == snapshot(
        "SH550 viewer may not deploy 1: that takes the role deployer in production of shop; viewer is viewer there. Somebody who is admin everywhere can give it."
    )


async def test_strangers_are_told_nothing_but_how_to_be_known(api: Offline) -> None:
    for text in (
        "status",
        "deploy shop to staging",
        "deploy nothing/x to nowhere",
        "queue",
        "lock everything x",
    ):
        assert (await said(api, text)).startswith("SH946 nobody vouches for you, eve"), text
    assert await said(api, "status code ABCD-2345") == snapshot(
        "SH941 this code is not good: each works once, for a few minutes, for what it was made for. Make another one on your account page."
    )
    assert await said(api, "link ABCD-2345") == snapshot(
        "SH943 irc:test does not say that eve has an account. Log in to your account of the network, and say it again. A nick alone is no proof."
    )


async def test_a_channel_is_shown_what_it_may_be_shown(api: Offline) -> None:
    shop = Shown(("shop",), ("staging",), to_everyone=True)
    assert (await said(api, "status", shown=shop)).startswith("shop staging: ")
    assert "blog" not in await said(api, "status", "admin", shown=shop)
    assert await said(api, "status blog", shown=shop) == snapshot(
        "there is no app blog that you see; there are shop."
    )
    assert (await said(api, "deploy shop to staging", shown=shop)).startswith("SH946")
    known = Shown(("shop",), ("staging",))
    assert (await said(api, "status", shown=known)).startswith("SH946")
    assert (await said(api, "status", "viewer", shown=known)).startswith("shop staging: ")


async def test_hostile_words_are_but_words(api: Offline) -> None:
    for text in ("deploy shop/$(reboot)`id`;--exec to staging", "deploy shop/--upload-pack=x to staging"):
        found = await said(api, text, "deployer")
        assert "\n" not in found
    assert "\x02" not in await said(api, "status \x02shop\x03\x1b[31m\r\nQUIT", "viewer")
