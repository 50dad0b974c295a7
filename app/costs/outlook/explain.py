"""Why: which services, accounts or resources caused an anomaly, in amounts that add up to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from statistics import median
from typing import Generic, TypeVar

from app.costs.outlook.anomalies import Anomaly
from app.costs.outlook.series import DailySeries, exact_difference, exact_product, exact_sum, ratio, rounded

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Contribution(Generic[Key]):
    """What one part of the costs added to the excess: `actual` - `expected`, negative where it dampened it.

    `share` is the part of the excess with four digits after the point; shares of those that pushed may exceed 1 when
    others pulled. `is_new`: it had no cost in any day before the anomaly.
    """

    key: Key
    actual: Decimal
    expected: Decimal
    excess: Decimal
    share: Decimal
    is_new: bool


@dataclass(frozen=True, slots=True)
class Explanation(Generic[Key]):
    """The largest contributions, largest first; they, `others` and `unexplained` add up to the excess exactly.

    `others` is the sum of the `other_count` contributions that are not listed. `unexplained` is what the parts do not
    account for: costs that are in none of them, and that parts are not expected one by one what they are together.
    """

    excess: Decimal
    contributions: tuple[Contribution[Key], ...]
    others: Decimal
    other_count: int
    unexplained: Decimal


def explain(anomaly: Anomaly, parts: Mapping[Key, DailySeries], *, top: int = 5) -> Explanation[Key]:
    """Split an anomaly over the parts of its series, each judged by its own past; half a millisecond a part.

    A part is expected what its own weeks and month starts let expect; nothing where it has no day before the anomaly.
    Days of the anomaly that are no part of its series count nothing. Parts of equal weight keep their order.
    """
    contributions = [_contribution(anomaly, key, series) for key, series in parts.items()]
    more = anomaly.excess > 0
    contributions.sort(key=lambda contribution: contribution.excess, reverse=more)
    listed = tuple(part for part in contributions[:top] if part.excess and (part.excess > 0) is more)
    others = contributions[len(listed) :]
    together = exact_sum(contribution.excess for contribution in contributions)
    return Explanation(
        excess=anomaly.excess,
        contributions=listed,
        others=exact_sum(contribution.excess for contribution in others),
        other_count=len(others),
        unexplained=exact_difference(anomaly.excess, together),
    )


def _contribution(anomaly: Anomaly, key: Key, series: DailySeries) -> Contribution[Key]:
    window = series.between(anomaly.start, anomaly.end)
    before = series.until(anomaly.start)
    actual, expected = window.total, _expected(series.until(anomaly.end), before, window)
    excess = exact_difference(actual, expected)
    share = ratio(excess, anomaly.excess)
    return Contribution(
        key=key,
        actual=actual,
        expected=expected,
        excess=excess,
        share=Decimal(0) if share is None else share,
        is_new=not any(before.values),
    )


def _expected(series: DailySeries, before: DailySeries, window: DailySeries) -> Decimal:
    if not any(before.values) or not window.days:
        return Decimal(0)
    # numpy takes a quarter of a second to import and the start of the server does not need it.
    from app.costs.outlook.baseline import WARM_UP, judge  # noqa: PLC0415

    if before.days < WARM_UP:
        return exact_product(rounded(median(before.values)), Decimal(window.days))
    return exact_sum(rounded(value) for value in judge(series).expected[before.days :])
