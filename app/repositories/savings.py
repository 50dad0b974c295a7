"""SQL of what could be saved and what was: sums over the ledger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Integer, RowMapping, case, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.recommendations import AGES, RecommendationState
from app.repositories.recommendations import RECOMMENDATIONS


@dataclass(frozen=True)
class _Summed:
    """Which recommendations are summed, with which columns, what of them is saved, and which of them are not known."""

    rows: str
    columns: str
    saved: str
    unknown: str


_POTENTIAL = _Summed(
    "recommendations AS one WHERE one.organization_id = :organization_id "
    "AND one.state IN ('OPEN', 'MARKED_FOR_DELETION')",
    "one.is_counted, one.converted_saving AS amount",
    "sum(one.amount) FILTER (WHERE one.is_counted)",
    "one.amount IS NULL",
)
_REALISED = _Summed(
    "realised_savings AS m JOIN recommendations AS one "
    "ON one.organization_id = :organization_id AND one.id = m.recommendation_id "
    "WHERE m.organization_id = :organization_id",
    "m.currency, m.amount",
    "sum(one.amount) FILTER (WHERE one.currency = :currency)",
    "one.amount IS NULL OR one.currency <> :currency",
)


async def savings(session: AsyncSession, organization_id: UUID, moment: datetime) -> Sequence[RowMapping]:
    """What could be saved a month, in the organization's currency, by check, account, state and age; one statement.

    `since` is the age at the moment: the largest of AGES that it is. `saved` sums what counts, `known` all that is
    known; `unknown` counts those whose money is not known.
    """
    amount = RECOMMENDATIONS.c.converted_saving
    ages = [(RECOMMENDATIONS.c.found_at <= moment - timedelta(days=age), age) for age in reversed(AGES[1:])]
    since = case(*ages, else_=literal(AGES[0], Integer)).label("since")
    by = [RECOMMENDATIONS.c[name] for name in ("check_id", "account_id", "state")]
    statement = (
        select(
            *by,
            since,
            func.count().label("count"),
            func.coalesce(func.sum(amount).filter(RECOMMENDATIONS.c.is_counted), 0).label("saved"),
            func.coalesce(func.sum(amount), 0).label("known"),
            func.count().filter(amount.is_(None)).label("unknown"),
        )
        .where(
            RECOMMENDATIONS.c.organization_id == organization_id,
            RECOMMENDATIONS.c.state != RecommendationState.RESOLVED.value,
        )
        .group_by(*by, text("since"))
    )
    return (await session.execute(statement)).mappings().all()


async def tag_keys_of_savings(session: AsyncSession, organization_id: UUID, *, realised: bool) -> Sequence[str]:
    """The tag keys, as they are spelled, of the resources that savings are about."""
    summed = _REALISED if realised else _POTENTIAL
    statement = text(f"""
        SELECT DISTINCT jsonb_object_keys(r.tags) FROM (SELECT one.resource_id FROM {summed.rows}) AS one
        JOIN resources AS r ON r.organization_id = :organization_id AND r.id = one.resource_id
    """)  # noqa: S608  (made of constants)
    return (await session.execute(statement, {"organization_id": organization_id})).scalars().all()


async def savings_by_place(
    session: AsyncSession, organization_id: UUID, keys: Collection[str], currency: str, *, realised: bool
) -> Sequence[RowMapping]:
    """What could be saved, or was, in the currency, by provider, account (its native id) and tags with some keys.

    `has_tags` is false for what is about no resource.
    """
    summed = _REALISED if realised else _POTENTIAL
    statement = text(f"""
        SELECT a.provider, a.native_id AS account, r.id IS NOT NULL AS has_tags,
            (SELECT jsonb_object_agg(key, r.tags -> key) FROM unnest(CAST(:keys AS text[])) AS key WHERE r.tags ? key)
                AS tags,
            count(*) AS count, coalesce({summed.saved}, 0) AS saved,
            count(*) FILTER (WHERE {summed.unknown}) AS unknown
        FROM (SELECT one.account_id, one.resource_id, {summed.columns} FROM {summed.rows}) AS one
        JOIN accounts AS a ON a.organization_id = :organization_id AND a.id = one.account_id
        LEFT JOIN resources AS r ON r.organization_id = :organization_id AND r.id = one.resource_id
        GROUP BY 1, 2, 3, 4
    """)  # noqa: S608  (made of constants)
    values = {"organization_id": organization_id, "keys": sorted(keys)} | ({"currency": currency} if realised else {})
    return (await session.execute(statement, values)).mappings().all()
