"""Notices to Slack, Mattermost, Discord, mail and a hundred others, by Apprise."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import Any
from urllib.parse import unquote

from shiphorn.model.notices import Notice, address
from shiphorn.model.redact import Redactor

TIMEOUT_SECONDS = 20.0
_MAIL = ("mailto", "mailtos")
_PARTS = re.compile(r"[/?&=@:,#]+")
_PARAMETER = re.compile(r"[?&]([^=&]+)=")


class AppriseNotifier:
    """Apprise takes 0.4 s to import, and its services longer: it is when there is something to tell."""

    async def tell(self, url: str, notice: Notice) -> str:
        """Hand a notice over: "" when it was taken, else why not, without what is secret in the URL."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                problem = await asyncio.to_thread(_tell, url, notice)
        except TimeoutError:
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        return _without_secrets(problem, url)


def _tell(url: str, notice: Notice) -> str:
    import apprise  # noqa: PLC0415 - see above

    _hush()
    asset = apprise.AppriseAsset(app_id="shiphorn", app_desc="shiphorn", app_url="", async_mode=False)
    try:
        service: Any = apprise.Apprise.instantiate(url, asset=asset)
    except Exception as error:  # noqa: BLE001 - whatever a service of a hundred finds wrong with its URL
        return str(error) or type(error).__name__
    if service is None:
        return "Apprise knows no such service, or the URL lacks a part"
    teller = apprise.Apprise(asset=asset)
    teller.add(service)
    told = teller.notify(
        body=notice.text,
        title=notice.title if url.partition("://")[0].lower() in _MAIL else "",
        notify_type=apprise.NotifyType(notice.severity.value),
        body_format=apprise.NotifyFormat.TEXT,
    )
    if told:
        return ""
    said = [entry.message for entry in told.logs() if entry.level in ("WARNING", "ERROR", "CRITICAL")]
    return said[-1] if said else "it did not take it, and gave no reason"


def _hush() -> None:
    """Keep out of the log what Apprise says there, and what it builds upon: whole URLs, for example."""
    for name in ("apprise", "urllib3"):
        logger = logging.getLogger(name)
        logger.propagate = False
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())


def _without_secrets(text: str, url: str) -> str:
    """The text without any part of a URL that is not shown of it, but for ports and names of parameters."""
    public = {*_PARTS.split(address(url)), *_PARAMETER.findall(url)}
    parts = {part for part in _PARTS.split(url) if part not in public and not re.fullmatch(r"\d{1,5}", part)}
    return Redactor({url, *parts, *map(unquote, parts)}).text(text)
