"""What providers publish of themselves: endpoints and keys, kept for a while and never more than so many."""

from __future__ import annotations

import asyncio
import time
from base64 import urlsafe_b64decode
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from app.auth.openid.fetch import Fetcher, OpenIdError, ProviderAwayError

KEPT_SECONDS: Final = 3_600.0
REFRESH_SECONDS: Final = 60.0
"""So often at most an unknown key id has the keys read again: a stranger may send any number of them."""
FAILED_SECONDS: Final = 5.0
"""So long what a provider failed with is told without asking it again."""
MOST_PROVIDERS: Final = 256
MOST_KEYS: Final = 50
SMALLEST_RSA: Final = 2_048
DISCOVERY: Final = "/.well-known/openid-configuration"
# Signatures by a key that only the provider has: `none` is none, and HS256 would take a public key for a secret.
KEY_TYPES: Final = {
    "RS256": ("RSA", None),
    "RS384": ("RSA", None),
    "RS512": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
}

Key = RSAKey | ECKey


@dataclass(frozen=True)
class Endpoints:
    """Where a provider does what; `posts_secret` where it takes the client's secret in the body alone."""

    issuer: str
    authorization: str
    token: str
    keys: str
    posts_secret: bool


@dataclass
class _Provider:
    """What is known of one issuer, and since when on the clock of the process."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    endpoints: Endpoints | None = None
    endpoints_at: float = 0.0
    keys: Sequence[dict[str, Any]] | None = None
    keys_at: float = 0.0
    failure: str = ""
    failed_at: float = 0.0


class Providers:
    """Endpoints and keys of providers, by their issuers. One for each process."""

    def __init__(self, fetcher: Fetcher, clock: Callable[[], float] = time.monotonic) -> None:
        self.fetcher = fetcher
        self._clock = clock
        self._known: OrderedDict[str, _Provider] = OrderedDict()

    async def endpoints(self, issuer: str) -> Endpoints:
        """What an issuer's discovery document says. Raises OpenIdError."""
        provider = self._provider(issuer)
        async with provider.lock:
            if provider.endpoints is None or self._clock() - provider.endpoints_at > KEPT_SECONDS:
                document = await self._fetch(provider, issuer.rstrip("/") + DISCOVERY)
                provider.endpoints = await self._read(issuer, document)
                provider.endpoints_at = self._clock()
            return provider.endpoints

    async def key(self, endpoints: Endpoints, key_id: str | None, algorithm: str) -> Key:
        """The key that an id token names. Where it is not known, the keys are read again. Raises OpenIdError."""
        provider = self._provider(endpoints.issuer)
        async with provider.lock:
            age = self._clock() - provider.keys_at
            found = None
            if provider.keys is not None and age <= KEPT_SECONDS:
                found = _matching(provider.keys, key_id, algorithm)
            if found is None and (provider.keys is None or age > REFRESH_SECONDS):
                document = await self._fetch(provider, endpoints.keys)
                keys = document.get("keys")
                provider.keys = [each for each in keys if isinstance(each, dict)] if isinstance(keys, list) else []
                provider.keys_at = self._clock()
                found = _matching(provider.keys, key_id, algorithm)
        if found is None:
            message = "The id token is signed by a key that the provider does not publish."
            raise OpenIdError(message)
        return _imported(found)

    def _provider(self, issuer: str) -> _Provider:
        provider = self._known.setdefault(issuer, _Provider())
        self._known.move_to_end(issuer)
        if len(self._known) > MOST_PROVIDERS:
            self._known.popitem(last=False)
        return provider

    async def _fetch(self, provider: _Provider, url: str) -> dict[str, Any]:
        if provider.failure and self._clock() - provider.failed_at < FAILED_SECONDS:
            raise ProviderAwayError(provider.failure)
        document: dict[str, Any] = {}
        try:
            status, document = await self.fetcher.fetch(url)
            provider.failure = "" if status == HTTPStatus.OK else f"{url} answered {status}."
        except ProviderAwayError as error:
            provider.failure = str(error)
        if provider.failure:
            provider.failed_at = self._clock()
            raise ProviderAwayError(provider.failure)
        return document

    async def _read(self, issuer: str, document: dict[str, Any]) -> Endpoints:
        if document.get("issuer") != issuer:
            message = (
                f"The provider names itself {str(document.get('issuer'))[:200]!r}, not {issuer!r}: send it as named."
            )
            raise OpenIdError(message)
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        urls = [document.get(name) for name in names]
        for name, url in zip(names, urls, strict=True):
            if not isinstance(url, str):
                message = f"The provider's discovery document has no `{name}`."
                raise OpenIdError(message)
            await self.fetcher.check(url)
        methods = document.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        posts = isinstance(methods, list) and "client_secret_basic" not in methods
        return Endpoints(issuer, str(urls[0]), str(urls[1]), str(urls[2]), posts)


def _matching(keys: Sequence[dict[str, Any]], key_id: str | None, algorithm: str) -> dict[str, Any] | None:
    """The key of this id that may sign so; without an id the only one that may."""
    type_, curve = KEY_TYPES[algorithm]
    fitting = [
        key
        for key in keys[:MOST_KEYS]
        if key.get("kty") == type_
        and (curve is None or key.get("crv") == curve)
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _imported(key: dict[str, Any]) -> Key:
    public: dict[str, Any] = {name: key[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in key}
    try:
        if public["kty"] == "EC":
            return ECKey.import_key(public)
        # Looked at before it is imported: joserfc warns of a small one, and takes it.
        modulus = int.from_bytes(urlsafe_b64decode(public["n"] + "=="))
        if modulus.bit_length() >= SMALLEST_RSA:
            return RSAKey.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        pass
    message = f"A key of the provider cannot be used: it is malformed, or has fewer than {SMALLEST_RSA} bits."
    raise OpenIdError(message)
