"""A daily series: one exact amount for each imported day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact
from typing import Final

AMOUNT_SCALE: Final = 6
"""Digits after the point of every amount that is estimated; amounts that were billed keep all of theirs."""
RATIO_SCALE: Final = 4

# A charge has at most 38 digits before and 50 after the point; 128 hold the sum of more days than there are.
_EXACT: Final = Context(prec=128, traps=[Inexact])
_ROUNDING: Final = Context(prec=400)


@dataclass(frozen=True, slots=True)
class DailySeries:
    """The amounts of the days from `start` on, each day one value, all in one currency.

    A day within the imported range on which nothing was charged is 0. A day outside of it is no part of the series,
    so nothing is ever concluded from its absence. An amount that is not finite is a ValueError.
    """

    start: date
    values: tuple[Decimal, ...]

    def __post_init__(self) -> None:
        if not all(value.is_finite() for value in self.values):
            message = "a daily series holds finite amounts only"
            raise ValueError(message)

    @classmethod
    def of_imported(cls, start: date, end: date, amounts: Mapping[date, Decimal]) -> DailySeries:
        """The series of the imported days `start` to `end` (exclusive): 0 where there is no amount.

        Amounts of other days are left out: what is known of those days is not complete.
        """
        days = max((end - start).days, 0)
        return cls(start, tuple(amounts.get(start + timedelta(offset), Decimal(0)) for offset in range(days)))

    @property
    def end(self) -> date:
        """The day after the last one."""
        return self.start + timedelta(len(self.values))

    @property
    def days(self) -> int:
        """How many days it has."""
        return len(self.values)

    @property
    def total(self) -> Decimal:
        """The exact sum."""
        return exact_sum(self.values)

    def dates(self) -> Iterator[date]:
        """Its days in order."""
        return (self.start + timedelta(offset) for offset in range(len(self.values)))

    def between(self, start: date, end: date) -> DailySeries:
        """The days from `start` to `end` (exclusive) that are part of the series."""
        first = min(max((start - self.start).days, 0), len(self.values))
        last = min(max((end - self.start).days, first), len(self.values))
        return DailySeries(self.start + timedelta(first), self.values[first:last])

    def until(self, end: date) -> DailySeries:
        """The days before `end`: how a caller leaves out days whose charges are still arriving."""
        return self.between(self.start, end)


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The sum to the last digit; the ordinary context would round it to 28."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def exact_difference(amount: Decimal, subtracted: Decimal) -> Decimal:
    """`amount` minus `subtracted` to the last digit."""
    return _EXACT.subtract(amount, subtracted)


def exact_product(amount: Decimal, factor: Decimal) -> Decimal:
    """The product to the last digit."""
    return _EXACT.multiply(amount, factor)


def rounded(amount: float | Decimal, scale: int = AMOUNT_SCALE) -> Decimal:
    """An estimate as a decimal with `scale` digits after the point, half to even; never a negative zero."""
    exact = amount if isinstance(amount, Decimal) else Decimal(float(amount))
    quantized = _ROUNDING.quantize(exact, Decimal(1).scaleb(-scale))
    return quantized or abs(quantized)


def ratio(part: Decimal, whole: Decimal, scale: int = RATIO_SCALE) -> Decimal | None:
    """`part` / `whole` with `scale` digits after the point; None where the whole is 0."""
    return None if not whole else rounded(_ROUNDING.divide(part, whole), scale)
