"""The service's own key: what is kept encrypted, and what is signed, hangs on it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from shiphorn.errors import ConfigError

KEY_BYTES = 32
VARIABLE = "HORN_SECRET_KEY"


class Vault:
    """Encrypts and signs with keys that are derived from one."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def derived(self, purpose: str) -> str:
        """A key for one purpose, as hex."""
        return hmac.new(self._key, purpose.encode(), hashlib.sha256).hexdigest()

    def encrypt(self, text: str, purpose: str) -> str:
        """The text, unreadable without the key."""
        return self._fernet(purpose).encrypt(text.encode()).decode()

    def decrypt(self, sealed: str, purpose: str, *, within_seconds: int | None = None) -> str | None:
        """What was encrypted, for the same purpose and not too long ago; None otherwise."""
        try:
            return self._fernet(purpose).decrypt(sealed.encode(), within_seconds).decode()
        except InvalidToken:
            return None

    def _fernet(self, purpose: str) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(bytes.fromhex(self.derived(purpose))))


def open_vault(directory: Path) -> Vault:
    """The vault with the key of `$HORN_SECRET_KEY`, else of a file, which is made when it is missing.

    Services that share a database need the same key. Raises ConfigError SH152.
    """
    given = os.environ.get(VARIABLE)
    if given:
        try:
            key = bytes.fromhex(given)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(
                "SH152", f"{VARIABLE} is not {KEY_BYTES} bytes in hex.", hint="Make one: openssl rand -hex 32"
            )
        return Vault(key)
    path = directory / "secret.key"
    fresh = path.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_text(secrets.token_hex(KEY_BYTES))
    fresh.chmod(0o600)
    try:
        # Of two processes that start at once, one makes it.
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return Vault(bytes.fromhex(path.read_text()))
