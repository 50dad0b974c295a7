"""The graph of a worker: loaded when the first export comes, for the other jobs do without its 60 MB."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import Any, cast
from uuid import UUID

from app.exporting.parts import Parts
from app.records.exports import ExportCaller, Graph, PageSource


class LazyGraph:
    """See app.records.exports.Graph."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._made: Graph | None = None
        self._making = asyncio.Lock()

    async def open(
        self, organization_id: UUID, caller: ExportCaller, query: str, variables: Mapping[str, Any]
    ) -> PageSource:
        """See app.records.exports.Graph."""
        async with self._making:
            if self._made is None:
                # Two seconds of a core: off the loop, which has to tell of the jobs' leases.
                self._made = await asyncio.to_thread(_make, self._parts)
        return await self._made.open(organization_id, caller, query, variables)

    async def close(self) -> None:
        """See app.records.exports.Graph."""
        if self._made is not None:
            await self._made.close()


def _make(parts: Parts) -> Graph:
    return cast("Graph", import_module("app.resolvers.export_graph").graph_of(parts))
