"""Costs by day in one currency: what was billed in another is converted at the organization's rates, or stays apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from app.costs.outlook.series import DailySeries, exact_product, exact_sum
from app.records.cost_analysis import DateRange
from app.records.months import next_month
from app.repositories.cost_series import DayCost

RateOn = Callable[[str, date], Decimal | None]
"""The factor from a currency for a charge of a day; None where no rate is known."""


class Rates:
    """The organization's dated rates: a charge is converted at the newest one by the last day of its month."""

    def __init__(self, rows: Iterable[tuple[str, str, date, Decimal]]) -> None:
        self._rates: dict[tuple[str, str], list[tuple[date, Decimal]]] = {}
        for from_currency, to_currency, valid_from, rate in rows:
            self._rates.setdefault((from_currency, to_currency), []).append((valid_from, rate))
        for dated in self._rates.values():
            dated.sort(reverse=True)

    def into(self, currency: str) -> RateOn:
        """The factors into a currency."""

        def rate_on(from_currency: str, day: date) -> Decimal | None:
            after = next_month(day)
            dated = self._rates.get((from_currency, currency), ())
            return next((rate for valid_from, rate in dated if valid_from < after), None)

        return rate_on


@dataclass(frozen=True)
class MoneySeries:
    """Amounts by day in one currency, and by currency what no rate converts.

    `lacking` holds the days of which some charges lack the metric.
    """

    currency: str
    amounts: dict[date, Decimal]
    apart: dict[str, dict[date, Decimal]]
    lacking: frozenset[date]

    @classmethod
    def of(cls, costs: Iterable[DayCost], currency: str, rate_on: RateOn) -> MoneySeries:
        """Convert each day's amounts at the rate of its month."""
        amounts: dict[date, Decimal] = {}
        apart: dict[str, dict[date, Decimal]] = {}
        lacking = set()
        for cost in costs:
            if cost.incomplete:
                lacking.add(cost.day)
            if cost.amount is None:
                continue
            # Nothing is nothing in every currency.
            needs_none = cost.currency == currency or not cost.amount
            rate = Decimal(1) if needs_none else rate_on(cost.currency, cost.day)
            if rate is None:
                of_day = apart.setdefault(cost.currency, {})
                of_day[cost.day] = exact_sum((of_day.get(cost.day, Decimal(0)), cost.amount))
            else:
                converted = cost.amount if rate == 1 else exact_product(cost.amount, rate)
                amounts[cost.day] = exact_sum((amounts.get(cost.day, Decimal(0)), converted))
        return cls(currency, amounts, apart, frozenset(lacking))

    def total(self, days: DateRange) -> Decimal:
        """The sum of what is in the currency."""
        return exact_sum(amount for day, amount in self.amounts.items() if days.start <= day < days.end)

    def unconverted(self, days: DateRange) -> dict[str, Decimal]:
        """By currency what is not in the sum."""
        return {
            currency: exact_sum(amount for day, amount in of_day.items() if days.start <= day < days.end)
            for currency, of_day in sorted(self.apart.items())
            if any(days.start <= day < days.end for day in of_day)
        }

    def has_any(self, days: DateRange) -> bool:
        """Whether any amount in the currency is known; 0 says nothing beside amounts that no rate converts."""
        amounts = [amount for day, amount in self.amounts.items() if days.start <= day < days.end]
        return any(amounts) or (bool(amounts) and not any(self.unconverted(days).values()))

    def lacks(self, days: DateRange) -> bool:
        """Whether charges of these days lack the metric."""
        return any(days.start <= day < days.end for day in self.lacking)

    def daily(self, start: date, end: date) -> DailySeries:
        """The days from `start` to before `end`, all of which must have been imported."""
        return DailySeries.of_imported(start, end, self.amounts)
