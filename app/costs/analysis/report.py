"""Answers questions about costs: reads what the plan says and puts totals, groups, steps and the rest together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Context, Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import missing_in, narrowed
from app.costs.analysis.owners import Owners, owners_of
from app.costs.analysis.periods import month_of, spanning, steps_of, touches, uncovered_days
from app.costs.analysis.plan import make_plan
from app.database import Database
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    NO_UNIT,
    UNIT_OF,
    CostAmount,
    CostAnswer,
    CostCoverage,
    CostGroup,
    CostMeasure,
    CostPlan,
    CostQuestion,
    CostRow,
    CostStep,
    DateRange,
)
from app.repositories.cost_coverage import cost_coverage
from app.repositories.cost_reports import read_costs

# Sums of numeric columns have no bound that 28 digits would keep; PostgreSQL's own numbers end before this.
EXACT = Context(prec=150_000)


async def answer(database: Database, organization_id: UUID, question: CostQuestion) -> CostAnswer:
    """Answer a question; see `answer_about`."""
    return await answer_about(
        database, organization_id, spanning(question.period, question.previous), lambda _coverage: question
    )


async def answer_about(
    database: Database, organization_id: UUID, span: DateRange | None, ask: Callable[[CostCoverage], CostQuestion]
) -> CostAnswer:
    """Answer a question that may depend on what was imported; all amounts are exact.

    Two statements, one more each where conditions name accounts or providers, where a group has no charge in a period
    of which a billing account is unknown, and where the first resources of a month are read from an index; all see one
    state, however many imports end meanwhile. `span` reaches over all days of which something is asked; None is all
    time. Raises BadUserInputError for a question that is too large, or that no roll-up and no charge can answer.
    """
    async with database.read(organization_id, one_state=True) as session:
        return await answer_within(session, organization_id, span, ask)


async def answer_within(
    session: AsyncSession, organization_id: UUID, span: DateRange | None, ask: Callable[[CostCoverage], CostQuestion]
) -> CostAnswer:
    """The same within a transaction, which sees one state."""
    coverage = await cost_coverage(session, organization_id, span)
    plan = make_plan(ask(coverage), coverage)
    known = await narrowed(session, organization_id, coverage, plan.question.conditions)
    return await answer_by_plan(session, organization_id, plan, known)


async def answer_by_plan(
    session: AsyncSession, organization_id: UUID, plan: CostPlan, coverage: CostCoverage
) -> CostAnswer:
    """Answer by a plan that is made already."""
    coverage = replace(coverage, missing=missing_in(plan.question.period, coverage.accounts))
    rows = await read_costs(session, organization_id, plan)
    owners = await owners_of(session, organization_id, plan.question, coverage, rows)
    if plan.by_index:
        question = replace(plan.question, groupings=(), previous=None)
        totals = replace(plan, question=question, segments=plan.totals, by_index=False, totals=())
        all_ = await read_costs(session, organization_id, totals)
        rows = [*first_and_beyond(rows, all_, plan.question.top)]
    return _put_together(plan, coverage, rows, owners)


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


def _put_together(plan: CostPlan, coverage: CostCoverage, rows: Sequence[CostRow], owners: Owners) -> CostAnswer:
    question = plan.question
    days = [] if question.granularity is CostGranularity.TOTAL else steps_of(question.period, question.granularity)
    by_place: dict[int | None, list[CostRow]] = {}
    for row in rows:
        by_place.setdefault(row.place, []).append(row)
    current, before = [row for row in rows if not row.previous], [row for row in rows if row.previous]
    is_known = bool(current) or touches(question.period, coverage.covered)
    compared = question.previous is not None and (bool(before) or touches(question.previous, coverage.covered))
    shown = sorted(place for place in by_place if place is not None) if question.groupings else []
    parts = {place: _group(by_place[place], question, days, coverage, owners) for place in by_place}
    return CostAnswer(
        question=question,
        coverage=coverage,
        rollups=tuple(dict.fromkeys(segment.rollup for segment in (*plan.segments, *plan.totals))),
        total=amount_of(current, question.measures) if is_known else None,
        previous=amount_of(before, question.measures) if compared else None,
        steps=_steps(current, question, days, coverage),
        groups=tuple(parts[place] for place in shown),
        other=parts.get(None),
    )


def _group(
    rows: Sequence[CostRow],
    question: CostQuestion,
    days: Sequence[DateRange],
    coverage: CostCoverage,
    owners: Owners,
) -> CostGroup:
    key = rows[0].key if rows[0].place is not None else ()
    own = owners.covered(key)
    current, before = [row for row in rows if not row.previous], [row for row in rows if row.previous]
    is_known = bool(current) or touches(question.period, own)
    compared = question.previous is not None and (bool(before) or touches(question.previous, own))
    return CostGroup(
        key,
        amount_of(current, question.measures) if is_known else None,
        amount_of(before, question.measures) if compared else None,
        _steps(current, question, days, coverage),
    )


def _steps(
    rows: Sequence[CostRow], question: CostQuestion, days: Sequence[DateRange], coverage: CostCoverage
) -> tuple[CostStep, ...]:
    by_step: dict[date | None, list[CostRow]] = {}
    for row in rows:
        by_step.setdefault(row.step, []).append(row)
    steps = []
    for one in days:
        # Charges that lie outside of what was delivered, such as corrections, are told, and no other day becomes known.
        own = by_step.get(_floor(one.start, question.granularity), ())
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
