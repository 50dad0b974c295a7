"""Requests to addresses that customers choose: which may be called, and what an answer may be."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import httpx
import pytest

from app.auth.openid.fetch import MOST_BYTES, Fetcher, GuardedTransport, OpenIdError, ProviderAwayError, is_public
from tests.openid_provider import OpenIdProvider, openid_provider

PRIVATE = (
    "10.0.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1", "192.168.1.1", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104
    "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1",
    "2002:a00:1::1", "2001:0:a00:1::1",
)  # fmt: skip


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    found = Fetcher((), plain=True)
    yield found
    await found.close()


def test_private_addresses_are_told_from_public_ones() -> None:
    assert [each for each in PRIVATE if is_public(ip_address(each))] == []
    assert all(is_public(ip_address(each)) for each in ("93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"))


@pytest.mark.parametrize("address", PRIVATE)
async def test_a_name_that_leads_inside_is_refused(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """Also when only one of its addresses does: whoever serves the name chooses which comes first."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    def look_up(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443)), (family, 1, 6, "", (address, 443))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(OpenIdError, match="not a public one"):
        await fetcher.fetch("https://provider.example/")


async def test_the_address_that_was_looked_up_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that becomes another address a moment later leads nowhere else."""
    sent: list[httpx.Request] = []

    async def keep(_: Any, request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, json={})

    transport = GuardedTransport((), plain=False)
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", keep)
    found = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    await transport.handle_async_request(httpx.Request("GET", "https://provider.example/keys"))
    await transport.aclose()
    (request,) = sent
    assert (request.url.host, request.headers["host"]) == ("93.184.216.34", "provider.example")
    assert request.extensions["sni_hostname"] == "provider.example"


def test_plain_http_is_for_listed_hosts_in_development() -> None:
    for plain, hosts, url, allowed in (
        (True, ("sso.corp",), "http://sso.corp/", True),
        (True, ("sso.corp:8080",), "http://sso.corp/", False),
        (True, ("sso.corp:8080",), "http://SSO.corp:8080/", True),
        (True, (), "http://sso.corp/", False),
        (False, ("sso.corp",), "http://sso.corp/", False),
        (False, ("sso.corp",), "https://sso.corp/", True),
        (False, ("sso.corp",), "https://user@sso.corp/", False),
        (False, ("sso.corp",), "ftp://sso.corp/", False),
    ):
        fetcher = Fetcher(hosts, plain=plain)
        if allowed:
            fetcher.check(url)
        else:
            with pytest.raises(OpenIdError):
                fetcher.check(url)


@pytest.fixture
def provider() -> Any:
    with openid_provider() as found:
        yield found


async def test_answers_that_are_none(provider: OpenIdProvider) -> None:
    fetcher = Fetcher((provider.host,), plain=True)
    provider.discovery = {"filling": "x" * MOST_BYTES}
    with pytest.raises(ProviderAwayError, match="more than"):
        await fetcher.fetch(f"{provider.issuer}/.well-known/openid-configuration")
    with pytest.raises(ProviderAwayError, match="without a JSON object"):
        await fetcher.fetch(f"{provider.issuer}/absent")
    with pytest.raises(ProviderAwayError, match="without a JSON object"):
        await fetcher.fetch(f"{provider.issuer}/authorize?redirect_uri=http://127.0.0.1/&state=s")  # a redirect
    await fetcher.close()
    away = Fetcher(("127.0.0.1:1",), plain=True)
    with pytest.raises(ProviderAwayError, match="cannot be reached"):
        await away.fetch("http://127.0.0.1:1/")
    await away.close()
