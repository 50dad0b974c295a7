"""Collectors made of resource types: one query for those that belong together, then what only further calls tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from app.providers.azure.connection import AzureConnection
from app.providers.azure.documents import found_resource
from app.providers.azure.errors import bad_answer
from app.providers.azure.kinds import Expansion, Kind, native_id
from app.providers.azure.permissions import ALWAYS, LIST_RESOURCES, READ_GRAPH
from app.providers.base import Collector, FoundResource

_COLUMNS = "id, name, type, location, resourceGroup, tags, sku, kind, zones, managedBy, properties"

_EXPANDED = 100
"""Documents told at once where each may take a call of its own: a page of them has a time limit."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Resource types that one query reads together; `about` names them in errors.

    `expand` adds what the documents hold inside them, or what only a further call tells.
    """

    about: str
    kinds: tuple[Kind, ...]
    table: str = "resources"
    expand: Expansion | None = None

    def collector(self) -> Collector:
        """As the scan wants it."""
        return Collector(
            resource_types=tuple(kind.resource_type for kind in self.kinds),
            permissions=(*ALWAYS, READ_GRAPH, *self._guarded()),
            pages=self._pages,
        )

    def query(self) -> str:
        """The question to Resource Graph, in its own language."""
        wanted = ", ".join(f"'{kind.resource_type}'" for kind in self.kinds if not kind.derived)
        return f"{self.table} | where type in~ ({wanted}) | project {_COLUMNS} | order by id asc"

    def _guarded(self) -> tuple[str, ...]:
        """The actions without which Azure would show less, and not say so."""
        own = [action for kind in self.kinds for action in kind.permissions]
        return tuple(dict.fromkeys([*own, *([LIST_RESOURCES] if self._without_time() else [])]))

    def _without_time(self) -> tuple[str, ...]:
        """The types of which only Azure Resource Manager knows when a resource was made."""
        if self.table != "resources":
            return ()
        return tuple(kind.resource_type for kind in self.kinds if not kind.created and not kind.derived)

    def _pages(self, connection: AzureConnection, _region: str) -> Iterator[list[FoundResource]]:
        # Resource Graph leaves out what the caller may not read: without this, a lost permission reads as "deleted".
        connection.require(self._guarded(), self.about)
        kinds = {kind.resource_type: kind for kind in self.kinds}
        times: dict[str, datetime] | None = None
        for rows in connection.graph.pages(self.query(), self.about):
            if times is None and rows:
                without = self._without_time()
                times = connection.manager.created_times(without, self.about) if without else {}
            documents = self.expand(connection, rows) if self.expand else iter(rows)
            size = _EXPANDED if self.expand else len(rows)
            while batch := list(islice(documents, size)):
                yield [self._found(kinds, document, times or {}) for document in batch]

    def _found(
        self, kinds: Mapping[str, Kind], document: Mapping[str, Any], times: Mapping[str, datetime]
    ) -> FoundResource:
        kind = kinds.get(str(document.get("type") or "").lower())
        if kind is None or not native_id(document).startswith("/"):
            raise bad_answer(self.about, "a row has no id, or a type that was not asked for")
        return found_resource(kind, document, times)
