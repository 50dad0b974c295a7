"""What resources cost in a period and what is known of it: one statement for a page, whose text is kept.

As a single statement it sees one state of the database. It says for each resource what cost_coverage and
cost_of_resources say in two: what is asked of the latter, such as the months that the roll-up answers, depends on what
the former says, so that is reckoned in SQL here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Date,
    Numeric,
    Text,
    TextClause,
    Uuid,
    bindparam,
    column,
    literal_column,
    table,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.records.cost_analysis import CostMeasure, CostPlan, CostQuestion, DateRange
from app.repositories.cost_conversion import converted
from app.repositories.cost_coverage import BILLING, DELIVERED, PAYERS
from app.repositories.cost_of_resources import BOUNDS, FACTS, IDS, found_charges
from app.repositories.kept_statements import MOST_KEPT, Wanted, text_of, uuid_list
from app.repositories.planning import plan_for_average

# The longest run of whole months of which the period has every charge, as of app.costs.analysis.periods.whole_months;
# where there is none, the roll-up answers the no days before the period's first.
_BOUNDS = """
    bounds AS MATERIALIZED (
        SELECT currency, months_start, months_stop,
            months_start::timestamp AT TIME ZONE 'UTC' AS months_first,
            months_stop::timestamp AT TIME ZONE 'UTC' AS months_end,
            CAST(:start AS timestamp) AT TIME ZONE 'UTC' AS before_first,
            greatest(months_start, :start)::timestamp AT TIME ZONE 'UTC' AS before_end,
            greatest(months_stop, :start)::timestamp AT TIME ZONE 'UTC' AS after_first,
            greatest(months_stop, :end)::timestamp AT TIME ZONE 'UTC' AS after_end,
            CAST(:start AS timestamp) AT TIME ZONE 'UTC' AS first, CAST(:end AS timestamp) AT TIME ZONE 'UTC' AS end
        FROM (
            SELECT CASE WHEN first < last THEN first ELSE :start END AS months_start,
                CASE WHEN first < last THEN last ELSE :start END AS months_stop
            FROM (
                SELECT CASE WHEN held && daterange(:month_of_start, :start) THEN :month_after_start
                        ELSE :month_of_start END AS first,
                    CASE WHEN held && daterange(:end, :month_after_end) THEN :month_of_end
                        ELSE :month_after_end END AS last
                FROM (SELECT range_agg(daterange(first_day, last_day + 1)) AS held FROM active) AS active) AS months
            ) AS whole,
            (SELECT coalesce(max(currency), 'USD') AS currency FROM organizations WHERE id = :organization) AS own)"""
# What `bounds` says is not known before the statement runs; these months are.
_WITHIN = """ AND c.charge_period_start >= CAST(:month_of_start AS timestamp) AT TIME ZONE 'UTC'
    AND c.charge_period_start < CAST(:month_after_end AS timestamp) AT TIME ZONE 'UTC'"""
# What the sums of a resource's charges come to is said as of app.costs.analysis.report.amount_of: 0 beside other money
# that no rate converts is unknown.
_STATEMENT = """
    WITH {delivered}, {bounds}, {found}{payers},
    known AS MATERIALIZED (
        SELECT provider, account, payers::text AS payers, EXISTS (
            SELECT FROM billing WHERE payers ? billing_account_id AND NOT isempty(known)) AS is_delivered
        FROM payers),
    facts AS MATERIALIZED ({facts}),
    amounts AS ({amounts}),
    sums AS (
        SELECT key[1]::uuid AS id, sum(charges)::bigint AS charges,
            max("{name}") FILTER (WHERE apart IS NULL) AS sum,
            jsonb_object_agg(apart, "{name}"::text) FILTER (WHERE apart IS NOT NULL)::text AS apart,
            coalesce(bool_or(apart IS NOT NULL AND "{name}" <> 0), false) AS has_apart,
            bool_or(apart IS NOT NULL AND "{name}" IS NOT NULL) AS knows_apart
        FROM amounts GROUP BY 1),
    told AS (
        SELECT wanted.place, sums.*, asked.provider, asked.account,
            CASE WHEN charges = 0 THEN 0 WHEN has_apart AND coalesce(sum, 0) = 0 THEN NULL ELSE sum END AS amount
        FROM unnest({ids}) WITH ORDINALITY AS wanted(id, place)
        LEFT JOIN asked ON asked.id = wanted.id
        LEFT JOIN sums ON sums.id = wanted.id)
    SELECT {shown} FROM told{payers_of_each} ORDER BY place"""
# What was delivered is looked at only where a row without charges is met, which most pages have none of.
_IS_KNOWN = """(charges > 0 OR coalesce(
    (told.provider, told.account) IN (SELECT provider, account FROM known WHERE is_delivered), false))"""
_PAYERS_OF_EACH = " LEFT JOIN known USING (provider, account)"
_COLUMNS: Final[Mapping[str, str]] = {
    "place": "place",
    "start": ":start",
    "end": ":end",
    "metric": ":metric",
    "amount": f"CASE WHEN amount IS NOT NULL AND {_IS_KNOWN} THEN amount::text END",
    "currency": "(SELECT currency FROM bounds)",
    "reason": f"""CASE WHEN {_IS_KNOWN} IS NOT TRUE THEN :not_delivered WHEN charges IS NULL THEN :no_charge
        WHEN amount IS NULL THEN CASE WHEN knows_apart THEN :no_rate ELSE :no_metric END END""",
    "charges": f"CASE WHEN charges IS NOT NULL AND {_IS_KNOWN} THEN charges END",
    "apart": "apart",
    "payers": "payers",
    "accounts": f"CASE place WHEN 1 THEN {BILLING}::text END",
}
COST_COLUMNS: Final[Wanted] = ("amount", "currency", "reason", "charges", "apart", "payers", "accounts")
"""Those that say all, of what was asked."""
# What is read, the first that has what is wanted. Each of them for itself: PostgreSQL's plan of one takes 2 MB in each
# connection, and documents may want 1,000 choices of columns in as many orders.
_READ: Final[tuple[Wanted, ...]] = (
    ("amount", "currency"),
    ("amount", "currency", "reason", "apart", "start", "end", "metric"),
    COST_COLUMNS,
    tuple(_COLUMNS),
)
_TYPES: Final[Mapping[str, Any]] = {
    "organization": Uuid(),
    "organization_id": Uuid(),
    "ids": Text(),
    "start": Date(),
    "end": Date(),
    "month_of_start": Date(),
    "month_after_start": Date(),
    "month_of_end": Date(),
    "month_after_end": Date(),
    "metric": Text(),
    "not_delivered": Text(),
    "no_charge": Text(),
    "no_rate": Text(),
    "no_metric": Text(),
}
Reasons = Mapping[str, str]
"""Why a sum is unknown: what is told for `not_delivered`, `no_charge`, `no_rate` and `no_metric`."""


async def cost_rows(
    database: Database,
    organization_id: UUID,
    resource_ids: Sequence[UUID],
    period: DateRange,
    measure: CostMeasure,
    reasons: Reasons,
    wanted: Wanted = COST_COLUMNS,
) -> Sequence[Any]:
    """What each resource cost, in the order of the ids, with the wanted ones of these columns.

    `start`, `end` and `metric` as they were asked. `amount` as text and `currency`; without an amount the `reason`.
    `charges`, None for a resource that no charge of whatever time names, and of which nothing is known. `apart`, JSON
    of amounts by currency that no rate converts. `payers`, JSON of the billing accounts that its charges come with; and
    in the first row `accounts`, what cost_coverage.account_days reads.
    """
    columns = columns_read(wanted)
    sql, names = _text(measure, columns)
    values = _values(organization_id, measure, period, reasons) | {"ids": uuid_list(resource_ids)}
    rows = await database.fetch(sql, [values[name] for name in names], organization_id=organization_id)
    if columns == wanted:
        return rows
    places = [columns.index(name) for name in wanted]
    return [tuple([row[place] for place in places]) for row in rows]


def columns_read(wanted: Wanted) -> Wanted:
    """The columns of the statement that reads the wanted ones."""
    return next(columns for columns in _READ if set(columns) >= set(wanted))


@dataclass(frozen=True)
class CostForm:
    """The statement of `cost_rows` for ids that SQL gives: see app.repositories.beside."""

    measure: CostMeasure

    def statement(self, columns: Wanted, ids: str) -> tuple[str, tuple[str, ...]]:
        """SQL of the columns and of the `place` of each of the ids, an array of this SQL; and its parameters."""
        return _text(self.measure, (*columns, "place"), ids)


@dataclass(frozen=True)
class CostsBeside:
    """What each resource of a page cost, beside it."""

    form: CostForm
    period: DateRange
    reasons: Reasons
    prefix: str

    def values(self, organization_id: UUID) -> dict[str, Any]:
        """Its parameters by name."""
        return _values(organization_id, self.form.measure, self.period, self.reasons)

    async def rows(
        self, database: Database, organization_id: UUID, ids: Sequence[UUID], columns: Wanted
    ) -> Sequence[Any]:
        """Rows of the columns in the order of the ids, by a statement of their own."""
        return await cost_rows(database, organization_id, ids, self.period, self.form.measure, self.reasons, columns)


async def read_cost_rows(
    session: AsyncSession,
    organization_id: UUID,
    resource_ids: Sequence[UUID],
    period: DateRange,
    measure: CostMeasure,
    reasons: Reasons,
) -> Sequence[Mapping[Any, Any]]:
    """The same in a transaction that reads other things too."""
    values = _values(organization_id, measure, period, reasons) | {"ids": uuid_list(resource_ids)}
    await plan_for_average(session)
    return (await session.execute(_statement(measure, COST_COLUMNS), values)).mappings().all()


def _values(organization_id: UUID, measure: CostMeasure, period: DateRange, reasons: Reasons) -> dict[str, Any]:
    """All parameters but the ids."""
    start, end = period.start.replace(day=1), period.end.replace(day=1)
    return {
        "organization": organization_id,
        "organization_id": organization_id,
        "metric": measure.value,
        "start": period.start,
        "end": period.end,
        "month_of_start": start,
        "month_after_start": start if start == period.start else _following(start),
        "month_of_end": end,
        "month_after_end": end if end == period.end else _following(end),
        **reasons,
    }


def _following(month: date) -> date:
    """The first day of the month after the one that begins on this day."""
    return (month + timedelta(days=31)).replace(day=1)


@lru_cache(MOST_KEPT)
def _text(measure: CostMeasure, wanted: Wanted, ids: str = IDS) -> tuple[str, tuple[str, ...]]:
    return text_of(_statement(measure, wanted, ids))


@lru_cache
def _statement(measure: CostMeasure, wanted: Wanted, ids: str = IDS) -> TextClause:
    bounds = {name: f'(SELECT "{name}" FROM bounds)' for name in BOUNDS}  # noqa: S608
    found, facts = found_charges(measure, bounds, _WITHIN, ids)
    parts = {"delivered": DELIVERED, "bounds": _BOUNDS, "found": found, "payers": PAYERS, "facts": facts}
    shown = ", ".join(f'{_COLUMNS[name]} AS "{name}"' for name in wanted)
    payers_of_each = _PAYERS_OF_EACH if "payers" in wanted else ""
    statement = _STATEMENT.format(
        **parts, amounts=_amounts(measure), name=measure.name, shown=shown, payers_of_each=payers_of_each, ids=ids
    )
    used = [bindparam(name, type_=type_) for name, type_ in _TYPES.items() if f":{name}" in statement]
    return text(statement).bindparams(*used)


def _amounts(measure: CostMeasure) -> str:
    """The SQL that brings `facts` into the currency of `bounds`; months and currencies decide whether rates matter."""
    plan = CostPlan(CostQuestion(DateRange(date.min, date.max), "", (measure,)), (), converts=True)
    facts = table("facts", *(column(name, type_) for name, type_ in {**FACTS, measure.name: Numeric}.items()))
    currency, organization = (
        literal_column("(SELECT currency FROM bounds)", Text),
        literal_column(":organization", Uuid),
    )
    amounts = converted(plan, facts, currency=currency, organization=organization)
    return str(amounts.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
