"""SQL of the figures on all tag keys that charges carry: counted by a job, read by lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, Table, delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.allocation import PromotedTagKey, TagKeyFigure
from app.repositories.cost_locks import lock_figures
from app.repositories.tag_keys import hours_of

FIGURES: Table = TagKeyFigure.__table__  # type: ignore[assignment]
_PROMOTED: Table = PromotedTagKey.__table__  # type: ignore[assignment]
_SPELLINGS = text("""
    SELECT spelling, count(*) AS tag_sets FROM tag_sets CROSS JOIN LATERAL jsonb_object_keys(tags) AS spelling
    WHERE organization_id = :organization_id GROUP BY spelling ORDER BY count(*) DESC, spelling LIMIT :limit
""")
_CARRIERS = text("""
    SELECT sent.key, count(DISTINCT t.id) AS tag_sets
    FROM tag_sets t CROSS JOIN LATERAL jsonb_object_keys(t.tags) AS tag(spelling)
    JOIN unnest(CAST(:spellings AS text[]), CAST(:keys AS text[])) AS sent(spelling, key)
        ON sent.spelling = tag.spelling
    WHERE t.organization_id = :organization_id GROUP BY sent.key
""")
_SPENT = text("""
    WITH spent AS MATERIALIZED (
        SELECT r.tag_set_id, s.billing_currency AS currency, sum(r.effective_cost) AS cost
        FROM charges r
        JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = r.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id
        WHERE r.organization_id = :organization_id AND r.charge_period_start >= :begin AND r.charge_period_start < :end
        GROUP BY r.tag_set_id, s.billing_currency),
    carried AS (
        SELECT DISTINCT sent.key, spent.tag_set_id, spent.currency, spent.cost
        FROM spent JOIN tag_sets t ON t.organization_id = :organization_id AND t.id = spent.tag_set_id
        CROSS JOIN LATERAL jsonb_object_keys(t.tags) AS tag(spelling)
        JOIN unnest(CAST(:spellings AS text[]), CAST(:keys AS text[])) AS sent(spelling, key)
            ON sent.spelling = tag.spelling)
    SELECT key, currency, sum(cost) AS cost FROM carried GROUP BY key, currency
    UNION ALL
    SELECT NULL, currency, sum(cost) FROM spent GROUP BY currency
""")


async def spellings(session: AsyncSession, organization_id: UUID, limit: int) -> list[str]:
    """The keys as they were delivered, those of the most tag sets first."""
    rows = await session.execute(_SPELLINGS, {"organization_id": organization_id, "limit": limit})
    return [row.spelling for row in rows]


async def carriers(session: AsyncSession, organization_id: UUID, keys: Mapping[str, str]) -> dict[str, int]:
    """How many tag sets have each key, given {spelling: key}."""
    values = {"organization_id": organization_id, "spellings": list(keys), "keys": list(keys.values())}
    return {row.key: row.tag_sets for row in await session.execute(_CARRIERS, values)}


async def spent_by_key(
    session: AsyncSession, organization_id: UUID, keys: Mapping[str, str], day: date
) -> dict[tuple[str | None, str], Decimal]:
    """The effective cost of a day's charges that carry each key, {(key, currency): cost}; None for all charges."""
    values = {"organization_id": organization_id, "spellings": list(keys), "keys": list(keys.values())}
    rows = await session.execute(_SPENT, values | hours_of(day))
    return {(row.key, row.currency): row.cost for row in rows if row.cost is not None}


async def replace_figures(
    session: AsyncSession, organization_id: UUID, moment: datetime, rows: Sequence[dict[str, Any]]
) -> None:
    """Write the figures of all keys as of a moment anew; nothing where newer ones are there."""
    await lock_figures(session, organization_id)
    counted = await counted_at(session, organization_id)
    if counted is not None and counted > moment:
        return
    await session.execute(delete(FIGURES).where(FIGURES.c.organization_id == organization_id))
    if rows:
        await session.execute(insert(FIGURES), [{"organization_id": organization_id, **row} for row in rows])


async def figures(session: AsyncSession, organization_id: UUID, limit: int) -> Sequence[RowMapping]:
    """Rows of figures with the `position` of promoted keys: those first in their order, then the commonest.

    A promoted key that no charge carries has a row without figures.
    """
    promoted = select(_PROMOTED).where(_PROMOTED.c.organization_id == organization_id).subquery()
    seen = select(FIGURES).where(FIGURES.c.organization_id == organization_id).subquery()
    key = func.coalesce(promoted.c.key, seen.c.key)
    columns = [column for column in seen.c if column.name not in {"organization_id", "key"}]
    statement = (
        select(key.label("key"), promoted.c.position, *columns)
        .select_from(promoted.join(seen, seen.c.key == promoted.c.key, full=True))
        .order_by(promoted.c.position.asc().nulls_last(), seen.c.tag_sets.desc(), key)
        .limit(limit)
    )
    return (await session.execute(statement)).mappings().all()


async def counted_at(session: AsyncSession, organization_id: UUID) -> datetime | None:
    """When the figures were counted; None where they never were, or there was nothing to count."""
    statement = select(func.min(FIGURES.c.counted_at)).where(FIGURES.c.organization_id == organization_id)
    found: datetime | None = (await session.execute(statement)).scalar_one()
    return found
