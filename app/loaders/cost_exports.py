"""Reads of exports of charges."""

from __future__ import annotations

from functools import cached_property

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.repositories.cost_exports import COST_EXPORTS


class CostExportLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, export)."""

    database: Database

    @cached_property
    def cost_exports(self) -> Rows:
        """Pages of exports."""
        return Rows(self.database, COST_EXPORTS)

    @cached_property
    def cost_export_by_id(self) -> KeyedRow:
        """Exports by our id."""
        return DataLoader(load_fn=RowByKey(self.database, COST_EXPORTS, "id").load_one_each)
