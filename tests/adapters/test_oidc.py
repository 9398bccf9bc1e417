"""Sign-in by a real provider of OpenID Connect."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from shiphorn.adapters.oidc import Errand, OpenIdConnect, Provider
from shiphorn.errors import Refused, Unknown
from shiphorn.model.identity import Claims
from tests.oidc_provider import OidcProvider

BACK = "https://horn.example/sign-in/back"


@pytest.fixture
async def oidc(oidc_provider: OidcProvider) -> AsyncIterator[OpenIdConnect]:
    made = OpenIdConnect(Provider(oidc_provider.issuer, oidc_provider.client_id, oidc_provider.client_secret))
    yield made
    await made.close()


async def go(oidc: OpenIdConnect) -> tuple[dict[str, str], Errand]:
    """As a browser: to the provider, and back with its answer."""
    url, errand = await oidc.authorization_url(BACK, time.time())
    async with httpx.AsyncClient() as browser:
        location = (await browser.get(url)).headers["Location"]
    assert location.startswith(BACK)
    return {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}, errand


async def sign_in(oidc: OpenIdConnect) -> Claims:
    answer, errand = await go(oidc)
    return await oidc.complete(answer, errand, time.time())


async def test_who_signs_in_there_is_known_here(oidc: OpenIdConnect, oidc_provider: OidcProvider) -> None:
    assert await sign_in(oidc) == Claims(
        oidc_provider.issuer, "ada-1", "ada@example.com", True, "Ada Lovelace", "ada"
    )
    assert oidc_provider.asked == ["/.well-known/openid-configuration", "/authorize", "/token", "/jwks"]


async def test_a_secret_is_posted_where_the_provider_takes_it_so_only(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    oidc_provider.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await sign_in(oidc)).subject == "ada-1"


async def test_what_the_token_leaves_out_is_asked_for(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    oidc_provider.thin = True
    assert await sign_in(oidc) == Claims(
        oidc_provider.issuer, "ada-1", "ada@example.com", True, "Ada Lovelace", "ada"
    )


async def test_an_address_is_verified_only_when_the_provider_says_so(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    for said, verified in ((False, False), (None, False), ("false", False), ("true", True)):
        oidc_provider.claims = {"email_verified": said}
        assert (await sign_in(oidc)).email_verified is verified


async def test_a_new_key_of_the_provider_is_asked_for(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    await sign_in(oidc)
    oidc_provider.new_key()
    assert (await sign_in(oidc)).subject == "ada-1"
    assert oidc_provider.asked.count("/jwks") == 2
    assert oidc_provider.asked.count("/.well-known/openid-configuration") == 1


async def test_a_token_signed_by_another_key_is_refused(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    oidc_provider.key = RSAKey.generate_key(2048, {"kid": oidc_provider.published.kid or ""})
    with pytest.raises(Unknown, match=r"SH563 .* its id_token is not good: bad_signature"):
        await sign_in(oidc)


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": ["shiphorn", "another"], "azp": "another"}, "azp"),
        ({"exp": 1}, "exp"),
        ({"exp": None}, "exp"),
        ({"nonce": "of another attempt"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"at_hash": "of another token"}, "at_hash"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub"),
        ({"sub": 7}, "sub"),
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(
    oidc: OpenIdConnect, oidc_provider: OidcProvider, claims: dict[str, Any], problem: str
) -> None:
    oidc_provider.claims = claims
    with pytest.raises(Unknown, match=rf"SH563 .* its id_token is not good: .*{problem}"):
        await sign_in(oidc)


async def test_an_answer_to_another_attempt_is_refused(oidc: OpenIdConnect) -> None:
    (answer, errand), (_, other) = await go(oidc), await go(oidc)
    now = time.time()
    for wrong, at, problem in (
        (None, now, "did not begin to sign in"),
        (other, now, "its state differs"),
        (errand, now + 601, "it took too long"),
        (replace(errand, verifier=other.verifier), now, "it says invalid_grant: no such code"),
    ):
        with pytest.raises(Unknown, match=f"SH563 .*{problem}"):
            await oidc.complete(answer, wrong, at)
    with pytest.raises(Unknown, match=r"SH563 .*another provider's"):
        await oidc.complete(answer | {"iss": "https://evil.example"}, errand, now)


async def test_a_code_is_good_once(oidc: OpenIdConnect) -> None:
    answer, errand = await go(oidc)
    await oidc.complete(answer, errand, time.time())
    with pytest.raises(Unknown, match=r"SH563 .* it says invalid_grant"):
        await oidc.complete(answer, errand, time.time())


async def test_what_the_provider_refuses_is_told(oidc: OpenIdConnect, oidc_provider: OidcProvider) -> None:
    oidc_provider.error = "access_denied"
    with pytest.raises(Unknown, match="it says access_denied: as the test wants it"):
        await sign_in(oidc)


async def test_a_provider_that_is_another_or_unsafe_is_not_used(
    oidc: OpenIdConnect, oidc_provider: OidcProvider
) -> None:
    oidc_provider.metadata = {"issuer": "https://evil.example"}
    with pytest.raises(Refused, match=r"SH562 .* it calls itself https://evil.example"):
        await sign_in(oidc)
    oidc_provider.metadata = {"authorization_endpoint": "http://example.com/authorize"}
    with pytest.raises(Refused, match=r"SH562 .* its authorization_endpoint is no https URL"):
        await sign_in(oidc)


async def test_a_provider_that_cannot_be_reached_is_told(oidc_provider: OidcProvider) -> None:
    for issuer, problem in (
        (f"{oidc_provider.issuer}/nowhere", "answered 404"),
        ("http://127.0.0.1:1", "gave no answer in JSON"),
        ("http://example.com", "is no https URL"),
    ):
        oidc = OpenIdConnect(Provider(issuer, "shiphorn"))
        with pytest.raises(Refused, match=f"SH562 .*{problem}"):
            await oidc.authorization_url(BACK, time.time())
        await oidc.close()


def test_an_errand_survives_as_text_and_nothing_else_is_one() -> None:
    errand = Errand("https://id.example", "s", "n", "v", BACK, 1.0)
    assert Errand.from_text(errand.as_text()) == errand
    for text in ("", "{}", "[]", "null", '{"state": "s"}'):
        assert Errand.from_text(text) is None
