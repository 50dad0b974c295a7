"""What a worker does for webhooks beside its jobs: looking at what has happened, and executing documents."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis

from app.activity.stream import ActivityFeed
from app.auth.authenticator import Authenticator
from app.config import Settings, signing_key
from app.database import Database
from app.outgoing import OutgoingGuard
from app.providers.calls import ProviderPool
from app.queue import JobQueue
from app.rate_limits import RateLimits
from app.records.webhooks import Asked, Execute, Told
from app.scanning.feed import ScanFeed
from app.sealing.vault import Vault
from app.uploads.kept import KeptFiles
from app.uploads.storage import UploadStores
from app.webhooks.dispatch import dispatch_all
from app.webhooks.tools import WebhookTools

if TYPE_CHECKING:
    from app.context import Runtime
    from app.resolvers.webhook_documents import DocumentRunner

DISPATCH_SECONDS = 1.0
"""From an event to its deliveries, at most one and a half times that; each look is one statement for all tenants."""


def make_webhook_tools(settings: Settings, vault: Vault, execute: Execute) -> WebhookTools:
    """The tools of the settings."""
    guard = OutgoingGuard.from_settings(settings)
    return WebhookTools(vault, guard, execute, require_verified_email=settings.require_verified_email)


async def dispatch_for_ever(database: Database) -> None:
    """Make deliveries of what happens."""
    while True:
        await asyncio.sleep(DISPATCH_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
        try:
            await dispatch_all(database)
        except Exception as error:  # noqa: BLE001 - drivers raise many kinds while a server is away
            structlog.get_logger(__name__).warning("webhooks_not_dispatched", error=type(error).__name__)


class Documents:
    """Executes documents. The graph is loaded for the first: a worker without webhooks needs none of it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        valkey: Redis,
        queue: JobQueue,
        vault: Vault,
        providers: ProviderPool,
        uploads: UploadStores,
        exports: KeptFiles,
    ) -> None:
        self._parts = settings, database, valkey, queue, vault, providers, uploads, exports
        self._runtime: Runtime | None = None
        self._runner: DocumentRunner | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, asked: Asked) -> Told:
        """See app.records.webhooks.Execute."""
        return await (await self._loaded())(asked)

    async def _loaded(self) -> DocumentRunner:
        async with self._loading:
            if self._runner is not None:
                return self._runner
            self._runtime, runner = await asyncio.to_thread(_load, *self._parts)
            self._runner = runner
            return runner

    async def close(self) -> None:
        """Let go of what was opened for the first document."""
        if self._runtime is not None:
            await self._runtime.rate_limits.close()
            await self._runtime.authenticator.close()


def _load(
    settings: Settings,
    database: Database,
    valkey: Redis,
    queue: JobQueue,
    vault: Vault,
    providers: ProviderPool,
    uploads: UploadStores,
    exports: KeptFiles,
) -> tuple[Runtime, DocumentRunner]:
    """What executes documents, with the graph: 30 MB, and seconds of a busy machine, that no start waits for."""
    from app.context import Runtime  # noqa: PLC0415 - it loads the graph
    from app.resolvers.webhook_documents import DocumentRunner  # noqa: PLC0415 - the same

    runtime = Runtime(
        settings=settings,
        database=database,
        valkey=valkey,
        authenticator=Authenticator(settings, database, valkey),
        feed=ActivityFeed(database, valkey),
        scans=ScanFeed(database, valkey),
        queue=queue,
        vault=vault,
        providers=providers,
        uploads=uploads,
        exports=exports,
        rate_limits=RateLimits(valkey, key=signing_key(settings)),
    )
    return runtime, DocumentRunner(runtime)
