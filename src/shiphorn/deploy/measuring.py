"""Measuring: the sources of metrics of one deploy, asked with the secrets that they need."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from shiphorn.config.load import Config
from shiphorn.config.sources import Source
from shiphorn.errors import ConfigError, HostError
from shiphorn.model.health import Check
from shiphorn.model.measures import Metric, Series
from shiphorn.model.redact import Redactor
from shiphorn.model.settings import SecretRef
from shiphorn.ports import Access, Meter, Secrets

AT_ONCE = 8
"""Questions at a time: a source of metrics serves others as well."""


@dataclass
class Sources:
    """Where the checks of a deploy ask for metrics. Secrets are fetched once."""

    config: Config
    secrets: Secrets
    meter: Callable[[], Meter]
    _access: dict[Source, Access] = field(default_factory=dict)
    _secret: set[str] = field(default_factory=set)
    _gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def series(
        self, check: Check, metric: Metric, queries: Sequence[str], since: float, until: float
    ) -> list[Series]:
        """The points that queries give after `since` up to `until`, of all of them.

        Raises ConfigError SH130, SH192, SH193, HostError SH446 to SH449.
        """
        access = await self._access_to(self.config.source(check))

        async def one(query: str) -> Sequence[Series]:
            async with self._gate:
                return await self.meter().series(
                    access,
                    query,
                    since,
                    until,
                    step_seconds=metric.step_seconds,
                    timeout_seconds=check.timeout_seconds,
                )

        try:
            found = await asyncio.gather(*map(one, queries))
        except HostError as error:
            redact = Redactor(self._secret).text
            told, facts = redact(error.message), {"group": redact(str(error.facts["group"]))}
            raise HostError(error.code, told, hint=error.hint, facts=facts) from None
        return [series for part in found for series in part]

    async def _access_to(self, source: Source) -> Access:
        if source not in self._access:
            authorization = await self._authorization(source)
            self._access[source] = Access(source.kind, source.url, authorization, source.headers, source.ca)
        return self._access[source]

    async def _authorization(self, source: Source) -> str:
        if source.token is not None:
            return f"Bearer {await self._value(source.token)}"
        if source.password is not None:
            pair = f"{source.user}:{await self._value(source.password)}"
            return f"Basic {base64.b64encode(pair.encode()).decode()}"
        return ""

    async def _value(self, secret: SecretRef) -> str:
        value = await self.secrets.get(secret.name)
        if not value.isprintable() or not value.isascii():
            raise ConfigError(
                "SH193",
                f"the secret {secret.name} is not one line of plain characters, as headers need it.",
                hint="See where it comes from, under `secrets`.",
            )
        self._secret.add(value)
        return value
