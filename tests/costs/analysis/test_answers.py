"""Answers to questions about costs, from the database."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from uuid import UUID

from app.costs.analysis.report import answer
from app.database import Database
from app.records.cost_analysis import CostDimension, CostQuestion, CostRollup, DateRange, Grouping
from tests.costs.analysis.store import Store, charge

ORGANIZATION = UUID(int=1)
OCTOBER = DateRange(date(2026, 10, 1), date(2026, 11, 1))


async def test_groups_of_a_month(database: Database) -> None:
    store = Store(ORGANIZATION)
    await store.fill(
        database,
        [
            charge(date(2026, 10, 3), "1.10"),
            charge(date(2026, 10, 4), "2.05"),
            charge(date(2026, 10, 5), "7", service_name="Amazon S3"),
            charge(date(2026, 10, 5), "0.5", service_name=None),
            charge(date(2026, 9, 5), "100"),
        ],
    )
    question = CostQuestion(OCTOBER, "USD", groupings=(Grouping(CostDimension.SERVICE_NAME),))
    found = await answer(database, ORGANIZATION, question)
    assert found.rollups == (CostRollup.SERVICE_MONTHLY,)
    assert found.total is not None
    assert found.total.amounts == (Decimal("10.65"),)
    assert [(group.key, group.sum.amounts[0]) for group in found.groups] == [
        (("Amazon S3",), Decimal(7)),
        (("Amazon EC2",), Decimal("3.15")),
        ((None,), Decimal("0.5")),
    ]
    assert found.other is None
