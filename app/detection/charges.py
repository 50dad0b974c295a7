"""What a check is told of charges whose subject is no resource: sums by kind and day, and which days are not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Charges:
    """What a subject's charges from `start` to before `end` come to, in one currency.

    `amounts` are sums by kind and day: of effective cost, unless the reader says otherwise. A day without an amount
    cost nothing, if it is none of `missing`. Readers of whole months put a month's sum on its first day.
    """

    currency: str
    start: date
    end: date
    amounts: Mapping[str, Mapping[date, Decimal]] = field(default_factory=dict)
    missing: Sequence[tuple[date, date]] = ()
    """Days (the last exclusive) of which the charges of its billing account were not imported."""
    unpriced: frozenset[str] = frozenset()
    """Kinds of which some charges have no amount."""

    def why_unknown(self, kind: str, start: date, end: date) -> str | None:
        """Why the sum of a kind over some days cannot be told; None where it can."""
        if start < self.start or end > self.end:
            return f"Charges are known from {self.start} to before {self.end}, not for all days since {start}."
        for first, after in self.missing:
            if first < end and start < after:
                return f"The charges from {max(first, start)} to before {min(after, end)} were not imported."
        return f"Some of the {kind} charges have no effective cost." if kind in self.unpriced else None

    def sum(self, kind: str, start: date, end: date) -> Decimal:
        """What the charges of a kind come to from `start` to before `end`; ask `why_unknown` before."""
        days = self.amounts.get(kind, {})
        return sum((amount for day, amount in days.items() if start <= day < end), Decimal(0))
