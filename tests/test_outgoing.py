"""Where requests of tenants may go: never inside, whatever a name resolves to, and whenever."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from app import outgoing
from app.outgoing import SETTING, OutgoingError, OutgoingGuard, checked_url, guarded_client, is_public
from tests.certificates import own_certificate

INSIDE = [
    "0.0.0.0",  # noqa: S104
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "::ffff:10.0.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:0:a00:1::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "93.184.216.34",
        "2606:4700::1111",
        "2606:2800:220:1:248:1893:25c8:1946",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_what_is_outside_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.com",
        "https://",
        "//example.com",
        "https://user:password@example.com/",
        "https://example.com/#here",
        "https://example.com/ x",
        "https://example.com/" + "x" * 2_048,
        "https://example.com:99999/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_url_to_call(url: str) -> None:
    with pytest.raises(OutgoingError):
        checked_url(url)


# Every way in which the system's resolver reads a number as an address.
@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "[::1]"])
async def test_ways_to_write_loopback(host: str) -> None:
    with pytest.raises(OutgoingError, match=r"no public address|no URL"):
        await OutgoingGuard().check(f"https://{host}/")


async def test_one_closed_address_among_open_ones_is_enough() -> None:
    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.216.34", "10.0.0.1"]

    with pytest.raises(OutgoingError, match="no public address"):
        await OutgoingGuard(find=find).check("https://example.com/")


async def test_an_absent_name_and_a_closed_one_are_told_alike() -> None:
    """To the tenant; the operator's log alone has the address, and which setting opens it."""
    told = set()
    with capture_logs() as logged:
        for addresses in ([], ["10.0.0.1"]):

            async def find(_host: str, _port: int, found: Sequence[str] = addresses) -> Sequence[str]:
                return found

            with pytest.raises(OutgoingError) as refused:
                await OutgoingGuard(find=find).check("https://db.internal/")
            told.add(str(refused.value))
    assert told == {
        f"The host db.internal has no public address. Private networks are opened by the operator: {SETTING}."
    }
    (line,) = logged
    assert (line["event"], line["addresses"], line["setting"]) == ("outgoing_address_closed", ["10.0.0.1"], SETTING)


async def test_plain_http_is_for_opened_networks_alone() -> None:
    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.216.34"]

    with pytest.raises(OutgoingError, match="https"):
        await OutgoingGuard(["127.0.0.0/8"], find=find).check("http://example.com/")
    assert await OutgoingGuard(["127.0.0.0/8"]).check("http://127.0.0.1:8080/hook")


@asynccontextmanager
async def inside(context: ssl.SSLContext | None = None) -> AsyncIterator[tuple[int, list[bytes]]]:
    """A server on loopback, with TLS where it has a certificate; its port and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], asked


async def test_a_name_that_changes_its_mind_leads_nowhere() -> None:
    """It is public when it is checked, and loopback when the request comes."""
    answers = [["93.184.216.34"], ["127.0.0.1"]]

    async def find(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async with inside() as (port, asked):
        guard = OutgoingGuard(find=find)
        await guard.check(f"https://rebinding.example:{port}/")
        async with guarded_client(guard, seconds=5) as client:
            with pytest.raises(OutgoingError, match="no public address"):
                await client.post(f"https://rebinding.example:{port}/", content=b"{}")
        assert asked == []


async def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """Resolved once: a second look, such as the connection's own, would find nothing here."""
    looked: list[str] = []

    async def find(host: str, _port: int) -> Sequence[str]:
        looked.append(host)
        return ["127.0.0.1"]

    async with inside() as (port, asked):
        async with guarded_client(OutgoingGuard(["127.0.0.0/8"], find=find), seconds=5) as client:
            answer = await client.post(f"http://nowhere.invalid:{port}/hook", content=b"{}")
        assert answer.text == "ok"
    assert looked == ["nowhere.invalid"]
    assert asked[0].startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"host: nowhere.invalid:%d\r\n" % port in asked[0].lower()


async def test_the_next_address_is_tried_where_one_does_not_answer() -> None:
    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.2", "127.0.0.1"]

    async with inside() as (port, asked):
        async with guarded_client(OutgoingGuard(["127.0.0.0/8"], find=find), seconds=5) as client:
            assert (await client.post(f"http://two.example:{port}/", content=b"{}")).status_code == 200
        assert len(asked) == 1


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with inside() as (port, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{port}")
        async with guarded_client(OutgoingGuard(["127.0.0.0/8"]), seconds=5) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("https://127.0.0.1:1/")
        assert asked == []


async def test_a_certificate_has_to_be_of_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not of the address, which anybody's name may lead to; and by authorities that the operator may choose."""

    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    async with inside(own_certificate(tmp_path, "hooks.corp")) as (port, asked):
        async with guarded_client(OutgoingGuard(["127.0.0.0/8"], find=find), seconds=5) as client:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
                await client.get(f"https://hooks.corp:{port}/")
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
            outgoing._authorities.cache_clear()
            try:
                assert (await client.get(f"https://hooks.corp:{port}/")).status_code == 200
                with pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
                    await client.get(f"https://other.corp:{port}/")
            finally:
                outgoing._authorities.cache_clear()
        assert len(asked) == 1
