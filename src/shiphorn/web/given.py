"""What handlers are given besides what a request holds. Litestar would look into them otherwise."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

from litestar import Request, Response
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.enums import MediaType, RequestEncodingType
from litestar.params import Body, SkipValidation
from litestar.response import Template

from shiphorn.adapters.vault import Vault
from shiphorn.errors import Unknown
from shiphorn.model.people import Caller
from shiphorn.service.service import Service
from shiphorn.web.metrics import Metrics
from shiphorn.web.security import ASKED, SESSION_COOKIE
from shiphorn.web.site import Site

P = ParamSpec("P")
R = TypeVar("R")

TheService = SkipValidation[NamedDependency[Service]]
TheVault = SkipValidation[NamedDependency[Vault]]
TheSite = SkipValidation[NamedDependency[Site]]
TheMetrics = SkipValidation[NamedDependency[Metrics]]
TheCaller = SkipValidation[NamedDependency[Caller]]
Form = Body(media_type=RequestEncodingType.URL_ENCODED)
"""Marks `data` of a handler as what a page's form sends: `data: Annotated[SignIn, Form]`."""
OPEN = {"open": True}
"""Marks a handler that strangers may use."""


def in_thread(handler: Callable[P, R]) -> Callable[P, Coroutine[Any, Any, R]]:
    """Have a handler that asks the database run in a thread, and keep nobody else waiting.

    A template that it gives is filled in there, too: that takes long for hundreds of environments.
    Litestar's own `sync_to_thread` forgets to wait where two handlers share a path (2.19 to 2.25).
    """

    @functools.wraps(handler)
    async def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(lambda: filled_in(handler(*args, **kwargs)))

    return run


def filled_in(answer: R) -> R:
    """An answer as it is, but for a template: that becomes the text of the page."""
    if not isinstance(answer, Template):
        return answer
    request = ASKED.get()
    engine = request.app.template_engine
    if engine is None or answer.template_name is None:
        return answer
    text = engine.get_template(answer.template_name).render(**answer.create_template_context(request))
    page: Any = Response(
        text,
        media_type=MediaType.HTML,
        status_code=answer.status_code,
        headers=dict(answer.headers),
        cookies=answer.cookies,
        background=answer.background,
    )
    return page  # type: ignore[no-any-return]


def _service(state: State) -> Service:
    return state.service  # type: ignore[no-any-return]


def _vault(state: State) -> Vault:
    return state.vault  # type: ignore[no-any-return]


def _site(state: State) -> Site:
    return state.site  # type: ignore[no-any-return]


def _metrics(state: State) -> Metrics:
    return state.metrics  # type: ignore[no-any-return]


def _caller(request: Request[Any, Any, Any]) -> Caller:
    """Who asks. Raises Unknown SH584 when nobody is known."""
    if not isinstance(request.user, Caller):
        what = "the session has ended" if SESSION_COOKIE in request.cookies else "nobody is signed in"
        raise Unknown("SH584", f"{what}.", hint="Sign in, or send a token that is in force.")
    return request.user


DEPENDENCIES = {
    "service": Provide(_service, sync_to_thread=False),
    "vault": Provide(_vault, sync_to_thread=False),
    "site": Provide(_site, sync_to_thread=False),
    "metrics": Provide(_metrics, sync_to_thread=False),
    "caller": Provide(_caller, sync_to_thread=False),
}
