"""Forecasts in reports of costs: the known days of the period, and what is expected of those to come.

The history is read as the report itself is: the same conditions, currency and main measure, by day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.answers import answer_within
from app.costs.analysis.nodes import NO_RATE, NOTHING_IMPORTED, reason_of
from app.costs.analysis.periods import today, uncovered_days
from app.costs.analysis.plan import unchecked_plan
from app.costs.analysis.report import CostAnswer
from app.costs.analysis.step_forecasts import ExpectedCost, expected_of, forecast_periods, rest_of
from app.costs.budgets.standing import HISTORY_DAYS
from app.costs.forecasts import computed
from app.costs.known_days import known_days
from app.costs.outlook.forecast import Forecast, ForecastTotal, ForecastUnavailable
from app.costs.outlook.series import DailySeries, exact_sum
from app.database import Database
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    CostAmount,
    CostCoverage,
    CostGroup,
    CostQuestion,
    CostRollup,
    CostRow,
    DateRange,
    TextCondition,
)
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_reports import count_charges, read_costs, seeks
from app.repositories.cost_series import imported_days

MOST_GROUPS = 5
"""A group takes a statement and up to 0.4 s of computing, 0.6 s where steps are longer than days."""
MOST_CHARGES = 1_000_000
"""As many single charges are read in about a second."""
_DAY = timedelta(1)


@dataclass(frozen=True)
class ForecastWish:
    """What is asked for: the part of the cases that bounds hold, and how many of the first groups have one too."""

    interval: Decimal
    groups: int = 0


@dataclass(frozen=True)
class PeriodForecast:
    """What a report's period will have cost.

    `start` is the first day that is forecast; None where none is, either since all days are known, or for the `reason`.
    `total` is None for the `total_reason`. `steps` has one for each step with such days of which the earlier ones are
    known, else None. `unconverted` is what of the history, by currency, no rate converts and is in no figure.
    """

    interval: Decimal
    start: date | None = None
    reason: str | None = None
    total: ExpectedCost | None = None
    total_reason: str | None = None
    steps: tuple[ExpectedCost | None, ...] = ()
    history_days: int | None = None
    made: Forecast | None = None
    unconverted: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Forecasts:
    """Those of all charges of a report, and of its first groups."""

    total: PeriodForecast
    groups: tuple[PeriodForecast, ...]


@dataclass(frozen=True)
class _Known:
    """What is known by day, in the currency of the report; days of the history without an amount had no charge.

    `missing` are days before `until` whose costs are unknown: nothing was imported, or no charge has the measure.
    """

    history: DateRange
    amounts: Mapping[date, Decimal]
    lacking: frozenset[date]
    unconverted: Mapping[str, Decimal]

    @property
    def until(self) -> date:
        return self.history.end

    def actual(self, days: DateRange) -> Decimal:
        """The exact sum of those of the days that are known."""
        return exact_sum(amount for day, amount in self.amounts.items() if days.start <= day < days.end)


async def answer_with_forecasts(
    database: Database,
    organization_id: UUID,
    span: DateRange | None,
    ask: Callable[[CostCoverage], CostQuestion],
    wish: ForecastWish,
) -> tuple[CostAnswer, Forecasts]:
    """`answer_about`, and forecasts; all see one state.

    One statement more, three where some days of the period are not known, and one for each group.
    """
    async with database.read(organization_id, one_state=True) as session:
        found = await answer_within(session, organization_id, span, ask)
        history = await _history(session, organization_id, found)
        period, covered = found.question.period, found.coverage.covered
        if isinstance(history, DateRange) and period.end <= history.end:
            sums = [found.total, *(group.sum for group in found.groups[: wish.groups])]
            total, *groups = [_over(found, one, wish.interval) for one in sums]
            return found, Forecasts(total, tuple(groups))
        known = await _grounds(session, organization_id, found, history, wish)
    steps = [step.days for step in found.steps]
    total, *groups = await asyncio.gather(
        *(_forecast(organization_id, one, found.question, steps, covered, wish.interval) for one in known),
    )
    return found, Forecasts(total, tuple(groups))


async def _grounds(
    session: AsyncSession, organization_id: UUID, found: CostAnswer, history: DateRange | str, wish: ForecastWish
) -> list[_Known | str]:
    """What is known of all charges and of each of the first groups, or why nothing is."""
    groups = found.groups[: wish.groups]
    if isinstance(history, str):
        return [history] * (1 + len(groups))
    days = DateRange(min(history.start, found.question.period.start), history.end)
    coverage = await cost_coverage(session, organization_id, days)
    conditions = found.question.conditions
    asked = [conditions, *((*conditions, *_of_group(found.question, group)) for group in groups)]
    return [
        await _known_of(session, organization_id, _daily(found.question, days, one), coverage, history) for one in asked
    ]


async def _history(session: AsyncSession, organization_id: UUID, found: CostAnswer) -> DateRange | str:
    """The last half year of days all of whose charges have arrived, or why there are none.

    Only the billing accounts to which the question's conditions can belong count.
    """
    main = found.question.measures[0]
    if main not in MONEY:
        return f"Only costs are forecast, and {main.name} is none: ask for one as the first metric."
    payers = {account.billing_account_id for account in found.coverage.accounts}
    delivered = [one for one in await imported_days(session, organization_id) if one.billing_account[1] in payers]
    known = known_days(delivered, today())
    if known is None:
        return "Nothing was imported yet."
    start = max(known.start, known.settled_until - timedelta(HISTORY_DAYS))
    if start >= known.settled_until:
        return "The charges of the imported days are still arriving."
    return DateRange(start, known.settled_until)


def _of_group(question: CostQuestion, group: CostGroup) -> list[TextCondition]:
    """What holds of the charges of a group."""
    return [
        TextCondition(grouping, exists=False) if value is None else TextCondition(grouping, in_=(value,))
        for grouping, value in zip(question.groupings, group.key, strict=True)
    ]


def _daily(question: CostQuestion, days: DateRange, conditions: Sequence[object]) -> CostQuestion:
    """The question after the main measure by day."""
    return replace(
        question,
        period=days,
        measures=question.measures[:1],
        granularity=CostGranularity.DAY,
        groupings=(),
        conditions=tuple(conditions),  # type: ignore[arg-type]
        previous=None,
    )


async def _known_of(
    session: AsyncSession, organization_id: UUID, question: CostQuestion, coverage: CostCoverage, history: DateRange
) -> _Known | str:
    """What the charges of a question cost by day, or why that is not read or unknown."""
    plan = unchecked_plan(question, coverage)
    if any(segment.rollup is CostRollup.CHARGES for segment in plan.segments) and not seeks(plan):
        charges = await count_charges(session, organization_id, question.period)
        if charges > MOST_CHARGES:
            return (
                f"No roll-up knows what `where` asks for, and {charges:,} single charges are too many to forecast "
                f"from; at most {MOST_CHARGES:,} are read."
            )
    known = _by_day(await read_costs(session, organization_id, plan), history)
    if any(day >= history.start for day in known.amounts):
        return known
    if known.unconverted:
        return NO_RATE
    return "There are no such charges in the last half year, or none has this metric."


def _by_day(rows: Sequence[CostRow], history: DateRange) -> _Known:
    together = [(row.step, row.amounts[0]) for row in rows if row.apart is None and row.step is not None]
    lacking = frozenset(day for day, amount in together if amount is None)
    apart: dict[str, Decimal] = {}
    for row in rows:
        if row.apart is not None and row.amounts[0]:
            apart[row.apart] = exact_sum((apart.get(row.apart, Decimal(0)), row.amounts[0]))
    # What is unknown is not 0: the history begins after the last day of which no charge has the measure.
    start = max([history.start, *(day + _DAY for day in lacking if day < history.end)])
    amounts = {day: amount for day, amount in together if amount is not None}
    return _Known(DateRange(min(start, history.end), history.end), amounts, lacking, dict(sorted(apart.items())))


def _over(found: CostAnswer, sum_: CostAmount | None, interval: Decimal) -> PeriodForecast:
    """Of a period all days of which are known: what it cost."""
    period, apart = found.question.period, sum_.apart if sum_ is not None else ()
    reason = NOTHING_IMPORTED if sum_ is None else reason_of(sum_) or _not_imported(period, found.coverage.covered)
    amount = None if sum_ is None or reason is not None else sum_.amounts[0]
    return PeriodForecast(
        interval,
        total=None if amount is None else expected_of(period, amount, None),
        total_reason=reason,
        unconverted={currency: amounts[0] for currency, amounts in apart if amounts[0]},
    )


async def _forecast(
    organization_id: UUID,
    known: _Known | str,
    question: CostQuestion,
    steps: Sequence[DateRange],
    covered: Sequence[DateRange],
    interval: Decimal,
) -> PeriodForecast:
    if isinstance(known, str):
        return PeriodForecast(interval, reason=known, total_reason=known)
    period = question.period
    whole = (max(period.start, known.until), period.end)
    rests = [rest_of(step, known.until) for step in steps]
    history = DailySeries.of_imported(known.history.start, known.until, known.amounts)
    periods = (*(rest for rest in rests if rest is not None), whole)
    # Days are those of one forecast, as `costForecast` has them; the month that goes on is that of its `monthEnd`.
    alone = None if question.granularity is CostGranularity.DAY else periods[0]
    made = await computed(organization_id, forecast_periods, history, interval, periods, alone)
    told = PeriodForecast(interval, history_days=history.days, unconverted=known.unconverted)
    if isinstance(made, ForecastUnavailable):
        return replace(told, reason=made.reason, total_reason=made.reason)
    totals = iter(made.period_totals)

    def expected(days: DateRange, rest: ForecastTotal) -> ExpectedCost | None:
        is_known = _unknown(days, known, covered) is None
        return expected_of(days, known.actual(DateRange(days.start, known.until)), rest) if is_known else None

    expected_steps = tuple(
        None if rest is None else expected(step, next(totals)) for step, rest in zip(steps, rests, strict=True)
    )
    total = expected(period, next(totals))
    reason = _unknown(period, known, covered)
    return replace(told, start=whole[0], total=total, total_reason=reason, steps=expected_steps, made=made)


def _unknown(days: DateRange, known: _Known, covered: Sequence[DateRange]) -> str | None:
    """Why the costs of the days before the forecast are not known; None where they are."""
    before = DateRange(days.start, min(days.end, known.until))
    if before.days <= 0:
        return None
    reason = _not_imported(before, covered)
    lacking = sum(before.start <= day < before.end for day in known.lacking)
    if reason is None and lacking:
        return f"On {lacking} of the days before {before.end} no charge has this metric."
    return reason


def _not_imported(days: DateRange, covered: Sequence[DateRange]) -> str | None:
    """Of how many of these days nothing was imported; None where something was of each."""
    missing = uncovered_days(days, covered)
    if missing == days.days:
        return NOTHING_IMPORTED
    return f"Of {missing} of the days before {days.end} nothing was imported." if missing else None
