"""Reads of deliveries of costs, the billing periods that they speak of, and the rows they were refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, Table

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey
from app.loaders.scans import AboutRows, Asked
from app.paging import Page, PageRequest
from app.records.costs import DeliveredPeriod
from app.records.criteria import Criteria, Direction
from app.repositories import cost_import_reads, kept_statements, selection
from app.repositories.cost_imports import IMPORTS, PERIODS


@dataclass(frozen=True)
class NewestRows:
    """Pages and counts of one table's rows in an order of their own, the newest first."""

    database: Database
    table: Table
    keys: tuple[str, ...]
    """Columns that are unique within the organization."""

    async def page(self, organization_id: UUID, criteria: Criteria, request: PageRequest) -> Page[RowMapping]:
        """One page."""
        async with self.database.read(organization_id) as session:
            return await selection.fetch_page(
                session, self.table, organization_id, criteria, self.keys, Direction.DESC, request
            )

    def counter(self, organization_id: UUID, criteria: Criteria) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""
        return partial(kept_statements.count_rows, self.database, self.table, organization_id, criteria)


class AskedPeriod(NamedTuple):
    """What earlier deliveries said of a billing period; `limit` of them."""

    organization_id: UUID
    key: DeliveredPeriod
    limit: int


class CostImportLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def cost_imports(self) -> NewestRows:
        """Pages of deliveries; their ids are in the order of their beginning."""
        return NewestRows(self.database, IMPORTS, ("id",))

    @cached_property
    def cost_import_by_id(self) -> KeyedRow:
        """Deliveries by our id."""
        return DataLoader(load_fn=RowByKey(self.database, IMPORTS, "id").load_one_each)

    @cached_property
    def billing_periods(self) -> NewestRows:
        """Pages of what deliveries say of billing periods."""
        return NewestRows(self.database, PERIODS, ("billing_period_start", "id"))

    @cached_property
    def periods_of_cost_import(self) -> DataLoader[Asked, list[RowMapping]]:
        """What a delivery says of which billing period; arguments (limit)."""
        return DataLoader(load_fn=AboutRows(self.database, cost_import_reads.periods_of_imports).load_many)

    @cached_property
    def superseded_periods(self) -> DataLoader[AskedPeriod, list[RowMapping]]:
        """What earlier deliveries said of the same billing period."""

        async def load(asked: list[AskedPeriod]) -> list[list[RowMapping]]:
            together: dict[tuple[UUID, int], list[DeliveredPeriod]] = defaultdict(list)
            for each in asked:
                together[each.organization_id, each.limit].append(each.key)
            found: dict[AskedPeriod, list[RowMapping]] = {}
            for (organization_id, limit), keys in together.items():
                async with self.database.read(organization_id) as session:
                    rows = await cost_import_reads.superseded_periods(session, organization_id, keys, limit)
                found |= {AskedPeriod(organization_id, key, limit): rows[key] for key in keys}
            return [found[each] for each in asked]

        return DataLoader(load_fn=load)

    @cached_property
    def rejects_of_cost_import(self) -> DataLoader[Asked, Page[RowMapping]]:
        """Refused rows of a delivery; arguments (request)."""
        return DataLoader(load_fn=AboutRows(self.database, cost_import_reads.reject_pages).load_many)

    @cached_property
    def reject_counts(self) -> DataLoader[Asked, int]:
        """How many refused rows of a delivery are kept."""
        return DataLoader(load_fn=AboutRows(self.database, cost_import_reads.reject_counts).load_many)
