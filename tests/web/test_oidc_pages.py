"""Signing in by OpenID Connect: a real provider, a real service, a browser."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
import yaml
from playwright.sync_api import Browser, expect

from tests.oidc_provider import ADA, OidcProvider
from tests.running_service import Site, running


@pytest.fixture(scope="module")
def provider() -> Iterator[OidcProvider]:
    made = OidcProvider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, provider: OidcProvider) -> Iterator[Site]:
    """A service that takes the provider's word; somebody new is made a viewer."""
    with running(tmp_path_factory.mktemp("oidc"), hosts=1) as site:
        path = site.folder / "shiphorn.yml"
        said = yaml.safe_load(path.read_text())
        (site.folder / "client-secret").write_text(f"{provider.client_secret}\n")
        said["sign_in"] = {
            "oidc": {
                "name": "Sign in with Example",
                "issuer": provider.issuer,
                "client_id": provider.client_id,
                "client_secret": {"file": "client-secret"},
                "role": "viewer",
            }
        }
        path.write_text(yaml.safe_dump(said))
        yield site


@pytest.fixture(autouse=True)
def _as_it_was(provider: OidcProvider) -> Iterator[None]:
    yield
    provider.user, provider.error, provider.claims = dict(ADA), "", {}


def test_somebody_new_is_signed_in_and_led_to_where_they_wanted(
    chromium: Browser, service: Site, provider: OidcProvider
) -> None:
    provider.user = dict(ADA) | {"sub": "bob-1", "preferred_username": "bob", "email": "bob@example.com"}
    window = chromium.new_page()
    try:
        window.goto(f"{service.url}/history?app=shop")
        for _ in range(100):
            if window.get_by_role("link", name="Sign in with Example").count():
                break
            # The service reads its files again within a second.
            window.reload()
        window.get_by_role("link", name="Sign in with Example").click()
        expect(window).to_have_url(f"{service.url}/history?app=shop")
        expect(window.locator(".top summary")).to_have_text("bob")
    finally:
        window.close()


def test_what_is_remembered_between_the_two_cannot_be_read_or_changed(service: Site) -> None:
    with httpx.Client(base_url=service.url) as client:
        answer = _until_offered(client)
        cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("horn_oidc="))
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "state" not in client.cookies["horn_oidc"]
        client.cookies.set("horn_oidc", "gAAAAA" + client.cookies["horn_oidc"][6:-4] + "AAAA")
        back = client.get("/sign-in/oidc/return?code=x&state=y")
    assert back.status_code == 401
    assert "this browser did not begin to sign in here" in back.text


def test_an_answer_that_nobody_asked_for_signs_nobody_in(service: Site) -> None:
    with httpx.Client(base_url=service.url) as client:
        _until_offered(client)
        client.cookies.clear()
        answer = client.get("/sign-in/oidc/return?code=stolen&state=x")
    assert answer.status_code == 401
    assert "horn_session" not in answer.cookies


def test_what_the_provider_says_against_it_is_told(service: Site, provider: OidcProvider) -> None:
    provider.error = "access_denied"
    with httpx.Client(base_url=service.url, follow_redirects=True) as client:
        _until_offered(client)
        answer = client.get("/sign-in/oidc")
    assert answer.status_code == 401
    assert "it says access_denied" in answer.text


def _until_offered(client: httpx.Client) -> httpx.Response:
    """The way to the provider, once the service has read its file again."""
    for _ in range(200):
        answer = client.get("/sign-in/oidc", follow_redirects=False)
        if answer.status_code != 404:
            return answer
    raise AssertionError("the service does not offer it")
