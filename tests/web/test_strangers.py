"""What strangers may ask, and how often."""

from __future__ import annotations

import httpx

from tests.api_service import Offline


async def test_an_address_that_asks_too_often_has_to_wait(api: Offline) -> None:
    transport = httpx.ASGITransport(app=api.app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/cli") as client:
        answers = [await client.post("/token", json={"code": "none"})]
        while answers[-1].status_code != 429 and len(answers) < 10_000:
            answers.append(await client.post("/token", json={"code": "none"}))
        other = await client.post("/sign-out")
    assert len(answers) > 300
    assert {answer.status_code for answer in answers[:-1]} == {422}
    refused = answers[-1]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["code"] == "SH516"
    assert other.status_code == 429
