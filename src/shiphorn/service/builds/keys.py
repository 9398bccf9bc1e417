"""Tokens and webhook secrets of forges, fetched when they are needed and kept for a moment in memory."""

from __future__ import annotations

import asyncio
import time

from shiphorn.adapters.secrets import ConfiguredSecrets
from shiphorn.config.service import ServiceConfig
from shiphorn.model.settings import SecretRef

KEPT_SECONDS = 60.0
"""A stranger who sends forged webhooks must not have a command run for each."""


class Keys:
    """Secrets of shiphorn.yml by name; what changes is seen after KEPT_SECONDS, or with another file."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept_seconds = kept_seconds
        self._of: ServiceConfig | None = None
        self._until = 0.0
        self._secrets: ConfiguredSecrets | None = None

    async def get(self, config: ServiceConfig, reference: SecretRef) -> str:
        """The value. Raises ConfigError SH130."""
        now = time.monotonic()
        if self._secrets is None or self._of is not config or now >= self._until:
            self._secrets = ConfiguredSecrets(config.secrets, config.directory)
            self._of, self._until = config, now + self._kept_seconds
        return await self._secrets.get(reference.name)

    async def all(self, config: ServiceConfig, references: tuple[SecretRef, ...]) -> list[str]:
        """The values of several. Raises ConfigError SH130."""
        return list(await asyncio.gather(*(self.get(config, one) for one in references)))
