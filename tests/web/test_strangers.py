"""What strangers may ask, and how often."""

from __future__ import annotations

import httpx

from tests.api_service import Offline


async def test_an_address_that_asks_too_often_has_to_wait(api: Offline) -> None:
    transport = httpx.ASGITransport(app=api.app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/cli") as client:
        answers = [await client.post("/token", json={"code": "none"}) for _ in range(301)]
        other = await client.post("/authorize", json={"digest": "0" * 64})
    assert {answer.status_code for answer in answers[:300]} == {422}
    refused = answers[300]
    assert (refused.status_code, refused.headers["retry-after"], refused.json()["code"]) == (
        429,
        "1",
        "SH620",
    )
    assert other.status_code == 429
