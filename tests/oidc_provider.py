"""A real little OpenID Connect provider on a loopback port. Who it signs in, a test may set while it runs."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

ADA = {
    "sub": "ada-1",
    "email": "ada@example.com",
    "email_verified": True,
    "name": "Ada Lovelace",
    "preferred_username": "ada",
}


class OidcProvider:
    """Discovery, authorize, token with PKCE, JWKS (RS256) and user info; one client, with a secret.

    `authorize` asks nobody: it signs `user` in at once, or answers with `error` when that is set.
    `claims` overrides what the id_token says (None leaves a claim out), `thin` keeps all but `sub` for
    the user info. `asked` are the paths, in order.
    """

    client_id = "shiphorn"
    client_secret = "a secret: with % and +"

    def __init__(self) -> None:
        self.user: dict[str, Any] = dict(ADA)
        self.claims: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.error = ""
        self.thin = False
        self.asked: list[str] = []
        self.key = self.published = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)
        self._codes: dict[str, dict[str, str]] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self) -> None:
        """Sign with another key from now on, which is published."""
        self.key = self.published = RSAKey.generate_key(2048, {"use": "sig"}, auto_kid=True)

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        } | self.metadata

    def _authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        assert asked["response_type"] == "code"
        assert asked["client_id"] == self.client_id
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        back = {"state": asked["state"], "iss": self.issuer}
        if self.error:
            back |= {"error": self.error, "error_description": "as the test wants it"}
        else:
            code = back["code"] = secrets.token_urlsafe(16)
            self._codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode(back)}"

    def _exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        if not self._is_client(form, authorization):
            return 401, {"error": "invalid_client"}
        asked = self._codes.pop(form.get("code", ""), None)
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if (
            asked is None
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form.get("redirect_uri")
        ):
            return 400, {"error": "invalid_grant", "error_description": "no such code"}
        access_token, now = secrets.token_urlsafe(16), int(time.time())
        self._tokens[access_token] = self.user
        half = hashlib.sha256(access_token.encode()).digest()[:16]
        claims = {
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode(),
        }
        claims |= {"sub": self.user["sub"]} if self.thin else self.user
        claims = {key: value for key, value in (claims | self.claims).items() if value is not None}
        signed = jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)
        return 200, {
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": 300,
            "id_token": signed,
        }

    def _is_client(self, form: dict[str, str], authorization: str) -> bool:
        if authorization.startswith("Basic "):
            both = base64.b64decode(authorization[6:]).decode().split(":")
            given = tuple(unquote(part) for part in both)
        else:
            given = (form.get("client_id", ""), form.get("client_secret", ""))
        return given == (self.client_id, self.client_secret)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                provider.asked.append(parts.path)
                match parts.path:
                    case "/.well-known/openid-configuration":
                        self._send(200, provider._discovery())
                    case "/jwks":
                        self._send(200, {"keys": [provider.published.as_dict(private=False)]})
                    case "/authorize":
                        self.send_response(303)
                        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
                        self.send_header("Location", provider._authorize(asked))
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                    case "/userinfo":
                        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
                        user = provider._tokens.get(bearer)
                        self._send(200 if user else 401, user or {"error": "invalid_token"})
                    case _:
                        self._send(404, {})

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self._send(*provider._exchange(dict(parse_qsl(body)), self.headers.get("Authorization", "")))

            def _send(self, status: int, answer: dict[str, Any]) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        return Answer


@pytest.fixture
def oidc_provider() -> Iterator[OidcProvider]:
    made = OidcProvider()
    yield made
    made.close()
