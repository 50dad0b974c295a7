"""SQL of what an organization's imports say: of which days, in which currencies, and what their charges lack."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Date, Row, Table, Text, TextClause, Uuid, bindparam, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import SummaryDim
from app.records.cost_analysis import AccountDays, CostCoverage, CostDimension, CostMeasure, DateRange

SUMMARIES: Table = SummaryDim.__table__  # type: ignore[assignment]
_ACCOUNT = func.coalesce(SUMMARIES.c.sub_account_id, SUMMARIES.c.billing_account_id)
_ABSENT = [measure for measure in CostMeasure if measure is not CostMeasure.CHARGE_COUNT]
_UNKNOWN = ", ".join(
    f"coalesce(sum((unknown ->> '{one.value}')::bigint) FILTER (WHERE touched), 0)::bigint AS {one.value}"
    for one in _ABSENT
)
# A billing period that is final, or was delivered after its end, is known to its end, one that is open to its last
# charge. Charges of other days, such as corrections of an earlier month, count where they lie and make no other day of
# theirs known. A billing account without a whole delivery is `appended`: rows that are appended say nothing of other
# days (app/costs/settle.py). A promoted key counts once no run is still writing it into the allocation sets of past
# months.
DELIVERED = """
    active AS MATERIALIZED (
        SELECT *, coalesce(first_day < :end AND last_day >= :start, true) AS touched,
            daterange(billing_period_start, CASE WHEN finality = 'FINAL' OR created_at >= billing_period_end
                THEN billing_period_end
                ELSE greatest(billing_period_start, least(last_day + 1, billing_period_end)) END) AS known
        FROM cost_import_periods WHERE organization_id = :organization_id AND status = 'ACTIVE'),
    billing AS (
        SELECT billing_account_id, (array_agg(dataset ORDER BY billing_period_start DESC, id DESC))[1] AS dataset,
            range_agg(known) * datemultirange(daterange(:start, :end)) AS known,
            bool_and(EXISTS (SELECT FROM cost_imports i WHERE i.organization_id = :organization_id
                AND i.id = active.import_id AND i.mode = 'APPEND')) AS appended
        FROM active GROUP BY 1)"""
BILLING = """(SELECT jsonb_agg(jsonb_build_array(dataset, billing_account_id, (
                SELECT jsonb_agg(jsonb_build_array(lower(days), upper(days))) FROM unnest(known) AS days),
                appended)
            ORDER BY dataset, billing_account_id)::text FROM billing)"""
_COVERAGE = """
    WITH {delivered}{asked}
    SELECT range_agg(daterange(first_day, last_day + 1)) AS held,
        range_agg(known) AS covered,
        array_agg(DISTINCT coalesce(billing_currency, '')) FILTER (WHERE touched) AS currencies,
        {unknown},
        (SELECT currency FROM organizations WHERE id = :organization_id) AS currency,
        (SELECT array_agg(month) FROM cost_months WHERE organization_id = :organization_id AND shared_resources)
            AS shared_months,
        (SELECT array_agg(key) FROM promoted_tag_keys WHERE organization_id = :organization_id
            AND NOT EXISTS (SELECT FROM allocation_runs WHERE organization_id = :organization_id
                AND kind = 'TAG_KEYS' AND state IN ('QUEUED', 'RUNNING'))) AS promoted_keys,
        {billing} AS accounts,
        {payers} AS payers
    FROM active
"""
# The billing accounts that an account's charges came with, whenever that was; those of its provider where it has none.
PAYERS = """, pairs AS MATERIALIZED (SELECT DISTINCT provider, account FROM asked),
    seen AS MATERIALIZED (
        SELECT s.provider, pairs.account, coalesce(s.billing_account_id, '') AS payer
        FROM summary_dims s LEFT JOIN pairs
            ON pairs.provider = s.provider AND pairs.account = coalesce(s.sub_account_id, s.billing_account_id)
        WHERE s.organization_id = :organization_id GROUP BY 1, 2, 3),
    own AS (SELECT provider, account, jsonb_agg(payer) AS payers FROM seen WHERE account IS NOT NULL GROUP BY 1, 2),
    whole AS (SELECT provider, jsonb_agg(DISTINCT payer) AS payers FROM seen GROUP BY 1),
    payers AS (
        SELECT provider, account, coalesce(own.payers, whole.payers) AS payers
        FROM pairs LEFT JOIN own USING (provider, account) LEFT JOIN whole USING (provider))"""
_ASKED = {
    "accounts": """, asked AS MATERIALIZED (
        SELECT id, provider, account FROM unnest(:ids, :providers, :natives) AS given(id, provider, account))""",
    "resources": """, asked AS MATERIALIZED (
        SELECT r.id, r.provider, a.native_id AS account
        FROM resources r JOIN accounts a ON a.organization_id = :organization_id AND a.id = r.account_id
        WHERE r.organization_id = :organization_id AND r.id = ANY(:ids))""",
}


def _statement(asked: str, payers: str) -> TextClause:
    parts = {"delivered": DELIVERED, "billing": BILLING, "unknown": _UNKNOWN, "asked": asked, "payers": payers}
    statement = text(_COVERAGE.format(**parts))
    return statement.bindparams(bindparam("start", type_=Date), bindparam("end", type_=Date))


_OF_PAYERS = "(SELECT jsonb_object_agg(id, payers)::text FROM asked JOIN payers USING (provider, account))"
_OF_ORGANIZATION = _statement("", "NULL")
_OF_ACCOUNTS = _statement(_ASKED["accounts"] + PAYERS, _OF_PAYERS).bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("providers", type_=ARRAY(Text)),
    bindparam("natives", type_=ARRAY(Text)),
)
_OF_RESOURCES = _statement(_ASKED["resources"] + PAYERS, _OF_PAYERS).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
_ALL_PAYERS = text("""
    SELECT provider, coalesce(billing_account_id, '') AS payer,
        array_agg(DISTINCT coalesce(sub_account_id, billing_account_id))
            FILTER (WHERE coalesce(sub_account_id, billing_account_id) = ANY(:named)) AS named
    FROM summary_dims WHERE organization_id = :organization_id GROUP BY 1, 2
""").bindparams(bindparam("named", type_=ARRAY(Text)))


@dataclass(frozen=True)
class Payer:
    """A billing account ("" where charges name none) of a provider; `named` are those of the asked accounts it has."""

    provider: str
    billing_account_id: str
    named: frozenset[str]


async def cost_coverage(session: AsyncSession, organization_id: UUID, period: DateRange | None) -> CostCoverage:
    """What the imports in force say; currencies and unknown measures of those that touch the period, None for all."""
    return await _coverage(session, _OF_ORGANIZATION, organization_id, period, {})


async def coverage_of_accounts(
    session: AsyncSession, organization_id: UUID, period: DateRange, accounts: Mapping[UUID, tuple[str, str]]
) -> CostCoverage:
    """The same with the billing accounts of accounts, which are given with their (provider, native id)."""
    pairs = list(accounts.values())
    values = {
        "ids": list(accounts),
        "providers": [provider for provider, _ in pairs],
        "natives": [native_id for _, native_id in pairs],
    }
    return await _coverage(session, _OF_ACCOUNTS, organization_id, period, values)


async def coverage_of_resources(
    session: AsyncSession, organization_id: UUID, period: DateRange, resource_ids: Sequence[UUID]
) -> CostCoverage:
    """The same with the billing accounts of resources: those of their accounts."""
    return await _coverage(session, _OF_RESOURCES, organization_id, period, {"ids": list(resource_ids)})


async def payers_of(session: AsyncSession, organization_id: UUID, named: Collection[str]) -> list[Payer]:
    """The billing accounts of all charges that were ever delivered, and which of them have the named accounts."""
    found = await session.execute(_ALL_PAYERS, {"organization_id": organization_id, "named": list(named)})
    return [Payer(row.provider, row.payer, frozenset(row.named or ())) for row in found]


async def payers_by_values(
    session: AsyncSession, organization_id: UUID, columns: Sequence[CostDimension]
) -> dict[tuple[str | None, ...], frozenset[str]]:
    """The billing accounts of all charges that were ever delivered, by the values in columns of `summary_dims`."""
    shown = [_ACCOUNT if one is CostDimension.ACCOUNT else SUMMARIES.c[one.value] for one in columns]
    payer = func.coalesce(SUMMARIES.c.billing_account_id, "")
    statement = (
        select(*(cast(column, Text) for column in shown), func.array_agg(payer.distinct()))
        .where(SUMMARIES.c.organization_id == organization_id)
        .group_by(*shown)
    )
    return {tuple(row[:-1]): frozenset(row[-1]) for row in await session.execute(statement)}


async def _coverage(
    session: AsyncSession,
    statement: TextClause,
    organization_id: UUID,
    period: DateRange | None,
    values: Mapping[str, Any],
) -> CostCoverage:
    days = {"start": period.start if period else None, "end": period.end if period else None}
    row = (await session.execute(statement, {"organization_id": organization_id, **days, **values})).one()
    payers = orjson.loads(row.payers or "{}")
    return CostCoverage(
        covered=_ranges(row, "covered"),
        held=_ranges(row, "held"),
        currencies=frozenset(row.currencies or ()),
        unknown={one.value: int(getattr(row, one.value)) for one in _ABSENT},
        shared_months=frozenset(row.shared_months or ()),
        promoted_keys=frozenset(row.promoted_keys or ()),
        currency=row.currency or "USD",
        accounts=account_days(row.accounts),
        payers={UUID(id_): frozenset(found or ()) for id_, found in payers.items()},
    )


def account_days(told: str | None) -> tuple[AccountDays, ...]:
    """What `BILLING` gives, read."""
    return tuple(
        AccountDays(dataset, account, tuple(_range(days) for days in known or ()), appended)
        for dataset, account, known, appended in orjson.loads(told or "[]")
    )


def _ranges(row: Row[Any], name: str) -> tuple[DateRange, ...]:
    return tuple(DateRange(one.lower, one.upper) for one in getattr(row, name) or ())


def _range(days: Sequence[str]) -> DateRange:
    return DateRange(date.fromisoformat(days[0]), date.fromisoformat(days[1]))
