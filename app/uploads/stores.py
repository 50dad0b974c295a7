"""The storages of uploads as the settings name them."""

from __future__ import annotations

from functools import partial

from app.config import Settings
from app.providers.calls import ProviderPool
from app.providers.registry import object_store
from app.records.uploads import UploadStorage
from app.uploads.buckets import BucketStorage
from app.uploads.kept import KeptFiles
from app.uploads.local import LocalStorage
from app.uploads.storage import Storage, UploadStores
from app.uploads.threads import DiskThreads

EXPORTS = "exports/"
BULK_EXPORTS = "bulk-exports/"
PERSONAL_EXPORTS = "personal-exports/"


def make_stores(settings: Settings, pool: ProviderPool) -> UploadStores:
    """A folder in any case, where readers find files of a bucket too; a bucket where one is named. Nothing is made."""
    threads = DiskThreads()
    return _stores(settings, pool, _local(settings, threads, ""), threads, "")


def make_kept_files(settings: Settings, pool: ProviderPool, part: str = EXPORTS) -> KeptFiles:
    """The same for one kind of files that Skyledger makes: a folder in that of uploads, or beside them in the bucket.

    What sweeps uploads leaves them alone: they are not named like uploads.
    """
    threads = DiskThreads()
    local = _local(settings, threads, part)
    return KeptFiles(_stores(settings, pool, local, threads, part), local)


def _local(settings: Settings, threads: DiskThreads, part: str) -> LocalStorage:
    folder = settings.upload_dir or settings.data_dir / "uploads"
    return LocalStorage(folder / part, threads, keep_free=settings.upload_free_bytes)


def _stores(
    settings: Settings, pool: ProviderPool, local: LocalStorage, threads: DiskThreads, part: str
) -> UploadStores:
    by_kind: dict[UploadStorage, Storage] = {UploadStorage.LOCAL: local}
    chosen = UploadStorage.LOCAL
    if settings.upload_bucket is not None:
        connect = partial(
            object_store,
            settings.upload_bucket,
            region=settings.upload_region,
            endpoint=settings.upload_endpoint,
        )
        by_kind[UploadStorage.S3] = BucketStorage(connect, settings.upload_prefix + part, pool, local, threads)
        chosen = UploadStorage.S3
    return UploadStores(by_kind, chosen, threads.close)
