"""Charges of several days: the roll-ups have each on the day on which it starts, where it would look like a spike.

A charge for less than a month is spread over its days, so that a service that is billed by the week has a level and no
peaks. One for a month or longer (taxes, support, licences, credits) says nothing of any day, and often comes weeks
after its month began: it is left out, and watched by budgets. What is bought counts on the day on which it is bought.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from app.costs.outlook.series import AMOUNT_SCALE, DailySeries, exact_difference, exact_product, exact_sum, ratio
from app.repositories.cost_parts import LongPart, PartCost

A_MONTH: Final = 28
BOUGHT: Final = "Purchase"
_MATERIAL: Final = 20
"""Charges of several days that are less than 1/20 of a series hold up none of its days."""
_DAY = timedelta(1)


def spread(charges: Iterable[LongPart]) -> Iterator[PartCost]:
    """What to add to the costs by start day so that these charges lie on all their days.

    The sums stay exact: what rounding leaves of a charge lies on its first day.
    """
    for charge in charges:
        if charge.category == BOUGHT:
            continue
        yield PartCost(charge.key, charge.start, -charge.amount)
        days = (charge.end - charge.start).days
        if days >= A_MONTH:
            continue
        share = ratio(charge.amount, Decimal(days), AMOUNT_SCALE) or Decimal(0)
        yield PartCost(charge.key, charge.start, exact_difference(charge.amount, exact_product(share, Decimal(days))))
        for offset in range(days):
            yield PartCost(charge.key, charge.start + offset * _DAY, share)


def with_spread(parts: Sequence[PartCost], charges: Sequence[LongPart]) -> list[PartCost]:
    """The parts with these charges of theirs spread; those of other parts are left out."""
    keys = {part.key for part in parts}
    return [*parts, *spread(charge for charge in charges if charge.key in keys)]


def arrived(series: DailySeries, charges: Sequence[LongPart]) -> DailySeries:
    """The series up to the day until which its charges of several days have arrived.

    One that is not over may still grow, and others come when they are over. Those that have stayed away for twice as
    long as any of them took have ended, and are not waited for.
    """
    own = [one for one in charges if one.category != BOUGHT and (one.end - one.start).days < A_MONTH]
    if not own or exact_sum(abs(one.amount) for one in own) * _MATERIAL < exact_sum(map(abs, series.values)):
        return series
    if any(one.end > series.end for one in own):
        return series.until(min(one.start for one in own if one.end > series.end))
    last, longest = max(one.end for one in own), max((one.end - one.start).days for one in own)
    return series.until(last) if series.end - 2 * longest * _DAY <= last < series.end else series


def by_columns(charges: Iterable[LongPart], columns: Sequence[int]) -> Mapping[tuple[str, ...], list[LongPart]]:
    """Charges by the values of some of the columns by which they are parted, given by their places.

    Those without such a value are in none.
    """
    found: dict[tuple[str, ...], list[LongPart]] = {}
    for charge in charges:
        key = tuple(charge.key[place] for place in columns)
        if all(key):
            found.setdefault(key, []).append(charge.with_key(key))
    return found
