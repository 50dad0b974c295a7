"""What ends a request besides its last byte: silence, a revoked sign-in, a deletion, too many others."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.config import Settings
from tests.providers.moto import far_client
from tests.uploads.senders import Sender, noise

BUCKET = "uploads-of-the-tests"
LOG_OUT = "mutation ($input: LogOutInput!) { logOut(input: $input) { __typename } }"


async def paced(data: bytes, step: int, pause: float) -> AsyncIterator[bytes]:
    """A body in steps."""
    for start in range(0, len(data), step):
        yield data[start : start + step]
        await asyncio.sleep(pause)


async def test_a_sign_in_that_ends_ends_the_request(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.uploads.reception.LOOK_SECONDS", 0.05)
    data = noise(3_000_000)
    url = await sender.created(data)
    async with sender.began(url, len(data)) as request:
        await request.wanted()
        await request.send(data[:1_000])
        ended = await sender.graphql.data(LOG_OUT, {"input": {}}, token=sender.person.token)
        assert ended["logOut"]["__typename"] == "LogOutPayload", ended
        await asyncio.sleep(0.1)
        await request.send(data[1_000:2_000])
        assert await request.status() == 401


async def test_an_upload_deleted_meanwhile(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.uploads.reception.CHECKPOINT_BYTES", 1)
    data = noise(4_000_000)
    url = await sender.created(data)
    async with sender.began(url, len(data)) as request:
        await request.wanted()
        await request.send(data[:1_500_000])
        assert (await sender.delete(url))["__typename"] == "DeleteUploadPayload"
        await request.send(data[1_500_000:])
        assert await request.status() == 404
        assert (await sender.head(url)).status_code == 404


class TestSilence:
    """A pause within the body that is too long."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"upload_read_seconds": 0.4})

    async def test_it_ends_the_request_and_keeps_what_arrived(self, sender: Sender) -> None:
        data = noise(1_000)
        url = await sender.created(data)
        async with sender.began(url, len(data)) as request:
            await request.wanted()
            await request.send(data[:600])
            assert await request.status() == 408
            assert await sender.offset(url) == 600
            assert (await sender.put(url, data[600:], 600)).json()["state"] == "COMPLETE"

    async def test_a_slow_body_has_all_the_time_it_wants(self, sender: Sender) -> None:
        data = noise(1_000)
        url = await sender.created(data)
        answer = await sender.put(url, paced(data, 100, 0.1))
        assert answer.json()["state"] == "COMPLETE"

    async def test_a_trickle_does_not_keep_its_place(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.server.uploads.SLOW_PAUSES", 1)
        data = noise(1_000)
        url = await sender.created(data)
        async with sender.began(url, len(data)) as request:
            await request.wanted()
            for start in range(0, 900, 100):
                await request.send(data[start : start + 100])
                await asyncio.sleep(0.1)
            assert await request.status() == 408
        offset = await sender.offset(url)
        assert 300 <= offset <= 900
        assert (await sender.put(url, data[offset:], offset)).json()["state"] == "COMPLETE"


class TestCrowd:
    """As many requests as may write."""

    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"upload_requests": 2})

    async def test_one_organization_leaves_room_for_others(self, sender: Sender, stranger: Sender) -> None:
        data = noise(1_000)
        urls = [await sender.created(data) for _ in range(2)]
        theirs = [await stranger.created(data) for _ in range(2)]
        async with sender.began(urls[0], len(data)) as first:
            await first.wanted()
            refused = await sender.put(urls[1], data)
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")
            async with stranger.began(theirs[0], len(data)) as second:
                await second.wanted()
                assert (await stranger.put(theirs[1], data)).status_code == 503
                for request in (first, second):
                    await request.send(data)
                    assert await request.status() == 200
                assert (await sender.put(urls[1], data)).status_code == 200


class TestBucket:
    """All the way into a bucket."""

    @pytest.fixture
    def settings(self, settings: Settings, moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Settings:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
        far_client(moto_url, "s3", "us-east-1").create_bucket(Bucket=BUCKET)
        named: dict[str, Any] = {"upload_bucket": BUCKET, "upload_endpoint": moto_url}
        return settings.model_copy(update=named)

    async def test_cut_off_resumed_and_deleted(self, sender: Sender, moto_url: str) -> None:
        data = noise(20_000_000)
        url = await sender.created(data)
        async with sender.began(url, len(data)) as request:
            await request.wanted()
            await request.send(data[:12_345_678])
            refused = await sender.put(url, data)
            assert (refused.status_code, refused.headers["retry-after"]) == (409, "5"), "the row holds a lease"
            await request.close()
            while "upload-offset" not in (answer := await sender.put(url, b"", 19_999_999)).headers:
                assert answer.status_code == 409
                await asyncio.sleep(0.02)
            offset = int(answer.headers["upload-offset"])
            assert 12_000_000 < offset <= 12_345_678
            assert await sender.offset(url) == offset
            answer = await sender.put(url, data[offset:], offset)
            assert answer.json()["sha256"] == hashlib.sha256(data).hexdigest()
            s3 = far_client(moto_url, "s3", "us-east-1")
            (stored,) = s3.list_objects_v2(Bucket=BUCKET)["Contents"]
            assert stored["Size"] == len(data)
            assert (await sender.upload(url))["storage"] == "S3"
            await sender.delete(url)
            assert "Contents" not in s3.list_objects_v2(Bucket=BUCKET)

    async def test_a_killed_writer_keeps_others_away_for_a_while(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its lease runs out by itself."""
        monkeypatch.setattr("app.uploads.lease.LEASE_SECONDS", 0.3)
        monkeypatch.setattr("app.uploads.lease.RENEW_SECONDS", 60.0)
        data = noise(1_000)
        url = await sender.created(data)
        async with sender.began(url, len(data)) as request:
            await request.wanted()
            await asyncio.sleep(0.4)
            assert (await sender.put(url, data)).json()["state"] == "COMPLETE"
            await request.send(data)
            assert await request.status() in {404, 409, 503}
            assert (await sender.upload(url))["state"] == "COMPLETE"

    async def test_a_bucket_that_is_away(self, sender: Sender, moto_url: str) -> None:
        data = noise(1_000)
        url = await sender.created(data)
        far_client(moto_url, "s3", "us-east-1").delete_bucket(Bucket=BUCKET)
        answer = await sender.put(url, data)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert BUCKET not in answer.text
        assert moto_url not in answer.text
        assert (await sender.delete(url))["__typename"] == "DeleteUploadPayload"


async def test_an_answer_that_nobody_waits_for(sender: Sender, live_server: str) -> None:
    """All bytes were sent and the connection closed: the upload is complete all the same."""
    data = noise(500_000)
    url = await sender.created(data)
    async with sender.began(url, len(data)) as request:
        await request.wanted()
        await request.send(data)
        request.writer.write_eof()
        async with httpx.AsyncClient(base_url=live_server) as client:
            again = Sender(client, sender.person)
            while (await again.head(url)).headers["upload-state"] != "COMPLETE":  # noqa: ASYNC110  (nobody is told)
                await asyncio.sleep(0.02)
        await request.close()
