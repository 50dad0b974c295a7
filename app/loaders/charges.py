"""Reads of charges: pages of an organization's charges, their number, and charges by their ids."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping

from app.database import Database
from app.paging import Page, PageRequest
from app.records.charge_ids import ChargeKey, decode_charge_id
from app.records.cost_analysis import Condition
from app.records.criteria import ChargeOrderField, Direction
from app.repositories import charge_rows, whole_charges


@dataclass(frozen=True)
class ChargeRows:
    """Pages and counts of charges."""

    database: Database

    async def page(
        self,
        organization_id: UUID,
        wanted: Sequence[Condition],
        order: tuple[ChargeOrderField, Direction],
        request: PageRequest,
    ) -> Page[RowMapping]:
        """See app.repositories.charge_rows.charge_page."""
        async with self.database.read(organization_id) as session:
            return await charge_rows.charge_page(session, organization_id, wanted, order, request)

    def counter(self, organization_id: UUID, wanted: Sequence[Condition]) -> Callable[[], Awaitable[int]]:
        """A function that counts when it is called."""

        async def count() -> int:
            async with self.database.read(organization_id) as session:
                return await charge_rows.count_charges(session, organization_id, wanted)

        return count


@dataclass(frozen=True)
class ChargeById:
    """Charges by (organization, id): one statement for each organization among them."""

    database: Database

    async def load_many(self, keys: Sequence[tuple[UUID, UUID]]) -> list[RowMapping | None]:
        """Rows in key order; None for a charge that is not there, or no longer."""
        found: dict[tuple[UUID, ChargeKey], RowMapping] = {}
        for organization_id in {organization for organization, _ in keys}:
            own = (decode_charge_id(id_) for organization, id_ in keys if organization == organization_id)
            wanted = [key for key in own if key is not None]
            if wanted:
                async with self.database.read(organization_id) as session:
                    rows = await whole_charges.charges_by_keys(session, organization_id, wanted)
                found |= {(organization_id, key): row for key, row in rows.items()}
        decoded = ((organization, decode_charge_id(id_)) for organization, id_ in keys)
        return [None if key is None else found.get((organization, key)) for organization, key in decoded]
