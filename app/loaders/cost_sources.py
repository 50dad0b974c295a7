"""Reads of cost sources and their runs."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.loaders.scans import Asked, SomeOfEach
from app.records.criteria import Direction
from app.repositories.cost_sources import RUNS, SOURCES
from app.repositories.selection import RowsUnder

_NEWEST_RUNS = RowsUnder(RUNS, "cost_source_id", (("id", Direction.DESC),))


class CostSourceLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def cost_sources(self) -> Rows:
        """Pages of cost sources."""
        return Rows(self.database, SOURCES)

    @cached_property
    def cost_source_by_id(self) -> KeyedRow:
        """Cost sources by our id."""
        return DataLoader(load_fn=RowByKey(self.database, SOURCES, "id").load_one_each)

    @cached_property
    def cost_source_runs(self) -> Rows:
        """Pages of runs."""
        return Rows(self.database, RUNS)

    @cached_property
    def cost_source_run_by_id(self) -> KeyedRow:
        """Runs by our id."""
        return DataLoader(load_fn=RowByKey(self.database, RUNS, "id").load_one_each)

    @cached_property
    def newest_cost_source_runs(self) -> DataLoader[Asked, list[RowMapping]]:
        """The newest runs of a source; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _NEWEST_RUNS).load_many)
