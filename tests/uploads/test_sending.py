"""Sending over sockets: whole, in pieces, cut off at any byte, to a server that says no."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from tests.uploads.senders import Sender, noise


def files_of(settings: Settings) -> list[Path]:
    """The files in the folder of uploads."""
    folder = settings.data_dir / "uploads"
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_file_in_one_request(sender: Sender, settings: Settings) -> None:
    data = noise(3_000_000)
    made = await sender.create(len(data), contentType="text/csv", sha256=hashlib.sha256(data).hexdigest())
    assert (made["method"], made["url"]) == ("PUT", f"/uploads/{made['upload']['id']}")
    assert made["upload"]["state"] == "CREATED"
    headers = {header["name"]: header["value"] for header in made["headers"]}
    assert headers["Upload-Offset"] == "0"
    assert files_of(settings) == [], "nothing is stored before the first byte"

    answer = await sender.put(made["url"], data)
    assert answer.status_code == 200, answer.text
    expected = {"state": "COMPLETE", "offset": 3_000_000, "length": 3_000_000}
    assert answer.json() == {**expected, "sha256": hashlib.sha256(data).hexdigest()}
    assert answer.headers["upload-state"] == "COMPLETE"
    (file,) = files_of(settings)
    assert file.read_bytes() == data
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    told = await sender.upload(made["url"])
    assert told["sha256"] == hashlib.sha256(data).hexdigest()
    assert (told["state"], told["bytesReceived"], told["createdBy"]) == ("COMPLETE", 3_000_000, {"name": "Ada"})

    again = await sender.put(made["url"], b"", offset=3_000_000)
    assert (again.status_code, again.json()["state"]) == (200, "COMPLETE"), "whoever lost the answer may ask again"
    assert (await sender.put(made["url"], data)).status_code == 409
    assert (await sender.put(made["url"], b"x", offset=3_000_000)).status_code == 413
    assert file.read_bytes() == data


async def test_a_file_in_pieces(sender: Sender) -> None:
    data = noise(1_500_001)
    url = await sender.created(data)
    for start, end in ((0, 1), (1, 700_000), (700_000, 700_000), (700_000, 1_500_000)):
        answer = await sender.put(url, data[start:end], offset=start)
        assert (answer.status_code, answer.json()["state"]) == (200, "RECEIVING"), answer.text
        assert await sender.offset(url) == end
    answer = await sender.put(url, data[-1:], offset=1_500_000)
    assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("after", [0, 1, 65_535, 65_536, 1_048_576, 1_500_000])
async def test_a_connection_cut_after_any_byte_is_resumed(sender: Sender, after: int) -> None:
    data = noise(2_000_000)
    url = await sender.created(data)
    async with sender.began(url, len(data)) as request:
        await request.wanted()
        await request.send(data[:after])
        assert (await sender.put(url, data)).status_code == 409, "two writers at once"
    offset = await _free(sender, url)
    assert offset <= after
    assert (await sender.upload(url))["state"] in ({"CREATED", "RECEIVING"} if offset == 0 else {"RECEIVING"})
    answer = await sender.put(url, data[offset:], offset=offset)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()


async def test_what_arrived_before_the_cut_is_kept(sender: Sender) -> None:
    """All of it, once the server has read it: a second writer hears of it only then."""
    data = noise(3_000_000)
    url = await sender.created(data)
    async with sender.began(url, len(data)) as request:
        await request.wanted()
        await request.send(data[:1_234_567])
        await request.close()
    assert await _free(sender, url) > 1_100_000
    offset = await sender.offset(url)
    answer = await sender.put(url, data[offset:], offset=offset)
    assert answer.json()["state"] == "COMPLETE"


async def _free(sender: Sender, url: str) -> int:
    """The offset, once the other request is over."""
    async with asyncio.timeout(30):
        while True:
            answer = await sender.put(url, b"", offset=999_999_999)
            assert answer.status_code == 409
            if "upload-offset" in answer.headers:
                return int(answer.headers["upload-offset"])
            await asyncio.sleep(0.01)


async def test_the_wrong_offset_tells_the_right_one(sender: Sender) -> None:
    data = noise(1_000)
    url = await sender.created(data)
    await sender.put(url, data[:400])
    for offset in (0, 399, 401, 1_000, 5_000):
        answer = await sender.put(url, data[offset:], offset=offset)
        assert (answer.status_code, answer.headers["upload-offset"]) == (409, "400")
        assert answer.json()["errors"][0]["extensions"]["code"] == "CONFLICT"
    assert (await sender.put(url, data[400:], offset=400)).json()["state"] == "COMPLETE"


async def test_more_than_was_announced(sender: Sender) -> None:
    data = noise(1_000)
    url = await sender.created(data)
    answer = await sender.put(url, data + b"x")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (413, "PAYLOAD_TOO_LARGE")

    async def unannounced() -> AsyncIterator[bytes]:
        yield data[:900]
        yield data[900:] + b"x"

    assert (await sender.put(url, unannounced())).status_code == 413
    offset = await sender.offset(url)
    assert offset in {0, 900}, "the chunk that is too much is not stored, and chunks may arrive together"
    assert (await sender.put(url, data[offset:], offset=offset)).json()["state"] == "COMPLETE"


async def test_the_wrong_bytes_fail_for_ever(sender: Sender, settings: Settings) -> None:
    data = noise(5_000)
    url = await sender.created(data)
    await sender.put(url, data[:100])
    answer = await sender.put(url, noise(4_900, seed=2), offset=100)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (422, "BAD_USER_INPUT")
    told = await sender.upload(url)
    assert (told["state"], told["bytesReceived"]) == ("FAILED", 0)
    assert "SHA-256" in told["failure"]
    assert files_of(settings) == []
    assert (await sender.put(url, data)).status_code == 409
    assert (await sender.head(url)).headers["upload-state"] == "FAILED"


async def test_requests_that_make_no_sense(sender: Sender) -> None:
    data = noise(10)
    url = await sender.created(data)
    assert (await sender.put(url, data, offset=None)).status_code == 400, "a form cannot send the header"
    for offset in ("-1", "+1", "1.0", "", "0x1", b"\xb2", "1" * 16, "0, 0"):
        answer = await sender.put(url, data, None, **{"upload-offset": offset})
        assert answer.status_code == 400, offset
    odd: list[tuple[dict[str, Any], int]] = [
        ({"content-range": "bytes 0-9/10"}, 400),
        ({"content-encoding": "gzip"}, 415),
        ({"x-much": "y" * 20_000}, 431),
    ]
    for headers, status in odd:
        assert (await sender.put(url, data, **headers)).status_code == status
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = await sender.client.request(method, url)
        assert (answer.status_code, answer.headers["allow"]) == (405, "HEAD, OPTIONS, PUT")
    assert (await sender.client.options(url)).status_code == 204
    assert await sender.offset(url) == 0


async def test_the_limit_of_the_graph_is_not_that_of_uploads(sender: Sender, settings: Settings) -> None:
    data = noise(settings.body_bytes + 1)
    url = await sender.created(data)
    assert (await sender.put(url, data)).json()["state"] == "COMPLETE"


async def test_a_refused_body_does_not_take_the_answer_away(sender: Sender, live_server: str) -> None:
    """The caller is still sending megabytes when the answer comes."""
    url = await sender.created(b"x")
    body = noise(30_000_000)
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        answer = await client.put(url, content=body, headers={"upload-offset": "0", "x-api-key": "sky_none"})
    assert answer.status_code == 401
    assert (await sender.put(url, body)).status_code == 413
