"""SQL of what an organization's imports say: of which days, in which currencies, and what their charges lack."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import Date, Row, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.records.cost_analysis import CostCoverage, CostMeasure, DateRange

_ABSENT = [measure for measure in CostMeasure if measure is not CostMeasure.CHARGE_COUNT]
_UNKNOWN = ", ".join(
    f"coalesce(sum((unknown ->> '{one.value}')::bigint) FILTER (WHERE touched), 0)::bigint AS {one.value}"
    for one in _ABSENT
)
# A billing period that was delivered after its end is known to its end, one that is open to its last charge. Charges
# of other days, such as corrections of an earlier month, count where they lie and make no other day of theirs known. A
# promoted key counts once no run is still writing it into the allocation sets of past months.
_COVERAGE = text(f"""
    SELECT range_agg(daterange(first_day, last_day + 1)) AS held,
        range_agg(daterange(billing_period_start, CASE WHEN created_at >= billing_period_end THEN billing_period_end
            ELSE greatest(billing_period_start, least(last_day + 1, billing_period_end)) END)) AS covered,
        array_agg(DISTINCT coalesce(billing_currency, '')) FILTER (WHERE touched) AS currencies,
        {_UNKNOWN},
        (SELECT currency FROM organizations WHERE id = :organization_id) AS currency,
        (SELECT array_agg(month) FROM cost_months WHERE organization_id = :organization_id AND shared_resources)
            AS shared_months,
        (SELECT array_agg(key) FROM promoted_tag_keys WHERE organization_id = :organization_id
            AND NOT EXISTS (SELECT FROM allocation_runs WHERE organization_id = :organization_id
                AND kind = 'TAG_KEYS' AND state IN ('QUEUED', 'RUNNING'))) AS promoted_keys
    FROM (SELECT *, coalesce(first_day < :end AND last_day >= :start, true) AS touched FROM cost_import_periods
        WHERE organization_id = :organization_id AND status = 'ACTIVE') AS active
""").bindparams(bindparam("start", type_=Date), bindparam("end", type_=Date))  # noqa: S608  (columns of an enum)


async def cost_coverage(session: AsyncSession, organization_id: UUID, period: DateRange | None) -> CostCoverage:
    """What the imports in force say; currencies and unknown measures of those that touch the period, None for all."""
    values = {
        "organization_id": organization_id,
        "start": period.start if period else None,
        "end": period.end if period else None,
    }
    row = (await session.execute(_COVERAGE, values)).one()
    return CostCoverage(
        covered=_ranges(row, "covered"),
        held=_ranges(row, "held"),
        currencies=frozenset(row.currencies or ()),
        unknown={one.value: int(getattr(row, one.value)) for one in _ABSENT},
        shared_months=frozenset(row.shared_months or ()),
        promoted_keys=frozenset(row.promoted_keys or ()),
        currency=row.currency or "USD",
    )


def _ranges(row: Row[Any], name: str) -> tuple[DateRange, ...]:
    return tuple(DateRange(one.lower, one.upper) for one in getattr(row, name) or ())
