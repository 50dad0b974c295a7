"""Reads of webhooks, their deliveries and attempts."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import RowMapping

from app.database import Database
from app.loaders.batching import DataLoader
from app.loaders.inventory import KeyedRow, RowByKey, Rows
from app.loaders.scans import Asked, SomeOfEach
from app.records.criteria import Direction
from app.repositories.selection import RowsUnder
from app.repositories.webhooks import ATTEMPTS, DELIVERIES, WEBHOOKS

_NEWEST_DELIVERIES = RowsUnder(DELIVERIES, "webhook_id", (("created_at", Direction.DESC), ("id", Direction.DESC)))
_ATTEMPTS = RowsUnder(ATTEMPTS, "delivery_id", (("id", Direction.DESC),))


class WebhookLoaders:
    """The loaders of this file, each made when it is first used. Keys are (organization, id)."""

    database: Database

    @cached_property
    def webhooks(self) -> Rows:
        """Pages of webhooks."""
        return Rows(self.database, WEBHOOKS)

    @cached_property
    def webhook_by_id(self) -> KeyedRow:
        """Webhooks by our id."""
        return DataLoader(load_fn=RowByKey(self.database, WEBHOOKS, "id").load_one_each)

    @cached_property
    def webhook_deliveries(self) -> Rows:
        """Pages of deliveries."""
        return Rows(self.database, DELIVERIES)

    @cached_property
    def newest_webhook_deliveries(self) -> DataLoader[Asked, list[RowMapping]]:
        """The newest deliveries of a webhook; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _NEWEST_DELIVERIES).load_many)

    @cached_property
    def webhook_delivery_by_id(self) -> KeyedRow:
        """Deliveries by our id."""
        return DataLoader(load_fn=RowByKey(self.database, DELIVERIES, "id").load_one_each)

    @cached_property
    def webhook_attempts(self) -> DataLoader[Asked, list[RowMapping]]:
        """The newest attempts at a delivery; arguments (limit)."""
        return DataLoader(load_fn=SomeOfEach(self.database, _ATTEMPTS).load_many)
