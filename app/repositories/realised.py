"""SQL of realised savings: what is resolved, what was measured of it, and what that sums up to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import RealisedSaving

REALISED: Table = RealisedSaving.__table__  # type: ignore[assignment]
# What a scan or charges have proved; what a rule leaves out was not saved by anybody.
_IS_DONE = """one.state = 'RESOLVED' AND one.resolution IN ('DELETED', 'CHANGED', 'SAID_DONE')
        AND one.proved_at IS NOT NULL"""
_RESOLVED = text(f"""
    SELECT one.id, one.check_id, one.subject_key, one.resource_id, one.last_found_at, one.resolved_at,
        one.converted_saving, r.provider_created_at, a.provider, a.native_id,
        m.before, m.after, m.currency, m.amount, m.daily, m.reason
    FROM recommendations AS one
    JOIN accounts AS a ON a.organization_id = :organization_id AND a.id = one.account_id
    LEFT JOIN resources AS r ON r.organization_id = :organization_id AND r.id = one.resource_id
    LEFT JOIN realised_savings AS m ON m.organization_id = :organization_id AND m.recommendation_id = one.id
    WHERE one.organization_id = :organization_id AND {_IS_DONE} AND coalesce(one.resource_id, one.id) IN (
        SELECT coalesce(one.resource_id, one.id) FROM recommendations AS one
        WHERE one.organization_id = :organization_id AND {_IS_DONE}
            AND coalesce(one.resource_id, one.id) > CAST(:after AS uuid)
        GROUP BY 1 ORDER BY 1 LIMIT :most)
    ORDER BY coalesce(one.resource_id, one.id), one.id
""")  # noqa: S608  (made of constants)
_FORGET = text(f"""
    DELETE FROM realised_savings AS m WHERE m.organization_id = :organization_id AND NOT EXISTS (
        SELECT FROM recommendations AS one
        WHERE one.organization_id = :organization_id AND one.id = m.recommendation_id AND {_IS_DONE})
""")  # noqa: S608  (made of constants)
_WRITE = text("""
    INSERT INTO realised_savings
    SELECT * FROM jsonb_populate_recordset(NULL::realised_savings, CAST(:rows AS jsonb))
    ON CONFLICT (organization_id, recommendation_id) DO UPDATE SET currency = excluded.currency,
        before = excluded.before, after = excluded.after, daily = excluded.daily, amount = excluded.amount,
        reason = excluded.reason, measured_at = excluded.measured_at
""")
_SUMS = text("""
    SELECT one.check_id, one.account_id, CAST(date_trunc('month', CAST(part.start AS timestamp)) AS date) AS month,
        sum(part.saved) AS saved, NULL AS unknown
    FROM realised_savings AS m
    JOIN recommendations AS one ON one.organization_id = :organization_id AND one.id = m.recommendation_id
    CROSS JOIN LATERAL jsonb_to_recordset(m.after) AS part(start text, saved numeric)
    WHERE m.organization_id = :organization_id AND m.amount IS NOT NULL AND part.saved IS NOT NULL
        AND m.currency = :currency
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT one.check_id, one.account_id, NULL, NULL, count(*)
    FROM realised_savings AS m
    JOIN recommendations AS one ON one.organization_id = :organization_id AND one.id = m.recommendation_id
    WHERE m.organization_id = :organization_id AND (m.amount IS NULL OR m.currency <> :currency)
    GROUP BY 1, 2
""")


async def resolved_after(session: AsyncSession, organization_id: UUID, after: UUID, most: int) -> Sequence[RowMapping]:
    """What is resolved and proved of the next resources, or of none, by its own id; with what was measured of it."""
    values = {"organization_id": organization_id, "after": after, "most": most}
    return (await session.execute(_RESOLVED, values)).mappings().all()


async def write_realised(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or replace measurements; one statement. Amounts in `before` and `after` are texts."""
    if rows:
        sent = orjson.dumps([dict(row) for row in rows], default=str).decode()
        await session.execute(_WRITE, {"rows": sent})


async def forget_realised(session: AsyncSession, organization_id: UUID) -> None:
    """Delete what was measured of what stands again."""
    await session.execute(_FORGET, {"organization_id": organization_id})


async def realised_sums(session: AsyncSession, organization_id: UUID, currency: str) -> Sequence[RowMapping]:
    """What was saved by check, account and month; rows without a month count those of which it is unknown."""
    return (await session.execute(_SUMS, {"organization_id": organization_id, "currency": currency})).mappings().all()
