"""Budgets: amounts that charges may cost in a period, how they stand, and their alerts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.analysis.periods import today
from app.costs.budgets.kept import expected_total
from app.costs.budgets.periods import period_at, periods_until
from app.costs.budgets.standing import Standing, state_of
from app.costs.outlook.budget_state import Likelihood
from app.costs.outlook.forecast import ForecastTotal, ForecastUnavailable
from app.loaders.budgets import BudgetPeriod
from app.loaders.scans import Asked
from app.records import budgets as words
from app.records.budgets import BudgetRecurrence, ThresholdBasis
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.schema.applied_filters import AppliedCostFilter
from app.schema.cost_words import Money, money_of
from app.schema.enums import graph_enum
from app.schema.node import Node, global_id
from app.schema.paging import within

MOST_PERIODS = 120
MOST_ALERTS = 1_000
graph_enum(
    BudgetRecurrence,
    "How often a budget begins anew.",
    MONTHLY="Each month, on the day of the month of its first day.",
    QUARTERLY="Every three months from its first day.",
    YEARLY="Each year from its first day.",
    FIXED="Never: it has one period, from its first day to its last.",
)
graph_enum(
    ThresholdBasis,
    "What is held against a threshold.",
    ACTUAL="What was spent in the period so far.",
    FORECAST="What the period is expected to cost when it is over.",
)
graph_enum(
    Likelihood,
    "Where the forecast's whole interval lies.",
    UNDER="Within the amount: the budget will most likely hold.",
    UNCERTAIN="The amount lies within the interval.",
    OVER="Beyond the amount: the budget will most likely be exceeded.",
)


@strawberry.type(description="A percentage of a budget's amount at which an alert is raised.")
class BudgetThreshold:
    """See app.records.budgets.Threshold."""

    percent: Decimal = strawberry.field(description="Percent of the amount.")
    basis: ThresholdBasis = strawberry.field(description="What is held against it.")


@strawberry.type(description="How a threshold stands in a period.")
class BudgetThresholdState:
    """See app.costs.outlook.budget_state.ThresholdState."""

    percent: Decimal = strawberry.field(description="Percent of the amount.")
    basis: ThresholdBasis = strawberry.field(description="What is held against it.")
    amount: Decimal = strawberry.field(description="The amount that it stands for.")
    crossed: bool | None = strawberry.field(
        description="Whether it is reached; null where no forecast can be made, or where it is not reached and some "
        "costs cannot be converted."
    )


@strawberry.type(description="What a period of a budget will cost when it is over; what is unknown is null.")
class BudgetForecast:
    """See app.costs.outlook.forecast.ForecastTotal."""

    expected: Decimal | None = strawberry.field(description="The expected total, what was spent so far included.")
    lower: Decimal | None = strawberry.field(description="Lower bound of the total, with 80 % between both.")
    upper: Decimal | None = strawberry.field(description="Upper bound of the total.")
    expected_over: Decimal | None = strawberry.field(
        description="The expected total less the amount; negative when under."
    )
    likelihood: Likelihood | None = strawberry.field(
        description="Whether the budget will hold; null where that hangs on costs that cannot be converted."
    )
    reason: str | None = strawberry.field(description="Why there is no forecast, or what it leaves out.")
    as_of: date | None = strawberry.field(
        description="The day before which all costs had arrived when the forecast was made; null without a forecast, "
        "and where the period is over and needs none."
    )
    made_at: datetime | None = strawberry.field(description="When the forecast was made; null where `asOf` is.")


@strawberry.type(description="How a budget stands in one of its periods, by all that is known today.")
class BudgetState:
    """A standing of a budget; the forecast is read when it is asked for."""

    period_start: date = strawberry.field(description="The period's first day.")
    period_end: date = strawberry.field(description="The day after its last one.")
    amount: Decimal = strawberry.field(description="The budget's amount, as it is now.")
    currency: str = strawberry.field(description="Currency of all amounts of this object but `unconverted`.")
    actual: Decimal | None = strawberry.field(description="What was spent; null where that is unknown.")
    reason: str | None = strawberry.field(
        description="Why `actual` is unknown, what it leaves out, or why it is 0 where no charge meets the filter."
    )
    remaining: Decimal | None = strawberry.field(description="Amount less actual; negative when overspent.")
    spent: Decimal | None = strawberry.field(description="Part of the amount that is spent: 0.8 is 80 %.")
    elapsed: Decimal | None = strawberry.field(description="Part of the period of which costs are known.")
    burn_rate: Decimal | None = strawberry.field(description="What a day has cost so far on average.")
    allowed_rate: Decimal | None = strawberry.field(
        description="What each day that is left may cost so that the budget holds; 0 when it no longer can."
    )
    unconverted: list[Money] = strawberry.field(
        description="Costs for which the organization has no rate into the budget's currency; in no other figure."
    )
    standing: strawberry.Private[Standing]

    @classmethod
    def of(cls, standing: Standing) -> BudgetState:
        """Make it of a standing."""
        state = state_of(standing, ForecastUnavailable(""))
        return cls(
            period_start=standing.period.start,
            period_end=standing.period.end,
            amount=standing.budget["amount"],
            currency=standing.budget["currency"],
            actual=standing.actual,
            reason=standing.reason,
            remaining=None if state is None else state.remaining,
            spent=None if state is None else state.spent,
            elapsed=None if state is None else state.elapsed,
            burn_rate=None if state is None else state.burn_rate,
            allowed_rate=None if state is None else state.allowed_rate,
            unconverted=money_of(standing.unconverted),
            standing=standing,
        )

    @strawberry.field(
        description="What the period will cost when it is over, by the forecast that a worker makes after each import "
        "and change, and once a day. Nothing is computed when it is asked for."
    )
    async def forecast(self, info: Info) -> BudgetForecast:
        """One statement for all budgets of a page."""
        kept, expected = await self._expected(info)
        state = state_of(self.standing, expected)
        if isinstance(expected, ForecastUnavailable) or state is None:
            reason = expected.reason if isinstance(expected, ForecastUnavailable) else self.reason
            nothing = dict.fromkeys(("expected", "lower", "upper", "expected_over", "likelihood", "as_of", "made_at"))
            return BudgetForecast(**nothing, reason=reason)
        is_made = kept is not None and self.standing.until < self.period_end
        return BudgetForecast(
            expected=expected.expected,
            lower=expected.lower,
            upper=expected.upper,
            expected_over=state.expected_over,
            likelihood=state.likelihood,
            reason=self.reason,
            as_of=kept["as_of"] if kept is not None and is_made else None,
            made_at=kept["made_at"] if kept is not None and is_made else None,
        )

    @strawberry.field(description="How each threshold stands; those on the forecast by the one that is kept.")
    async def thresholds(self, info: Info) -> list[BudgetThresholdState]:
        """Without a forecast where no threshold asks for one."""
        thresholds = self.standing.thresholds
        expected: ForecastTotal | ForecastUnavailable = ForecastUnavailable("")
        if any(each.basis is ThresholdBasis.FORECAST for each in thresholds):
            _, expected = await self._expected(info)
        state = state_of(self.standing, expected)
        if state is None:
            hundred = Decimal(100)
            amounts: list[tuple[Decimal, bool | None]] = [
                (self.amount * each.percent / hundred, None) for each in thresholds
            ]
        else:
            amounts = [(each.amount, each.crossed) for each in state.thresholds]
        return [
            BudgetThresholdState(percent=each.percent, basis=each.basis, amount=amount, crossed=crossed)
            for each, (amount, crossed) in zip(thresholds, amounts, strict=True)
        ]

    async def _expected(self, info: Info) -> tuple[Mapping[Any, Any] | None, ForecastTotal | ForecastUnavailable]:
        """What is kept of the period's forecast, and what that says by now."""
        budget = self.standing.budget
        key = BudgetPeriod(budget["organization_id"], budget["id"], self.standing.period, budget)
        kept = await info.context.loaders.budget_forecasts.load(key)
        return kept, expected_total(self.standing, kept, today())


@strawberry.type(description="A threshold of a budget that was crossed in a period: told once.")
class BudgetAlert:
    """A row of `budget_alerts`."""

    period_start: date = strawberry.field(description="The period's first day.")
    period_end: date = strawberry.field(description="The day after its last one.")
    percent: Decimal = strawberry.field(description="The threshold, in percent of the amount.")
    basis: ThresholdBasis = strawberry.field(description="What was held against it.")
    value: Decimal = strawberry.field(description="The actual or forecast cost when it was crossed.")
    budget_amount: Decimal = strawberry.field(description="The budget's amount then.")
    currency: str = strawberry.field(description="The budget's currency then.")
    crossed_at: datetime = strawberry.field(description="When that was found.")
    recovered_at: datetime | None = strawberry.field(
        description="When it was found not to be crossed any more; null while it is."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> BudgetAlert:
        """Make it of a row."""
        return cls(
            period_start=row["period_start"],
            period_end=row["period_end"],
            percent=row["percent"],
            basis=ThresholdBasis(row["basis"]),
            value=row["value"],
            budget_amount=row["budget_amount"],
            currency=row["currency"],
            crossed_at=row["crossed_at"],
            recovered_at=row["recovered_at"],
        )


StateDay = Annotated[date | None, strawberry.argument(description="A day of the period; today when left out.")]
MostPeriods = Annotated[int, strawberry.argument(description="How many at most, 1 to 120.")]
MostAlerts = Annotated[int, strawberry.argument(description="How many at most, 1 to 1,000.")]


@strawberry.type(description="An amount that the charges of a scope may cost in each period.")
class Budget(Node):
    """A row of `budgets`."""

    name: str = strawberry.field(description="Name for people; unique in the organization, whatever the case.")
    recurrence: BudgetRecurrence = strawberry.field(description="How often it begins anew.")
    starts_on: date = strawberry.field(description="The first day of its first period.")
    ends_on: date | None = strawberry.field(description="The day after its last one; null where it does not end.")
    amount: Decimal = strawberry.field(description="What a period may cost.")
    currency: str = strawberry.field(description="Currency of the amount, a code of ISO 4217.")
    metric: CostMetric = strawberry.field(description="What is summed.")
    where: AppliedCostFilter = strawberry.field(description="Which charges.")
    thresholds: list[BudgetThreshold] = strawberry.field(description="When alerts are raised; at most 10.")
    enabled: bool = strawberry.field(description="Whether alerts are raised.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    row: strawberry.Private[Mapping[Any, Any]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Budget:
        """Make it of a row."""
        return cls(
            id=global_id("Budget", row["id"], row["organization_id"]),
            name=row["name"],
            recurrence=BudgetRecurrence(row["recurrence"]),
            starts_on=row["starts_on"],
            ends_on=row["ends_on"],
            amount=row["amount"],
            currency=row["currency"],
            metric=CostMetric(row["metric"]),
            where=AppliedCostFilter.of(CostScope.from_json(row["scope"]).conditions),
            thresholds=[
                BudgetThreshold(percent=each.percent, basis=each.basis)
                for each in map(words.Threshold.from_json, row["thresholds"])
            ],
            enabled=row["enabled"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            row=row,
        )

    @strawberry.field(description="How it stands in the period of a day; null on days that are in none.")
    async def state(self, info: Info, at: StateDay = None) -> BudgetState | None:
        """The same few statements for all budgets of a page."""
        days = period_at(self.row, at or today())
        if days is None:
            return None
        standing = await info.context.loaders.budget_standings.load(BudgetPeriod(*self._key, days, self.row))
        return BudgetState.of(standing)

    @strawberry.field(description="How it stands in each of its periods that have begun, the newest first.")
    async def history(self, info: Info, first: MostPeriods = 12) -> list[BudgetState] | None:
        """The same few statements for all budgets of a page."""
        most = within(first, MOST_PERIODS)
        periods = [days for days, _ in zip(periods_until(self.row, today()), range(most), strict=False)]
        keys = [BudgetPeriod(*self._key, days, self.row) for days in periods]
        return [BudgetState.of(each) for each in await info.context.loaders.budget_standings.load_many(keys)]

    @strawberry.field(description="Its alerts, the newest first.")
    async def alerts(self, info: Info, first: MostAlerts = 25) -> list[BudgetAlert] | None:
        """One statement for all budgets of a page."""
        asked = Asked(*self._key, (within(first, MOST_ALERTS),))
        return [BudgetAlert.from_row(row) for row in await info.context.loaders.budget_alerts.load(asked)]

    @property
    def _key(self) -> tuple[UUID, UUID]:
        return self.row["organization_id"], self.row["id"]
