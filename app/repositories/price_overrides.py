"""SQL of what organizations pay instead of list prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, delete, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import PriceOverride, now
from app.records import Provider, prices
from app.records.detection import PriceUnit

OVERRIDES: Table = PriceOverride.__table__  # type: ignore[assignment]
_TERMS = ("valid_to", "discount_percent", "amount", "currency", "unit", "note")
# One statement for any number; xmax is 0 in a row that was not there before.
_STORE = text("""
    INSERT INTO price_overrides AS held
        (organization_id, id, provider, pattern, region, valid_from, valid_to, discount_percent, amount, currency,
         unit, note, updated_at)
    SELECT :organization_id, sent.id, sent.provider, sent.pattern, sent.region, sent.valid_from, sent.valid_to,
           sent.discount_percent, sent.amount, sent.currency, sent.unit, sent.note, :now
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(
        id uuid, provider text, pattern text, region text, valid_from date, valid_to date, discount_percent numeric,
        amount numeric, currency text, unit text, note text)
    ON CONFLICT (organization_id, provider, pattern, region, valid_from) DO UPDATE
        SET valid_to = excluded.valid_to, discount_percent = excluded.discount_percent, amount = excluded.amount,
            currency = excluded.currency, unit = excluded.unit, note = excluded.note, updated_at = excluded.updated_at
        WHERE (held.valid_to, held.discount_percent, held.amount, held.currency, held.unit, held.note)
            IS DISTINCT FROM (excluded.valid_to, excluded.discount_percent, excluded.amount, excluded.currency,
                              excluded.unit, excluded.note)
    RETURNING xmax = 0
""")


async def store_overrides(
    session: AsyncSession, organization_id: UUID, overrides: Sequence[prices.PriceOverride]
) -> tuple[int, int]:
    """Add or replace overrides, no two of which are for the same pattern, region and day: (added, changed)."""
    rows = sorted((_row(each) for each in overrides), key=lambda row: (row["provider"], row["pattern"], row["region"]))
    values = {"organization_id": organization_id, "rows": orjson.dumps(rows).decode(), "now": now()}
    outcomes = (await session.scalars(_STORE, values)).all()
    added = sum(outcomes)
    return added, len(outcomes) - added


def _row(override: prices.PriceOverride) -> dict[str, Any]:
    return {
        "id": str(override.id),
        "provider": override.provider.value,
        "pattern": override.pattern,
        "region": override.region,
        "valid_from": override.valid_from,
        "valid_to": override.valid_to,
        "discount_percent": None if override.discount_percent is None else str(override.discount_percent),
        "amount": None if override.amount is None else str(override.amount),
        "currency": override.currency,
        "unit": None if override.unit is None else override.unit.value,
        "note": override.note,
    }


async def delete_overrides(session: AsyncSession, organization_id: UUID, ids: Sequence[UUID]) -> list[Provider]:
    """Delete overrides; whose prices they were about, once for each that was there."""
    statement = (
        delete(OVERRIDES)
        .where(OVERRIDES.c.organization_id == organization_id, OVERRIDES.c.id.in_(ids))
        .returning(OVERRIDES.c.provider)
    )
    return [Provider(each) for each in (await session.scalars(statement)).all()]


async def overrides_on(session: AsyncSession, organization_id: UUID, day: date) -> list[prices.PriceOverride]:
    """All that hold on a day. One statement."""
    statement = select(OVERRIDES).where(
        OVERRIDES.c.organization_id == organization_id,
        OVERRIDES.c.valid_from <= day,
        or_(OVERRIDES.c.valid_to.is_(None), OVERRIDES.c.valid_to > day),
    )
    return [override_of(row) for row in (await session.execute(statement)).mappings()]


def override_of(row: RowMapping) -> prices.PriceOverride:
    """A row as what it says."""
    return prices.PriceOverride(
        id=row["id"],
        provider=Provider(row["provider"]),
        pattern=row["pattern"],
        region=row["region"],
        valid_from=row["valid_from"],
        unit=None if row["unit"] is None else PriceUnit(row["unit"]),
        **{name: row[name] for name in _TERMS if name != "unit"},
    )
