"""SQL of what an organization's imports say: of which days, in which currencies, and what their charges lack."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ARRAY, Date, Table, Text, TextClause, Uuid, bindparam, cast, func, select, text
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.models import SummaryDim
from app.records.cost_analysis import AccountDays, CostCoverage, CostDimension, CostMeasure, DateRange

SUMMARIES: Table = SummaryDim.__table__  # type: ignore[assignment]
_ACCOUNT = func.coalesce(SUMMARIES.c.sub_account_id, SUMMARIES.c.billing_account_id)
_ABSENT = [measure for measure in CostMeasure if measure is not CostMeasure.CHARGE_COUNT]
_UNKNOWN = ", ".join(
    f"'{one.value}', coalesce(sum((unknown ->> '{one.value}')::bigint) FILTER (WHERE touched), 0)" for one in _ABSENT
)
_DAYS = "(SELECT jsonb_agg(jsonb_build_array(lower(days), upper(days)) ORDER BY days) FROM unnest({}) AS days)"
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
_OF_ACCOUNT = f"jsonb_build_array(dataset, billing_account_id, {_DAYS.format('known')}, appended)"
BILLING = f"(SELECT jsonb_agg({_OF_ACCOUNT} ORDER BY dataset, billing_account_id) FROM billing)"  # noqa: S608
_COVERAGE = """
    WITH {delivered},
    sums AS (
        SELECT range_agg(daterange(first_day, last_day + 1)) AS held, range_agg(known) AS covered,
            jsonb_agg(DISTINCT coalesce(billing_currency, '')) FILTER (WHERE touched) AS currencies,
            jsonb_build_object({unknown}) AS unknown
        FROM active){asked}
    SELECT jsonb_build_object(
        'held', {held}, 'covered', {covered}, 'currencies', currencies, 'unknown', unknown,
        'currency', (SELECT currency FROM organizations WHERE id = :organization_id),
        'shared', (SELECT jsonb_agg(month ORDER BY month) FROM cost_months
            WHERE organization_id = :organization_id AND shared_resources),
        'promoted', (SELECT jsonb_agg(key ORDER BY key) FROM promoted_tag_keys
            WHERE organization_id = :organization_id AND NOT EXISTS (
                SELECT FROM allocation_runs WHERE organization_id = :organization_id
                AND kind = 'TAG_KEYS' AND state IN ('QUEUED', 'RUNNING'))),
        'accounts', {billing}, 'payers', {payers})::text AS told
    FROM sums
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
    days = {name: _DAYS.format(name) for name in ("held", "covered")}
    parts = {"delivered": DELIVERED, "billing": BILLING, "unknown": _UNKNOWN, "asked": asked, "payers": payers, **days}
    statement = text(_COVERAGE.format(**parts))
    return statement.bindparams(bindparam("start", type_=Date), bindparam("end", type_=Date))


_OF_PAYERS = "(SELECT jsonb_object_agg(id, payers) FROM asked JOIN payers USING (provider, account))"
OF_ORGANIZATION = _statement("", "NULL")
"""One row: a text for `coverage_of`. Parameters are organization_id, start and end."""
_TOLD = OF_ORGANIZATION.compile(dialect=asyncpg.dialect())  # type: ignore[no-untyped-call]
_OF_ACCOUNTS = _statement(_ASKED["accounts"] + PAYERS, _OF_PAYERS).bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("providers", type_=ARRAY(Text)),
    bindparam("natives", type_=ARRAY(Text)),
)
_OF_RESOURCES = _statement(_ASKED["resources"] + PAYERS, _OF_PAYERS).bindparams(bindparam("ids", type_=ARRAY(Uuid)))
ALL_PAYERS = text("""
    SELECT jsonb_agg(jsonb_build_array(provider, payer, named))::text AS payers FROM (
        SELECT provider, coalesce(billing_account_id, '') AS payer,
            jsonb_agg(DISTINCT coalesce(sub_account_id, billing_account_id))
                FILTER (WHERE coalesce(sub_account_id, billing_account_id) = ANY(:named)) AS named
        FROM summary_dims WHERE organization_id = :organization_id GROUP BY 1, 2) AS found
""").bindparams(bindparam("named", type_=ARRAY(Text)))
"""One row: a text for `payers_told`. Parameters are organization_id and named."""


@dataclass(frozen=True)
class Payer:
    """A billing account ("" where charges name none) of a provider; `named` are those of the asked accounts it has."""

    provider: str
    billing_account_id: str
    named: frozenset[str]


async def cost_coverage(session: AsyncSession, organization_id: UUID, period: DateRange | None) -> CostCoverage:
    """What the imports in force say; currencies and unknown measures of those that touch the period, None for all."""
    return await _coverage(session, OF_ORGANIZATION, organization_id, period, {})


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
    found = await session.execute(ALL_PAYERS, {"organization_id": organization_id, "named": list(named)})
    return payers_told(found.scalar_one())


def payers_told(told: str | None) -> list[Payer]:
    """What the text says that the statement gives; None where no charge was ever delivered."""
    found = orjson.loads(told or "[]")
    return [Payer(provider, payer, frozenset(named or ())) for provider, payer, named in found]


async def coverage_text(database: Database, organization_id: UUID, period: DateRange | None) -> str:
    """The text for `coverage_of` that says what `cost_coverage` does."""
    given = coverage_values(organization_id, period)
    values = [given[name] for name in _TOLD.positiontup or ()]
    rows = await database.fetch(_TOLD.string, values, organization_id=organization_id)
    return str(rows[0][0])


def coverage_values(organization_id: UUID, period: DateRange | None) -> dict[str, Any]:
    """The parameters of `OF_ORGANIZATION`, by name."""
    start, end = (None, None) if period is None else (period.start, period.end)
    return {"organization_id": organization_id, "start": start, "end": end}


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
    told = await session.execute(statement, {**coverage_values(organization_id, period), **values})
    return coverage_of(told.scalar_one())


def coverage_of(told: str) -> CostCoverage:
    """What the text says that the statements here give."""
    found = orjson.loads(told)
    return CostCoverage(
        covered=_ranges(found["covered"]),
        held=_ranges(found["held"]),
        currencies=frozenset(found["currencies"] or ()),
        unknown=found["unknown"],
        shared_months=frozenset(map(date.fromisoformat, found["shared"] or ())),
        promoted_keys=frozenset(found["promoted"] or ()),
        currency=found["currency"] or "USD",
        accounts=_account_days(found["accounts"]),
        payers={UUID(id_): frozenset(payers or ()) for id_, payers in (found["payers"] or {}).items()},
    )


def account_days(told: str | None) -> tuple[AccountDays, ...]:
    """What the text of `BILLING` says."""
    return _account_days(orjson.loads(told or "[]"))


def _account_days(found: Sequence[Sequence[Any]] | None) -> tuple[AccountDays, ...]:
    return tuple(
        AccountDays(dataset, account, _ranges(known), appended) for dataset, account, known, appended in found or ()
    )


def _ranges(found: Sequence[Sequence[str]] | None) -> tuple[DateRange, ...]:
    return tuple(DateRange(date.fromisoformat(start), date.fromisoformat(end)) for start, end in found or ())
