"""Opening uploads for importers, and what the clock takes away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from app.config import Settings
from app.context import Runtime
from app.database import Database
from app.errors import ConflictError, NotFoundError, UnavailableError
from app.schema.node import parse_id
from app.uploads.open import open_upload
from app.uploads.purge import purge_expired_uploads
from app.uploads.storage import UploadStores
from app.uploads.stores import make_stores
from app.workers.jobs import purge_organization
from tests.clients import GraphQL, register
from tests.uploads.senders import Sender, noise


@pytest.fixture
async def ada(graphql: GraphQL) -> Sender:
    """Ada, who owns an organization."""
    return Sender(graphql.client, await register(graphql))


@pytest.fixture
async def bob(graphql: GraphQL) -> Sender:
    """Bob, who owns another one."""
    return Sender(graphql.client, await register(graphql, "Bob"))


def files_of(settings: Settings) -> set[str]:
    """The names of all files in the folder of uploads."""
    return {path.name for path in (settings.data_dir / "uploads").rglob("*") if path.is_file()}


def keys_of(url: str) -> tuple[UUID, UUID]:
    """The organization and the upload of an address."""
    key = parse_id(url.rpartition("/")[2], "Upload")
    assert key.organization_id is not None
    return key.organization_id, key.id


async def read(runtime: Runtime, organization_id: UUID, upload_id: UUID) -> bytes:
    """The bytes, as an importer reads them."""
    async with open_upload(runtime.database, runtime.uploads, organization_id, upload_id) as path:
        return path.read_bytes()


async def sent(sender: Sender, data: bytes) -> str:
    """The address of a complete upload."""
    url = await sender.created(data)
    assert (await sender.put(url, data)).json()["state"] == "COMPLETE"
    return url


async def test_a_complete_upload_is_a_file(ada: Sender, runtime: Runtime) -> None:
    data = noise(100_000)
    url = await sent(ada, data)
    assert await read(runtime, *keys_of(url)) == data
    async with open_upload(runtime.database, runtime.uploads, *keys_of(url)) as path:
        await ada.delete(url)
        assert path.read_bytes() == data
    assert not path.exists()


async def test_what_cannot_be_opened(ada: Sender, bob: Sender, runtime: Runtime, owner: Database) -> None:
    data = noise(1_000)
    url = await ada.created(data)
    organization_id, upload_id = keys_of(url)
    with pytest.raises(ConflictError, match=r"not complete: 0 of 1,000 bytes"):
        await read(runtime, organization_id, upload_id)
    await ada.put(url, data[:400])
    with pytest.raises(ConflictError, match=r"400 of 1,000 bytes"):
        await read(runtime, organization_id, upload_id)
    await ada.put(url, data[400:], 400)
    for strange in ((parse_id(bob.person.organization_id).id, upload_id), (organization_id, organization_id)):
        with pytest.raises(NotFoundError, match="no such upload"):
            await read(runtime, *strange)
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE uploads SET storage = 'S3'"))
    with pytest.raises(UnavailableError, match="bucket"):
        await read(runtime, organization_id, upload_id)
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE uploads SET storage = 'LOCAL', expires_at = now()"))
    with pytest.raises(ConflictError, match="time is over"):
        await read(runtime, organization_id, upload_id)
    wrong = await ada.created(data)
    await ada.put(wrong, noise(1_000, seed=2))
    with pytest.raises(ConflictError, match="SHA-256"):
        await read(runtime, *keys_of(wrong))


async def test_bytes_that_are_gone_or_cut_off(ada: Sender, runtime: Runtime, settings: Settings) -> None:
    data = noise(1_000)
    url = await sent(ada, data)
    path = settings.data_dir / "uploads" / str(keys_of(url)[0]) / str(keys_of(url)[1])
    path.write_bytes(data[:-1])
    with pytest.raises(ConflictError, match="no longer in the storage"):
        await read(runtime, *keys_of(url))
    path.unlink()
    with pytest.raises(ConflictError, match="no longer in the storage"):
        await read(runtime, *keys_of(url))


async def test_the_clock_takes_what_is_over(
    ada: Sender, bob: Sender, runtime: Runtime, settings: Settings, owner: Database
) -> None:
    data = noise(1_000)
    complete, begun, living = await sent(ada, data), await ada.created(data), await sent(bob, data)
    await ada.put(begun, data[:100])
    stray = settings.data_dir / "uploads" / str(keys_of(living)[0]) / str(keys_of(complete)[0])
    stray.write_bytes(b"of no upload")
    await ada.create(1)
    nothing = await purge_expired_uploads(runtime.database, runtime.uploads)
    assert (nothing.expired, nothing.forgotten, nothing.stray) == (0, 0, 0)
    assert stray.exists(), "it is too young to be certain"

    owners = {"organization": keys_of(complete)[0]}
    async with owner.engine.begin() as connection:
        statement = "UPDATE uploads SET expires_at = now() - interval '1 second' WHERE organization_id = :organization"
        await connection.execute(text(statement), owners)
    purged = await purge_expired_uploads(runtime.database, runtime.uploads, grace=timedelta(minutes=-1))
    assert (purged.expired, purged.forgotten, purged.stray) == (3, 0, 1)
    assert files_of(settings) == {str(keys_of(living)[1])}
    assert (await ada.head(complete)).status_code == 410
    again = await purge_expired_uploads(runtime.database, runtime.uploads, kept=timedelta(0))
    assert (again.expired, again.forgotten, again.stray) == (0, 3, 0)
    assert (await ada.head(complete)).status_code == 404
    assert await read(runtime, *keys_of(living)) == data


async def test_a_killed_deletion_is_ended_by_the_clock(
    ada: Sender, runtime: Runtime, settings: Settings, owner: Database
) -> None:
    """The row went, the process died, the bytes stayed."""
    await sent(ada, noise(1_000))
    async with owner.engine.begin() as connection:
        await connection.execute(text("DELETE FROM uploads"))
    assert len(files_of(settings)) == 1
    purged = await purge_expired_uploads(runtime.database, runtime.uploads, grace=timedelta(minutes=-1))
    assert purged.stray == 1
    assert files_of(settings) == set()


async def test_a_deleted_organization_takes_its_bytes_along(
    ada: Sender, bob: Sender, runtime: Runtime, settings: Settings
) -> None:
    data = noise(1_000)
    ours, theirs = await sent(ada, data), await sent(bob, data)
    await purge_organization(_Job(runtime.database, keys_of(ours)[0]), runtime.uploads)  # type: ignore[arg-type]
    assert files_of(settings) == {str(keys_of(ours)[1]), str(keys_of(theirs)[1])}, "it lives"
    delete = """mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { __typename } }"""
    values = {"organizationId": ada.person.organization_id, "confirmSlug": ada.person.slug}
    await ada.graphql.data(delete, {"input": values}, token=ada.person.token)
    await purge_organization(_Job(runtime.database, keys_of(ours)[0]), runtime.uploads)  # type: ignore[arg-type]
    assert files_of(settings) == {str(keys_of(theirs)[1])}


class _Job:
    """What the handler needs of a running job."""

    def __init__(self, database: Database, organization_id: UUID) -> None:
        self.database, self.organization_id = database, organization_id

    @staticmethod
    def should_stop() -> bool:
        return False


async def test_two_processes_share_the_folder(ada: Sender, runtime: Runtime, settings: Settings) -> None:
    """A worker has stores of its own."""
    data = noise(1_000)
    url = await sent(ada, data)
    stores: UploadStores = make_stores(settings, runtime.providers)
    async with open_upload(runtime.database, stores, *keys_of(url)) as path:
        assert path.read_bytes() == data
        assert path.is_relative_to(Path(settings.data_dir))
    stores.close()
