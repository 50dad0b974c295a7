"""What a worker executes of the graph, for exports and for webhooks, in one runtime."""

from __future__ import annotations

from app.activity.stream import ActivityFeed
from app.auth.authenticator import Authenticator
from app.config import signing_key
from app.context import Runtime
from app.exporting.fetch import Links
from app.exporting.parts import Parts
from app.rate_limits import RateLimits
from app.resolvers.export_graph import ExportGraph
from app.resolvers.webhook_documents import DocumentRunner
from app.scanning.feed import ScanFeed


class WorkerGraph:
    """Reads pages for exports and executes documents of webhooks. Made off the loop: the schema takes a second."""

    def __init__(self, parts: Parts) -> None:
        self.runtime = runtime_of(parts)
        self.exports = ExportGraph(self.runtime)
        self.documents = DocumentRunner(self.runtime)

    async def close(self) -> None:
        """Let go of what the runtime opened; the rest is the worker's."""
        await self.runtime.authenticator.close()
        await self.runtime.rate_limits.close()


def runtime_of(parts: Parts) -> Runtime:
    """A runtime of what the worker has; its feeds are not started."""
    settings, database, valkey = parts.settings, parts.database, parts.valkey
    key = signing_key(settings)
    return Runtime(
        settings=settings,
        database=database,
        valkey=valkey,
        authenticator=Authenticator(settings, database, valkey),
        feed=ActivityFeed(database, valkey),
        scans=ScanFeed(database, valkey),
        queue=parts.queue,
        vault=parts.vault,
        providers=parts.providers,
        uploads=parts.uploads,
        exports=parts.exports,
        bulk_exports=parts.bulk_exports,
        personal_exports=parts.personal_exports,
        links=Links(key),
        rate_limits=RateLimits(valkey, key=key),
    )
