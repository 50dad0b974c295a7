"""Reports of costs: totals, groups, series, what changed, and what no rate converts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.analysis.change import ratio, why_incomparable
from app.costs.analysis.coverage import period_coverage
from app.costs.analysis.hints import hints_on
from app.costs.analysis.nodes import NOT_DELIVERED, NOTHING_IMPORTED, reason_of
from app.costs.analysis.report import CostAnswer
from app.costs.analysis.report_forecasts import Forecasts
from app.costs.providers import resource_key
from app.execution import Made, from_rows, gives_rows, wanted_of
from app.records import cost_analysis
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    CostAmount,
    CostDimension,
    CostMeasure,
    CostQuestion,
    CostRollup,
    Grouping,
)
from app.schema.accounts import Account
from app.schema.cost_amounts import (
    CostChange,
    CostPoint,
    MetricAmount,
    UnconvertedCost,
    amounts_of,
    points_of,
    unconverted_of,
)
from app.schema.cost_coverage import CostCoverage
from app.schema.cost_keys import CostKey, rows_of_keys, shown_keys
from app.schema.cost_report_forecasts import CostReportForecast, forecast_of_group
from app.schema.enums import graph_enum
from app.schema.resources import Resource
from app.schema.scalars import BigInt
from app.schema.teams import Team

graph_enum(
    CostRollup,
    "Where an answer was read from, the smallest first.",
    PROVIDER_DAILY="Days by provider.",
    SERVICE_MONTHLY="Months by service.",
    SUMMARY_MONTHLY="Months by account and service.",
    TEAM_DAILY="Days by team.",
    TAG_TOTAL_DAILY="Days by promoted tags.",
    TAG_SERVICE_DAILY="Days by promoted tags and service.",
    SERVICE_DAILY="Days by account and service.",
    TAG_DAILY="Days by promoted tags, account and service.",
    ALLOCATED_DAILY="Days by team, account and service.",
    COST_DAILY="Days by all that many charges share.",
    RESOURCE_MONTHLY="Months by resource.",
    CHARGES="The charges themselves.",
)
_ACCOUNTS = (CostDimension.ACCOUNT, CostDimension.SUB_ACCOUNT_ID, CostDimension.BILLING_ACCOUNT_ID)


CostGroupNode = Annotated[
    Account | Resource | Team,
    strawberry.union("CostGroupNode", description="What the charges of a group belong to, in Skyledger."),
]


@dataclass(frozen=True)
class Asked:
    """What all parts of a report know of it."""

    organization_id: UUID
    answer: CostAnswer
    forecasts: Forecasts | None

    @property
    def question(self) -> CostQuestion:
        """What was asked."""
        return self.answer.question

    @property
    def total(self) -> CostAmount | None:
        """Of all charges."""
        return self.answer.total

    @cached_property
    def incomparable(self) -> str | None:
        """Why no sums of the two periods have a difference."""
        return why_incomparable(self.question, self.answer.coverage.covered)


@from_rows("key", "total", "charge_count", keys=Made(("question", "values"), rows_of_keys, rows=True))
@strawberry.type(description="The charges that have the same values of all groupings.")
class CostGroup:
    """See app.records.cost_analysis.CostGroup."""

    key: str | None = strawberry.field(
        description="The value of the first grouping; null where the charges have none. Of TEAM it is the team's id."
    )
    total: Decimal | None = strawberry.field(description="The main metric; null where it is unknown.")
    reason: str | None = strawberry.field(description="Why the total is unknown.")
    share: Decimal | None = strawberry.field(
        description="Its part of the report's total, to six digits: 0.25 is a quarter; null where that is unknown or 0."
    )
    change: CostChange | None = strawberry.field(description="Against the compared period; null where none was asked.")
    charge_count: BigInt = strawberry.field(description="How many charges it has.")
    group: strawberry.Private[cost_analysis.CostGroup]
    asked: strawberry.Private[Asked]
    place: strawberry.Private[int | None]

    @classmethod
    def of(cls, group: cost_analysis.CostGroup, asked: Asked, place: int | None) -> CostGroup:
        """Make it of a group of an answer, and its place among them; that of `other` is None."""
        found = group.sum
        amount = found.amounts[0] if found is not None else None
        keys = shown_keys(group.key, asked.question, asked.organization_id)
        return cls(
            key=keys[0] if keys else None,
            total=amount,
            reason=reason_of(found) if found is not None else NOT_DELIVERED,
            share=ratio(amount, asked.total.amounts[0] if asked.total is not None else None),
            change=CostChange.of(found, group.previous, asked.question, asked.incomparable, of_group=True),
            charge_count=BigInt(found.charges if found is not None else 0),
            group=group,
            asked=asked,
            place=place,
        )

    @strawberry.field(description="What each grouping says of its charges; none for `other`.")
    def keys(self) -> list[CostKey]:
        """In the order of `groupBy`."""
        question = self.asked.question
        return rows_of_keys(None, question, shown_keys(self.group.key, question, self.asked.organization_id))

    @strawberry.field(description="Every metric that was asked for.")
    def amounts(self) -> list[MetricAmount]:
        """In the order in which they were asked."""
        return amounts_of(self.group.sum, self.asked.question.measures)

    @strawberry.field(description="Its series; empty where the granularity is TOTAL.")
    def points(self) -> list[CostPoint]:
        """One for each step of the period."""
        return points_of(self.group.steps, self.asked.question, forecast_of_group(self.asked.forecasts, self.place))

    @strawberry.field(
        description="What it will have cost: of the first `topGroups` groups; null where no forecast was asked for."
    )
    def forecast(self) -> CostReportForecast | None:
        """Of its own history."""
        found = forecast_of_group(self.asked.forecasts, self.place)
        return None if found is None else CostReportForecast.of(found)

    @strawberry.field(description="By currency, what of it no rate converts: it is in no other figure.")
    def unconverted(self) -> list[UnconvertedCost]:
        """From the sum."""
        return unconverted_of(self.group.sum, self.asked.question)

    @strawberry.field(
        description="The team, account or resource that the first such grouping names; null where it is not in "
        "Skyledger, or where it is not certain which of several it is (group by PROVIDER too)."
    )
    async def node(self, info: Info) -> CostGroupNode | None:
        """One statement for all groups of a kind."""
        named = dict(zip(self.asked.question.groupings, self.group.key, strict=False))
        provider = named.get(Grouping(CostDimension.PROVIDER))
        for grouping, value in named.items():
            if value is None:
                continue
            if grouping.dimension is CostDimension.TEAM:
                row = await info.context.loaders.team_by_id.load((self.asked.organization_id, UUID(value)))
                return None if row is None else Team.from_row(row)
            if grouping.dimension in _ACCOUNTS:
                found = await info.context.loaders.accounts_by_native_id.load((self.asked.organization_id, value))
                own = [row for row in found if provider in {None, row["provider"]}]
                return Account.from_row(own[0]) if len(own) == 1 else None
            if grouping.dimension is CostDimension.RESOURCE_ID:
                key = (self.asked.organization_id, resource_key(value))
                found = await info.context.loaders.resources_by_native_id.load(key)
                own = [row for row in found if provider in {None, row["provider"]}]
                return Resource.from_row(own[0]) if len(own) == 1 else None
        return None


def _group_rows(asked: Asked, answer: CostAnswer, wanted: tuple[str, ...]) -> list[Any]:
    """The groups as rows of the wanted columns."""
    groups, question = answer.group_rows(), asked.question
    values: list[Sequence[str | None]] = [key for key, _, _ in groups]
    if any(of.dimension is CostDimension.TEAM for of in question.groupings):
        values = [shown_keys(key, question, asked.organization_id) for key in values]
    columns: dict[str, Callable[[], Sequence[Any]]] = {
        "key": lambda: [shown[0] if shown else None for shown in values],
        "total": lambda: [total for _, total, _ in groups],
        "charge_count": lambda: [charges for _, _, charges in groups],
        "question": lambda: [question] * len(groups),
        "values": lambda: values,
    }
    return list(zip(*[columns[name]() for name in wanted], strict=True)) if wanted else [()] * len(groups)


@strawberry.type(description="A metric that some charges lack, so that its sums are too small.")
class IncompleteMetric:
    """An entry of `unknown` of the coverage."""

    metric: CostMeasure = strawberry.field(description="The metric.")
    charge_count: BigInt = strawberry.field(
        description="How many charges lack it, of all charges of the imports that the period touches."
    )
    reason: str = strawberry.field(description="Why.")


@strawberry.type(description="What charges cost. All sums are exact: converted where a rate is known, never rounded.")
class CostReport:
    """See app.costs.analysis.report.CostAnswer."""

    answer: strawberry.Private[CostAnswer]
    asked: strawberry.Private[Asked]

    @classmethod
    def of(cls, organization_id: UUID, answer: CostAnswer, forecasts: Forecasts | None = None) -> CostReport:
        """Make it of an answer, and forecasts where they were asked for."""
        return cls(answer=answer, asked=Asked(organization_id, answer, forecasts))

    @strawberry.field(description="First day of the period, in UTC.")
    def start(self) -> date:
        """Of the question."""
        return self.answer.question.period.start

    @strawberry.field(description="The day after its last one.")
    def end(self) -> date:
        """Of the question."""
        return self.answer.question.period.end

    @strawberry.field(description="First day of the compared period.")
    def previous_start(self) -> date | None:
        """Of the question."""
        previous = self.answer.question.previous
        return None if previous is None else previous.start

    @strawberry.field(description="The day after the last one of the compared period.")
    def previous_end(self) -> date | None:
        """Of the question."""
        previous = self.answer.question.previous
        return None if previous is None else previous.end

    @strawberry.field(description="How long the steps of series are.")
    def granularity(self) -> CostGranularity:
        """Of the question."""
        return self.answer.question.granularity

    @strawberry.field(description="The currency of all costs that do not say another.")
    def currency(self) -> str:
        """Of the question."""
        return self.answer.question.currency

    @strawberry.field(description="The main metric over all charges; null where it is unknown.")
    def total(self) -> Decimal | None:
        """Of the answer."""
        found = self.answer.total
        return None if found is None else found.amounts[0]

    @strawberry.field(description="Why the total is unknown.")
    def reason(self) -> str | None:
        """From the sum."""
        found = self.answer.total
        return NOTHING_IMPORTED if found is None else reason_of(found)

    @strawberry.field(
        description="That of the compared period; null where none was asked, or it is unknown: `change` says why."
    )
    def previous_total(self) -> Decimal | None:
        """Of the answer."""
        previous = self.answer.previous
        return None if previous is None else previous.amounts[0]

    @strawberry.field(description="Against the compared period; null where none was asked.")
    def change(self) -> CostChange | None:
        """Of the two sums."""
        answer = self.answer
        return CostChange.of(answer.total, answer.previous, answer.question, self.asked.incomparable)

    @strawberry.field(description="How many charges count.")
    def charge_count(self) -> BigInt:
        """From the sum."""
        return BigInt(self.answer.total.charges if self.answer.total is not None else 0)

    @strawberry.field(description="What was read for this answer; for operators.")
    def rollups(self) -> list[CostRollup]:
        """Of the plan."""
        return list(self.answer.rollups)

    @strawberry.field(
        description="What is known of the period, of the billing accounts that `where` leaves. Sums of a period that "
        "is known in part are those of that part."
    )
    def coverage(self) -> CostCoverage:
        """From what was imported."""
        return CostCoverage.of(period_coverage(self.answer.question.period, self.answer.coverage.accounts))

    @strawberry.field(description="The same of the compared period; null where none was asked.")
    def previous_coverage(self) -> CostCoverage | None:
        """From what was imported."""
        previous = self.answer.question.previous
        if previous is None:
            return None
        return CostCoverage.of(period_coverage(previous, self.answer.coverage.accounts))

    @strawberry.field(description="Every metric that was asked for, over all charges.")
    def amounts(self) -> list[MetricAmount]:
        """In the order in which they were asked."""
        return amounts_of(self.answer.total, self.answer.question.measures)

    @strawberry.field(
        description="The series over all charges; empty where the granularity is TOTAL.", metadata=gives_rows()
    )
    def points(self, info: Info) -> list[CostPoint]:
        """One for each step of the period."""
        wanted = wanted_of(info)
        if wanted:
            return cast("list[CostPoint]", list(zip(*self.answer.step_columns(wanted), strict=True)))
        forecasts = self.asked.forecasts
        return points_of(self.answer.steps, self.answer.question, forecasts.total if forecasts is not None else None)

    @strawberry.field(
        description="What all charges of the period will have cost; null where no forecast was asked for."
    )
    def forecast(self) -> CostReportForecast | None:
        """Of all charges."""
        forecasts = self.asked.forecasts
        return None if forecasts is None else CostReportForecast.of(forecasts.total)

    @strawberry.field(
        description="The groups, the largest by the main metric first, whatever its units; at most `topN`. Empty "
        "without `groupBy`.",
        metadata=gives_rows(),
    )
    def groups(self, info: Info) -> list[CostGroup]:
        """In their order."""
        wanted = wanted_of(info)
        if wanted is not None:
            return _group_rows(self.asked, self.answer, wanted)
        return [CostGroup.of(group, self.asked, place) for place, group in enumerate(self.answer.groups)]

    @strawberry.field(description="All groups beyond the first `topN` together; null where there are none.")
    def other(self) -> CostGroup | None:
        """Its key is empty."""
        return CostGroup.of(self.answer.other, self.asked, None) if self.answer.other is not None else None

    @strawberry.field(
        description="Hints on a report without any charge: what of `where` no charge of the period has, and what there "
        "is instead. Empty where there are charges."
    )
    async def notes(self, info: Info) -> list[str]:
        """Looked up only where there is no charge."""
        return await hints_on(info.context.database, self.asked.organization_id, self.answer)

    @strawberry.field(description="By currency, what no rate converts: it is in no other figure.")
    def unconverted(self) -> list[UnconvertedCost]:
        """From the total."""
        return unconverted_of(self.answer.total, self.answer.question)

    @strawberry.field(description="Which of the metrics some charges lack.")
    def incomplete(self) -> list[IncompleteMetric]:
        """From what the imports found."""
        unknown = self.answer.coverage.unknown
        return [
            IncompleteMetric(
                metric=one,
                charge_count=BigInt(unknown[one.value]),
                reason="The deliveries have no value there; see the conformance of their imports.",
            )
            for one in self.answer.question.measures
            if one in MONEY and unknown.get(one.value)
        ]
