"""Signing in by OpenID Connect: to the provider, and back from it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from litestar import Request, Response, get
from litestar.datastructures import Cookie, State
from litestar.params import FromQuery
from litestar.response import Redirect

from shiphorn.adapters.oidc import ERRAND_SECONDS, Errand, OpenIdConnect, Provider
from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.adapters.vault import Vault
from shiphorn.config.load import SecretSource
from shiphorn.config.service import OidcEntry
from shiphorn.errors import NotFound, ShiphornError
from shiphorn.model.people import Role
from shiphorn.service.apps import Apps
from shiphorn.service.people.sign_in import IdentityRules, sign_in_by_identity
from shiphorn.service.service import Service
from shiphorn.web.given import OPEN, TheService, TheSite, TheVault
from shiphorn.web.pages.sign_in import browser, let_in, sign_in_page
from shiphorn.web.site import Site

COOKIE = "horn_oidc"
_PURPOSE = "oidc errand"
_NAME = "OIDC_CLIENT_SECRET"


@get("/sign-in/oidc", opt=OPEN)
async def to_provider(
    request: Request[Any, Any, Any],
    state: State,
    service: TheService,
    site: TheSite,
    vault: TheVault,
    next: FromQuery[str] = "",  # noqa: A002
) -> Response[Any]:
    """Send the browser to the provider, with what must be remembered in a cookie of its own."""
    entry = _entry(service)
    try:
        provider = await _provider(state, service.apps, entry)
        url, errand = await provider.authorization_url(_returns(request, site), time.time())
    except ShiphornError as error:
        return sign_in_page(service, next, error)
    sealed = vault.encrypt(json.dumps({"errand": errand.as_text(), "next": next}), _PURPOSE)
    answer = Redirect(url)
    answer.set_cookie(_cookie(site, sealed, int(ERRAND_SECONDS)))
    return answer


@get("/sign-in/oidc/return", opt=OPEN)
async def back(
    request: Request[Any, Any, Any], state: State, service: TheService, site: TheSite, vault: TheVault
) -> Response[Any]:
    """Sign in whom the provider vouches for."""
    entry = _entry(service)
    errand, wanted = _remembered(vault, request.cookies.get(COOKIE, ""))
    rules = IdentityRules(entry.link_by_email, Role(entry.role) if entry.role else None)
    answer: Response[Any]
    try:
        provider = await _provider(state, service.apps, entry)
        claims = await provider.complete(dict(request.query_params), errand, time.time())
        where = browser(request)
        secret, _ = await asyncio.to_thread(
            sign_in_by_identity, service.store, claims, rules, where, time.time()
        )
        answer = let_in(service, site, secret, wanted)
    except ShiphornError as error:
        answer = sign_in_page(service, wanted, error)
    answer.set_cookie(_cookie(site, "", 0))
    return answer


def _entry(service: Service) -> OidcEntry:
    entry = service.apps.service.model.sign_in.oidc
    if entry is None:
        raise NotFound(
            "SH585", "nobody signs in here by OpenID Connect.", hint="See sign_in in shiphorn.yml."
        )
    return entry


async def _provider(state: State, apps: Apps, entry: OidcEntry) -> OpenIdConnect:
    """The provider as shiphorn.yml describes it at this moment; its keys are kept while that stays the same.

    Raises ConfigError SH130: its secret cannot be had.
    """
    given = entry.client_secret
    kind, value = next((kind, value) for kind, value in given if value is not None)
    secrets = ConfiguredSecrets({_NAME: SecretSource(kind, str(value))}, apps.directory)
    provider = Provider(entry.issuer, entry.client_id, await secrets.get(_NAME), tuple(entry.scopes))
    kept: OpenIdConnect | None = state.get("oidc")
    if kept is None or kept.provider != provider:
        kept = OpenIdConnect(provider)
        state["oidc"] = kept
    return kept


def _remembered(vault: Vault, sealed: str) -> tuple[Errand | None, str]:
    text = vault.decrypt(sealed, _PURPOSE, within_seconds=int(ERRAND_SECONDS)) if sealed else None
    if text is None:
        return None, ""
    kept = json.loads(text)
    return Errand.from_text(kept["errand"]), str(kept["next"])


def _returns(request: Request[Any, Any, Any], site: Site) -> str:
    return f"{site.url or str(request.base_url).rstrip('/') + site.base}/sign-in/oidc/return"


def _cookie(site: Site, value: str, seconds: int) -> Cookie:
    return Cookie(
        COOKIE,
        value=value,
        path=f"{site.base}/sign-in",
        max_age=seconds,
        secure=site.secure,
        httponly=True,
        # The provider leads the browser here by a link: a strict one would stay behind.
        samesite="lax",
    )


ROUTES = (to_provider, back)
