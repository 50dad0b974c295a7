"""What the one statement for a page says of resources is what coverage and sums of charges say, asked one by one."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import of_payers, period_coverage
from app.costs.analysis.nodes import (
    NO_CHARGE_OF_RESOURCE,
    NO_METRIC,
    NO_RATE,
    NOT_DELIVERED,
    NodeCost,
    costs_of_resources,
    costs_of_resources_rows,
    node_costs,
    reason_of,
)
from app.costs.analysis.periods import whole_months
from app.costs.analysis.report import amount_of
from app.database import Database
from app.models import Account, Organization, Resource
from app.records.cost_analysis import CostMeasure, CostPlan, CostQuestion, DateRange
from app.records.costs import CostMetric
from app.repositories.cost_coverage import coverage_of_resources
from app.repositories.cost_of_resources import resource_costs
from app.repositories.cost_rows import _COLUMNS, columns_read
from tests.costs.analysis.store import Store, charge
from tests.house.rows import row_of
from tests.house.statements import counted

TENANT = UUID(int=1)
ACCOUNTS = {
    UUID(int=11): ("AWS", "111"),
    UUID(int=12): ("AWS", "222"),
    UUID(int=13): ("GCP", "333"),
    UUID(int=14): ("AZURE", "never"),
}
FIRST = date(2026, 8, 1)
QUESTIONS = 25


def charges_of(chance: random.Random) -> list[dict[str, object]]:
    """Charges of ten resources in four months; the last billing account is delivered for one month only."""
    found = []
    for _ in range(160):
        payer = chance.choice(["payer 1", "payer 2", None])
        start = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=chance.randrange(24 * 110))
        if payer is None:
            start = start.replace(month=9, day=min(start.day, 28))
        more = {
            "provider": chance.choice(["AWS", "AWS", "GCP"]),
            "billing_account_id": payer,
            "sub_account_id": chance.choice(["111", "222", "333", None]),
            "billing_currency": chance.choice(["EUR", "EUR", "USD", "JPY", "GBP"]),
            "resource_id": (name := f"i-{chance.randrange(10)}"),
            "resource_key": name,
            "resource_name": chance.choice(["a", "b"]),
            "effective_cost": chance.choice([None, Decimal(0), Decimal(chance.randrange(10**6)) / 1000]),
        }
        if name == "i-9":  # of one account, in a currency without a rate
            more |= {"provider": "AWS", "sub_account_id": "111", "billing_currency": "GBP"}
        found.append(charge(start, str(chance.randrange(1000)), **more))
    return found


async def fill(owner: Database, chance: random.Random) -> list[UUID]:
    """Fourteen resources, of which some share a native id and some were never charged, with their charges."""
    ids: list[UUID] = []
    async with owner.engine.begin() as connection:
        await connection.execute(insert(Organization), row_of(Organization.__table__, TENANT) | {"currency": "EUR"})  # type: ignore[arg-type]
        for id_, (provider, native_id) in ACCOUNTS.items():
            named = {"id": id_, "provider": provider, "native_id": native_id}
            await connection.execute(insert(Account), row_of(Account.__table__, TENANT) | named)  # type: ignore[arg-type]
        for number in range(14):
            account, id_ = (UUID(int=11 + number * 2 % 3 + (number == 7)), UUID(int=100 + number))
            named = {"id": id_, "native_id": f"i-{number if number < 12 else number - 10}", "account_id": account}
            named |= {"provider": ACCOUNTS[account][0]}
            await connection.execute(insert(Resource), row_of(Resource.__table__, TENANT) | named)  # type: ignore[arg-type]
            ids.append(id_)
    store = Store(TENANT)
    store.rates = [("USD", "EUR", date(2026, 9, 15), Decimal("0.9")), ("JPY", "EUR", FIRST, Decimal("0.0061"))]
    await store.fill(owner, charges_of(chance))
    return [*ids, UUID(int=999)]


async def one_by_one(
    session: AsyncSession, ids: Sequence[UUID], period: DateRange, metric: CostMetric
) -> dict[UUID, NodeCost]:
    """By two statements, and words for what they give."""
    coverage = await coverage_of_resources(session, TENANT, period, ids)
    question = CostQuestion(period, coverage.currency, measures=(CostMeasure(metric.value),))
    plan = CostPlan(question, (), converts=not coverage.currencies <= {coverage.currency})
    rows = await resource_costs(session, TENANT, plan, ids, whole_months(period, coverage.held))
    told = {}
    for id_ in ids:
        known = period_coverage(period, of_payers(coverage, coverage.payers.get(id_, frozenset())).accounts)
        found = amount_of(rows[id_], question.measures) if rows[id_] else None
        if known.known_from is None and (found is None or not found.charges):
            told[id_] = NodeCost(coverage.currency, None, NOT_DELIVERED, known)
        elif found is None:
            told[id_] = NodeCost(coverage.currency, None, NO_CHARGE_OF_RESOURCE, known)
        else:
            told[id_] = NodeCost(coverage.currency, found, reason_of(found), known)
    return told


@pytest.mark.parametrize("seed", [1, None])
async def test_the_page_says_what_is_said_one_by_one(owner: Database, database: Database, seed: int | None) -> None:
    seed = random.randrange(10**6) if seed is None else seed  # noqa: S311
    chance = random.Random(seed)  # noqa: S311
    ids = await fill(owner, chance)
    reasons: set[str | None] = set()
    for number in range(QUESTIONS):
        start = FIRST + timedelta(chance.randrange(120))
        if chance.random() < 0.5:
            start = start.replace(day=1)
        period = DateRange(start, start + timedelta(chance.choice([1, 5, 30, 31, 61, 92])))
        metric = chance.choice(list(CostMetric))
        asked = chance.sample(ids, chance.randrange(1, len(ids) + 1))
        async with database.read(TENANT) as session:
            expected = await one_by_one(session, asked, period, metric)
            assert await costs_of_resources(session, TENANT, asked, period, metric) == expected, (seed, number)
        rows = await costs_of_resources_rows(database, TENANT, asked, period, metric)
        assert dict(zip(asked, node_costs(rows, period), strict=True)) == expected, (seed, number)
        wanted = ("amount", "currency", "reason", "charges")
        lean = await costs_of_resources_rows(database, TENANT, asked, period, metric, wanted)
        sums = [None if cost.sum is None else cost.sum.amounts[0] for cost in expected.values()]
        assert [row[:2] for row in lean] == [
            (None if amount is None else format(amount, "f"), "EUR") for amount in sums
        ], (seed, number)
        assert [row[2:] for row in lean] == [
            (cost.reason, None if cost.sum is None else cost.sum.charges) for cost in expected.values()
        ], (seed, number)
        reasons |= {cost.reason for cost in expected.values()}
    assert reasons == {None, NOT_DELIVERED, NO_CHARGE_OF_RESOURCE, NO_RATE, NO_METRIC}


async def test_a_page_is_one_statement(database: Database) -> None:
    period = DateRange(FIRST, date(2026, 9, 1))
    with counted(database) as statements:
        found = await costs_of_resources_rows(database, TENANT, [UUID(int=1)] * 2, period, CostMetric.BILLED_COST)
    assert [row["reason"] for row in found] == [NOT_DELIVERED] * 2
    assert len(statements) == 1
    assert await costs_of_resources_rows(database, TENANT, [], period, CostMetric.BILLED_COST) == []


def test_any_columns_in_any_order_are_read_by_a_few_statements() -> None:
    """PostgreSQL keeps the plan of each in each connection."""
    wanted = [choice for count in (0, 1, 2, 3) for choice in permutations(_COLUMNS, count)]
    read = {columns_read(choice) for choice in wanted}
    assert len(wanted) > 1_000
    assert len(read) == 4
    assert all(set(columns_read(choice)) >= set(choice) for choice in wanted)
