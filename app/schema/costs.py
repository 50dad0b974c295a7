"""What an organization's charges cost: reports by any column or tag, and the month to date."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.context import Info
from app.costs.analysis.nodes import NOTHING_IMPORTED, NodeCost, reason_of
from app.costs.analysis.periods import compared_period, spanning
from app.costs.analysis.plan import largest_top
from app.records import Permission
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    CostComparison,
    CostMeasure,
    CostPeriodName,
    CostQuestion,
)
from app.records.costs import CostMetric
from app.records.currencies import checked_currency
from app.schema.cost_periods import MONTH_TO_DATE, Metric, Period, PeriodCost
from app.schema.cost_questions import CostFilter, CostGrouping, conditions_of
from app.schema.cost_reports import CostReport
from app.schema.currencies import OrganizationCurrencies

Granularity = Annotated[CostGranularity, strawberry.argument(description="How long the steps of series are.")]
MainMetric = Annotated[CostMeasure, strawberry.argument(description="What is summed; `metrics` takes its place.")]
Metrics = Annotated[
    list[CostMeasure] | None,
    strawberry.argument(
        description="Several metrics at once, at most 6; the first is the main one: groups are in its order."
    ),
]
GroupBy = Annotated[
    list[CostGrouping] | None, strawberry.argument(description="By what charges are told apart, at most 8.")
]
Where = Annotated[CostFilter | None, strawberry.argument(description="Which charges; all when left out.")]
Compare = Annotated[CostComparison | None, strawberry.argument(description="Compare totals with another period.")]
TopN = Annotated[
    int | None,
    strawberry.argument(
        description="How many groups are told apart, at most 1,000 and 50,000 points in all; as many as may be when "
        "left out. The others are together in `other`."
    ),
]
Currency = Annotated[
    str | None, strawberry.argument(description="Code of ISO 4217; the organization's currency when left out.")
]


@strawberry.type
class OrganizationCosts(OrganizationCurrencies):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(
        description="What its charges cost: in total, in a series, by any column or tag, and against another period. A "
        "charge counts on the UTC day on which its charge period starts."
    )
    async def costs(
        self,
        info: Info,
        period: Period,
        granularity: Granularity = CostGranularity.TOTAL,
        metric: MainMetric = CostMeasure.EFFECTIVE_COST,
        metrics: Metrics = None,
        group_by: GroupBy = None,
        where: Where = None,
        compare: Compare = None,
        top_n: TopN = None,
        currency: Currency = None,
    ) -> CostReport:
        """Two statements; three where the first resources of a month are read from an index."""
        key, loaders = self.require(Permission.ORGANIZATION_READ), info.context.loaders
        coverage = await loaders.cost_coverage(key, None) if period.name is CostPeriodName.ALL_TIME else None
        days = period.days(coverage)
        previous = compared_period(days, compare, period.name) if compare is not None else None
        if coverage is None:
            coverage = await loaders.cost_coverage(key, spanning(days, previous))
        question = CostQuestion(
            days,
            coverage.currency if currency is None else checked_currency(currency),
            measures=tuple(metrics) if metrics else (metric,),
            granularity=granularity,
            groupings=tuple(one.grouping() for one in group_by or ()),
            conditions=conditions_of(where),
            previous=previous,
            top=largest_top(days, granularity) if top_n is None else top_n,
        )
        return CostReport.of(key, await loaders.cost_answer(key, question, coverage))

    @strawberry.field(description="What its charges cost from the first of this month to today.")
    async def month_to_date_cost(self, info: Info, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost:
        """Two statements."""
        key = self.require(Permission.ORGANIZATION_READ)
        days = MONTH_TO_DATE.days()
        coverage = await info.context.loaders.cost_coverage(key, days)
        question = CostQuestion(days, coverage.currency, measures=(CostMeasure(metric.value),))
        total = (await info.context.loaders.cost_answer(key, question, coverage)).total
        reason = NOTHING_IMPORTED if total is None else reason_of(total)
        return PeriodCost.of(NodeCost(coverage.currency, total, reason), days, metric)
