"""Annotations to Graphite and Grafana, by their HTTP APIs.

Graphite: `POST /events/` with `what`, `tags`, `when` (Unix seconds) and `data`
(https://graphite.readthedocs.io/en/latest/events.html). Grafana: `POST /api/annotations` with `time`,
`timeEnd` (milliseconds), `tags`, `text` and `dashboardUID`, which answers with an `id`, and
`PATCH /api/annotations/ID` (https://grafana.com/docs/grafana/latest/developers/http_api/annotations/).
"""

from __future__ import annotations

import html
import json
from typing import Any
from urllib.parse import quote

from shiphorn.adapters.webhook import Answered, Sender
from shiphorn.model.metrics import Annotation, tag
from shiphorn.model.redact import Redactor

WHAT_CHARACTERS = 255
"""As many as graphite-web has room for."""
SAID_CHARACTERS = 300


async def to_graphite(sender: Sender, url: str, authorization: str, annotation: Annotation) -> str:
    """Add an event: "" when it was taken, else why not."""
    event = {
        "what": _shortened(annotation.text, WHAT_CHARACTERS),
        "tags": [tag(one) for one in annotation.tags],
        "when": int(annotation.began if annotation.ended is None else annotation.ended),
        "data": f"{annotation.text}\n{annotation.url}".strip(),
    }
    headers = {"Authorization": authorization} if authorization else {}
    return _problem(await sender.send(url, json.dumps(event).encode(), headers), authorization)


async def to_grafana(
    sender: Sender, url: str, token: str, dashboard: str, annotation: Annotation, known: str
) -> tuple[str, str]:
    """Add an annotation, or change one whose id is `known`: its id, and "" or why it was not taken."""
    body: dict[str, Any] = {
        "time": _milliseconds(annotation.began),
        "tags": list(annotation.tags),
        "text": _text(annotation),
    }
    if annotation.ended is not None:
        body["timeEnd"] = _milliseconds(annotation.ended)
    headers = {"Authorization": f"Bearer {token}"}
    base = f"{url.rstrip('/')}/api/annotations"
    if known:
        changed = await sender.send(
            f"{base}/{quote(known, safe='')}", json.dumps(body).encode(), headers, method="PATCH"
        )
        # Somebody may have removed it.
        if changed.status != 404:
            return known, _problem(changed, token)
    place = {"dashboardUID": dashboard} if dashboard else {}
    answered = await sender.send(base, json.dumps(body | place).encode(), headers)
    return _id(answered), _problem(answered, token)


def _text(annotation: Annotation) -> str:
    """Grafana shows HTML."""
    text = html.escape(annotation.text)
    link = f'<a href="{html.escape(annotation.url)}">deploy {annotation.deploy_id}</a>'
    return f"{text}<br>{link}" if annotation.url else text


def _id(answered: Answered) -> str:
    try:
        found = json.loads(answered.text).get("id")
    except (ValueError, AttributeError):
        return ""
    return str(found) if isinstance(found, int) else ""


def _problem(answered: Answered, secret: str) -> str:
    if answered.is_good:
        return ""
    said = _shortened(" ".join(answered.text.split()), SAID_CHARACTERS)
    status = f"{answered.status} " if answered.status is not None else ""
    # A server may well repeat what it was sent.
    return (
        Redactor({secret, *secret.split()}).text(f"{status}{said}".strip()) if secret else f"{status}{said}"
    )


def _milliseconds(at: float) -> int:
    return round(at * 1000)


def _shortened(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[: characters - 1]}…"
