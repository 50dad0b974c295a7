"""How a sum differs from that of the compared period, by what is known of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal

from app.costs.analysis.nodes import NOTHING_IMPORTED, reason_of
from app.costs.analysis.periods import uncovered_days
from app.costs.analysis.report import EXACT
from app.records.cost_analysis import CostAmount, CostQuestion, DateRange

NOTHING_COMPARED = "Nothing was imported for any day of the compared period."
NOT_DELIVERED_THEN = (
    "Nothing was imported of its billing account, or of its provider, for any day of the compared period."
)
OTHER_UNITS = "The quantities of the two periods are in unlike units: group by the unit, or choose one in `where`."
NOT_IMPORTED = "Of {0} of the {1} days of the {2}period nothing was imported: choose periods that are known."
_ARRIVING_DAYS = 3
"""Providers tell a day's charges within one or two days after it."""
_RATIO = Context(prec=50)
_SIX_DIGITS = Decimal("0.000001")


@dataclass(frozen=True)
class Change:
    """`previous` is what is known of the compared period. `amount` is None for the `reason`; then `ratio` is too.

    Days that were not delivered of either make neither unknown: a month to date always lacks some. Coverage has them.
    """

    previous: Decimal | None
    amount: Decimal | None
    ratio: Decimal | None
    reason: str | None


def why_incomparable(question: CostQuestion, covered: Sequence[DateRange]) -> str | None:
    """Why sums of the question's periods say nothing against each other, by the days of which anything was imported.

    Charges of the last days of a period that is not over arrive late: some days may be missing at its end.
    """
    if question.previous is None:
        return None
    if missing := uncovered_days(question.previous, covered):
        return NOT_IMPORTED.format(missing, question.previous.days, "compared ")
    missing, late = uncovered_days(question.period, covered), min(_ARRIVING_DAYS, question.period.days - 1)
    if missing > late or (missing and uncovered_days(_without_last(question.period, late), covered)):
        return NOT_IMPORTED.format(missing, question.period.days, "")
    return None


def _without_last(days: DateRange, count: int) -> DateRange:
    return DateRange(days.start, days.end - timedelta(days=count))


def change_of(
    now: CostAmount | None,
    before: CostAmount | None,
    question: CostQuestion,
    incomparable: str | None = None,
    nothing: tuple[str, str] = (NOTHING_IMPORTED, NOTHING_COMPARED),
) -> Change | None:
    """How the main measure differs from that of the compared period; None where nothing is compared.

    `incomparable` is why nothing can be said of the two periods at all, `nothing` why either sum is unknown (None).
    """
    if question.previous is None:
        return None
    previous = before.amounts[0] if before is not None else None
    reason = _unknown(now, before, nothing) or incomparable
    if reason is not None or now is None or now.amounts[0] is None or previous is None:
        return Change(previous, None, None, reason)
    amount = EXACT.subtract(now.amounts[0], previous)
    return Change(previous, amount, ratio(amount, previous.copy_abs()), None)


def ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """The one divided by the other, to six digits behind the point; None where that is unknown or has no meaning."""
    if part is None or not whole:
        return None
    quotient = _RATIO.divide(part, whole)
    return quotient.quantize(_SIX_DIGITS, context=Context(prec=max(28, quotient.adjusted() + 8)))


def _unknown(now: CostAmount | None, before: CostAmount | None, nothing: tuple[str, str]) -> str | None:
    """Why the two have no difference; None where they have one."""
    if now is None or before is None:
        return nothing[0] if now is None else nothing[1]
    sides = (("the period", now), ("the compared period", before))
    hidden = [f"{' and '.join(found)} of {name}" for name, side in sides if (found := unconverted(side))]
    if hidden:
        return f"No currency rate converts {', '.join(hidden)}; `setCurrencyRates` sets one."
    for name, side in sides:
        reason = reason_of(side)
        if reason is not None:
            return f"Of {name}: {reason}"
    units = {side.units_of(0) for side in (now, before)} - {()}
    return OTHER_UNITS if len(units) > 1 else None


def unconverted(side: CostAmount) -> list[str]:
    """The currencies of the main measure that no rate converts; nothing is nothing in every currency."""
    return [currency for currency, amounts in side.apart if amounts[0]]
