"""Freeze windows, as the files have them."""

from __future__ import annotations

import time
from typing import Any

from litestar import Response, get
from litestar.params import FromQuery
from litestar.response import Template

from shiphorn.service import freezes, sight
from shiphorn.web.given import TheCaller, TheService, in_thread
from shiphorn.web.pages.settings import SHOWN, tab
from shiphorn.web.queries import names


@get("/settings/freezes")
@in_thread
def show(service: TheService, caller: TheCaller, app: FromQuery[str] = "") -> Response[Any]:
    """The windows of each environment, of an app or of the first ones; whether one is in force."""
    visible = [place for place in sight.seen(service.places(), caller) if app in ("", place[0])]
    places = freezes.listed(service.apps, visible, time.time())
    context = tab(
        caller,
        "Freezes",
        places=places[:SHOWN],
        more=len(places[SHOWN:]),
        open_always=len(visible) - len(places),
        app=app,
        path=service.apps.path,
    )
    return Template("settings/freezes.html", context=context | names(service, caller))


ROUTES = (show,)
