"""What a monitoring system reads of a service, and what the service logs of itself."""

from __future__ import annotations

import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from shiphorn.model.locks import Scope
from shiphorn.model.people import Grant, Role
from shiphorn.service import locks
from shiphorn.service.operations.numbers import Counted, Numbers
from tests.running_service import Site

FRESH_WITHIN_SECONDS = 15.0


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def value(text: str, name: str, **labels: str) -> float | None:
    return samples(text).get((name, frozenset(labels.items())))


def until(site: Site, name: str, wanted: float, **labels: str) -> None:
    """Wait until the metrics, which are some seconds old, say so."""
    given_up_at = time.monotonic() + FRESH_WITHIN_SECONDS
    while (found := value(httpx.get(f"{site.url}/metrics").text, name, **labels)) != wanted:
        assert time.monotonic() < given_up_at, found
        time.sleep(0.1)


def token(site: Site, grant: Grant) -> str:
    with site.store() as store:
        ada = store.people.by_login("ada")
        assert ada is not None
        return store.tokens.make(ada.id, "prometheus", grant, time.time())[0]


def test_deploys_are_counted_from_the_record_with_their_hosts_and_phases(site: Site) -> None:
    text = httpx.get(f"{site.url}/metrics").text
    labels = {"app": "blog", "environment": "staging"}
    before = value(text, "shiphorn_deploys_total", **labels, state="succeeded") or 0
    phases = value(text, "shiphorn_phase_seconds_count", phase="flip") or 0
    number = site.ship("blog", "staging")
    assert site.when(number, lambda deploy: not deploy.state.active).state == "succeeded"
    until(site, "shiphorn_deploys_total", before + 1, **labels, state="succeeded")
    text = httpx.get(f"{site.url}/metrics").text
    assert value(text, "shiphorn_hosts", **labels) == 6
    assert value(text, "shiphorn_hosts_behind", **labels) == 0
    assert value(text, "shiphorn_hosts_drifted", **labels) == 0
    assert value(text, "shiphorn_phase_seconds_count", phase="flip") == phases + 1


def test_deploys_and_their_skew_are_timed(site: Site) -> None:
    text = httpx.get(f"{site.url}/metrics").text
    deploys = value(text, "shiphorn_deploy_seconds_count", state="succeeded") or 0
    skews = value(text, "shiphorn_flip_skew_seconds_count") or 0
    number = site.ship("blog", "staging")
    assert site.until(number).state == "succeeded"
    text = httpx.get(f"{site.url}/metrics").text
    assert value(text, "shiphorn_deploy_seconds_count", state="succeeded") == deploys + 1
    assert value(text, "shiphorn_flip_skew_seconds_count") == skews + 1


def test_a_lock_of_a_person_shows_for_as_long_as_it_is_in_force(site: Site) -> None:
    scope, labels = Scope("blog", "production"), {"app": "blog", "environment": "production", "by": "person"}
    with site.store() as store:
        locks.place(store, scope, "measured", "grace", time.time())
        until(site, "shiphorn_locks", 1, **labels)
        locks.release(store, scope, "grace", time.time())
    given_up_at = time.monotonic() + FRESH_WITHIN_SECONDS
    while value(httpx.get(f"{site.url}/metrics").text, "shiphorn_locks", **labels) is not None:
        assert time.monotonic() < given_up_at
        time.sleep(0.1)


def test_requests_are_timed_by_route_and_not_by_path(site: Site) -> None:
    httpx.get(f"{site.url}/link/a-secret-of-somebody")
    text = httpx.get(f"{site.url}/metrics").text
    count = value(text, "shiphorn_request_seconds_count", method="GET", route="/link/{secret}", status="404")
    assert count is not None
    assert count >= 1
    assert "a-secret" not in text


def test_build_loops_and_backlog_are_told(site: Site) -> None:
    found = {name for name, _ in samples(httpx.get(f"{site.url}/metrics").text)}
    assert {"shiphorn_build_info", "shiphorn_event_loop_lag_seconds", "shiphorn_webhook_backlog"} <= found


def test_strangers_from_elsewhere_get_no_metrics_and_a_token_of_any_role_does(site: Site) -> None:
    elsewhere = {"x-forwarded-for": "203.0.113.7"}
    refused = httpx.get(f"{site.url}/metrics", headers=elsewhere)
    assert (refused.status_code, refused.json()["code"]) == (401, "SH584")
    secret = token(site, Grant(Role.VIEWER))
    answer = httpx.get(f"{site.url}/metrics", headers=elsewhere | {"authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert "shiphorn_build_info" in answer.text
    wrong = httpx.get(f"{site.url}/metrics", headers={"authorization": "Bearer horn_wrong"})
    assert wrong.status_code == 401


def test_a_token_for_one_app_sees_the_numbers_of_no_other(site: Site) -> None:
    number = site.ship("blog", "staging")
    site.when(number, lambda deploy: not deploy.state.active)
    until(site, "shiphorn_hosts", 6, app="blog", environment="staging")
    secret = token(site, Grant(Role.VIEWER, Scope("shop", "")))
    text = httpx.get(f"{site.url}/metrics", headers={"authorization": f"Bearer {secret}"}).text
    assert 'app="blog"' not in text
    assert "shiphorn_build_info" in text


def test_health_and_readiness_are_open_to_who_watches_the_service(site: Site) -> None:
    assert httpx.get(f"{site.url}/healthz").json() == {"status": "alive"}
    assert httpx.get(f"{site.url}/readyz").json() == {"worker": "at work", "database": "answers"}


def test_numbers_are_counted_once_for_many_who_ask_at_the_same_time() -> None:
    taken: list[Numbers] = []

    def count() -> Numbers:
        taken.append(Numbers(webhooks=len(taken)))
        return taken[-1]

    counted = Counted(count)
    assert {counted.get().webhooks for _ in range(10)} == {0}
    anew = Counted(count, fresh_seconds=0)
    assert [anew.get().webhooks, anew.get().webhooks] == [1, 2]


@pytest.mark.parametrize(("given", "taken"), [("proxy-1234", True), ('evil"\tvalue', False)])
def test_a_request_keeps_the_name_that_a_proxy_gave_it_if_that_is_harmless(
    site: Site, given: str, taken: bool
) -> None:
    answer = httpx.get(f"{site.url}/healthz", headers={"x-request-id": given})
    assert (answer.headers["x-request-id"] == given) is taken
    assert answer.headers["x-request-id"]
