"""Signing in to Microsoft Entra ID as an application: tokens by client credentials, kept until they end."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx
import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.providers.answers import whole
from app.providers.base import Target
from app.providers.m365.errors import in_our_words, sign_in_refused, unreadable_credentials
from app.providers.m365.patience import Patience
from app.records import ConnectionMethod

GRAPH: Final = "https://graph.microsoft.com"
_EARLY: Final = 300
"""Seconds before its end from which a token is not used any more: a scan's call may take some time to arrive."""
_ASSERTION_SECONDS: Final = 600
_SIGN_INS: Final = {
    "graph.microsoft.us": "https://login.microsoftonline.us",
    "dod-graph.microsoft.us": "https://login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "https://login.chinacloudapi.cn",
}
"""Of the sovereign clouds, by the host of their Microsoft Graph."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where Microsoft Graph answers, for which scope it takes tokens, and who issues them."""

    graph: str
    scope: str
    authority: str


def endpoints(overrides: Mapping[str, str]) -> Endpoints:
    """Microsoft's endpoints, less those that the account names itself as `graph` and `authority`.

    A token for a private endpoint or an emulator is one for the public cloud; the sovereign clouds have their own.
    """
    graph = _https(overrides.get("graph") or overrides.get("*")) or GRAPH
    host = urlsplit(graph).hostname or ""
    known = host in _SIGN_INS
    authority = _https(overrides.get("authority") or overrides.get("*"))
    return Endpoints(
        graph=graph.rstrip("/"),
        scope=f"https://{host}/.default" if known else f"{GRAPH}/.default",
        authority=(authority or _SIGN_INS.get(host, "https://login.microsoftonline.com")).rstrip("/"),
    )


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and what it says about the application; empty where it says nothing."""

    value: str = field(repr=False)
    ends_at: float
    """By the monotonic clock."""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


class TokenSource:
    """Hands out a token that holds for some minutes at least; asks for a new one only when it has to."""

    def __init__(self, client: httpx.Client, target: Target, places: Endpoints, patience: Patience) -> None:
        tenant, application = target.settings.get("tenantId"), target.settings.get("clientId")
        if not tenant or not application:
            raise unreadable_credentials(message="The tenant id or the client id is missing", remedy="Enter both")
        self._client = client
        self._patience = patience
        self._url = f"{places.authority}/{quote(str(tenant), safe='')}/oauth2/v2.0/token"
        self._form = {"client_id": str(application), "scope": places.scope, "grant_type": "client_credentials"}
        self._proof = _proof(target, str(application), self._url)
        self._lock = threading.Lock()
        self._token: Token | None = None

    def token(self, *, instead_of: Token | None = None) -> Token:
        """A token; a new one where the one that was `instead_of` refused is what we have. Raises ProviderError."""
        with self._lock:
            held = self._token
            if held is None or held is instead_of or time.monotonic() >= held.ends_at:
                held = self._token = self._ask()
            return held

    def _ask(self) -> Token:
        with in_our_words("the sign-in"):
            answer = self._patience.send(self._send)
        try:
            told = answer.json() if answer.is_success else {}
            value, seconds = str(told["access_token"]), float(told["expires_in"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise sign_in_refused(answer) from None
        return Token(value, time.monotonic() + max(0.0, seconds - _EARLY), _claims(value))

    def _send(self) -> httpx.Response:
        request = self._client.build_request("POST", self._url, data=self._form | self._proof())
        return whole(self._client.send(request, stream=True))


def _claims(token: str) -> dict[str, Any]:
    """What the token says. It is ours to send and not to check; Microsoft Graph checks it."""
    try:
        return dict(jwt.decode(token, options={"verify_signature": False}))
    except jwt.InvalidTokenError:
        return {}


def _proof(target: Target, application: str, audience: str) -> Callable[[], dict[str, str]]:
    """What shows that we are the application: its secret, or an assertion that its certificate signs each time."""
    if target.method is not ConnectionMethod.M365_CERTIFICATE:
        secret = target.secret.get("clientSecret", "")
        if not secret:
            raise unreadable_credentials(message="The client secret is missing", remedy="Enter the secret's value")
        return lambda: {"client_secret": secret}
    key, thumbprint = _certificate(target)

    def sign() -> dict[str, str]:
        now = int(time.time())
        claims = {"aud": audience, "iss": application, "sub": application, "jti": str(uuid4()), "nbf": now}
        claims["exp"] = now + _ASSERTION_SECONDS
        assertion = jwt.encode(claims, key, algorithm="PS256", headers={"x5t#S256": thumbprint})
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {"client_assertion_type": kind, "client_assertion": assertion}

    return sign


def _certificate(target: Target) -> tuple[RSAPrivateKey, str]:
    """The private key, and the thumbprint by which Entra ID knows the certificate."""
    pem, password = target.secret.get("certificate", "").encode(), target.secret.get("certificatePassword")
    try:
        key = load_pem_private_key(pem, password.encode() if password else None)
        digest = x509.load_pem_x509_certificate(pem).fingerprint(hashes.SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key, digest = None, b""  # the library's text may quote what it was given
    if not isinstance(key, RSAPrivateKey):
        raise unreadable_credentials(
            message="The certificate cannot be read",
            remedy="It must be PEM with its RSA private key, and the password right if the key has one",
        )
    return key, base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _https(url: str | None) -> str | None:
    if url and urlsplit(url).scheme != "https":
        raise unreadable_credentials(
            message="An endpoint is no https URL",
            remedy="Microsoft's tokens travel over https only: correct the endpoint",
        )
    return url
