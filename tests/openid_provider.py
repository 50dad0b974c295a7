"""A small OpenID provider on loopback, with real keys, that can also be made to lie."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

CLIENT_ID = "skyledger"
CLIENT_SECRET = "canary-client-secret-7e1f"
OPENED = {"outgoing_networks": ("127.0.0.1/32",)}
"""Settings by which it may be called."""
Claims = dict[str, Any]


@dataclass
class Key:
    """A key of the provider, and what it signs by."""

    key: RSAKey | ECKey
    algorithm: str

    @classmethod
    def rsa(cls, key_id: str = "rsa-1") -> Key:
        return cls(RSAKey.generate_key(2048, {"kid": key_id, "use": "sig"}), "RS256")

    @classmethod
    def elliptic(cls, key_id: str = "ec-1") -> Key:
        return cls(ECKey.generate_key("P-256", {"kid": key_id, "use": "sig"}), "ES256")

    def sign(self, claims: Claims) -> str:
        return jwt.encode({"alg": self.algorithm, "kid": self.key.kid}, claims, self.key)


@dataclass
class OpenIdProvider:
    """Who may sign in, what is said of them, and how; all of it may be changed while it runs."""

    key: Key = field(default_factory=Key.rsa)
    person: Claims = field(default_factory=dict)
    change: Claims = field(default_factory=dict)
    """Claims that take the place of the right ones; None takes one away."""
    sign: Callable[[Claims], str] | None = None
    published: list[Key] | None = None
    issuer: str = ""
    discovery: Claims = field(default_factory=dict)
    down: bool = False
    delay: float = 0.0
    refusal: str = ""
    instead: Response | None = None
    """What it answers in the place of its documents."""
    requests: list[str] = field(default_factory=list)
    encodings: list[str | None] = field(default_factory=list)
    """What each request would take a body in."""
    asked: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def app(self) -> Starlette:
        """Its pages, which are also those of each tenant, as Entra has them."""
        pages = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
        ]
        return Starlette(routes=[*pages, Mount("/{tenant}/v2.0", routes=pages)])

    async def _before(self, request: Request) -> Response | None:
        self.requests.append(request.url.path)
        self.encodings.append(request.headers.get("accept-encoding"))
        await asyncio.sleep(self.delay)
        return JSONResponse({"error": "away"}, 503) if self.down else self.instead

    async def _discovery(self, request: Request) -> Response:
        document = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **self.discovery,
        }
        return await self._before(request) or JSONResponse(document)

    async def _keys(self, request: Request) -> Response:
        published = self.published if self.published is not None else [self.key]
        document = {"keys": [each.key.as_dict(private=False) for each in published]}
        return await self._before(request) or JSONResponse(document)

    async def _authorize(self, request: Request) -> Response:
        """Sign the person in without a question, and send them back."""
        asked = dict(request.query_params)
        self.asked.append(asked)
        if self.refusal:
            refused = urlencode({"error": self.refusal, "state": asked["state"]})
            return RedirectResponse(f"{asked['redirect_uri']}?{refused}")
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        away = await self._before(request)
        if away is not None:
            return away
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return JSONResponse({"error": "invalid_client"}, 401)
        asked = self._codes.pop(form.get("code", ""), None)
        made = create_s256_code_challenge(form.get("code_verifier", ""))
        if asked is None or made != asked["code_challenge"] or form.get("redirect_uri") != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        token = (self.sign or self.key.sign)(self.claims(asked["nonce"]))
        return JSONResponse({"access_token": "unused", "token_type": "Bearer", "id_token": token})

    def claims(self, nonce: str) -> Claims:
        """What an id token says."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
            "email_verified": True,
            **self.person,
            **self.change,
        }
        return {name: value for name, value in claims.items() if value is not None}


@contextmanager
def openid_provider() -> Iterator[OpenIdProvider]:
    """One that runs in a thread of its own."""
    provider = OpenIdProvider()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        provider.issuer = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(provider.app(), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()
