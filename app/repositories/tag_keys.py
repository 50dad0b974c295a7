"""SQL of the promoted tag keys, and of the roll-ups that follow when others are promoted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import RowMapping, Table, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.allocation import PromotedTagKey
from app.models.base import now
from app.records.costs import CostMetric
from app.records.months import next_month

KEYS: Table = PromotedTagKey.__table__  # type: ignore[assignment]
_METRICS = tuple(metric.value for metric in CostMetric)
_SUMS = ", ".join(f"sum(r.{metric})" for metric in _METRICS)
_AMOUNTS = f"{', '.join(_METRICS)}, charge_count"
# A key is older than the run that spreads it, if only by a moment, and younger than all that ended before.
_SPREADING = text("""
    WITH runs AS (SELECT state, created_at FROM allocation_runs
                  WHERE organization_id = :organization_id AND kind = 'TAG_KEYS')
    SELECT key FROM promoted_tag_keys k
    WHERE k.organization_id = :organization_id AND EXISTS (SELECT FROM runs WHERE state IN ('QUEUED', 'RUNNING'))
        AND NOT EXISTS (SELECT FROM runs WHERE state = 'SUCCEEDED' AND created_at >= k.created_at)
""")
_TAG_SETS = text("""
    SELECT id, tags, allocation_id FROM tag_sets
    WHERE organization_id = :organization_id AND id > :after ORDER BY id LIMIT :limit
""")
_DERIVE = text("""
    UPDATE tag_sets SET allocation_id = sent.allocation_id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:allocation_ids AS bigint[])) AS sent(id, allocation_id)
    WHERE tag_sets.organization_id = :organization_id AND tag_sets.id = sent.id
""")
_ADD_SETS = text("""
    INSERT INTO allocation_sets (organization_id, id, tags)
    SELECT :organization_id, sent.id, CAST(sent.tags AS jsonb)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:tags AS text[])) AS sent(id, tags)
    ON CONFLICT DO NOTHING
""")
_CLEAR = tuple(
    text(f"DELETE FROM {table} WHERE organization_id = :organization_id AND day >= :first AND day < :end")  # noqa: S608
    for table in ("tag_daily", "tag_service_daily", "tag_total_daily")
)
# A day at a time: the largest month of charges would take longer than one statement may.
_TAG_DAILY = text(f"""
    INSERT INTO tag_daily (organization_id, day, allocation_id, summary_dim_id, import_period_id, {_AMOUNTS})
    SELECT :organization_id, :day, coalesce(t.allocation_id, 0), k.summary_dim_id, r.import_period_id, {_SUMS}, count(*)
    FROM charges r
    JOIN cost_dims k ON k.organization_id = :organization_id AND k.id = r.cost_dim_id
    LEFT JOIN tag_sets t ON t.organization_id = :organization_id AND t.id = r.tag_set_id
    WHERE r.organization_id = :organization_id AND r.charge_period_start >= :begin AND r.charge_period_start < :end
    GROUP BY coalesce(t.allocation_id, 0), k.summary_dim_id, r.import_period_id
    ORDER BY coalesce(t.allocation_id, 0), k.summary_dim_id, r.import_period_id
""")  # noqa: S608  (made of constants)
_TAG_SERVICE_DAILY = text(f"""
    INSERT INTO tag_service_daily
        (organization_id, day, allocation_id, service_name, charge_category, billing_currency, {_AMOUNTS})
    SELECT :organization_id, r.day, r.allocation_id, coalesce(s.service_name, ''), coalesce(s.charge_category, ''),
        s.billing_currency, {_SUMS}, sum(r.charge_count)
    FROM tag_daily r
    JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = r.summary_dim_id
    WHERE r.organization_id = :organization_id AND r.day >= :first AND r.day < :end
    GROUP BY r.day, r.allocation_id, coalesce(s.service_name, ''), coalesce(s.charge_category, ''), s.billing_currency
    ORDER BY r.day, r.allocation_id, coalesce(s.service_name, ''), coalesce(s.charge_category, ''), s.billing_currency
""")  # noqa: S608  (made of constants)
_TAG_TOTAL_DAILY = text(f"""
    INSERT INTO tag_total_daily (organization_id, day, allocation_id, charge_category, billing_currency, {_AMOUNTS})
    SELECT :organization_id, r.day, r.allocation_id, r.charge_category, r.billing_currency, {_SUMS}, sum(r.charge_count)
    FROM tag_service_daily r WHERE r.organization_id = :organization_id AND r.day >= :first AND r.day < :end
    GROUP BY r.day, r.allocation_id, r.charge_category, r.billing_currency
    ORDER BY r.day, r.allocation_id, r.charge_category, r.billing_currency
""")  # noqa: S608  (made of constants)
_DROP_SETS = text("""
    DELETE FROM allocation_sets a WHERE a.organization_id = :organization_id
        AND NOT EXISTS (SELECT FROM tag_sets t
                        WHERE t.organization_id = :organization_id AND t.allocation_id = a.id)
        AND NOT EXISTS (SELECT FROM tag_daily r WHERE r.organization_id = :organization_id AND r.allocation_id = a.id)
""")


async def promoted_keys(session: AsyncSession, organization_id: UUID) -> tuple[str, ...]:
    """The promoted keys in their normal form, in the organization's order."""
    statement = select(KEYS.c.key).where(KEYS.c.organization_id == organization_id)
    return tuple(await session.scalars(statement.order_by(KEYS.c.position, KEYS.c.key)))


async def spreading_keys(session: AsyncSession, organization_id: UUID) -> frozenset[str]:
    """The promoted keys that past months do not know yet: the run that spreads them is under way."""
    return frozenset(await session.scalars(_SPREADING, {"organization_id": organization_id}))


async def replace_promoted_keys(session: AsyncSession, organization_id: UUID, keys: Sequence[str]) -> None:
    """Promote these keys, in this order, and no others; those that stay keep the moment of their promotion."""
    statement = select(KEYS.c.key, KEYS.c.created_at).where(KEYS.c.organization_id == organization_id)
    since = {row.key: row.created_at for row in await session.execute(statement)}
    await session.execute(delete(KEYS).where(KEYS.c.organization_id == organization_id))
    moment = now()
    rows = [
        {"organization_id": organization_id, "key": key, "position": position, "created_at": since.get(key, moment)}
        for position, key in enumerate(keys, start=1)
    ]
    if rows:
        await session.execute(insert(KEYS), rows)


async def tag_sets_after(session: AsyncSession, organization_id: UUID, after: int, limit: int) -> Sequence[RowMapping]:
    """The next tag sets in the order of their ids, which may be negative."""
    values = {"organization_id": organization_id, "after": after, "limit": limit}
    return (await session.execute(_TAG_SETS, values)).mappings().all()


async def derive_tag_sets(
    session: AsyncSession, organization_id: UUID, derived: Mapping[int, int], sets: Mapping[int, Mapping[str, str]]
) -> None:
    """Write the allocation ids of tag sets {tag set: allocation set}, and the allocation sets {id: tags} among them."""
    if sets:
        tags = [orjson.dumps(each).decode() for each in sets.values()]
        await session.execute(_ADD_SETS, {"organization_id": organization_id, "ids": list(sets), "tags": tags})
    if derived:
        values = {"ids": list(derived), "allocation_ids": list(derived.values())}
        await session.execute(_DERIVE, values | {"organization_id": organization_id})


async def rebuild_month(session: AsyncSession, organization_id: UUID, month: date) -> None:
    """Make the roll-ups by tags of a month anew from its charges. The caller holds `lock_costs`."""
    values = {"organization_id": organization_id, "first": month, "end": next_month(month)}
    for statement in _CLEAR:
        await session.execute(statement, values)
    for day in days_of(month):
        await session.execute(_TAG_DAILY, values | hours_of(day))
    await session.execute(_TAG_SERVICE_DAILY, values)
    await session.execute(_TAG_TOTAL_DAILY, values)


async def drop_unused_sets(session: AsyncSession, organization_id: UUID) -> None:
    """Remove the allocation sets that nothing refers to any more."""
    await session.execute(_DROP_SETS, {"organization_id": organization_id})


def days_of(month: date) -> list[date]:
    """The days of a month, given by its first."""
    return [month + timedelta(days=number) for number in range((next_month(month) - month).days)]


def hours_of(day: date) -> dict[str, Any]:
    """The parameters of a statement on the charges of one day in UTC."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return {"day": day, "begin": begin, "end": begin + timedelta(days=1)}
