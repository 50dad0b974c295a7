"""Roll-ups folded from the columns of an import while it runs: a fifth of the time that PostgreSQL would need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Context, Decimal, localcontext
from typing import Final

import polars as pl

from app.costs.values import decimal_text
from app.records.costs import CostMetric

METRICS: Final = [metric.value for metric in CostMetric]
EXACT: Final = pl.Decimal(38, 20)
"""Sums of 10^18 with 20 decimals. FOCUS amounts have up to 17; what has more is rolled up by PostgreSQL."""
_MOST: Final = 1e17
"""Sums stay below this where as many charges as there are have the largest amount; polars would overflow silently."""
_FITS: Final = r"^-?[0-9]{1,15}(?:\.[0-9]{1,20})?$"
_SHORT: Final = 21
"""A plain number of so many characters, sign and point among them, has at most 19 decimals."""
_SURE: Final = 1e15
_DIGITS: Final = 136
_COMPACTED: Final = 30_000
"""Rows of partial roll-ups that wait to be added up, or half as many as are added up where those are more."""
_DAY: Final = ["import_period_id", "day", "cost_dim_id", "summary_dim_id", "allocation_id"]
_RESOURCE: Final = ["import_period_id", "month", "resource_dim_id", "billing_currency"]


@dataclass(frozen=True)
class PeriodTotals:
    """What the rows of one import period come to. `first_day` and `last_day` are those on which charges start."""

    charge_count: int
    billed_cost: Decimal
    billing_currency: str | None
    first_day: date
    last_day: date
    unknown: dict[str, int]


class Folding:
    """Takes frames of stored charges and gives the rows of the fine roll-ups and the totals of the periods.

    A frame has `import_period_id`, the ids of its dimensions, `charge_period_start`, `billing_currency` and the four
    amounts as decimal text. A metric that no charge of a group has is null.
    """

    def __init__(self) -> None:
        self.exact = True
        self._largest = 0.0
        self._days: list[pl.DataFrame] = []
        self._resources: list[pl.DataFrame] = []
        self._periods: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Fold a frame in. Where an amount has too many digits, only the totals are folded and `exact` ends."""
        if not frame.height:
            return
        most = frame.height * _largest_amount(frame)
        self._largest += most
        self.exact = self.exact and self._largest < _MOST
        start = pl.col("charge_period_start")
        dated = frame.with_columns(start.dt.date().alias("day"), start.dt.truncate("1mo").dt.date().alias("month"))
        self._periods.append(_period_totals(dated, fits=most < _MOST))
        if not self.exact:
            self._days.clear()
            self._resources.clear()
            return
        typed = dated.with_columns(pl.col(METRICS).cast(EXACT), pl.lit(1, dtype=pl.Int64).alias("charge_count"))
        self._days.append(_summed(typed, _DAY))
        self._resources.append(_summed(typed, _RESOURCE))
        self._days = _compact(self._days, _DAY)
        self._resources = _compact(self._resources, _RESOURCE)

    def roll_ups(self) -> dict[str, pl.DataFrame]:
        """The rows of the fine roll-ups by table, in the order of their keys. Only where the sums are `exact`."""
        if not self._days:
            return {}
        days = _summed(pl.concat(self._days), _DAY)
        resources = _summed(pl.concat(self._resources), _RESOURCE)
        keys = {
            "cost_daily": (days, ["day", "cost_dim_id", "import_period_id"]),
            "service_daily": (days, ["day", "summary_dim_id", "import_period_id"]),
            "tag_daily": (days, ["day", "allocation_id", "summary_dim_id", "import_period_id"]),
            "resource_monthly": (resources, ["month", "resource_dim_id", "billing_currency", "import_period_id"]),
        }
        return {table: _summed(frame, key).sort(key) for table, (frame, key) in keys.items()}

    def totals(self) -> dict[int, PeriodTotals]:
        """What each import period comes to."""
        found: dict[int, PeriodTotals] = {}
        for row in self._periods_together().iter_rows(named=True):
            currencies = row["currencies"]
            found[row["import_period_id"]] = PeriodTotals(
                charge_count=row["charge_count"],
                billed_cost=add_exactly(map(Decimal, row["billed"])),
                billing_currency=currencies[0] if len(currencies) == 1 else None,
                first_day=row["first_day"],
                last_day=row["last_day"],
                unknown={metric: row[metric] for metric in METRICS if row[metric]},
            )
        return found

    def _periods_together(self) -> pl.DataFrame:
        if not self._periods:
            return pl.DataFrame()
        return (
            pl.concat(self._periods)
            .group_by("import_period_id")
            .agg(
                pl.col("charge_count", *METRICS).sum(),
                pl.col("billed").explode(),
                pl.col("currencies").explode().unique(),
                pl.col("first_day").min(),
                pl.col("last_day").max(),
            )
        )


def add_exactly(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of amounts of any size to its last digit; Python's own context would keep 28."""
    with localcontext(Context(prec=_DIGITS)):
        return Decimal(decimal_text(sum(amounts, Decimal(0))))


def _largest_amount(frame: pl.DataFrame) -> float:
    """The largest amount of a frame, whatever its sign; infinite where one has too many digits for a sum of columns."""
    amounts = pl.col(METRICS)
    largest = max(frame.select(amounts.cast(pl.Float64).abs().max().fill_null(0.0)).row(0))
    # Lengths are at hand; the pattern takes as long as all sums.
    longest = max(frame.select(amounts.str.len_bytes().max().fill_null(0)).row(0))
    if (longest > _SHORT or largest >= _SURE) and not all(
        frame.select(amounts.str.contains(_FITS).fill_null(value=True).all()).row(0)
    ):
        return math.inf
    return float(largest)


def _period_totals(frame: pl.DataFrame, *, fits: bool) -> pl.DataFrame:
    """Counts of a frame by import period; `billed` has its sum as text, or its amounts where that does not fit."""
    billed = pl.col("billed_cost").cast(EXACT).sum().cast(pl.String) if fits else pl.col("billed_cost")
    return frame.group_by("import_period_id").agg(
        pl.len().cast(pl.Int64).alias("charge_count"),
        pl.col(METRICS).null_count().cast(pl.Int64),
        billed.implode().alias("billed") if fits else billed.alias("billed"),
        pl.col("billing_currency").unique().alias("currencies"),
        pl.col("day").min().alias("first_day"),
        pl.col("day").max().alias("last_day"),
    )


def _summed(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Amounts and counts by keys; the sum of nothing but nulls is null."""
    amounts = [
        pl.when(pl.col(metric).count() > 0).then(pl.col(metric).sum()).cast(EXACT).alias(metric) for metric in METRICS
    ]
    return frame.group_by(keys).agg(*amounts, pl.col("charge_count").sum())


def _compact(frames: list[pl.DataFrame], keys: list[str]) -> list[pl.DataFrame]:
    """Frames of the same keys as one where they have become long, so that memory grows with the roll-up only."""
    if len(frames) > 1 and sum(frame.height for frame in frames[1:]) > max(_COMPACTED, frames[0].height // 2):
        return [_summed(pl.concat(frames), keys)]
    return frames
