"""Requests to addresses that customers choose: https, to public machines alone, small and short.

They are sent from inside our network, so they must not lead to what only we can reach.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import httpx
import orjson

FETCH_SECONDS: Final = 5.0
"""Of one request, from the name's look-up to the last byte of the answer."""
MOST_BYTES: Final = 262_144
LONGEST_URL: Final = 2_048
SETTING: Final = "SKYLEDGER_SINGLE_SIGN_ON_HOSTS"
_HTTPS_PORT: Final = 443
# Addresses of IPv6 that stand for one of IPv4, which a gateway may lead into a private network.
_TRANSLATED: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


class OpenIdError(Exception):
    """Something of a provider cannot be used. The message is for people and holds no secret."""


class ProviderAwayError(OpenIdError):
    """A provider cannot be reached, or does not answer as it should."""


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests to the very address that was looked up and found to be public.

    Nothing looks a name up a second time, so it cannot have become another address meanwhile. `hosts` are those of the
    setting, each a host or `host:port`: they may be private, and with `plain` also http.
    """

    def __init__(self, hosts: Sequence[str], *, plain: bool) -> None:
        self._hosts = frozenset(host.lower() for host in hosts)
        self._plain = plain
        # No connection is kept: it would be kept by its address, and serve another host there unproved.
        self._inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_keepalive_connections=0))

    def check(self, url: httpx.URL) -> bool:
        """Whether the URL is on a listed host. Raises OpenIdError for one that may not be called at all."""
        port = url.port or (_HTTPS_PORT if url.scheme == "https" else 80)
        listed = bool({url.host.lower(), f"{url.host.lower()}:{port}"} & self._hosts)
        schemes = {"https", "http"} if listed and self._plain else {"https"}
        if url.scheme not in schemes or not url.host or url.userinfo or url.fragment:
            message = f"{_shown(url)} cannot be called: it must be https, without a user and a fragment."
            raise OpenIdError(message)
        return listed

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; no redirect is followed."""
        listed = self.check(request.url)
        address = await _address_of(request.url, public=not listed)
        # The Host header and the name in the certificate stay those of the URL.
        there = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        return await self._inner.handle_async_request(there)

    async def aclose(self) -> None:
        """Close what is open."""
        await self._inner.aclose()


class Fetcher:
    """Fetches JSON objects, each within a time and a size."""

    def __init__(self, hosts: Sequence[str], *, plain: bool) -> None:
        self._transport = GuardedTransport(hosts, plain=plain)
        # Nothing of the environment: a proxy would look names up by itself.
        self._client = httpx.AsyncClient(transport=self._transport, trust_env=False, timeout=FETCH_SECONDS)

    def check(self, url: str) -> None:
        """Raise OpenIdError for a URL that may not be called, or not be shown to a browser."""
        if len(url) > LONGEST_URL:
            message = f"A URL of the provider is longer than {LONGEST_URL} characters."
            raise OpenIdError(message)
        try:
            self._transport.check(httpx.URL(url))
        except httpx.InvalidURL:
            message = "A URL of the provider is none."
            raise OpenIdError(message) from None

    async def fetch(
        self, url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, content: str | None = None
    ) -> tuple[int, dict[str, Any]]:
        """The status and the JSON object of an answer. Raises OpenIdError, ProviderAwayError for no such answer."""
        self.check(url)
        shown = _shown(httpx.URL(url))
        sent = {"accept": "application/json", **(headers or {})}
        try:
            async with (
                asyncio.timeout(FETCH_SECONDS),
                self._client.stream(method, url, headers=sent, content=content) as response,
            ):
                body = await _body(response)
        except TimeoutError:
            message = f"{shown} did not answer within {FETCH_SECONDS:g} seconds."
            raise ProviderAwayError(message) from None
        except (httpx.HTTPError, OSError, ValueError) as error:
            message = f"{shown} cannot be reached ({type(error).__name__})."
            raise ProviderAwayError(message) from None
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            message = f"{shown} answered {response.status_code} without a JSON object."
            raise ProviderAwayError(message)
        return response.status_code, found

    async def close(self) -> None:
        """Close what is open."""
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        size += len(chunk)
        if size > MOST_BYTES:
            message = f"{_shown(response.request.url)} answered with more than {MOST_BYTES:,} bytes."
            raise ProviderAwayError(message)
        chunks.append(chunk)
    return b"".join(chunks)


async def _address_of(url: httpx.URL, *, public: bool) -> str:
    """An address of the URL's host. Raises OpenIdError where one of them is not public, though it has to be."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(url.host, url.port or _HTTPS_PORT, type=socket.SOCK_STREAM)
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    if not addresses or (public and not all(map(is_public, addresses))):
        message = f"{_shown(url)} cannot be called: its address is not a public one. The operator may list {SETTING}."
        raise OpenIdError(message)
    return str(addresses[0])


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is one of the open Internet, and stands for no other."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None or address.teredo is not None:
            return False
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def _shown(url: httpx.URL) -> str:
    """A URL without what may be secret in it."""
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace').rpartition('@')[2]}{url.path}"[:200]
