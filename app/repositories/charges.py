"""SQL of charges."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Charge, new_id, now

CHARGES: Table = Charge.__table__  # type: ignore[assignment]


@functools.cache
def _insert() -> TextClause:
    """One statement for any number of rows: they travel as one JSON text, in which amounts are text and stay exact."""
    sent = [column for column in CHARGES.columns if column.name not in {"organization_id", "ingested_at", "identity"}]
    names = ", ".join(column.name for column in sent)
    typed = ", ".join(f"{column.name} {_sql_type(column.type)}" for column in sent)
    return text(f"""
        INSERT INTO charges (organization_id, ingested_at, identity, {names})
        SELECT :organization_id, :now, decode(sent.identity, 'hex'), {", ".join(f"sent.{c.name}" for c in sent)}
        FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS sent(identity text, {typed})
        ON CONFLICT (organization_id, dataset, identity) DO NOTHING
        RETURNING 1
    """)  # noqa: S608  (names come from the table itself)


def _sql_type(type_: Any) -> str:
    return {"Uuid": "uuid", "Text": "text", "Numeric": "numeric", "DateTime": "timestamptz", "JSONB": "jsonb"}[
        type(type_).__name__
    ]


async def add_charges(
    session: AsyncSession, organization_id: UUID, dataset: str, charges: Sequence[tuple[bytes, dict[str, Any]]]
) -> int:
    """Store (identity, values by column) charges that are not there yet; returns how many were added."""
    rows = [
        {**values, "id": new_id(), "dataset": dataset, "identity": identity.hex()}
        # Sorted, so that two batches that overlap wait for each other's rows in one order and never for ever.
        for identity, values in sorted(charges, key=lambda charge: charge[0])
    ]
    encoded = orjson.dumps(rows, default=str).decode()  # Decimal as its exact text
    values = {"organization_id": organization_id, "rows": encoded, "now": now()}
    return len((await session.execute(_insert(), values)).all())
