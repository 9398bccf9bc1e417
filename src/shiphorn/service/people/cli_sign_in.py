"""A command line signs in: a person who is signed in to the pages makes its token (after RFC 8628).

The command line makes up the secret of the token, and shows the service only its digest. So nobody
is shown a secret, nothing has to be kept before a person has agreed, and any process of the service
can go on with what another one began.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from enum import StrEnum

from shiphorn.adapters.vault import Vault
from shiphorn.errors import ConfigError
from shiphorn.model.locks import Scope
from shiphorn.model.people import Caller, Grant, Token
from shiphorn.service.access import EVERYWHERE
from shiphorn.service.audit import record
from shiphorn.service.people.sign_in import caller_of_token
from shiphorn.store.store import Store

CODE_SECONDS = 600
"""How long a person has to agree."""
TOKEN_SECONDS = 90 * 86400.0
MOST_QUESTIONS, QUESTIONS_SECONDS = 300, 60.0
"""How often one address may ask: five command lines may wait behind it, each asking every second."""
_PURPOSE = "sign-in of a command line"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LONGEST_NAME = 60


class Agreement(StrEnum):
    """Whether a command line may sign in."""

    PENDING = "pending"
    """Nobody has said so yet."""
    GRANTED = "granted"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Applicant:
    """A command line that wants to sign in: the sha256 of the token it made up, and its machine's name."""

    digest: str
    machine: str

    @property
    def short(self) -> str:
        """What is shown in both places for a person to compare: `QKZC-7MHY`."""
        text = base64.b32encode(bytes.fromhex(self.digest)).decode()[:8]
        return f"{text[:4]}-{text[4:]}"


def code_for(vault: Vault, digest: str, machine: str) -> str:
    """A code that stands for a command line for a while, as part of an address. Raises ConfigError SH166."""
    machine = "".join(filter(str.isprintable, machine)).strip()[:_LONGEST_NAME]
    if not _DIGEST.fullmatch(digest):
        raise ConfigError("SH166", "that is no digest of a token.", hint="It is 64 hexadecimal digits.")
    return vault.encrypt(json.dumps([digest, machine or "a machine"]), _PURPOSE)


def applicant(vault: Vault, code: str) -> Applicant:
    """Who a code stands for. Raises ConfigError SH164."""
    found = vault.decrypt(code, _PURPOSE, within_seconds=CODE_SECONDS)
    if found is None:
        raise ConfigError(
            "SH164",
            "this code is not good any more: it works for ten minutes.",
            hint="Begin again: horn login",
        )
    return Applicant(*json.loads(found))


def agree(store: Store, caller: Caller, who: Applicant, now: float) -> None:
    """Let a command line do what the caller may, for ninety days. Nothing when that was decided before."""
    if store.tokens.by_digest(who.digest) is None:
        token = _made(store, caller, who, now)
        facts = {"token": token.id, "name": token.name, "role": str(token.grant.role)}
        record(store, caller, "command line signed in", EVERYWHERE, now, facts=facts)


def deny(store: Store, caller: Caller, who: Applicant, now: float) -> None:
    """Turn a command line away. Nothing when that was decided before."""
    if store.tokens.by_digest(who.digest) is None:
        store.tokens.revoke(_made(store, caller, who, now).id, now)
        record(store, caller, "command line turned away", EVERYWHERE, now, facts={"machine": who.machine})


def asked(store: Store, who: Applicant) -> Agreement:
    """How it stands with a command line."""
    token = store.tokens.by_digest(who.digest)
    if token is None:
        return Agreement.PENDING
    return Agreement.DENIED if token.revoked_at is not None else Agreement.GRANTED


def sign_out(store: Store, secret: str, address: str, now: float) -> None:
    """Revoke a token by itself. Nothing for one that is not in force."""
    caller, token = caller_of_token(store, secret, address, now), store.tokens.find(secret, now)
    if caller is not None and token is not None:
        store.tokens.revoke(token.id, now)
        facts = {"token": token.id, "name": token.name}
        record(store, caller, "command line signed out", EVERYWHERE, now, facts=facts)


def _made(store: Store, caller: Caller, who: Applicant, now: float) -> Token:
    """A token that is as wide as its person. Raises ConfigError SH165."""
    roles = sorted((grant.role for grant in caller.grants), key=lambda role: role.rank)
    if caller.person_id is None or caller.limit is not None or not roles:
        raise ConfigError("SH165", f"{caller.name} may do nothing here.", hint="Ask an admin for a role.")
    grant = Grant(roles[-1], Scope())
    name = f"horn on {who.machine}"
    return store.tokens.keep(
        caller.person_id, name, grant, now, digest=who.digest, expires_at=now + TOKEN_SECONDS, via="cli"
    )
