"""A folder and a bucket keep the same promises: what is written, parked, killed, resumed, sealed, opened and swept."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.errors import ConflictError
from app.models import new_id
from app.providers.calls import ProviderPool
from app.providers.registry import object_store
from app.records.uploads import Refused, UploadRefusedError
from app.uploads.bucket_writer import PART_BYTES, part_bytes
from app.uploads.buckets import BucketStorage
from app.uploads.local import READING, LocalStorage
from app.uploads.storage import Place, Storage
from app.uploads.threads import DiskThreads
from tests.providers.moto import far_client
from tests.uploads.senders import noise

BUCKET = "uploads-of-the-tests"
SIZE = 2 * PART_BYTES + 1_234_567  # two parts and a bit, in a bucket
KINDS = ("folder", "bucket")


@dataclass
class Shelf:
    """A storage, as each of several processes would have one, and what the row of an upload says."""

    storage: Storage
    another: Storage
    folder: Path
    s3: Any = None

    async def place(self, size: int = SIZE, organization_id: UUID | None = None) -> Place:
        place = Place(organization_id or new_id(), new_id(), size)
        return await self.begun(place)

    async def begun(self, place: Place) -> Place:
        return replace(place, multipart_id=await self.storage.begin(place) or place.multipart_id)

    def names(self) -> set[str]:
        """All files or objects, and unfinished objects."""
        if self.s3 is None:
            return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        objects = self.s3.list_objects_v2(Bucket=BUCKET).get("Contents") or ()
        unfinished = self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads") or ()
        return {entry["Key"] for entry in (*objects, *unfinished)}


@pytest.fixture(params=KINDS)
async def shelf(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Shelf]:
    """A shelf of each kind."""
    threads, pool = DiskThreads(), ProviderPool(8)
    local, other = (LocalStorage(tmp_path / "uploads", threads, keep_free=0) for _ in range(2))
    if request.param == "folder":
        yield Shelf(local, other, tmp_path / "uploads")
    else:
        url = request.getfixturevalue("moto_url")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "own")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "own")
        s3 = far_client(url, "s3", "us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        connect = partial(object_store, BUCKET, endpoint=url)
        buckets = [BucketStorage(connect, "in/", pool, place, threads) for place in (local, other)]
        yield Shelf(buckets[0], buckets[1], tmp_path / "uploads", s3)
        s3.close()
    pool.close()
    threads.close()


def reread(place: Place) -> Any:
    async def read() -> Place:
        return place

    return read


async def write(storage: Storage, place: Place, data: bytes, block: int = 1_000_003) -> tuple[int, bytes | None]:
    """One request's worth: from where the storage says, to the end of `data`; parked, or sealed at the end."""
    async with storage.writer(place, reread(place)) as writer:
        for start in range(writer.offset, len(data), block):
            await writer.write(data[start : start + block])
        if len(data) == place.length:
            return writer.offset, await writer.seal()
        await writer.park()
        return writer.offset, None


async def contents(storage: Storage, place: Place, sha256: bytes) -> bytes:
    async with storage.open(place, sha256) as path:
        return path.read_bytes()


async def test_in_one_go(shelf: Shelf) -> None:
    data, place = noise(SIZE), await shelf.place()
    assert await shelf.storage.measure(place) == 0
    _, sha256 = await write(shelf.storage, place, data)
    assert sha256 == hashlib.sha256(data).digest()
    assert await contents(shelf.another, place, sha256) == data
    assert await shelf.storage.measure(replace(place, confirmed=SIZE)) == SIZE
    assert shelf.names() == {f"{'' if shelf.s3 is None else 'in/'}{place.organization_id}/{place.upload_id}"}


async def test_parked_anywhere_and_resumed_by_another_process(shelf: Shelf) -> None:
    data, place = noise(SIZE), await shelf.place()
    at = 0
    for stop in (1, 2, PART_BYTES - 1, PART_BYTES, PART_BYTES + 5_000_000, 2 * PART_BYTES + 1, SIZE - 1):
        storage = shelf.another if at % 2 else shelf.storage
        place = await shelf.begun(place)
        begun, _ = await write(storage, place, data[:stop])
        assert begun == at, "it goes on where the other stopped"
        place, at = replace(place, confirmed=stop), stop
        assert await storage.measure(place) == stop
    begun, sha256 = await write(shelf.another, place, data)
    assert (begun, sha256) == (SIZE - 1, hashlib.sha256(data).digest())
    assert await contents(shelf.storage, place, hashlib.sha256(data).digest()) == data


async def test_killed_between_checkpoints(shelf: Shelf) -> None:
    """What nobody vouches for is sent again, and is the newer: none of the older bytes is left."""
    data, old = noise(SIZE), noise(SIZE, seed=2)
    place = await shelf.place()
    async with shelf.storage.writer(place, reread(place)) as writer:
        await writer.write(data[: PART_BYTES + 1_000])
        certain = await writer.checkpoint()
        await writer.write(old[certain : certain + 2_000_000])
    place = replace(place, confirmed=certain)
    assert await shelf.another.measure(place) == certain
    begun, sha256 = await write(shelf.another, place, data)
    assert (begun, sha256) == (certain, hashlib.sha256(data).digest())


async def test_a_counter_that_claims_too_much_is_not_believed(shelf: Shelf) -> None:
    data, place = noise(SIZE), await shelf.place()
    await write(shelf.storage, place, data[:1_000])
    place = replace(place, confirmed=1_000_000)
    assert await shelf.storage.measure(place) == 1_000
    begun, sha256 = await write(shelf.storage, place, data)
    assert (begun, sha256) == (1_000, hashlib.sha256(data).digest())


async def test_all_bytes_there_but_not_sealed(shelf: Shelf) -> None:
    """Killed after the last byte, or after the seal and before the row said so: the next request ends it."""
    data, place = noise(SIZE), await shelf.place()
    async with shelf.storage.writer(place, reread(place)) as writer:
        await writer.write(data)
        await writer.park()
    place = replace(place, confirmed=SIZE)
    for _ in range(2):
        place = await shelf.begun(place)
        begun, sha256 = await write(shelf.another, place, data)
        assert (begun, sha256) == (SIZE, hashlib.sha256(data).digest())


async def test_forgetting_leaves_nothing_and_hurts_nobody_else(shelf: Shelf) -> None:
    data, ours = noise(SIZE), new_id()
    begun, whole, foreign = [await shelf.place(organization_id=owner) for owner in (ours, ours, new_id())]
    await write(shelf.storage, begun, data[: PART_BYTES + 10])
    for place in (whole, foreign):
        await write(shelf.storage, place, data)
    assert len(shelf.names()) >= 3
    await shelf.storage.forget(begun)
    await shelf.storage.forget(begun)
    assert not [name for name in shelf.names() if str(begun.upload_id) in name]
    await write(shelf.storage, await shelf.place(organization_id=ours), data[:100])
    await shelf.storage.forget_organization(ours)
    await shelf.storage.forget_organization(ours)
    assert {name.removeprefix("in/") for name in shelf.names()} == {f"{foreign.organization_id}/{foreign.upload_id}"}


async def test_sweeping_takes_old_bytes_without_an_upload_alone(shelf: Shelf) -> None:
    data = noise(SIZE)
    kept, lost, parked = [await shelf.place() for _ in range(3)]
    for place in (kept, lost):
        await write(shelf.storage, place, data)
    await write(shelf.storage, parked, data[:100])
    alien = "in/readme" if shelf.s3 is not None else "readme"
    if shelf.s3 is None:
        (shelf.folder / alien).write_text("not ours")
    else:
        shelf.s3.put_object(Bucket=BUCKET, Key=alien, Body=b"not ours")
    before = shelf.names()

    async def known(_organization: UUID, uploads: Collection[UUID]) -> set[UUID]:
        return set(uploads) & {kept.upload_id, parked.upload_id}

    assert await shelf.storage.sweep(known, datetime.now(UTC) - timedelta(hours=1)) == 0
    assert shelf.names() == before
    begun = await shelf.place()  # not before, because moto says of every unfinished object that it began in 2010
    await write(shelf.storage, begun, data[:100])
    assert await shelf.storage.sweep(known, datetime.now(UTC) + timedelta(minutes=1)) == 2
    gone = {str(place.upload_id) for place in (lost, begun)}
    assert shelf.names() == {name for name in before if not any(id_ in name for id_ in gone)}
    assert alien in shelf.names()


async def test_a_reader_is_not_disturbed(shelf: Shelf) -> None:
    data, place = noise(SIZE), await shelf.place()
    _, sha256 = await write(shelf.storage, place, data)
    assert sha256 is not None
    async with shelf.storage.open(place, sha256) as path:
        assert path.parent.name == READING
        assert path.stat().st_mode & 0o777 == 0o600
        await shelf.another.forget(place)

        async def nothing(_organization: UUID, _uploads: Collection[UUID]) -> set[UUID]:
            return set()

        await shelf.another.sweep(nothing, datetime.now(UTC) + timedelta(minutes=1))
        assert path.read_bytes() == data
    assert not path.exists()
    with pytest.raises(ConflictError, match="no longer in the storage"):
        await contents(shelf.storage, place, sha256)


async def test_what_a_killed_reader_left_is_swept(tmp_path: Path) -> None:
    left = tmp_path / "uploads" / READING / str(new_id())
    left.parent.mkdir(parents=True)
    left.write_bytes(b"left")

    async def nothing(_organization: UUID, _uploads: Collection[UUID]) -> set[UUID]:
        return set()

    local = LocalStorage(tmp_path / "uploads", DiskThreads(1), keep_free=0)
    await local.sweep(nothing, datetime.now(UTC) - timedelta(hours=1))
    assert left.exists()
    await local.sweep(nothing, datetime.now(UTC) + timedelta(minutes=1))
    assert not left.exists()


@pytest.mark.parametrize("shelf", ["folder"], indirect=True)
async def test_a_folder_has_one_writer_of_an_upload(shelf: Shelf) -> None:
    place = await shelf.place()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(shelf.storage.writer(place, reread(place)))
        for storage in (shelf.storage, shelf.another):
            with pytest.raises(UploadRefusedError) as refused:
                await write(storage, place, b"x")
            assert refused.value.reason is Refused.BUSY
    await write(shelf.another, place, b"x")


@pytest.mark.parametrize("shelf", ["folder"], indirect=True)
async def test_a_folder_without_room(shelf: Shelf) -> None:
    assert await shelf.storage.has_room(1)
    assert not await shelf.storage.has_room(2**60)


@pytest.mark.parametrize("shelf", ["folder"], indirect=True)
async def test_a_link_in_the_place_of_the_file_is_not_followed(shelf: Shelf, tmp_path: Path) -> None:
    place = await shelf.place()
    victim = tmp_path / "victim"
    victim.write_bytes(b"unharmed")
    path = shelf.folder / str(place.organization_id) / str(place.upload_id)
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    with pytest.raises(UploadRefusedError) as refused:
        await write(shelf.storage, place, b"x")
    assert refused.value.reason is Refused.STORAGE_AWAY
    assert str(tmp_path) not in refused.value.message
    assert victim.read_bytes() == b"unharmed"


@pytest.mark.parametrize("shelf", ["bucket"], indirect=True)
async def test_parts_of_two_writers_are_never_put_together(shelf: Shelf) -> None:
    """The lease of the first ran out while its machine stood still; the bucket notices, and the next one goes on."""
    data, other = noise(SIZE), noise(SIZE, seed=2)
    place = await shelf.place()
    async with shelf.storage.writer(place, reread(place)) as slow, shelf.another.writer(place, reread(place)) as fast:
        await fast.write(data[:PART_BYTES])
        await fast.write(data[PART_BYTES:])
        await slow.write(other[:PART_BYTES])
        with pytest.raises(UploadRefusedError) as refused:
            await fast.seal()
    assert refused.value.reason is Refused.BUSY
    assert await shelf.storage.measure(place) == SIZE


@pytest.mark.parametrize("shelf", ["bucket"], indirect=True)
async def test_bytes_changed_in_the_bucket_are_found_out(shelf: Shelf) -> None:
    data, place = noise(1_000), await shelf.place(1_000)
    _, sha256 = await write(shelf.storage, place, data)
    assert sha256 is not None
    shelf.s3.put_object(Bucket=BUCKET, Key=f"in/{place.organization_id}/{place.upload_id}", Body=data[:-1] + b"x")
    with pytest.raises(ConflictError, match="no longer those"):
        await contents(shelf.storage, place, sha256)
    assert not [path for path in shelf.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("shelf", ["bucket"], indirect=True)
async def test_a_bucket_that_is_not_there(shelf: Shelf) -> None:
    place = await shelf.place()
    shelf.s3.abort_multipart_upload(
        Bucket=BUCKET, Key=f"in/{place.organization_id}/{place.upload_id}", UploadId=place.multipart_id
    )
    again = await shelf.begun(place)
    assert again.multipart_id != place.multipart_id, "parts that a rule of the bucket took away are begun anew"
    shelf.s3.abort_multipart_upload(
        Bucket=BUCKET, Key=f"in/{place.organization_id}/{place.upload_id}", UploadId=again.multipart_id
    )
    shelf.s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(UploadRefusedError) as refused:
        await shelf.storage.begin(replace(place, multipart_id=None))
    assert refused.value.reason is Refused.STORAGE_AWAY
    assert BUCKET not in refused.value.message


def test_the_largest_upload_fits_into_the_parts_that_there_may_be() -> None:
    assert part_bytes(1) == PART_BYTES
    for length in (53_687_091_200, 549_755_813_888):
        assert length / part_bytes(length) <= 9_000
    assert part_bytes(549_755_813_888) <= 64 * 1_048_576


async def test_a_cancelled_writer_leaves_the_lock_and_no_thread(tmp_path: Path) -> None:
    local = LocalStorage(tmp_path, DiskThreads(), keep_free=0)
    data = noise(3_000_000)
    place = Place(new_id(), new_id(), len(data))
    inside = asyncio.Event()

    async def sit() -> None:
        async with local.writer(place, reread(place)) as writer:
            await writer.write(data)
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(sit())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await write(local, place, data))[1] == hashlib.sha256(data).digest()
