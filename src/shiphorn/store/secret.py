"""Secrets that are handed out once: the database holds only their sha256."""

from __future__ import annotations

import hashlib
import secrets


def made(prefix: str = "") -> str:
    """A new secret: 32 random bytes, fit for a URL, a cookie or a header."""
    return prefix + secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """What the database holds of a secret. It has too much chance in it for a salt to help."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
