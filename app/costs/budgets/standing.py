"""How budgets stand in a period: what was spent, what it will come to, and which thresholds that crosses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import named_in, narrowed_to, says_payers
from app.costs.analysis.periods import touches
from app.costs.known_days import KnownDays, deliveries_of, known_days, partly_known
from app.costs.money_series import MoneySeries, Rates
from app.costs.outlook import budget_state as outlook
from app.costs.outlook.forecast import MOST_DAYS_AHEAD, ForecastTotal, ForecastUnavailable
from app.costs.outlook.series import DailySeries
from app.costs.scopes import SPREADING
from app.records.budgets import Threshold
from app.records.cost_analysis import CostCoverage, DateRange
from app.records.cost_scopes import CostScope
from app.records.costs import CostMetric
from app.repositories.cost_coverage import cost_coverage, payers_of
from app.repositories.cost_series import AskedSeries, daily_costs, imported_days, rates_into
from app.repositories.tag_keys import spreading_keys

HISTORY_DAYS = 182
"""What a forecast is fitted to."""
NOT_IMPORTED = "Nothing was imported for the period yet. `importCosts` imports what a provider billed."
NOTHING_MEANT = "No charge of the period meets the budget's filter. Check its values if there should be some."


@dataclass(frozen=True)
class Standing:
    """What is known of a period of a budget.

    `reason` says why `actual` is unknown (None), what it leaves out, or that no charge is meant where it is 0.

    `unconverted` is, by currency, what no rate converts: it is in no other figure. `history` are the days whose
    charges have arrived, the period's own among them; None where they are not asked for, or with the reason in
    `no_forecast` where nothing can be forecast of them.
    """

    budget: Mapping[Any, Any]
    period: DateRange
    actual: Decimal | None
    reason: str | None
    unconverted: Mapping[str, Decimal]
    until: date
    history: DailySeries | None
    no_forecast: str | None = None

    @property
    def thresholds(self) -> list[Threshold]:
        """The budget's thresholds."""
        return [Threshold.from_json(each) for each in self.budget["thresholds"]]


@dataclass(frozen=True)
class Standings:
    """Those that were asked for, in that order; `deliveries` tells of which deliveries they know."""

    found: tuple[Standing, ...]
    deliveries: tuple[int, int]


async def read_standings(
    session: AsyncSession,
    organization_id: UUID,
    asked: Sequence[tuple[Mapping[Any, Any], DateRange]],
    today: date,
    *,
    with_history: bool = True,
) -> Standings:
    """How budgets stand in periods; at most nine statements, however many are asked.

    `with_history` reads the days to forecast from too: half a year of them for each, where months would do.
    """
    periods = await imported_days(session, organization_id)
    known = known_days(periods, today)
    currencies = {budget["currency"] for budget, _ in asked}
    rates = Rates(await rates_into(session, organization_id, currencies) if currencies else ())
    series = [_asked(budget, period, known if with_history else None) for budget, period in asked]
    tagged = any(each.scope.tags for each in series)
    spreading = await spreading_keys(session, organization_id) if tagged else frozenset()
    costs = await daily_costs(session, organization_id, series)
    coverages = await _coverages(session, organization_id, asked)
    found = []
    for (budget, period), one, of_days, coverage in zip(asked, series, costs, coverages, strict=True):
        money = MoneySeries.of(of_days, budget["currency"], rates.into(budget["currency"]))
        standing = _standing(budget, period, money, known, coverage)
        if standing.actual is not None and (unknown := sorted(spreading & one.scope.tags.keys())):
            standing = replace(standing, actual=None, reason=SPREADING.format(unknown[0]))
        if with_history and known is not None and _wants_history(standing, known):
            history = money.daily(_history_start(known, period), known.settled_until)
            standing = replace(standing, history=history)
        found.append(standing)
    return Standings(tuple(found), deliveries_of(periods))


async def _coverages(
    session: AsyncSession, organization_id: UUID, asked: Sequence[tuple[Mapping[Any, Any], DateRange]]
) -> list[CostCoverage]:
    """What reports say is known of each budget's billing accounts in its period; two statements at most."""
    if not asked:
        return []
    whole = DateRange(min(period.start for _, period in asked), max(period.end for _, period in asked))
    coverage = await cost_coverage(session, organization_id, whole)
    scopes = [CostScope.from_json(budget["scope"]).conditions for budget, _ in asked]
    if not any(says_payers(one) for one in scopes):
        return [coverage] * len(asked)
    payers = await payers_of(session, organization_id, {name for one in scopes for name in named_in(one)})
    return [narrowed_to(payers, coverage, one) for one in scopes]


def state_of(standing: Standing, expected: ForecastTotal | ForecastUnavailable) -> outlook.BudgetState | None:
    """The arithmetic of a standing; None where what was spent is unknown.

    What no rate converts may be any amount: where there is some, a threshold that the rest does not reach may be
    crossed or not (None), and the budget may be exceeded though the rest lies under it.
    """
    if standing.actual is None:
        return None
    state = outlook.budget_state(
        limit=standing.budget["amount"],
        start=standing.period.start,
        end=standing.period.end,
        actual=standing.actual,
        until=standing.until,
        thresholds=[
            outlook.Threshold(each.percent, outlook.ThresholdBasis[each.basis.name]) for each in standing.thresholds
        ],
        expected=None if isinstance(expected, ForecastUnavailable) else expected,
    )
    if not standing.unconverted:
        return state
    thresholds = tuple(replace(each, crossed=each.crossed or None) for each in state.thresholds)
    likelihood = outlook.Likelihood.OVER if state.likelihood is outlook.Likelihood.OVER else None
    return replace(state, thresholds=thresholds, likelihood=likelihood)


def _asked(budget: Mapping[Any, Any], period: DateRange, known: KnownDays | None) -> AskedSeries:
    """The days of a period, and before them those to forecast from where it is not over; else months will do."""
    scope, metric = CostScope.from_json(budget["scope"]), CostMetric(budget["metric"])
    if known is None or period.end <= known.settled_until:
        return AskedSeries(scope, metric, period.start, period.end, by_month=True)
    start = min(period.start, known.settled_until - timedelta(HISTORY_DAYS))
    return AskedSeries(scope, metric, start, period.end)


def _standing(
    budget: Mapping[Any, Any], period: DateRange, money: MoneySeries, known: KnownDays | None, coverage: CostCoverage
) -> Standing:
    unconverted = money.unconverted(period)
    until = period.start if known is None else min(known.end, period.end)
    nothing = Standing(budget, period, None, None, unconverted, until, None)
    is_told = money.has_any(period) or money.lacks(period) or bool(unconverted)
    if known is None or not (is_told or touches(period, coverage.covered)):
        return replace(nothing, reason=NOT_IMPORTED)
    if not money.has_any(period):
        if unconverted:
            currencies = ", ".join(unconverted)
            reason = (
                f"The charges of the period are in {currencies}, without a rate into {budget['currency']}. "
                "Give one with `setCurrencyRates`, or the budget their currency."
            )
            return replace(nothing, reason=reason)
        if money.lacks(period):
            return replace(nothing, reason=f"No charge of the period has the metric {budget['metric'].upper()}.")
    partial, no_forecast = _left_out(money, period, coverage), _no_forecast(known, period)
    if not money.has_any(period) and CostScope.from_json(budget["scope"]) != CostScope():
        partial = " ".join((NOTHING_MEANT, *filter(None, [partial])))
    return replace(nothing, actual=money.total(period), reason=partial, no_forecast=no_forecast)


def _left_out(money: MoneySeries, period: DateRange, coverage: CostCoverage) -> str | None:
    """What the sum of a period leaves out."""
    reasons = []
    if unconverted := money.unconverted(period):
        amounts = ", ".join(f"{amount:f} {currency}" for currency, amount in unconverted.items())
        reasons.append(f"{amounts} cannot be converted into {money.currency} and are not in the sum.")
    if money.lacks(period):
        reasons.append("Some charges of the period lack the metric and are not in the sum.")
    if partly := partly_known(period, coverage):
        reasons.append(partly)
    return " ".join(reasons) or None


def _wants_history(standing: Standing, known: KnownDays) -> bool:
    is_open = standing.period.end > known.settled_until
    return is_open and standing.actual is not None and standing.no_forecast is None


def _history_start(known: KnownDays, period: DateRange) -> date:
    return max(known.start, min(period.start, known.settled_until - timedelta(HISTORY_DAYS)))


def _no_forecast(known: KnownDays, period: DateRange) -> str | None:
    """Why there are no days to forecast from. They must hold all of the period that has passed."""
    if known.settled_until <= _history_start(known, period):
        return "The charges of the imported days are still arriving."
    if (period.end - known.settled_until).days > MOST_DAYS_AHEAD:
        return f"The period ends more than {MOST_DAYS_AHEAD} days after the last complete day."
    if known.start > period.start and known.settled_until > period.start:
        return f"Costs before {known.start} are not imported without a gap."
    return None
