"""Whether a webhook is from whom it says: signatures over the body as it came, byte by byte.

GitHub  https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
GitLab  https://docs.gitlab.com/user/project/integrations/webhooks/
Gitea   https://docs.gitea.com/usage/repository/webhooks
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shiphorn.model.forge import ForgeKind

MOST_SKEW_SECONDS = 300.0
"""A signature with a time is good for so long, and so long ahead where the sender's clock is fast."""
TIMESTAMP, SIGNATURE = "x-horn-timestamp", "x-horn-signature"
_PREFIX = "sha256="


@dataclass(frozen=True, slots=True)
class Verified:
    """A webhook as its headers tell of it.

    `problem` is why it is not believed, "" when it is. `delivery` is what the sender calls it, "" when it
    has no name; `digest` is the same for the same content, "" where a content may come again.
    """

    kind: str
    delivery: str
    digest: str
    problem: str


def verify(
    kind: ForgeKind, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float
) -> Verified:
    """Whether any of the secrets signed it. `headers` have small names."""
    match kind:
        case ForgeKind.GITHUB:
            given = headers.get("x-hub-signature-256", "")
            problem = _signed(given, _PREFIX, body, secrets, "X-Hub-Signature-256")
            event, delivery = headers.get("x-github-event", ""), headers.get("x-github-delivery", "")
        case ForgeKind.GITEA:
            given = headers.get("x-gitea-signature", "") or headers.get("x-forgejo-signature", "")
            problem = _signed(given, "", body, secrets, "X-Gitea-Signature")
            event = headers.get("x-gitea-event", "") or headers.get("x-forgejo-event", "")
            delivery = headers.get("x-gitea-delivery", "") or headers.get("x-forgejo-delivery", "")
        case ForgeKind.GITLAB:
            problem = _has_token(headers.get("x-gitlab-token", ""), secrets)
            event = headers.get("x-gitlab-event", "")
            delivery = headers.get("idempotency-key", "") or headers.get("x-gitlab-event-uuid", "")
            # The token signs nothing: whoever has it may send what they like.
            return Verified(event, delivery, "", problem or _named(delivery, "X-Gitlab-Event-UUID"))
        case _:
            stamp, given = headers.get(TIMESTAMP, ""), headers.get(SIGNATURE, "")
            problem = _in_time(stamp, now)
            problem = problem or _signed(
                given, _PREFIX, f"{stamp}.".encode() + body, secrets, "X-Horn-Signature"
            )
            return Verified("build", given.removeprefix(_PREFIX)[:64], "", problem)
    return Verified(event, delivery, hashlib.sha256(body).hexdigest(), problem)


def sign(secret: str, body: bytes, at: int) -> dict[str, str]:
    """The headers of a body that a generic sender sends at some time, in Unix seconds."""
    return {TIMESTAMP: str(at), SIGNATURE: _PREFIX + _hmac(secret, f"{at}.".encode() + body)}


def _signed(given: str, prefix: str, body: bytes, secrets: Sequence[str], header: str) -> str:
    if not given:
        return f"it has no {header}: set the secret where the webhook is made"
    claimed = given.removeprefix(prefix).encode()
    # All are tried, so that the time it takes tells nothing.
    good = [hmac.compare_digest(_hmac(secret, body).encode(), claimed) for secret in secrets]
    known = given.startswith(prefix) and any(good)
    return "" if known else f"its {header} is not by a secret that is known here"


def _has_token(given: str, secrets: Sequence[str]) -> str:
    if not given:
        return "it has no X-Gitlab-Token: set the secret token where the webhook is made"
    good = [hmac.compare_digest(secret.encode(), given.encode()) for secret in secrets]
    return "" if any(good) else "its X-Gitlab-Token is none that is known here"


def _in_time(stamp: str, now: float) -> str:
    if not stamp.isdecimal() or len(stamp) > 12:
        return "it has no X-Horn-Timestamp in Unix seconds"
    apart = int(stamp) - now
    if abs(apart) <= MOST_SKEW_SECONDS:
        return ""
    which = "old" if apart < 0 else "ahead of its time"
    allowed = f"at most {MOST_SKEW_SECONDS:.0f} s are allowed"
    return f"it is {abs(apart):.0f} s {which}: {allowed}, are the clocks right?"


def _named(delivery: str, header: str) -> str:
    return "" if delivery else f"it has no {header}, by which it is taken once"


def _hmac(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
