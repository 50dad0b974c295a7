"""SQL of what resources of the inventory cost: one statement for any number of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Numeric, Select, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import CostMeasure, CostPlan, CostQuestion, CostRow, DateRange
from app.repositories.cost_conversion import converted
from app.repositories.planning import plan_for_average

# What one select of charges has in common. An account's charges are those of the sub account, or of the billing account
# where there is none.
_OF_CHARGES = """
    SELECT dims.id, date_trunc('month', c.charge_period_start AT TIME ZONE 'UTC')::date AS month, s.billing_currency,
        count(*) AS charges, sum(c.{column}) AS amount
    FROM dims JOIN charges c ON c.organization_id = :organization AND c.resource_dim_id = dims.dim
        AND c.charge_period_start >= :{first} AND c.charge_period_start < :{end}
    JOIN cost_dims k ON k.organization_id = :organization AND k.id = c.cost_dim_id
    JOIN summary_dims s ON s.organization_id = :organization AND s.id = k.summary_dim_id
        AND s.provider = dims.provider AND coalesce(s.sub_account_id, s.billing_account_id) = dims.account
    WHERE {which} GROUP BY 1, 2, 3"""
# FOCUS wants a ResourceId to be unique within its provider. So where the inventory has a native id once, one charge
# tells whose all charges of that resource in a month and an import are, and the roll-up has their sum; otherwise each
# charge is looked at.
_FACTS = """
    WITH asked AS MATERIALIZED (
        SELECT r.id, r.native_id, r.provider, a.native_id AS account, EXISTS (
            SELECT FROM resources o WHERE o.organization_id = :organization AND o.native_id = r.native_id
                AND o.id <> r.id) AS ambiguous
        FROM resources r JOIN accounts a ON a.organization_id = :organization AND a.id = r.account_id
        WHERE r.organization_id = :organization AND r.id = ANY(:ids)),
    dims AS MATERIALIZED (
        SELECT asked.id, asked.provider, asked.account, asked.ambiguous, d.id AS dim
        FROM asked JOIN resource_dims d ON d.organization_id = :organization AND d.resource_key = asked.native_id),
    found AS (
        SELECT dims.id, m.month, m.billing_currency, m.charge_count AS charges, m.{column} AS amount
        FROM dims JOIN resource_monthly m ON NOT dims.ambiguous AND m.organization_id = :organization
            AND m.resource_dim_id = dims.dim AND m.month >= :months_start AND m.month < :months_stop
        CROSS JOIN LATERAL (
            SELECT cost_dim_id FROM charges c WHERE c.organization_id = :organization AND c.resource_dim_id = dims.dim
                AND c.charge_period_start >= :months_first AND c.charge_period_start < :months_end
                AND c.charge_period_start >= m.month::timestamp AT TIME ZONE 'UTC'
                AND c.charge_period_start < (m.month + interval '1 month') AT TIME ZONE 'UTC'
                AND c.import_period_id = m.import_period_id
            ORDER BY c.charge_period_start LIMIT 1) AS one
        JOIN cost_dims k ON k.organization_id = :organization AND k.id = one.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization AND s.id = k.summary_dim_id
            AND s.provider = dims.provider AND coalesce(s.sub_account_id, s.billing_account_id) = dims.account
        UNION ALL {before}
        UNION ALL {after}
        UNION ALL {ambiguous}
        UNION ALL SELECT dims.id, :months_start, :currency, 0, NULL FROM dims)
    SELECT false AS previous, NULL::date AS step, id::text AS key_0, billing_currency AS currency, month,
        sum(charges)::bigint AS charges, sum(amount) AS "{name}"
    FROM found GROUP BY id, billing_currency, month"""


# The parts of a period that are read from charges: of which resources, and the parameters of its first and last moment.
_PARTS = {
    "before": ("NOT dims.ambiguous", "before_first", "before_end"),
    "after": ("NOT dims.ambiguous", "after_first", "after_end"),
    "ambiguous": ("dims.ambiguous", "first", "end"),
}


async def resource_costs(
    session: AsyncSession, organization_id: UUID, plan: CostPlan, resource_ids: Sequence[UUID], months: DateRange | None
) -> dict[UUID, list[CostRow]]:
    """What each resource cost, by currency that stays apart; one that no charge of whatever time names has no rows.

    The plan has one measure. `months` are the calendar months of its period that the roll-up of resources answers.
    """
    (measure,) = plan.question.measures
    period = plan.question.period
    whole = months or DateRange(period.start, period.start)
    after = max(whole.end, period.start)
    moments = {
        "months_first": whole.start,
        "months_end": whole.end,
        "before_first": period.start,
        "before_end": max(whole.start, period.start),
        "after_first": after,
        "after_end": max(period.end, after),
        "first": period.start,
        "end": period.end,
    }
    values: dict[str, Any] = {
        "organization": organization_id,
        "ids": list(resource_ids),
        "months_start": whole.start,
        "months_stop": whole.end,
        "currency": plan.question.currency,
        **{name: datetime(day.year, day.month, day.day, tzinfo=UTC) for name, day in moments.items()},
    }
    rows: dict[UUID, list[CostRow]] = {id_: [] for id_ in resource_ids}
    statement = _statement(measure, converts=plan.converts)
    await plan_for_average(session)
    for key, apart, charges, amount in await session.execute(statement, values):
        rows[UUID(key[0])].append(CostRow(1, tuple(key), False, None, apart, (amount,), int(charges)))  # noqa: FBT003
    return rows


@functools.lru_cache(maxsize=32)
def _statement(measure: CostMeasure, *, converts: bool) -> Select[Any]:
    """What `resource_costs` runs, with its parameters by name."""
    parts = {
        name: _OF_CHARGES.format(column=measure.value, which=condition, first=first, end=end)
        for name, (condition, first, end) in _PARTS.items()
    }
    moments = ("months_first", "months_end", *(name for _, *names in _PARTS.values() for name in names))
    facts = text(_FACTS.format(column=measure.value, name=measure.name, **parts)).bindparams(
        bindparam("organization", type_=Uuid()),
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("months_start", type_=Date()),
        bindparam("months_stop", type_=Date()),
        bindparam("currency", type_=Text()),
        *(bindparam(name, type_=DateTime(timezone=True)) for name in moments),
    )
    types: dict[str, Any] = {
        "previous": Boolean,
        "step": Date,
        "key_0": Text,
        "currency": Text,
        "month": Date,
        "charges": BigInteger,
        measure.name: Numeric,
    }
    plan = CostPlan(CostQuestion(DateRange(date.min, date.max), "", (measure,)), (), converts)
    amounts = converted(plan, facts.columns(**types).cte("facts")).cte("amounts")
    return select(amounts.c.key, amounts.c.apart, amounts.c.charges, amounts.c[measure.name])
