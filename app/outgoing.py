"""Requests to addresses that tenants choose: to the public internet alone, and to the very address that was checked.

A name is resolved once for each connection, every address of it is checked, and the connection goes to one of them, so
that a name which resolves to another address a moment later leads nowhere else. Redirects and proxies are not followed.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import cache
from typing import Final

import httpx
import structlog

from app.config import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

SETTING: Final = "SKYLEDGER_OUTGOING_NETWORKS"
LONGEST_URL: Final = 2_048
MOST_ADDRESSES: Final = 3
"""Of one name, that are tried one after the other."""
# What `is_global` takes for public: Azure's host agent, and the protocol assignments, where Oracle's metadata are.
_NOT_PUBLIC: Final = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
# IPv6 addresses that lead to an IPv4 address inside them: 6to4, NAT64 and its local kind.
_6TO4: Final = ipaddress.ip_network("2002::/16")
_NAT64: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
_LAST_PORT: Final = 65_535
_PORTS: Final = {"https": 443, "http": 80}

_log = structlog.stdlib.get_logger("skyledger.outgoing")


class OutgoingError(Exception):
    """An address must not, or cannot, be called. The message is for whoever has chosen it, and names no address."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, by the system's resolver, off the loop. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class OutgoingGuard:
    """Says where requests may go: anywhere public, and into the `networks` that the operator has opened.

    Into these also without TLS. `find` is given by tests.
    """

    def __init__(self, networks: Sequence[str] = (), *, find: Resolve = resolve) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in networks)
        self._find = find

    @classmethod
    def from_settings(cls, settings: Settings) -> OutgoingGuard:
        """With the networks of the settings."""
        return cls(settings.outgoing_networks)

    async def check(self, url: str) -> httpx.URL:
        """A URL that may be called now, as far as its addresses tell. Raises OutgoingError."""
        found = checked_url(url)
        await self.addresses(found)
        return found

    async def addresses(self, url: httpx.URL) -> list[str]:
        """The addresses to connect to, of which none is closed. Raises OutgoingError, also where one of them is."""
        port = url.port or _PORTS[url.scheme]
        try:
            found = [ipaddress.ip_address(each.partition("%")[0]) for each in await self._find(url.host, port)]
        except (OSError, UnicodeError):
            found = []
        closed = [str(address) for address in found if not self._may_reach(address)]
        if closed:
            # For the operator alone, who may open their network.
            _log.warning("outgoing_address_closed", host=url.host, addresses=closed[:MOST_ADDRESSES], setting=SETTING)
        if closed or not found:
            # In the same words: which names there are inside is nobody's business.
            raise _not_public(url.host)
        if url.scheme != "https" and not all(self._is_opened(address) for address in found):
            message = "The URL must begin with https://."
            raise OutgoingError(message)
        return [str(address) for address in found[:MOST_ADDRESSES]]

    def _may_reach(self, address: Address) -> bool:
        return is_public(address) or self._is_opened(address)

    def _is_opened(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _not_public(host: str) -> OutgoingError:
    return OutgoingError(
        f"The host {host} has no public address. Private networks are opened by the operator: {SETTING}."
    )


def is_public(address: Address) -> bool:
    """Whether an address, and the one that it may lead to, is on the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _6TO4:
            inner = address.sixtofour
        if inner is None and any(address in network for network in _NAT64):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    closed = any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not address.is_multicast and not address.is_reserved and not closed


def checked_url(url: str) -> httpx.URL:
    """A URL of the right form. Raises OutgoingError."""
    message = ""
    try:
        found = httpx.URL(url)
    except httpx.InvalidURL:
        message = "This is no URL."
        raise OutgoingError(message) from None
    if len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        message = f"The URL may have {LONGEST_URL:,} characters, and none that cannot be printed."
    elif found.scheme not in _PORTS or not found.host:
        message = "The URL must begin with https:// and name a host."
    elif found.port is not None and not 1 <= found.port <= _LAST_PORT:
        message = f"The port must be 1 to {_LAST_PORT}."
    elif found.userinfo:
        message = "The URL must have no user and no password."
    elif found.fragment:
        message = "The URL must have no fragment, which is never sent."
    if message:
        raise OutgoingError(message)
    return found


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends each request on a connection of its own to an address that the guard allows.

    A connection that is kept would be found again by its address alone, under the certificate of another name.
    """

    def __init__(self, guard: OutgoingGuard) -> None:
        self._guard = guard

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See AsyncBaseTransport. Raises OutgoingError beside what httpx raises."""
        addresses = await self._guard.addresses(request.url)
        for number, address in enumerate(addresses, start=1):
            try:
                return await _send(request, address)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if number == len(addresses):
                    raise
        raise _not_public(request.url.host)


def guarded_client(guard: OutgoingGuard, *, seconds: float) -> httpx.AsyncClient:
    """A client for one tenant's addresses; `seconds` bound each step of a request, not the whole of it.

    Bodies are asked for as they are; read them with `raw_beginning`.
    """
    return httpx.AsyncClient(
        transport=GuardedTransport(guard),
        timeout=seconds,
        follow_redirects=False,
        trust_env=False,
        headers={"accept-encoding": "identity"},
    )


async def raw_beginning(response: httpx.Response, most: int) -> bytes:
    """The first `most` bytes of a body as they come over the wire; the rest is not read.

    They are never unpacked: httpx does that before anybody can count, and 64 KiB packed twice are gigabytes.
    """
    found = bytearray()
    async for part in response.aiter_raw():
        found += part
        if len(found) >= most:
            break
    return bytes(found[:most])


def is_packed(response: httpx.Response) -> bool:
    """Whether a body is in another encoding than was asked for: its bytes are not what they stand for."""
    return response.headers.get("content-encoding", "").strip().lower() not in {"", "identity"}


async def _send(request: httpx.Request, address: str) -> httpx.Response:
    name = request.url.host
    extensions = dict(request.extensions)
    if name != address:
        extensions["sni_hostname"] = name  # whom the certificate has to be of
    pinned = httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,  # with the name as their Host
        stream=request.stream,
        extensions=extensions,
    )
    transport = httpx.AsyncHTTPTransport(verify=_authorities(), trust_env=False)
    try:
        response = await transport.handle_async_request(pinned)
    except BaseException:
        await transport.aclose()
        raise
    response.stream = _Closing(response.stream, transport)
    return response


@cache
def _authorities() -> ssl.SSLContext:
    """Who signs certificates, as httpx has it: also the operator's SSL_CERT_FILE. Loaded once, 36 ms."""
    return httpx.create_ssl_context()


class _Closing(httpx.AsyncByteStream):
    """The body of an answer; its connection is closed with it."""

    def __init__(self, stream: object, transport: httpx.AsyncHTTPTransport) -> None:
        if not isinstance(stream, httpx.AsyncByteStream):
            message = "httpx gave a body that cannot be awaited"
            raise TypeError(message)
        self._stream, self._transport = stream, transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        """Close both."""
        await self._stream.aclose()
        await self._transport.aclose()
