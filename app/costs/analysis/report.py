"""What an answer about costs says: totals, groups, steps and the rest, each put together when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Context, Decimal
from functools import cached_property, lru_cache
from operator import itemgetter
from typing import Any

from app.costs.analysis.owners import Owners
from app.costs.analysis.periods import month_of, steps_of, touches, uncovered_days
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    NO_UNIT,
    UNIT_OF,
    CostAmount,
    CostCoverage,
    CostGroup,
    CostMeasure,
    CostPlan,
    CostQuestion,
    CostRollup,
    CostRow,
    CostStep,
    DateRange,
)
from app.repositories.cost_answers import AMOUNTS, CHARGES, PLACE, STEP, CostFound, cost_row

# Sums of numeric columns have no bound that 28 digits would keep; PostgreSQL's own numbers end before this.
EXACT = Context(prec=150_000)
_ZERO = Decimal(0)


class CostAnswer:
    """What a question comes to.

    `total` is None where nothing was imported for any day of the period, and `previous` also where nothing is compared;
    the key of `other` is empty.
    """

    def __init__(
        self, plan: CostPlan, coverage: CostCoverage, found: CostFound | Sequence[CostRow], owners: Owners | None = None
    ) -> None:
        """`found` are the plan's rows, as the database gives them or with those of the groups beyond."""
        self.plan, self.question, self.coverage = plan, plan.question, coverage
        self._found = found if isinstance(found, CostFound) else None
        self._plain = self._found if self._found is not None and self._found.adds_up else None
        self._rows = None if isinstance(found, CostFound) else found
        self._owners = owners or Owners(coverage)

    @cached_property
    def rows(self) -> Sequence[CostRow]:
        """One for each group, step and currency that stays apart, and for the groups beyond."""
        if self._found is None:
            return self._rows or ()
        question = self.question
        rows = [cost_row(row, question) for row in self._found.rows]
        if not self.plan.by_index:
            return rows
        return [*first_and_beyond(rows, [cost_row(row, question) for row in self._found.totals], question.top)]

    @property
    def rollups(self) -> tuple[CostRollup, ...]:
        """Where it was read."""
        return tuple(dict.fromkeys(segment.rollup for segment in (*self.plan.segments, *self.plan.totals)))

    @cached_property
    def total(self) -> CostAmount | None:
        """Of all charges."""
        question = self.question
        if self._plain is None:
            rows = [row for row in self.rows if not row.previous]
            is_known = bool(rows) or touches(question.period, self.coverage.covered)
            return amount_of(rows, question.measures) if is_known else None
        if not self._plain.totals:
            is_known = touches(question.period, self.coverage.covered)
            return amount_of((), question.measures) if is_known else None
        return amount_of([cost_row(row, question) for row in self._plain.totals], question.measures)

    @cached_property
    def previous(self) -> CostAmount | None:
        """Of all charges of the compared period."""
        before = [row for row in self.rows if row.previous] if self.question.previous is not None else []
        compared = self.question.previous is not None and (
            bool(before) or touches(self.question.previous, self.coverage.covered)
        )
        return amount_of(before, self.question.measures) if compared else None

    @cached_property
    def steps(self) -> tuple[CostStep, ...]:
        """The series over all charges; none of a granularity that has no steps."""
        return _steps([row for row in self.rows if not row.previous], self.question, self.coverage)

    @cached_property
    def groups(self) -> tuple[CostGroup, ...]:
        """The groups that are told apart, in their order."""
        places = sorted(place for place in self._by_place if place is not None) if self.question.groupings else ()
        return tuple(self._group(self._by_place[place]) for place in places)

    @cached_property
    def other(self) -> CostGroup | None:
        """The groups beyond together; None where there are none."""
        return self._group(self._by_place[None]) if None in self._by_place else None

    def group_rows(self) -> list[tuple[Sequence[str | None], str | None, int]]:
        """Of each of the groups its key, the main amount as text, and how many charges it has."""
        if self._plain is None or self.question.granularity is not CostGranularity.TOTAL:
            return [
                (one.key, None, 0) if one.sum is None else (one.key, _text(one.sum.amounts[0]), one.sum.charges)
                for one in self.groups
            ]
        if not self.question.groupings:
            return []
        top = self.question.top
        shown = [row for row in self._plain.rows if row[PLACE] is not None and row[PLACE] <= top]
        shown.sort(key=itemgetter(PLACE))
        keys = slice(-1 - len(self.question.groupings), -1)
        return [(row[keys], row[AMOUNTS] if row[CHARGES] else "0", row[CHARGES]) for row in shown]

    def step_columns(self, wanted: Sequence[str]) -> list[Sequence[Any]]:
        """Of each step the start, the end, the main amount as text, its missing days, its charges: what is wanted."""
        steps = _bounds(self.question.period, self.question.granularity)
        return [getattr(self, f"_{name}")(steps) for name in wanted]

    def _start(self, steps: _Bounds) -> Sequence[date]:
        return steps.starts

    def _end(self, steps: _Bounds) -> Sequence[date]:
        return steps.ends

    def _missing_days(self, steps: _Bounds) -> Sequence[int]:
        return [one.days - uncovered_days(one, self.coverage.missing) for one in steps.days]

    def _amount(self, steps: _Bounds) -> Sequence[str | None]:
        if self._plain is None or self.question.groupings:
            return [None if one.sum is None else _text(one.sum.amounts[0]) for one in self.steps]
        # There is only one row of each step.
        found, covered = {row[STEP]: row for row in self._plain.rows}, self.coverage.covered
        return [
            ("0" if touches(days, covered) else None) if row is None else row[AMOUNTS] if row[CHARGES] else "0"
            for row, days in zip(map(found.get, steps.written), steps.days, strict=True)
        ]

    @cached_property
    def _by_place(self) -> dict[int | None, list[CostRow]]:
        found: dict[int | None, list[CostRow]] = {}
        for row in self.rows:
            found.setdefault(row.place, []).append(row)
        return found

    def _group(self, rows: Sequence[CostRow]) -> CostGroup:
        question, key = self.question, rows[0].key if rows[0].place is not None else ()
        own = self._owners.covered(key)
        current, before = [row for row in rows if not row.previous], [row for row in rows if row.previous]
        is_known = bool(current) or touches(question.period, own)
        compared = question.previous is not None and (bool(before) or touches(question.previous, own))
        return CostGroup(
            key,
            amount_of(current, question.measures) if is_known else None,
            amount_of(before, question.measures) if compared else None,
            _steps(current, question, self.coverage),
        )


def first_and_beyond(first: Sequence[CostRow], totals: Sequence[CostRow], top: int) -> Iterable[CostRow]:
    """The rows of the first groups, and as rows of the groups beyond what these leave of the totals.

    `first` has one group more than `top`: where that one has no amount, none of those beyond has.
    """
    shown = [row for row in first if row.place is not None and row.place <= top]
    next_ = next((row for row in first if row.place == top + 1), None)
    yield from shown
    for total in totals:
        same = [row for row in shown if (row.step, row.apart) == (total.step, total.apart)]
        charges = total.charges - sum(row.charges for row in same)
        if charges == 0:
            continue
        amounts = tuple(
            None
            if amount is None or (next_ is not None and next_.amounts[place] is None and place == 0)
            else EXACT.subtract(amount, _sum(row.amounts[place] for row in same) or Decimal(0))
            for place, amount in enumerate(total.amounts)
        )
        yield replace(total, place=None, key=(), amounts=amounts, charges=charges)


class _Bounds:
    """The steps of a period, their starts and ends, and the first days of their calendar steps, also as written."""

    def __init__(self, days: Sequence[DateRange], granularity: CostGranularity) -> None:
        self.days = days
        self.starts, self.ends = [one.start for one in days], [one.end for one in days]
        self.floors = [_floor(one.start, granularity) for one in days]
        self.written = [day.isoformat() for day in self.floors]


@lru_cache(256)
def _bounds(period: DateRange, granularity: CostGranularity) -> _Bounds:
    return _Bounds([] if granularity is CostGranularity.TOTAL else steps_of(period, granularity), granularity)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")


def _steps(rows: Sequence[CostRow], question: CostQuestion, coverage: CostCoverage) -> tuple[CostStep, ...]:
    by_step: dict[date | None, list[CostRow]] = {}
    for row in rows:
        by_step.setdefault(row.step, []).append(row)
    steps = []
    bounds = _bounds(question.period, question.granularity)
    for one, floor in zip(bounds.days, bounds.floors, strict=True):
        # Charges that lie outside of what was delivered, such as corrections, are told, and no other day becomes known.
        own = by_step.get(floor, ())
        is_known = bool(own) or touches(one, coverage.covered)
        missing = one.days - uncovered_days(one, coverage.missing)
        steps.append(CostStep(one, amount_of(own, question.measures) if is_known else None, missing))
    return tuple(steps)


def _floor(day: date, granularity: CostGranularity) -> date:
    """The first day of the calendar step that a day lies in, as PostgreSQL's date_trunc has it."""
    if granularity is CostGranularity.WEEK:
        return day - timedelta(days=day.weekday())
    if granularity is CostGranularity.QUARTER:
        return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    return month_of(day) if granularity is CostGranularity.MONTH else day


def amount_of(rows: Sequence[CostRow], measures: Sequence[CostMeasure]) -> CostAmount:
    """The sum of rows: 0 where there is no charge at all, None where no charge has the measure.

    None also for quantities in unlike units, or of which the unit is unknown. Money that is 0 needs no rate, but where
    nothing else is known and other amounts have none, the sum is unknown.
    """
    if len(rows) == 1 and rows[0].apart is None and not rows[0].units:
        only = rows[0]
        return CostAmount(only.amounts if only.charges else (_ZERO,) * len(measures), only.charges)
    charges = sum(row.charges for row in rows)
    together = [row for row in rows if row.apart is None]
    units = _units(rows, measures) if any(measure in UNIT_OF for measure in measures) else ()
    apart = tuple(
        (currency, _money([row for row in rows if row.apart == currency], measures))
        for currency in sorted({row.apart for row in rows if row.apart is not None})
    )
    amounts = tuple(
        (_sum(row.amounts[place] for row in (together if measure in MONEY else rows)) if _adds(units, place) else None)
        for place, measure in enumerate(measures)
    )
    return CostAmount(
        amounts=_without_mere_zeros(_with_zeros(amounts, apart), apart) if charges else (Decimal(0),) * len(measures),
        charges=charges,
        apart=apart,
        units=units,
    )


def _with_zeros(
    amounts: tuple[Decimal | None, ...], apart: Sequence[tuple[str, tuple[Decimal | None, ...]]]
) -> tuple[Decimal | None, ...]:
    """0 where all that is known is 0 of a currency that another measure keeps apart, such as that of an upfront fee."""
    return tuple(
        Decimal(0) if amount is None and any(money[place] == 0 and any(money) for _, money in apart) else amount
        for place, amount in enumerate(amounts)
    )


def _without_mere_zeros(
    amounts: tuple[Decimal | None, ...], apart: Sequence[tuple[str, tuple[Decimal | None, ...]]]
) -> tuple[Decimal | None, ...]:
    """None for 0 beside other amounts that no rate converts, as of upfront fees in a report whose currency has none."""
    return tuple(
        None if not amount and any(money[place] for _, money in apart) else amount
        for place, amount in enumerate(amounts)
    )


def _adds(units: tuple[tuple[str, ...], ...], place: int) -> bool:
    """Whether amounts of a measure have a sum."""
    return not units or _adds_up(units[place])


def _adds_up(units: tuple[str, ...]) -> bool:
    """Whether amounts in these units have a sum."""
    return len(units) < 2 and units != (NO_UNIT,)  # noqa: PLR2004  (two units are several)


def _units(rows: Sequence[CostRow], measures: Sequence[CostMeasure]) -> tuple[tuple[str, ...], ...]:
    """For each measure the units of the rows, the first and the last where there are several."""
    found = []
    for place in range(len(measures)):
        own = {unit for row in rows if row.units for unit in row.units[place]}
        found.append(tuple(sorted({min(own), max(own)})) if own else ())
    return tuple(found)


def _money(rows: Sequence[CostRow], measures: Sequence[CostMeasure]) -> tuple[Decimal | None, ...]:
    """Sums of the measures that are money; None for the others, which need no conversion."""
    return tuple(
        _sum(row.amounts[place] for row in rows) if measure in MONEY else None for place, measure in enumerate(measures)
    )


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; None where nothing is."""
    total: Decimal | None = None
    for amount in amounts:
        if amount is not None:
            total = amount if total is None else EXACT.add(total, amount)
    return total
