"""Getting in and out."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.running_service import LOGIN, PASSWORD, Site


def test_a_stranger_is_led_to_sign_in_and_then_to_where_they_wanted(page: Page, site: Site) -> None:
    page.context.clear_cookies()
    page.goto("/?q=shop")
    page.get_by_label("Login").fill(LOGIN)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{site.url}/?q=shop")


def test_a_wrong_password_is_told_and_lets_nobody_in(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        answer = site.send(client, "/sign-in", {"login": LOGIN, "password": "wrong"})
    assert answer.status_code == 401
    assert "the login or the password is wrong" in answer.text
    assert "horn_session" not in answer.cookies


def test_a_form_without_its_token_is_refused(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        answer = client.post("/sign-in", data={"login": LOGIN, "password": PASSWORD})
    assert answer.status_code == 403
    assert "horn_session" not in answer.cookies


def test_who_signs_in_is_led_nowhere_else(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        for elsewhere in ("https://example.com/", "//example.com", "/\\example.com"):
            form = {"login": LOGIN, "password": PASSWORD, "next": elsewhere}
            answer = site.send(client, "/sign-in", form)
            assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_nobody_becomes_the_first_admin_twice(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        assert client.get("/set-up").headers["location"] == "/sign-in"


def test_the_cookie_of_a_session_is_out_of_reach_for_scripts(site: Site) -> None:
    with httpx.Client(base_url=site.url) as client:
        answer = site.send(client, "/sign-in", {"login": LOGIN, "password": PASSWORD})
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("horn_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_pages_load_nothing_from_elsewhere_and_run_no_script_of_their_own(site: Site) -> None:
    policy = httpx.get(f"{site.url}/sign-in").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_signing_out_ends_the_session(site: Site) -> None:
    with site.client() as client:
        session = client.cookies["horn_session"]
        site.send(client, "/sign-out", {})
        client.cookies.set("horn_session", session)
        assert str(client.get("/").url).startswith(f"{site.url}/sign-in")
