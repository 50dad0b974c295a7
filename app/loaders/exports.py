"""Reads of exports of connections."""

from __future__ import annotations

from functools import cached_property

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.repositories.exports import EXPORTS


class ExportLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, export)."""

    database: Database

    @cached_property
    def exports(self) -> Rows:
        """Pages of exports."""
        return Rows(self.database, EXPORTS)

    @cached_property
    def export_by_id(self) -> KeyedRow:
        """Exports by our id."""
        return DataLoader(load_fn=RowByKey(self.database, EXPORTS, "id").load_one_each)
