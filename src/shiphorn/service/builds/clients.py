"""Clients of the forges of shiphorn.yml: made when first asked for, and anew when the file has changed."""

from __future__ import annotations

import asyncio

from shiphorn.adapters.forge_gitea import Gitea
from shiphorn.adapters.forge_github import GitHub
from shiphorn.adapters.forge_gitlab import GitLab
from shiphorn.adapters.forge_http import Token
from shiphorn.errors import ConfigError, SourceError
from shiphorn.model.forge import Forge, ForgeKind
from shiphorn.ports import Forge as Client
from shiphorn.service.service import Service


class Clients:
    """Clients by the names of their forges, on one loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._made: dict[str, tuple[Forge, Client]] = {}
        self._old: list[Client] = []

    def of(self, forge: Forge) -> Client:
        """The client of a forge that has repositories."""
        known = self._made.get(forge.name)
        if known is not None and known[0] == forge:
            return known[1]
        if known is not None:
            # Somebody may be asking by it at this moment.
            self._old.append(known[1])
        made = _made(forge, self._token(forge))
        self._made[forge.name] = (forge, made)
        return made

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(
            *(one.close() for one in [*self._old, *(made for _, made in self._made.values())])
        )

    def _token(self, forge: Forge) -> Token:
        async def token() -> str:
            if forge.token is None:
                return ""
            try:
                found = await self._service.incoming.keys.get(self._service.apps.service, forge.token)
            except ConfigError as error:
                raise SourceError("SH226", f"the token of the forge {forge.name}: {error}") from None
            if not found.isascii() or not found.isprintable() or " " in found:
                raise SourceError("SH226", f"the token of the forge {forge.name} is no token.")
            return found

        return token


def _made(forge: Forge, token: Token) -> Client:
    match forge.kind:
        case ForgeKind.GITHUB:
            return GitHub(forge, token)
        case ForgeKind.GITLAB:
            return GitLab(forge, token)
        case _:
            return Gitea(forge, token)
