"""SQL of what charges say of resources of the inventory: one statement for any number of them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, DateTime, Numeric, Select, Text, Uuid, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import CostMeasure, CostPlan, CostQuestion, CostRow, DateRange
from app.repositories.cost_conversion import converted
from app.repositories.planning import plan_for_average

# What one select of charges has in common; a part without days looks at none. An account's charges are those of the sub
# account, or of the billing account where there is none.
_OF_CHARGES = """
    SELECT dims.id, date_trunc('month', c.charge_period_start AT TIME ZONE 'UTC')::date AS month, s.billing_currency,
        count(*) AS charges, sum(c.{column}) AS amount
    FROM dims JOIN charges c ON c.organization_id = :organization AND c.resource_dim_id = dims.dim
        AND c.charge_period_start >= {first} AND c.charge_period_start < {end}{within}
    JOIN cost_dims k ON k.organization_id = :organization AND k.id = c.cost_dim_id
    JOIN summary_dims s ON s.organization_id = :organization AND s.id = k.summary_dim_id
        AND s.provider = dims.provider AND coalesce(s.sub_account_id, s.billing_account_id) = dims.account
    WHERE {which} AND {first} < {end} GROUP BY 1, 2, 3"""
# FOCUS wants a ResourceId to be unique within its provider. So where the inventory has a native id once, one charge
# tells whose all charges of that resource in a month and an import are, and the roll-up has their sum; otherwise each
# charge is looked at.
_FOUND = """
    asked AS MATERIALIZED (
        SELECT r.id, r.native_id, r.provider, a.native_id AS account, EXISTS (
            SELECT FROM resources o WHERE o.organization_id = :organization AND o.native_id = r.native_id
                AND o.id <> r.id) AS ambiguous
        FROM resources r JOIN accounts a ON a.organization_id = :organization AND a.id = r.account_id
        WHERE r.organization_id = :organization AND r.id = ANY({ids})),
    dims AS MATERIALIZED (
        SELECT asked.id, asked.provider, asked.account, asked.ambiguous, d.id AS dim
        FROM asked JOIN resource_dims d ON d.organization_id = :organization AND d.resource_key = asked.native_id),
    found AS (
        SELECT dims.id, m.month, m.billing_currency, m.charge_count AS charges, m.{column} AS amount
        FROM dims JOIN resource_monthly m ON NOT dims.ambiguous AND m.organization_id = :organization
            AND m.resource_dim_id = dims.dim AND m.month >= {months_start} AND m.month < {months_stop}
        CROSS JOIN LATERAL (
            SELECT cost_dim_id FROM charges c WHERE c.organization_id = :organization AND c.resource_dim_id = dims.dim
                AND c.charge_period_start >= {months_first} AND c.charge_period_start < {months_end}
                AND c.charge_period_start >= m.month::timestamp AT TIME ZONE 'UTC'
                AND c.charge_period_start < (m.month + interval '1 month') AT TIME ZONE 'UTC'
                AND c.import_period_id = m.import_period_id{within}
            ORDER BY c.charge_period_start LIMIT 1) AS one
        JOIN cost_dims k ON k.organization_id = :organization AND k.id = one.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization AND s.id = k.summary_dim_id
            AND s.provider = dims.provider AND coalesce(s.sub_account_id, s.billing_account_id) = dims.account
        UNION ALL {before}
        UNION ALL {after}
        UNION ALL {ambiguous}
        UNION ALL SELECT dims.id, {months_start}, {currency}, 0, NULL FROM dims)"""
_FACTS = """
    SELECT false AS previous, NULL::date AS step, id::text AS key_0, billing_currency AS currency, month,
        sum(charges)::bigint AS charges, sum(amount) AS "{name}"
    FROM found GROUP BY id, billing_currency, month"""


# The parts of a period that are read from charges: of which resources, and the parameters of its first and last moment.
_PARTS = {
    "before": ("NOT dims.ambiguous", "before_first", "before_end"),
    "after": ("NOT dims.ambiguous", "after_first", "after_end"),
    "ambiguous": ("dims.ambiguous", "first", "end"),
}
BOUNDS: Final = (
    *("months_start", "months_stop", "currency", "months_first", "months_end"),
    *("before_first", "before_end", "after_first", "after_end", "first", "end"),
)
"""Of a period: the months that the roll-up answers, as days and as moments, and the parts before and after them."""
FACTS: Final[Mapping[str, Any]] = {
    "previous": Boolean,
    "step": Date,
    "key_0": Text,
    "currency": Text,
    "month": Date,
    "charges": BigInteger,
}
"""The columns of what is selected, with their types, beside the measure."""


# Charges of a kind that no commitment of the account covers are not summed: of a hundred of its charges (a month of
# daily ones, a day of hourly ones) none is of the service and subcategory of one that is covered. So volumes, which
# many findings are about and no commitment covers, are not read hour by hour. A resource that was there before the
# month needs no first charge.
_OF_BILLS = """
    WITH asked AS MATERIALIZED (
        SELECT r.id, r.native_id, r.provider, a.native_id AS account, r.provider_created_at, r.first_seen_at,
            coalesce(r.provider_created_at, r.first_seen_at) >= :first AS is_new
        FROM resources r JOIN accounts a ON a.organization_id = :organization AND a.id = r.account_id
        WHERE r.organization_id = :organization AND r.id = ANY(CAST(:ids AS uuid[]))),
    dims AS MATERIALIZED (
        SELECT asked.*, d.id AS dim
        FROM asked JOIN resource_dims d ON d.organization_id = :organization AND d.resource_key = asked.native_id),
    covered AS MATERIALIZED (
        SELECT k.id, k.service_subcategory, s.provider, s.service_name,
            coalesce(s.sub_account_id, s.billing_account_id) AS account
        FROM (SELECT DISTINCT provider, account FROM asked) AS of_page
        JOIN summary_dims s ON s.organization_id = :organization AND s.provider = of_page.provider
            AND coalesce(s.sub_account_id, s.billing_account_id) = of_page.account AND s.charge_category = 'Usage'
        JOIN cost_dims k ON k.organization_id = :organization AND k.summary_dim_id = s.id
        WHERE (k.commitment_discount_id IS NOT NULL OR k.pricing_category = 'Committed')
            AND k.commitment_discount_status IS DISTINCT FROM 'Unused'),
    coverable AS MATERIALIZED (
        SELECT k.id, s.provider, coalesce(s.sub_account_id, s.billing_account_id) AS account
        FROM (SELECT DISTINCT provider, account, service_name, service_subcategory FROM covered) AS kind
        JOIN summary_dims s ON s.organization_id = :organization AND s.provider = kind.provider
            AND coalesce(s.sub_account_id, s.billing_account_id) = kind.account
            AND s.service_name IS NOT DISTINCT FROM kind.service_name
        JOIN cost_dims k ON k.organization_id = :organization AND k.summary_dim_id = s.id
            AND k.service_subcategory IS NOT DISTINCT FROM kind.service_subcategory),
    summed AS MATERIALIZED (
        SELECT DISTINCT dims.id FROM dims
        WHERE EXISTS (SELECT FROM coverable) AND EXISTS (
            SELECT FROM (
                SELECT one.cost_dim_id FROM charges one
                WHERE one.organization_id = :organization AND one.resource_dim_id = dims.dim
                    AND one.charge_period_start >= :first AND one.charge_period_start < :end
                ORDER BY one.charge_period_start LIMIT 100) AS one
            JOIN coverable ON coverable.id = one.cost_dim_id
                AND coverable.provider = dims.provider AND coverable.account = dims.account))
    SELECT dims.id, dims.provider_created_at, dims.first_seen_at, min(began.charge_period_start) AS first,
        (array_agg(began.charge_period_end ORDER BY began.charge_period_start))[1] AS first_end,
        sum(paid.amount) AS amount, sum(paid.covered) AS covered, count(DISTINCT paid.currency) AS currencies
    FROM dims
    LEFT JOIN LATERAL (
        SELECT c.charge_period_start, c.charge_period_end FROM charges c
        WHERE dims.is_new AND c.organization_id = :organization AND c.resource_dim_id = dims.dim
            AND c.charge_period_start >= :first AND c.charge_period_start < :end
        ORDER BY c.charge_period_start LIMIT 1) AS began ON true
    LEFT JOIN LATERAL (
        SELECT s.billing_currency AS currency, sum(c.effective_cost) AS amount,
            sum(c.effective_cost) FILTER (WHERE c.cost_dim_id IN (SELECT id FROM covered)) AS covered
        FROM charges c
        JOIN cost_dims k ON k.organization_id = :organization AND k.id = c.cost_dim_id
        JOIN summary_dims s ON s.organization_id = :organization AND s.id = k.summary_dim_id
            AND s.provider = dims.provider AND coalesce(s.sub_account_id, s.billing_account_id) = dims.account
        WHERE c.organization_id = :organization AND c.resource_dim_id = dims.dim
            AND c.charge_period_start >= :first AND c.charge_period_start < :end
            AND dims.id IN (SELECT id FROM summed)
        GROUP BY 1) AS paid ON true
    GROUP BY 1, 2, 3
    HAVING count(began.charge_period_start) > 0 OR sum(paid.covered) IS NOT NULL"""
_BILLS = text(_OF_BILLS).bindparams(
    bindparam("organization", type_=Uuid()),
    bindparam("ids", type_=ARRAY(Uuid())),
    bindparam("first", type_=DateTime(timezone=True)),
    bindparam("end", type_=DateTime(timezone=True)),
)


@dataclass(frozen=True)
class Bill:
    """What charges of a resource in a period say beside their sum.

    `first` is the period of its first charge, None for a resource that is known to have been there before. `covered` is
    the part of its effective cost, 0 to 1, that is of charges that commitments cover; None where that has no sum in one
    currency.
    """

    created_at: datetime | None
    first_seen_at: datetime
    first: tuple[datetime, datetime] | None
    covered: Decimal | None


async def resource_bills(
    session: AsyncSession, organization_id: UUID, resource_ids: Sequence[UUID], period: DateRange
) -> dict[UUID, Bill]:
    """By our id of resources of which there is anything to be said: no other is new, or covered by a commitment."""
    first, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (period.start, period.end))
    values = {"organization": organization_id, "ids": list(resource_ids), "first": first, "end": end}
    await plan_for_average(session)
    found: dict[UUID, Bill] = {}
    for row in await session.execute(_BILLS, values):
        covered = row.covered or Decimal(0)
        share = Decimal(0) if not covered else None
        if covered and row.currencies == 1 and row.amount > 0:
            share = min(max(covered / row.amount, Decimal(0)), Decimal(1))
        first_charge = (row.first, row.first_end) if row.first else None
        found[row.id] = Bill(row.provider_created_at, row.first_seen_at, first_charge, share)
    return found


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


IDS: Final = "CAST(:ids AS uuid[])"


def found_charges(measure: CostMeasure, bounds: Mapping[str, str], within: str = "", ids: str = IDS) -> tuple[str, str]:
    """(CTEs that end with `found`, what is selected of it): charges of resources, by month and currency.

    `bounds` is the SQL of each of BOUNDS, `ids` that of the array of the resources' ids. `within` may say the same of
    charges, `c`, in a way that tells PostgreSQL beforehand which partitions it needs.
    """
    common = {"column": measure.value, "within": within}
    parts = {
        name: _OF_CHARGES.format(which=condition, first=bounds[first], end=bounds[end], **common)
        for name, (condition, first, end) in _PARTS.items()
    }
    return _FOUND.format(**common, **parts, **bounds, ids=ids), _FACTS.format(name=measure.name)


@functools.lru_cache(maxsize=32)
def _statement(measure: CostMeasure, *, converts: bool) -> Select[Any]:
    """What `resource_costs` runs, with its parameters by name."""
    moments = ("months_first", "months_end", *(name for _, *names in _PARTS.values() for name in names))
    found, facts_of = found_charges(measure, {name: f":{name}" for name in BOUNDS})
    facts = text(f"WITH {found} {facts_of}").bindparams(
        bindparam("organization", type_=Uuid()),
        bindparam("ids", type_=ARRAY(Uuid())),
        bindparam("months_start", type_=Date()),
        bindparam("months_stop", type_=Date()),
        bindparam("currency", type_=Text()),
        *(bindparam(name, type_=DateTime(timezone=True)) for name in moments),
    )
    types = {**FACTS, measure.name: Numeric}
    plan = CostPlan(CostQuestion(DateRange(date.min, date.max), "", (measure,)), (), converts)
    amounts = converted(plan, facts.columns(**types).cte("facts")).cte("amounts")
    return select(amounts.c.key, amounts.c.apart, amounts.c.charges, amounts.c[measure.name])
