"""SQL of daily costs: what a scope of charges cost on each day, from the roll-ups."""

from __future__ import annotations

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Table, TextClause, exists, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import CostImport, CostImportPeriod, SummaryDim
from app.models.currencies import CurrencyRate
from app.records.cost_analysis import CostDimension, TextCondition
from app.records.cost_rollups import LINK_OF, Link
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric, Finality, ImportMode
from app.records.stored_conditions import text_to_json
from app.repositories.cost_dimensions import ESCAPE, contained

SUMMARY_COLUMNS = frozenset(SummaryDim.__table__.c.keys()) - {"organization_id", "id"}
IMPORTS: Table = CostImport.__table__  # type: ignore[assignment]
PERIODS: Table = CostImportPeriod.__table__  # type: ignore[assignment]
RATES: Table = CurrencyRate.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class AskedSeries:
    """What is summed by day: the charges of a scope from `start` to before `end`.

    `by_month`: what a month's days cost comes as one amount, on the first of them that is asked for.
    """

    scope: CostScope
    metric: CostMetric
    start: date
    end: date
    by_month: bool = False


@dataclass(frozen=True)
class DayCost:
    """What the charges of a day in one currency cost.

    `amount` is None where none of them has the metric; `incomplete` where some have not.
    """

    day: date
    currency: str
    amount: Decimal | None
    incomplete: bool


@dataclass(frozen=True)
class ImportedDays:
    """The days of a billing account's billing period on which charges start, `first_day` to `last_day` (inclusive).

    `is_final`: its provider does not restate the billing period any more. `charges` is how many there are.
    `is_appended`: they are rows that were appended, which say nothing of other days.
    """

    id: int
    import_id: UUID
    billing_account: tuple[str, str]
    period_start: date
    period_end: date
    first_day: date
    last_day: date
    is_final: bool
    charges: int = 0
    is_appended: bool = False


# By the roll-up that is read: which dimensions each scope chooses, and where their amounts stand. The scopes travel as
# one JSON text, so that any number of them is one statement.
_CHOSEN = {
    "providers": "",
    "summary": """, chosen AS MATERIALIZED (
        SELECT a.number, s.id, s.billing_currency AS currency
        FROM asked a JOIN summary_dims s ON s.organization_id = :organization_id AND {summary})""",
    "cost": """, chosen AS MATERIALIZED (
        SELECT a.number, k.id, s.billing_currency AS currency
        FROM asked a JOIN cost_dims k ON k.organization_id = :organization_id AND {cost}
        JOIN summary_dims s ON s.organization_id = :organization_id AND s.id = k.summary_dim_id AND {summary})""",
    # What has none of the promoted tags is of set 0, which no row tells of.
    "tag": """, chosen AS MATERIALIZED (
        SELECT a.number, s.id, s.billing_currency AS currency
        FROM asked a JOIN summary_dims s ON s.organization_id = :organization_id AND {summary}),
    sets AS MATERIALIZED (
        SELECT a.number, t.id FROM asked a CROSS JOIN (
            SELECT id, tags FROM allocation_sets WHERE organization_id = :organization_id
            UNION ALL SELECT 0, '{{}}'::jsonb) AS t
        WHERE NOT EXISTS (SELECT FROM jsonb_each(a.tags) AS wanted WHERE NOT ({tags})))""",
}
_ROLL_UPS = {
    "providers": "provider_daily c ON c.organization_id = :organization_id",
    "summary": "chosen USING (number) JOIN service_daily c ON c.organization_id = :organization_id "
    "AND c.summary_dim_id = chosen.id",
    "cost": "chosen USING (number) JOIN cost_daily c ON c.organization_id = :organization_id "
    "AND c.cost_dim_id = chosen.id",
    "tag": "chosen USING (number) JOIN sets USING (number) JOIN tag_daily c ON c.organization_id = :organization_id "
    "AND c.summary_dim_id = chosen.id AND c.allocation_id = sets.id",
}


# What each operator asks of a value `v`, given the test `t` of a scope as JSON; both may be null.
_TESTS = {
    "in": "coalesce({t} -> 'in' ? {v}, false)",
    "notIn": "NOT coalesce({t} -> 'notIn' ? {v}, false)",
    "contains": f"coalesce({{v}} ILIKE ({{t}} ->> 'contains') ESCAPE '{ESCAPE}', false)",
    "exists": "({v} IS NOT NULL) = CAST({t} ->> 'exists' AS boolean)",
}
_VALUES = {CostDimension.ACCOUNT: "coalesce(s.sub_account_id, s.billing_account_id)"}
Uses = frozenset[tuple[CostDimension | None, str]]
"""What scopes ask for: columns, None for tags, each with an operator. Equal uses are the same SQL."""


def source_of(scope: CostScope) -> str:
    """The roll-up that knows all that a scope asks for. Raises ValueError where none does."""
    links = {LINK_OF[dimension] for dimension in scope.dimensions}
    if not links <= ({Link.SUMMARY} if scope.tags else {Link.SUMMARY, Link.COST}):
        message = "no roll-up of days knows all that the scope asks for"
        raise ValueError(message)
    if scope.tags:
        return "tag"
    return "cost" if Link.COST in links else "summary" if links else "providers"


async def daily_costs(
    session: AsyncSession, organization_id: UUID, asked: Sequence[AskedSeries]
) -> list[list[DayCost]]:
    """For each of what is asked its costs by day and currency, days without charges left out.

    At most four statements, however many are asked. Raises ValueError for a scope that no roll-up knows.
    """
    found: list[list[DayCost]] = [[] for _ in asked]
    by_source: dict[str, list[dict[str, Any]]] = {}
    uses: dict[str, set[tuple[CostDimension | None, str]]] = {}
    for number, one in enumerate(asked):
        source, tests = source_of(one.scope), [(one.of, _test(one)) for one in one.scope.conditions]
        sent: dict[str, Any] = {"number": number, "metric": one.metric.value, "first": one.start, "after": one.end}
        sent["by_month"] = one.by_month
        sent["dimensions"] = {of.dimension.value: test for of, test in tests if of.dimension is not None}
        sent["tags"] = {of.tag: test for of, test in tests if of.tag is not None}
        by_source.setdefault(source, []).append(sent)
        uses.setdefault(source, set()).update((of.dimension, name) for of, test in tests for name in test)
    for source, rows in by_source.items():
        values = {"organization_id": organization_id, "asked": orjson.dumps(rows).decode()}
        for row in (await session.execute(_statement(source, frozenset(uses[source])), values)).mappings():
            cost = DayCost(row["day"], row["currency"], row["amount"], row["incomplete"])
            found[row["number"]].append(cost)
    return found


def _test(condition: TextCondition) -> dict[str, Any]:
    """What `_TESTS` reads."""
    test = text_to_json(condition)
    return test if condition.contains is None else test | {"contains": contained(condition.contains)}


@functools.lru_cache(maxsize=256)
def _statement(source: str, uses: Uses) -> TextClause:
    whens = " ".join(f"WHEN '{metric.value}' THEN c.{metric.value}" for metric in CostMetric)
    amount = f"CASE asked.metric {whens} END"
    chosen = _CHOSEN[source].format(
        summary=_conditions("s", uses, Link.SUMMARY), cost=_conditions("k", uses, Link.COST), tags=_tag_conditions(uses)
    )
    day = "CASE WHEN asked.by_month THEN greatest(date_trunc('month', c.day)::date, asked.first) ELSE c.day END"
    currency = "c.billing_currency" if source == "providers" else "chosen.currency"
    return text(f"""
        WITH asked AS MATERIALIZED (
            SELECT * FROM jsonb_to_recordset(CAST(:asked AS jsonb))
                AS sent(number integer, metric text, first date, after date, by_month boolean, dimensions jsonb,
                tags jsonb)){chosen}
        SELECT asked.number, {day} AS day, {currency} AS currency, sum({amount}) AS amount,
            bool_or({amount} IS NULL) AS incomplete
        FROM asked JOIN {_ROLL_UPS[source]} AND c.day >= asked.first AND c.day < asked.after
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """)  # noqa: S608  (names come from the tables themselves)


def _conditions(alias: str, uses: Uses, link: Link) -> str:
    """Each column of a table that a scope names meets its test; none does where no scope names one."""
    tests = [
        _holds(f"a.dimensions -> '{column.value}'", _VALUES.get(column, f"{alias}.{column.value}"), name)
        for column, name in sorted(uses, key=str)
        if column is not None and LINK_OF[column] is link
    ]
    return " AND ".join(tests) or "true"


def _tag_conditions(uses: Uses) -> str:
    """The value under a wanted key meets its test."""
    tests = [
        _holds("wanted.value", "(t.tags ->> wanted.key)", name) for column, name in sorted(uses, key=str) if not column
    ]
    return " AND ".join(tests) or "true"


def _holds(test: str, value: str, name: str) -> str:
    """An operator of a test holds, or is not in it."""
    return f"(NOT coalesce({test} ? '{name}', false) OR {_TESTS[name].format(t=f'({test})', v=value)})"


async def imported_days(session: AsyncSession, organization_id: UUID) -> list[ImportedDays]:
    """What the deliveries in force speak of, the oldest delivery first. One row for each month and account."""
    appended = exists().where(
        IMPORTS.c.organization_id == organization_id,
        IMPORTS.c.id == PERIODS.c.import_id,
        IMPORTS.c.mode == ImportMode.APPEND,
    )
    statement = (
        select(PERIODS, appended.label("is_appended"))
        .where(PERIODS.c.organization_id == organization_id, PERIODS.c.status == "ACTIVE")
        .order_by(PERIODS.c.id)
    )
    return [
        ImportedDays(
            id=row["id"],
            import_id=row["import_id"],
            billing_account=(row["dataset"], row["billing_account_id"]),
            period_start=row["billing_period_start"],
            period_end=row["billing_period_end"],
            first_day=row["first_day"],
            last_day=row["last_day"],
            is_final=row["finality"] == Finality.FINAL,
            charges=row["charge_count"],
            is_appended=row["is_appended"],
        )
        for row in (await session.execute(statement)).mappings()
    ]


async def rates_into(
    session: AsyncSession, organization_id: UUID, currencies: Collection[str]
) -> Sequence[tuple[str, str, date, Decimal]]:
    """The organization's rates into currencies: (from, to, first day, factor), of each pair the newest first."""
    statement = (
        select(RATES.c.from_currency, RATES.c.to_currency, RATES.c.valid_from, RATES.c.rate)
        .where(RATES.c.organization_id == organization_id, RATES.c.to_currency.in_(currencies))
        .order_by(RATES.c.from_currency, RATES.c.to_currency, RATES.c.valid_from.desc())
    )
    return [(row[0], row[1], row[2], row[3]) for row in await session.execute(statement)]
