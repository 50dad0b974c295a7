"""Questions about costs answered in plain Python over all charges: what every answer from the store must equal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.costs.allocation.tag_keys import allocation_of, normal_key
from app.costs.analysis.periods import steps_of
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    UNIT_OF,
    AmountCondition,
    Condition,
    CostAmount,
    CostDimension,
    CostMeasure,
    CostQuestion,
    DateRange,
    Grouping,
    MomentCondition,
)
from tests.costs.analysis.store import EXACT, Store, exact_sum

Charge = Mapping[str, Any]


def plain_value(charge: Charge, grouping: Grouping) -> str | None:
    """What a charge says under a grouping, as text."""
    if grouping.tag is not None:
        key = normal_key(grouping.tag)
        return allocation_of(charge.get("tags") or {}, (key,)).get(key)
    if grouping.sku_detail is not None:
        detail = (charge.get("sku_price_details") or {}).get(grouping.sku_detail)
        return None if detail is None else str(detail)
    assert grouping.dimension is not None
    if grouping.dimension is CostDimension.ACCOUNT:
        return charge.get("sub_account_id") or charge.get("billing_account_id")
    name = grouping.dimension.value
    value = charge.get({"charge_period_start": "start", "charge_period_end": "end"}.get(name, name))
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return None if value is None else str(value)


def meets(charge: Charge, condition: Condition) -> bool:
    """Whether a charge passes."""
    if isinstance(condition, AmountCondition):
        amount = charge.get(condition.column)
        return amount is not None and all(
            (
                condition.gt is None or amount > condition.gt,
                condition.gte is None or amount >= condition.gte,
                condition.lt is None or amount < condition.lt,
                condition.lte is None or amount <= condition.lte,
            )
        )
    if isinstance(condition, MomentCondition):
        name = {"charge_period_start": "start", "charge_period_end": "end"}.get(condition.column, condition.column)
        moment = charge[name]
        if not isinstance(moment, datetime):
            assert condition.gte is not None
            moment = datetime(moment.year, moment.month, moment.day, tzinfo=condition.gte.tzinfo)
        return (condition.gte is None or moment >= condition.gte) and (condition.lt is None or moment < condition.lt)
    value = plain_value(charge, condition.of)
    return all(
        (
            condition.in_ is None or value in condition.in_,
            condition.not_in is None or value not in condition.not_in,
            condition.contains is None or (value is not None and condition.contains.lower() in value.lower()),
            condition.exists is None or (value is not None) is condition.exists,
        )
    )


class PlainAnswer:
    """The answer to a question."""

    def __init__(self, store: Store, question: CostQuestion) -> None:
        self.store, self.question = store, question
        self.met = [one for one in store.charges if all(meets(one, each) for each in question.conditions)]
        self.current = self.within(question.period)
        self.before = self.within(question.previous) if question.previous else []

    def within(self, days: DateRange) -> list[Charge]:
        return [one for one in self.met if days.start <= one["start"].date() < days.end]

    def key(self, charge: Charge) -> tuple[str | None, ...]:
        return tuple(plain_value(charge, one) for one in self.question.groupings)

    def rate(self, charge: Charge) -> Decimal | None:
        """1 for the currency of the answer; else the newest rate by the end of the charge's month."""
        money = MONEY & set(self.question.measures)
        # Nothing is nothing in every currency.
        if charge["billing_currency"] == self.question.currency or (money and not any(charge[one] for one in money)):
            return Decimal(1)
        following = (charge["start"].date().replace(day=28) + timedelta(days=4)).replace(day=1)
        dated = [
            (valid_from, rate)
            for from_, to, valid_from, rate in self.store.rates
            if (from_, to) == (charge["billing_currency"], self.question.currency) and valid_from < following
        ]
        return max(dated)[1] if dated else None

    def amount(self, charges: list[Charge]) -> CostAmount:
        def summed(measure: CostMeasure, among: list[Charge], *, converted: bool = True) -> Decimal | None:
            if measure is CostMeasure.CHARGE_COUNT:
                return Decimal(len(among)) if among else None
            values = []
            for one in among:
                value, rate = one.get(measure.value), self.rate(one)
                if value is not None and converted and measure in MONEY:
                    assert rate is not None
                    value = EXACT.multiply(value, rate)
                values.append(value)
            return exact_sum(values)

        def units_of(measure: CostMeasure) -> tuple[str, ...]:
            if measure not in UNIT_OF:
                return ()
            unit = UNIT_OF[measure].value
            own = {one.get(unit) or "" for one in charges if one.get(measure.value) is not None}
            return tuple(sorted({min(own), max(own)})) if own else ()

        measures = self.question.measures
        units = tuple(map(units_of, measures)) if set(UNIT_OF) & set(measures) else ()
        mixed = {one for one, found in zip(measures, units, strict=False) if len(found) > 1 or found == ("",)}
        has_money = bool(MONEY & set(measures))
        together = [one for one in charges if self.rate(one) is not None]
        unrated = [one for one in charges if self.rate(one) is None]
        apart = sorted({one["billing_currency"] for one in unrated}) if has_money else []
        of_currency = [
            tuple(
                summed(one, [c for c in unrated if c["billing_currency"] == currency], converted=False)
                if one in MONEY
                else None
                for one in measures
            )
            for currency in apart
        ]

        def shown(place: int, measure: CostMeasure) -> Decimal | None:
            if measure in mixed:
                return None
            found = summed(measure, together if measure in MONEY else charges)
            is_zero = any(amounts[place] == 0 and any(amounts) for amounts in of_currency)
            if found is None and is_zero:
                found = Decimal(0)
            is_hidden = any(amounts[place] for amounts in of_currency)
            return None if found == 0 and is_hidden else found

        return CostAmount(
            tuple(shown(place, one) for place, one in enumerate(measures))
            if charges
            else (Decimal(0),) * len(measures),
            len(charges),
            tuple(zip(apart, of_currency, strict=True)),
            units,
        )

    def ranked(self) -> list[tuple[str | None, ...]]:
        """Keys in the order of the main measure; unknown ones last, then by what no rate converts, then by key."""
        main = self.question.measures[0]

        def order(key: tuple[str | None, ...]) -> tuple[Any, ...]:
            own = [one for one in self.current if self.key(one) == key]
            found = self.amount(own)
            # What the statement sums: money where a rate is known, quantities likewise; then everything.
            converting = bool(MONEY & set(self.question.measures))
            together = [one for one in own if not converting or self.rate(one) is not None]
            if main in UNIT_OF:  # whatever the units: groups have some order
                first, rest = (exact_sum(one.get(main.value) for one in some) for some in (together, own))
            else:
                first = self.amount(together).amounts[0] if together else None
                rest = exact_sum([first, *(amounts[0] for _, amounts in found.apart)])
                if main not in MONEY:
                    rest = found.amounts[0] if own else None
            return (
                (first is None, -(first or Decimal(0))),
                (rest is None, -(rest or Decimal(0))),
                tuple((value is None, (value or "").encode()) for value in key),
            )

        return sorted({self.key(one) for one in [*self.current, *self.before]}, key=order)

    def of(self, keys: set[tuple[str | None, ...]], charges: list[Charge]) -> list[Charge]:
        return [one for one in charges if self.key(one) in keys]

    def steps(self, charges: list[Charge]) -> list[tuple[date, CostAmount]]:
        if self.question.granularity is CostGranularity.TOTAL:
            return []
        return [
            (days.start, self.amount([one for one in charges if days.start <= one["start"].date() < days.end]))
            for days in steps_of(self.question.period, self.question.granularity)
        ]
