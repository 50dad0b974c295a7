"""Reads of prices: what organizations pay instead of list prices, and how reading of list prices went."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.models import now
from app.pricing.lookup import look_up
from app.records import Provider
from app.records.detection import Price
from app.repositories.price_overrides import OVERRIDES
from app.repositories.prices import count_prices, readings


class PriceLoaders:
    """The loaders of this file, each made when it is first used."""

    database: Database

    @cached_property
    def price_overrides(self) -> Rows:
        """Pages of overrides."""
        return Rows(self.database, OVERRIDES)

    @cached_property
    def price_override_by_id(self) -> KeyedRow:
        """Overrides by our id."""
        return DataLoader(load_fn=RowByKey(self.database, OVERRIDES, "id").load_one_each)

    async def prices(
        self, organization_id: UUID, provider: Provider, codes: Sequence[str], region: str
    ) -> list[Price | None]:
        """What an organization pays today, code by code. Whether the caller may know is the resolver's question."""
        async with self.database.read(organization_id) as session:
            return await look_up(session, organization_id, provider, codes, region, now().date())

    async def price_counts(self) -> Sequence[RowMapping]:
        """How many list prices were read of each provider. Whether the caller may know is the resolver's question."""
        async with self.database.system() as session:
            return await count_prices(session)

    async def price_readings(self) -> Sequence[RowMapping]:
        """How reading went, document by document. Whether the caller may know is the resolver's question."""
        async with self.database.system() as session:
            return await readings(session)
