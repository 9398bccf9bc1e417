"""One's accounts of chats: linked with a code, and unlinked; and codes for a single order."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated, Any

from litestar import Response, post
from litestar.params import FromPath
from litestar.response import Template

from shiphorn.errors import Refused
from shiphorn.model.chat import CodeUse
from shiphorn.service.people import chat_accounts
from shiphorn.web.given import Form, TheCaller, TheService, TheSite, in_thread


@dataclass
class Wanted:
    """What a code is to be good for: `link` or `act`."""

    use: str = ""


@dataclass
class Unlinked:
    """An account of a chat."""

    network: str = ""
    account: str = ""


@post("/account/code")
@in_thread
def code(service: TheService, caller: TheCaller, data: Annotated[Wanted, Form]) -> Response[Any]:
    """Make a code, and show it once."""
    if data.use not in list(CodeUse):
        raise Refused("SH947", "a code is to link an account, or for one order.")
    use, now = CodeUse(data.use), time.time()
    made, until = chat_accounts.make_code(service.store, caller, use, now)
    minutes = round((until - now) / 60)
    networks = service.apps.service.model.chat.irc
    nick = next((one.nick for one in networks.values()), "horn")
    context = {"caller": caller, "code": made, "minutes": minutes, "use": data.use, "nick": nick}
    response: Response[Any] = Template("account_code.html", context=context, status_code=200)
    response.headers["Cache-Control"] = "no-store"
    return response


@post("/account/unlink")
@in_thread
def unlink(
    service: TheService, caller: TheCaller, site: TheSite, data: Annotated[Unlinked, Form]
) -> Response[Any]:
    """Unlink an account of one's own."""
    chat_accounts.unlink(service.store, caller, caller.name, data.network, data.account, time.time())
    return site.back("/account", f"{data.account} is not linked any more.")


@post("/settings/people/{login:str}/unlink")
@in_thread
def unlink_of(
    service: TheService,
    caller: TheCaller,
    site: TheSite,
    login: FromPath[str],
    data: Annotated[Unlinked, Form],
) -> Response[Any]:
    """Unlink an account of somebody."""
    chat_accounts.unlink(service.store, caller, login, data.network, data.account, time.time())
    return site.back(f"/settings/people/{login}", f"{data.account} is not linked any more.")


ROUTES = (code, unlink, unlink_of)
