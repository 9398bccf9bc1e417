"""Passwords as argon2id hashes them, with the parameters that RFC 9106 recommends for little memory."""

from __future__ import annotations

import threading
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each one takes 64 MiB while it is computed; a crowd of attempts must not take all there is."""


def hashed(password: str) -> str:
    """The hash to keep of a password."""
    with _AT_ONCE:
        return _hasher().hash(_bytes(password))


def matches(kept: str, password: str) -> bool:
    """Whether this is the password that a hash was made of.

    A hash of "" matches nothing, and takes as long: who asks cannot tell whether there is one.
    """
    from argon2.exceptions import InvalidHashError, VerificationError  # noqa: PLC0415

    try:
        with _AT_ONCE:
            _hasher().verify(kept or _nobodys(), _bytes(password))
    except (VerificationError, InvalidHashError):
        return False
    return kept != ""


def outdated(kept: str) -> bool:
    """Whether a hash was made with other parameters than those of today."""
    return _hasher().check_needs_rehash(kept)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher()


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody")


def _bytes(password: str) -> bytes:
    # The same letters can be typed as different code points on different keyboards.
    return unicodedata.normalize("NFC", password).encode(errors="surrogatepass")
