"""What an identity provider says of somebody who signed in there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claims:
    """Who signed in at a provider. `issuer` and `subject` together stay the same for ever.

    What the provider does not tell is "". An address of which `email_verified` is false is only what
    somebody typed.
    """

    issuer: str
    subject: str
    email: str = ""
    email_verified: bool = False
    name: str = ""
    preferred_username: str = ""
