"""Answers questions about costs: makes a plan, reads it, and looks whether the imports are what the plan took them for.

What the imports say decides which roll-ups are read. To ask them first would be a statement more and a transaction
around both, so the plan is made for what they said last time, and the statement that reads it tells what they say now.
Where they would have another plan made, that one is read.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.analysis.coverage import missing_in, named_in, narrowed, narrowed_to, says_payers
from app.costs.analysis.owners import needs_owners, owners_of
from app.costs.analysis.periods import spanning
from app.costs.analysis.plan import make_plan
from app.costs.analysis.report import CostAnswer, first_and_beyond
from app.database import Database
from app.errors import BadUserInputError
from app.records.cost_analysis import CostCoverage, CostPlan, CostQuestion, DateRange
from app.repositories.cost_answers import CostFound, CostReading, read, reading_of, ungrouped
from app.repositories.cost_coverage import cost_coverage, coverage_of, coverage_text, payers_told
from app.repositories.cost_reports import read_costs

MOST_KNOWN: Final = 1_024
"""Organizations and spans of days of which it is kept what the imports said; some 10 kB each."""
MOST_PLANS: Final = 32
"""Plans of each of them."""
Ask = Callable[[CostCoverage], CostQuestion]
"""A question by what the imports say, and by that alone. Plans are kept by it: who asks again brings the same one."""


async def answer(database: Database, organization_id: UUID, question: CostQuestion) -> CostAnswer:
    """Answer a question; see `answer_about`."""
    return await answer_about(
        database, organization_id, spanning(question.period, question.previous), lambda _coverage: question
    )


async def answer_about(database: Database, organization_id: UUID, span: DateRange | None, ask: Ask) -> CostAnswer:
    """Answer a question that may depend on what was imported; all amounts are exact.

    One statement, so that all sees one state, however many imports end meanwhile; one more where the imports have
    changed or were never asked. A transaction where the groups of a comparison may be of billing accounts that lack
    days. `span` reaches over all days of which something is asked; None is all time. Raises BadUserInputError for a
    question that is too large, or that no roll-up and no charge can answer.
    """
    known = _KNOWN.get(organization_id, span)
    try:
        made = None if known is None else known.plan(ask)
    except BadUserInputError:
        made = None  # perhaps not of what the imports say now
    if known is None or made is None:
        known = _KNOWN.keep(organization_id, span, await coverage_text(database, organization_id, span))
        made = known.plan(ask)
    while True:
        found = await read(database, made.reading)
        if found.told == known.told:
            break
        known, before = _KNOWN.keep(organization_id, span, found.told), made
        made = known.plan(ask)
        if made.plan == before.plan:
            break
    if made.plan.question.previous is not None and made.plan.question.groupings:
        return await _compared(database, organization_id, made, found, (span, ask))
    return CostAnswer(made.plan, made.coverage_by(found), found)


async def _compared(
    database: Database, organization_id: UUID, made: _Made, found: CostFound, asked: tuple[DateRange | None, Ask]
) -> CostAnswer:
    """An answer that compares groups: anew where it has to be known whose charges some of them are."""
    coverage = made.coverage_by(found)
    told = CostAnswer(made.plan, coverage, found)
    if not needs_owners(made.plan.question, coverage, told.rows):
        return told
    async with database.read(organization_id, one_state=True) as session:
        return await answer_within(session, organization_id, *asked)


async def answer_within(session: AsyncSession, organization_id: UUID, span: DateRange | None, ask: Ask) -> CostAnswer:
    """The same within a transaction, which sees one state; two statements at least."""
    coverage = await cost_coverage(session, organization_id, span)
    plan = make_plan(ask(coverage), coverage)
    known = await narrowed(session, organization_id, coverage, plan.question.conditions)
    return await answer_by_plan(session, organization_id, plan, known)


async def answer_by_plan(
    session: AsyncSession, organization_id: UUID, plan: CostPlan, coverage: CostCoverage
) -> CostAnswer:
    """Answer by a plan that is made already."""
    coverage = _with_missing(plan, coverage)
    rows = await read_costs(session, organization_id, plan)
    owners = await owners_of(session, organization_id, plan.question, coverage, rows)
    if plan.by_index:
        totals = replace(ungrouped(plan), segments=plan.totals, totals=())
        all_ = await read_costs(session, organization_id, totals)
        rows = [*first_and_beyond(rows, all_, plan.question.top)]
    return CostAnswer(plan, coverage, rows, owners)


def _with_missing(plan: CostPlan, coverage: CostCoverage) -> CostCoverage:
    return replace(coverage, missing=missing_in(plan.question.period, coverage.accounts))


@dataclass(frozen=True, slots=True)
class _Made:
    """A plan, what reads it, and the coverage of its answer where the question's conditions do not narrow it."""

    plan: CostPlan
    reading: CostReading
    coverage: CostCoverage
    is_narrowed: bool

    def coverage_by(self, found: CostFound) -> CostCoverage:
        """What is known of the billing accounts to which the conditions can belong."""
        if not self.is_narrowed:
            return self.coverage
        conditions = self.plan.question.conditions
        return _with_missing(self.plan, narrowed_to(payers_told(found.payers), self.coverage, conditions))


class _Known:
    """What the imports of an organization say of a span of days, and the plans that were made for it."""

    def __init__(self, organization_id: UUID, span: DateRange | None, told: str) -> None:
        self.organization_id, self.span, self.told = organization_id, span, told
        self.coverage = coverage_of(told)
        self._made: dict[Ask, _Made] = {}

    def plan(self, ask: Ask) -> _Made:
        """The plan of a question. Raises BadUserInputError."""
        made = self._made.get(ask)
        if made is None:
            plan = make_plan(ask(self.coverage), self.coverage)
            conditions = plan.question.conditions
            named = named_in(conditions) if says_payers(conditions) else None
            reading = reading_of(self.organization_id, self.span, plan, named)
            coverage = self.coverage if named is not None else _with_missing(plan, self.coverage)
            made = _Made(plan, reading, coverage, named is not None)
            if len(self._made) >= MOST_PLANS:
                self._made.clear()
            self._made[ask] = made
        return made


class _Latest:
    """What imports said last, by organization and span; the longest unused goes first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[UUID, DateRange | None], _Known] = OrderedDict()

    def get(self, organization_id: UUID, span: DateRange | None) -> _Known | None:
        known = self._kept.get((organization_id, span))
        if known is not None:
            self._kept.move_to_end((organization_id, span))
        return known

    def keep(self, organization_id: UUID, span: DateRange | None, told: str) -> _Known:
        known = self._kept[organization_id, span] = _Known(organization_id, span, told)
        if len(self._kept) > MOST_KNOWN:
            self._kept.popitem(last=False)
        return known


_KNOWN = _Latest()
