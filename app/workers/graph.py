"""The graph of a worker: loaded for the first export or webhook, once for both; other jobs do without its 30 MB."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.exporting.parts import Parts
from app.records.exports import ExportCaller, PageSource
from app.records.webhooks import Asked, Told

if TYPE_CHECKING:
    from app.resolvers.worker_graph import WorkerGraph


class LazyGraph:
    """Reads pages for exports, see app.records.exports.Graph, and executes documents of webhooks."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._made: WorkerGraph | None = None
        self._making = asyncio.Lock()

    async def open(
        self, organization_id: UUID, caller: ExportCaller, query: str, variables: Mapping[str, Any]
    ) -> PageSource:
        """See app.records.exports.Graph."""
        return await (await self._loaded()).exports.open(organization_id, caller, query, variables)

    async def execute(self, asked: Asked) -> Told:
        """See app.records.webhooks.Execute."""
        return await (await self._loaded()).documents(asked)

    async def close(self) -> None:
        """Let go of what was opened for the first of them."""
        if self._made is not None:
            await self._made.close()

    async def _loaded(self) -> WorkerGraph:
        async with self._making:
            if self._made is None:
                # Seconds of a busy machine: off the loop, which has to tell of the jobs' leases.
                self._made = await asyncio.to_thread(_make, self._parts)
            return self._made


def _make(parts: Parts) -> WorkerGraph:
    from app.resolvers.worker_graph import WorkerGraph  # noqa: PLC0415 - it loads the graph

    return WorkerGraph(parts)
