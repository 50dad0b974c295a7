"""What a caller shows to say who they are, from headers, `connection_init` or `?token=`; nothing is checked here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

from app.errors import AuthenticationError, BadUserInputError

# Spellings that clients in the wild use for the same three things.
_PAYLOAD_KEYS = {
    "authorization": "bearer",
    "token": "bearer",
    "accesstoken": "bearer",
    "apikey": "api_key",
    "xapikey": "api_key",
    "rootkey": "root_key",
    "xrootkey": "root_key",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets a caller presented and where they came from; secrets never appear in its repr."""

    bearer: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    root_key: str | None = field(default=None, repr=False)
    client_address: str | None = None
    user_agent: str | None = None

    @property
    def are_given(self) -> bool:
        """Whether the caller presented any."""
        return bool(self.bearer or self.api_key or self.root_key)


def from_headers(headers: Mapping[str, str], client_address: str | None) -> Credentials:
    """Credentials of an HTTP request or a WebSocket handshake, whose headers have names in lower case."""
    authorization = headers.get("authorization")
    return Credentials(
        bearer=_bearer(authorization) if authorization else None,
        api_key=headers.get("x-api-key") or None,
        root_key=headers.get("x-root-key") or None,
        client_address=client_address,
        user_agent=headers.get("user-agent"),
    )


def with_query_token(credentials: Credentials, query_string: bytes) -> Credentials:
    """The same credentials with the handshake's `?token=`, unless a header already gave one."""
    if credentials.bearer is not None:
        return credentials
    tokens = parse_qs(query_string.decode("latin-1")).get("token")
    return replace(credentials, bearer=tokens[0]) if tokens else credentials


def with_payload(credentials: Credentials, payload: Mapping[str, Any] | None) -> Credentials:
    """The same credentials with those of a `connection_init` payload, which outrank the handshake's.

    Keys may be written `apiKey`, `api_key` or `X-API-Key`. BadUserInputError for a value that is not a string.
    """
    found: dict[str, str] = {}
    for key, value in (payload or {}).items():
        name = _PAYLOAD_KEYS.get(key.lower().replace("-", "").replace("_", ""))
        if name is None or value is None:
            continue
        if not isinstance(value, str):
            message = f"payload.{key[:40]} must be a string"
            raise BadUserInputError(message)
        found[name] = _bearer(value) if key.lower() == "authorization" else value.removeprefix("Bearer ")
    return replace(credentials, **found) if found else credentials


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        message = "The Authorization header must be `Bearer <token>`."
        raise AuthenticationError(message)
    return token.strip()
