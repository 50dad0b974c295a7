"""The plan: for each question the smallest roll-up that knows all of it; dimensions are those of the tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from app.costs.analysis.plan import make_plan
from app.models import CostDim, DetailDim, ResourceDim, SkuDim, SummaryDim
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostCoverage,
    CostDimension,
    CostMeasure,
    CostQuestion,
    DateRange,
    Grouping,
    TextCondition,
)

D = CostDimension
MONTH = DateRange(date(2026, 10, 1), date(2026, 11, 1))
COVERAGE = CostCoverage(
    held=(DateRange(date(2026, 1, 1), date(2026, 11, 22)),),
    currencies=frozenset({"USD"}),
    promoted_keys=frozenset({"team"}),
)
RESOURCE = (D.RESOURCE_ID, D.RESOURCE_NAME, D.RESOURCE_TYPE, D.AVAILABILITY_ZONE)


def read(question: CostQuestion, coverage: CostCoverage = COVERAGE) -> list[tuple[str, str, str]]:
    plan = make_plan(question, coverage)
    return [(one.rollup.value, str(one.days.start)[5:], str(one.days.end)[5:]) for one in plan.segments]


@pytest.mark.parametrize(
    ("names", "where", "granularity", "rollup"),
    [
        ([], (), "TOTAL", "provider_daily"),
        ([D.PROVIDER, D.CHARGE_CATEGORY], (), "DAY", "provider_daily"),
        ([D.SERVICE_NAME], (), "TOTAL", "service_monthly"),
        ([D.SERVICE_NAME], (), "WEEK", "service_daily"),
        ([D.SUB_ACCOUNT_ID], (), "QUARTER", "summary_monthly"),
        ([D.ACCOUNT], (), "DAY", "service_daily"),
        (["team"], (), "TOTAL", "tag_total_daily"),
        (["team", D.CHARGE_CATEGORY], (), "DAY", "tag_total_daily"),
        (["Team ", D.SERVICE_NAME], (), "DAY", "tag_service_daily"),
        (["team", D.PROVIDER], (), "TOTAL", "tag_daily"),
        (["other"], (), "TOTAL", "charges"),
        (["team", D.REGION_ID], (), "TOTAL", "charges"),
        ([D.REGION_ID], (), "TOTAL", "cost_daily"),
        ([D.BILLING_PERIOD_START], (), "TOTAL", "service_daily"),
        ([D.RESOURCE_ID], (), "MONTH", "resource_monthly"),
        ([D.RESOURCE_ID], (), "DAY", "charges"),
        ([D.RESOURCE_ID, D.PROVIDER], (), "TOTAL", "charges"),
        ([D.SKU_ID], (), "TOTAL", "charges"),
        ([D.TEAM], (), "TOTAL", "team_daily"),
        ([D.TEAM, D.SERVICE_NAME], (), "DAY", "allocated_daily"),
        ([D.SERVICE_NAME], (TextCondition(Grouping(D.REGION_ID), in_=("eu",)),), "TOTAL", "cost_daily"),
        ([D.SERVICE_NAME], (AmountCondition("effective_cost", gt=Decimal(0)),), "TOTAL", "charges"),
    ],
)
def test_the_smallest_source(names: list[str], where: tuple[Condition, ...], granularity: str, rollup: str) -> None:
    groupings = tuple(Grouping(one) if isinstance(one, CostDimension) else Grouping(tag=one) for one in names)
    question = CostQuestion(
        MONTH, "USD", granularity=CostGranularity(granularity), groupings=groupings, conditions=where
    )
    assert read(question)[0][0] == rollup


def test_quantities_stand_in_charges_alone() -> None:
    question = CostQuestion(MONTH, "USD", measures=(CostMeasure.EFFECTIVE_COST, CostMeasure.CONSUMED_QUANTITY))
    assert read(question)[0][0] == "charges"


def test_whole_months_and_the_days_at_both_ends() -> None:
    period = DateRange(date(2026, 7, 15), date(2026, 10, 5))
    question = CostQuestion(period, "USD", groupings=(Grouping(D.SERVICE_NAME),))
    assert read(question) == [
        ("service_daily", "07-15", "08-01"),
        ("service_monthly", "08-01", "10-01"),
        ("service_daily", "10-01", "10-05"),
    ]
    to_date = CostQuestion(DateRange(date(2026, 11, 1), date(2026, 11, 23)), "USD", groupings=question.groupings)
    assert read(to_date) == [("service_monthly", "11-01", "12-01")], "there are no charges later in the month"


def test_teams_where_costs_were_shared_out_and_nobody_elsewhere() -> None:
    plan = make_plan(CostQuestion(MONTH, "USD", groupings=(Grouping(D.TEAM),)), COVERAGE)
    assert [(one.rollup.value, one.allocated) for one in plan.segments] == [
        ("team_daily", True),
        ("provider_daily", False),
    ]


def test_the_index_answers_only_where_it_is_exact() -> None:
    question = CostQuestion(MONTH, "USD", groupings=tuple(map(Grouping, RESOURCE)))
    assert make_plan(question, COVERAGE).by_index
    shared = CostCoverage(COVERAGE.covered, COVERAGE.held, COVERAGE.currencies, shared_months=frozenset({MONTH.start}))
    assert not make_plan(question, shared).by_index
    mixed = CostCoverage(COVERAGE.covered, COVERAGE.held, frozenset({"USD", "EUR"}))
    assert not make_plan(question, mixed).by_index
    alone = CostQuestion(MONTH, "USD", groupings=(Grouping(D.RESOURCE_ID),))
    assert not make_plan(alone, COVERAGE).by_index, "several dimensions may have one ResourceId"
    compared = CostQuestion(
        MONTH, "USD", groupings=question.groupings, previous=DateRange(date(2026, 9, 1), MONTH.start)
    )
    assert not make_plan(compared, COVERAGE).by_index
    assert make_plan(CostQuestion(MONTH, "EUR", groupings=question.groupings), COVERAGE).converts


def test_every_text_and_price_of_the_dimensions_can_be_grouped_by() -> None:
    """What has no dimension of its own is an id, an object, or only for the inventory."""
    columns = {
        column.name
        for model in (SummaryDim, CostDim, SkuDim, ResourceDim, DetailDim)
        for column in model.__table__.columns
        if column.type.python_type is not object and not column.name.endswith("_dim_id")
    }
    own = {D.BILLING_PERIOD_START, D.BILLING_PERIOD_END, D.CHARGE_PERIOD_START, D.CHARGE_PERIOD_END, D.DATASET}
    own |= {D.COMMITMENT_DISCOUNT_QUANTITY, D.ACCOUNT, D.TEAM}
    expected = columns - {"organization_id", "id", "resource_key"}
    objects = {
        "sku_price_details", "allocated_method_details", "allocated_tags", "contract_applied", "extra",
        "commitment_program_eligibility_details",
    }  # fmt: skip
    assert {one.value for one in D} - {one.value for one in own} == expected - objects
