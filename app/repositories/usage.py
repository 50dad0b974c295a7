"""SQL of how much resources are used: a page of resources in one statement, written or read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.usage import StoredUsage
from app.repositories.packed_days import PackedDays
from app.repositories.planning import driver_of

# Rows as JSON: one parameter, however many there are. In the order of their keys, so that two who write the same rows
# wait for each other instead of meeting crosswise.
_WRITE = text("""
    INSERT INTO resource_usage (organization_id, resource_id, metric, first_day, daily, samples, read_at, problem)
    SELECT :organization_id, resource_id, metric, first_day, daily, samples, read_at, problem
    FROM jsonb_populate_recordset(NULL::resource_usage, CAST(:rows AS jsonb))
    ORDER BY resource_id, metric
    ON CONFLICT (organization_id, resource_id, metric) DO UPDATE SET first_day = excluded.first_day,
        daily = excluded.daily, samples = excluded.samples, read_at = excluded.read_at, problem = excluded.problem
""")
_READ = """
    SELECT resource_id, metric, first_day, array_send(daily), array_send(samples), read_at, problem
    FROM resource_usage WHERE organization_id = $1 AND resource_id = ANY($2::uuid[])
        AND ($3::text[] IS NULL OR metric = ANY($3::text[]))
"""
_FORGET = text("""
    DELETE FROM resource_usage USING resources
    WHERE resource_usage.organization_id = :organization_id AND resources.organization_id = :organization_id
        AND resources.account_id = :account_id AND resources.id = resource_usage.resource_id
        AND (resources.gone_at IS NOT NULL OR resource_usage.read_at < :before)
""")


async def write_usage(session: AsyncSession, organization_id: UUID, rows: Sequence[StoredUsage]) -> None:
    """Insert or replace rows of resources that are stored; one statement."""
    if rows:
        sent = orjson.dumps(list(rows), default=str).decode()  # the driver's ids are of a type of its own
        await session.execute(_WRITE, {"organization_id": organization_id, "rows": sent})


async def usage_of(
    session: AsyncSession, organization_id: UUID, ids: Sequence[UUID], metrics: Collection[str] | None = None
) -> Mapping[UUID, Mapping[str, StoredUsage]]:
    """What is known of some resources, of all metrics or some, by resource and metric; one statement.

    By the driver itself and as PostgreSQL sends arrays: most days are never looked at, and a number for each of them
    took the driver longer than all else.
    """
    driver = await driver_of(session)
    found: dict[UUID, dict[str, StoredUsage]] = defaultdict(dict)
    asked = None if metrics is None else list(metrics)
    for row in await driver.fetch(_READ, organization_id, list(ids), asked):
        id_, metric, first_day, daily, samples, read_at, problem = row
        days, counts = PackedDays(daily, "d"), PackedDays(samples, "h")
        found[id_][metric] = StoredUsage(id_, metric, first_day, days, counts, read_at, problem)
    return found


async def forget_usage(session: AsyncSession, organization_id: UUID, account_id: UUID, before: datetime) -> None:
    """Delete what is known of an account's resources that are gone, and what nobody has read since a moment."""
    values = {"organization_id": organization_id, "account_id": account_id, "before": before}
    await session.execute(_FORGET, values)
