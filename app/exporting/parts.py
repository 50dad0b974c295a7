"""What of a worker's process the graph needs, in which exports read their pages."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from app.config import Settings
from app.database import Database
from app.providers.calls import ProviderPool
from app.queue import JobQueue
from app.sealing.vault import Vault
from app.uploads.kept import KeptFiles
from app.uploads.storage import UploadStores


@dataclass(frozen=True)
class Parts:
    """What the worker has and the graph needs."""

    settings: Settings
    database: Database
    valkey: Redis
    queue: JobQueue
    vault: Vault
    providers: ProviderPool
    uploads: UploadStores
    exports: KeptFiles
    bulk_exports: KeptFiles
    personal_exports: KeptFiles
