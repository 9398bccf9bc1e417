"""Sign-in by OpenID Connect: the code flow with PKCE, state and nonce (OpenID Connect Core 1.0, RFC 7636).

Between the two requests of a browser nothing is kept here. What must survive is an `Errand`, which the
caller gives the browser in a cookie that it can neither read nor change.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import httpx

from shiphorn.errors import Refused, Unknown
from shiphorn.model.identity import Claims

if TYPE_CHECKING:
    from joserfc.jwt import Token

TIMEOUT_SECONDS = 10.0
ERRAND_SECONDS = 600.0
METADATA_SECONDS = 3600.0
LEEWAY_SECONDS = 60
ANSWER_BYTES = 1024 * 1024
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures by a key pair. `none` and those by a shared secret are not taken."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An identity provider, as configured. A `client_secret` of "" is for a public client."""

    issuer: str
    client_id: str
    client_secret: str = ""
    scopes: tuple[str, ...] = ("openid", "email", "profile")


@dataclass(frozen=True, slots=True)
class Errand:
    """What one attempt to sign in must remember until the browser comes back. Secret from others."""

    issuer: str
    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    began_at: float

    def as_text(self) -> str:
        """The errand as JSON, for a cookie that is encrypted."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Errand | None:
        """The errand that `as_text` wrote; None for anything else."""
        try:
            return cls(**json.loads(text))
        except (TypeError, ValueError):
            return None


class OpenIdConnect:
    """Signs people in at one provider. Its metadata and keys are asked for when they are needed, and kept."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._client = httpx.AsyncClient(
            verify=ssl.create_default_context(),
            timeout=TIMEOUT_SECONDS,
            headers={"User-Agent": "shiphorn", "Accept": "application/json"},
        )
        self._metadata: dict[str, Any] = {}
        self._asked_at = 0.0
        self._keys: dict[str, Any] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def authorization_url(self, redirect_uri: str, now: float) -> tuple[str, Errand]:
        """Where to send the browser, and what to remember until it comes back to `redirect_uri`.

        Raises Refused SH562: the provider cannot be asked, or is not as it must be.
        """
        # Authlib takes 0.1 s to import, which no other command has to pay.
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped] # noqa: PLC0415

        endpoint = self._endpoint(await self._discovered(), "authorization_endpoint")
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(self.provider.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
        }
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}"
        return url, Errand(self.provider.issuer, state, nonce, verifier, redirect_uri, now)

    async def complete(self, answer: Mapping[str, str], errand: Errand | None, now: float) -> Claims:
        """Who signed in, by the parameters with which the browser came back.

        Raises Refused SH562 (the provider cannot be asked), Unknown SH563 (its word is not good, or it
        is not the answer to this errand).
        """
        code = self._code(answer, errand, now)
        assert errand is not None  # noqa: S101 - `_code` has seen to it
        metadata = await self._discovered()
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:
            raise self._not_good("the answer is another provider's (RFC 9207)")
        tokens = await self._exchange(metadata, code, errand)
        claims = await self._verified(metadata, tokens, errand, now)
        if not claims.get("email") and metadata.get("userinfo_endpoint") and tokens.get("access_token"):
            claims = await self._user_info(metadata, str(tokens["access_token"]), claims) | claims
        return Claims(
            issuer=self.provider.issuer,
            subject=claims["sub"],
            email=_text(claims, "email"),
            # Some providers send it as a string.
            email_verified=claims.get("email_verified") in (True, "true"),
            name=_text(claims, "name"),
            preferred_username=_text(claims, "preferred_username"),
        )

    def _code(self, answer: Mapping[str, str], errand: Errand | None, now: float) -> str:
        if errand is None or errand.issuer != self.provider.issuer:
            raise self._not_good("this browser did not begin to sign in here")
        if not hmac.compare_digest(answer.get("state", "").encode(), errand.state.encode()):
            raise self._not_good("the answer does not belong to this attempt (its state differs)")
        if now - errand.began_at > ERRAND_SECONDS:
            raise self._not_good("it took too long")
        if "error" in answer:
            words = ": ".join(filter(None, (answer["error"], answer.get("error_description", ""))))
            raise self._not_good(f"it says {words}")
        if not answer.get("code"):
            raise self._not_good("there is no code in the answer")
        return answer["code"]

    async def _discovered(self) -> dict[str, Any]:
        if self._metadata and time.monotonic() - self._asked_at < METADATA_SECONDS:
            return self._metadata
        issuer = self.provider.issuer
        metadata = await self._ask("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != issuer:
            raise self._unusable(
                f"it calls itself {metadata.get('issuer')}, which must be the configured issuer"
            )
        self._metadata, self._asked_at, self._keys = metadata, time.monotonic(), {}
        return metadata

    def _endpoint(self, metadata: Mapping[str, Any], name: str) -> str:
        url = metadata.get(name)
        if not isinstance(url, str) or not _safe(url):
            raise self._unusable(f"its {name} is no https URL: {url}")
        return url

    async def _exchange(self, metadata: Mapping[str, Any], code: str, errand: Errand) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": errand.redirect_uri,
            "code_verifier": errand.verifier,
            "client_id": self.provider.client_id,
        }
        headers = {}
        ways = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if self.provider.client_secret and "client_secret_basic" in ways:
            # RFC 6749, 2.3.1: both are form-encoded before they are put together.
            both = f"{quote(self.provider.client_id, '')}:{quote(self.provider.client_secret, '')}"
            headers = {"Authorization": f"Basic {b64encode(both.encode()).decode()}"}
        elif self.provider.client_secret:
            form["client_secret"] = self.provider.client_secret
        url = self._endpoint(metadata, "token_endpoint")
        return await self._ask("POST", url, data=form, headers=headers)

    async def _verified(
        self, metadata: Mapping[str, Any], tokens: Mapping[str, Any], errand: Errand, now: float
    ) -> dict[str, Any]:
        """The claims of the id_token, all of which have been checked."""
        from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped] # noqa: PLC0415
        from joserfc.errors import JoseError  # noqa: PLC0415

        try:
            token = await self._decoded(metadata, str(tokens.get("id_token", "")))
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": self.provider.issuer},
                    "aud": {"essential": True, "value": self.provider.client_id},
                    "sub": {"essential": True},
                },
                {
                    "nonce": errand.nonce,
                    "client_id": self.provider.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(now=int(now), leeway=LEEWAY_SECONDS)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise self._not_good(f"its id_token is not good: {error}") from error
        return dict(claims)

    async def _decoded(self, metadata: Mapping[str, Any], id_token: str) -> Token:
        """The token whose signature is right by the provider's keys, which are asked again for a new one."""
        from joserfc import jwt  # noqa: PLC0415
        from joserfc.errors import BadSignatureError, InvalidKeyIdError  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        fresh = not self._keys
        while True:
            if not self._keys or fresh:
                self._keys = await self._ask("GET", self._endpoint(metadata, "jwks_uri"))
            try:
                keys = KeySet.import_key_set(_for_signatures(self._keys))
                return jwt.decode(id_token, keys, algorithms=list(ALGORITHMS))
            except (BadSignatureError, InvalidKeyIdError):
                if fresh:
                    raise
                fresh = True

    async def _user_info(
        self, metadata: Mapping[str, Any], access_token: str, claims: Mapping[str, Any]
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {access_token}"}
        told = await self._ask("GET", self._endpoint(metadata, "userinfo_endpoint"), headers=headers)
        # OpenID Connect Core, 5.3.2: it may be about somebody else.
        if told.get("sub") != claims["sub"]:
            raise self._not_good("its user info is about somebody else")
        return told

    async def _ask(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        if not _safe(url):
            raise self._unusable(f"{url} is no https URL")
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._client.request(method, url, **options)
            found = answer.json() if len(answer.content) <= ANSWER_BYTES else None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise self._unusable(
                f"{url} gave no answer in JSON: {str(error) or type(error).__name__}"
            ) from error
        if not isinstance(found, dict):
            raise self._unusable(f"{url} gave no object in JSON")
        if "error" in found:
            words = ": ".join(str(found[key]) for key in ("error", "error_description") if found.get(key))
            raise self._not_good(f"it says {words}")
        if answer.status_code != 200:
            raise self._unusable(f"{url} answered {answer.status_code}")
        return found

    def _unusable(self, problem: str) -> Refused:
        return Refused(
            "SH562",
            f"nobody can sign in by {self.provider.issuer}: {problem}.",
            hint="Sign in with a password; an admin should look at the settings of the provider.",
            facts={"issuer": self.provider.issuer},
        )

    def _not_good(self, problem: str) -> Unknown:
        return Unknown(
            "SH563",
            f"{self.provider.issuer} did not sign you in: {problem}.",
            hint="Try again from the sign-in page.",
            facts={"issuer": self.provider.issuer},
        )


def _safe(url: str) -> bool:
    """Whether nobody on the way can read along: https, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (
        parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1", "::1")
    )


def _for_signatures(keys: Mapping[str, Any]) -> Any:
    """Those of the keys that are not for encryption, or of a kind that nobody knows."""
    known = ("RSA", "EC", "OKP")
    listed = keys.get("keys")
    usable = [
        key
        for key in (listed if isinstance(listed, list) else [])
        if isinstance(key, dict) and key.get("kty") in known and key.get("use", "sig") == "sig"
    ]
    return {"keys": usable}


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""
