"""What an organization's charges cost: reports by any column or tag, and the month to date."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Annotated, Final

import strawberry

from app.context import Info
from app.costs.analysis.answers import Ask
from app.costs.analysis.coverage import period_coverage
from app.costs.analysis.nodes import NOTHING_IMPORTED, NodeCost, reason_of
from app.costs.analysis.periods import compared_period, spanning, today
from app.costs.analysis.plan import largest_top
from app.errors import BadUserInputError
from app.records import Permission
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    Condition,
    CostComparison,
    CostCoverage,
    CostMeasure,
    CostPeriodName,
    CostQuestion,
    DateRange,
    Grouping,
)
from app.records.costs import CostMetric
from app.records.currencies import checked_currency
from app.schema.cost_filters import CostFilter, conditions_of
from app.schema.cost_periods import CostPeriodInput, Metric, Period, PeriodCost
from app.schema.cost_questions import CostGrouping
from app.schema.cost_report_forecasts import CostReportForecastInput
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
    list[CostGrouping] | None, strawberry.argument(description="By what charges are told apart, at most 10.")
]
Where = Annotated[CostFilter | None, strawberry.argument(description="Which charges; all when left out.")]
Compare = Annotated[CostComparison | None, strawberry.argument(description="Compare totals with another period.")]
TopN = Annotated[
    int | None,
    strawberry.argument(
        description="How many groups are told apart, at most 1,000 and 5,000 points in all; as many as may be when "
        "left out. The others are together in `other`."
    ),
]
Currency = Annotated[
    str | None, strawberry.argument(description="Code of ISO 4217; the organization's currency when left out.")
]
Forecast = Annotated[
    CostReportForecastInput | None,
    strawberry.argument(
        description="Forecast the main metric, a cost, over the days of the period that are not known yet, such as "
        "those of THIS_MONTH to come; `{}` asks with what is usual. An operation may ask for 12 forecasts."
    ),
]

MOST_ASKED: Final = 256
"""Reports of which it is kept what they ask; the longest unused goes first."""


@lru_cache(MOST_ASKED)
def asked_on(
    day: date,
    name: CostPeriodName | None,
    start: date | None,
    end: date | None,
    measures: tuple[CostMeasure, ...],
    granularity: CostGranularity = CostGranularity.TOTAL,
    groupings: tuple[Grouping, ...] = (),
    conditions: tuple[Condition, ...] = (),
    compare: CostComparison | None = None,
    top: int | None = None,
    currency: str | None = None,
) -> tuple[DateRange | None, Ask]:
    """What a report asks on a day, of any organization: the days over which it reaches, and the question.

    None is all time. Raises BadUserInputError.
    """
    shown = None if currency is None else checked_currency(currency, ("currency",))
    period = CostPeriodInput(name=name, start=start, end=end)

    def compared(days: DateRange) -> DateRange | None:
        return compared_period(days, compare, name) if compare is not None else None

    asked = None if name is CostPeriodName.ALL_TIME else period.days(day=day)

    def ask(coverage: CostCoverage) -> CostQuestion:
        days = period.days(coverage, day) if asked is None else asked
        return CostQuestion(
            days,
            shown or coverage.currency,
            measures=measures,
            granularity=granularity,
            groupings=groupings,
            conditions=conditions,
            previous=compared(days),
            top=largest_top(days, granularity) if top is None else top,
        )

    return None if asked is None else spanning(asked, compared(asked)), ask


def _named_as_sent(error: BadUserInputError, *, several: bool) -> BadUserInputError:
    """A refusal of `metrics` names `metric` where that was sent."""
    if several or error.path != ("metrics",):
        return error
    return BadUserInputError(error.message, path=("metric",))


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
        forecast: Forecast = None,
    ) -> CostReport | None:
        """One statement, one more where the imports have changed since they were last asked about."""
        key = self.require(Permission.ORGANIZATION_READ)
        groupings, conditions = tuple([one.grouping() for one in group_by or ()]), conditions_of(where)
        measures = tuple(metrics) if metrics else (metric,)
        days = (today(), period.name, period.start, period.end)
        span, ask = asked_on(*days, measures, granularity, groupings, conditions, compare, top_n, currency)
        try:
            if forecast is None:
                return CostReport.of(key, await info.context.loaders.cost_answer(key, span, ask))
            wish = forecast.wish()
            info.context.count_forecasts(1 + wish.groups, ("forecast",))
            return CostReport.of(key, *await info.context.loaders.cost_forecasts(key, span, ask, wish))
        except BadUserInputError as error:
            raise _named_as_sent(error, several=bool(metrics)) from None

    @strawberry.field(description="What its charges cost from the first of this month to today.")
    async def month_to_date_cost(self, info: Info, metric: Metric = CostMetric.EFFECTIVE_COST) -> PeriodCost:
        """As `costs`."""
        key = self.require(Permission.ORGANIZATION_READ)
        span, ask = asked_on(today(), CostPeriodName.MONTH_TO_DATE, None, None, (CostMeasure(metric.value),))
        answer = await info.context.loaders.cost_answer(key, span, ask)
        days = answer.question.period
        reason = NOTHING_IMPORTED if answer.total is None else reason_of(answer.total)
        known = period_coverage(days, answer.coverage.accounts)
        return PeriodCost.of(NodeCost(answer.question.currency, answer.total, reason, known), days, metric)
