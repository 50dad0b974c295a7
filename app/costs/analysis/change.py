"""How a sum differs from that of the compared period, by what is known of both."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal

from app.costs.analysis.nodes import NOTHING_IMPORTED, reason_of
from app.costs.analysis.report import EXACT
from app.records.cost_analysis import CostAmount, CostQuestion

NOTHING_COMPARED = "Nothing was imported for any day of the compared period."
OTHER_UNITS = "The quantities of the two periods are in unlike units: group by the unit, or choose one in `where`."
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


def change_of(now: CostAmount | None, before: CostAmount | None, question: CostQuestion) -> Change | None:
    """How the main measure differs from that of the compared period; None where nothing is compared."""
    if question.previous is None:
        return None
    previous = before.amounts[0] if before is not None else None
    reason = _unknown(now, before)
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


def _unknown(now: CostAmount | None, before: CostAmount | None) -> str | None:
    """Why the two have no difference; None where they have one."""
    if now is None:
        return NOTHING_IMPORTED
    if before is None:
        return NOTHING_COMPARED
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
