"""Requests to providers that customers choose: which may be called, and what an answer may be."""

from __future__ import annotations

import gzip
import socket
import tracemalloc
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.responses import Response

from app.auth.openid.fetch import MOST_BYTES, Fetcher, OpenIdError, ProviderAwayError
from app.outgoing import OutgoingGuard
from tests.openid_provider import OPENED, OpenIdProvider, openid_provider
from tests.test_outgoing import INSIDE

CORP = "10.20.0.0/16"
FILLING = 64 * 1024 * 1024


async def _pieces(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


@pytest.mark.parametrize("address", INSIDE)
async def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Also when only one of its addresses does: whoever serves the name chooses which comes first."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def look_up(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(OpenIdError, match="no public address"):
        await Fetcher(OutgoingGuard(), plain=True).fetch("https://provider.example/")


async def test_the_address_that_was_looked_up_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that becomes another address a moment later leads nowhere else."""
    sent: list[httpx.Request] = []

    async def keep(_: Any, request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, content=_pieces(b"{}"))

    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", keep)
    status, found = await Fetcher(OutgoingGuard(find=find), plain=False).fetch("https://provider.example/keys")
    assert (status, found) == (200, {})
    (request,) = sent
    assert (request.url.host, request.headers["host"]) == ("93.184.216.34", "provider.example")
    assert request.extensions["sni_hostname"] == "provider.example"


@pytest.mark.parametrize(
    ("plain", "network", "url", "allowed"),
    [
        (True, CORP, "http://sso.corp/", True),
        (True, CORP, "http://SSO.corp:8080/", True),
        (True, "10.30.0.0/16", "http://sso.corp/", False),
        (False, CORP, "http://sso.corp/", False),
        (False, CORP, "https://sso.corp/", True),
        (False, CORP, "https://user@sso.corp/", False),
        (False, CORP, "ftp://sso.corp/", False),
        (False, CORP, "https://sso.corp/" + "x" * 2_048, False),
    ],
)
async def test_plain_http_is_for_opened_networks_in_development(
    plain: bool, network: str, url: str, allowed: bool
) -> None:
    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["10.20.1.2"]

    fetcher = Fetcher(OutgoingGuard([network], find=find), plain=plain)
    if allowed:
        await fetcher.check(url)
    else:
        with pytest.raises(OpenIdError):
            await fetcher.check(url)
        with pytest.raises(OpenIdError, match="cannot be used"):
            await fetcher.fetch(url)


async def test_a_page_that_only_browsers_reach_may_be_shown_to_them() -> None:
    """Its address is not looked up: nothing of ours goes there."""

    async def find(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    fetcher = Fetcher(OutgoingGuard(find=find), plain=True)
    await fetcher.check("https://sso.corp/authorize")
    with pytest.raises(OpenIdError, match="no public address"):
        await fetcher.check("http://sso.corp/authorize")


@pytest.fixture
def provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as found:
        yield found


async def test_answers_that_are_none(provider: OpenIdProvider) -> None:
    fetcher = Fetcher(OutgoingGuard(OPENED["outgoing_networks"]), plain=True)
    provider.discovery = {"filling": "x" * MOST_BYTES}
    with pytest.raises(ProviderAwayError, match="more than"):
        await fetcher.fetch(f"{provider.issuer}/.well-known/openid-configuration")
    with pytest.raises(ProviderAwayError, match="without a JSON object"):
        await fetcher.fetch(f"{provider.issuer}/absent")
    with pytest.raises(ProviderAwayError, match="without a JSON object"):
        await fetcher.fetch(f"{provider.issuer}/authorize?redirect_uri=http://127.0.0.1/&state=s")  # a redirect
    with pytest.raises(ProviderAwayError, match="cannot be reached"):
        await fetcher.fetch("http://127.0.0.1:1/")


async def test_nothing_that_a_provider_sends_is_unpacked(provider: OpenIdProvider) -> None:
    """Twice packed, 64 MiB are 300 bytes; a body that is, is refused before the first of them is read."""
    fetcher = Fetcher(OutgoingGuard(OPENED["outgoing_networks"]), plain=True)
    url = f"{provider.issuer}/keys"
    packed = gzip.compress(gzip.compress(b"0" * FILLING))
    for encoding, body in (("gzip, gzip", packed), ("gzip", gzip.compress(b"{}")), ("br", b"{}"), ("x", b"{}")):
        provider.instead = Response(body, headers={"content-encoding": encoding})
        tracemalloc.start()
        try:
            with pytest.raises(ProviderAwayError, match="Content-Encoding"):
                await fetcher.fetch(url)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < FILLING / 8, encoding
    provider.instead = Response(b"{}", headers={"content-encoding": "Identity"})
    assert await fetcher.fetch(url) == (200, {})
    assert set(provider.encodings) == {"identity"}, "it is told before"
