"""Chooses for a question about costs the smallest roll-ups that know all that it asks for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from app.costs.allocation.tag_keys import normal_key
from app.costs.analysis.periods import add_months, steps_of, whole_months
from app.errors import BadUserInputError
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    AmountCondition,
    CostCoverage,
    CostDimension,
    CostMeasure,
    CostPlan,
    CostQuestion,
    CostRollup,
    CostSegment,
    DateRange,
    Grouping,
    TextCondition,
)
from app.records.cost_rollups import LINK_OF, ROLLUPS, Grain, Link, Rollup

MOST_GROUPS = 1_000
MOST_GROUPINGS = 10  # as many as the longest use case of FOCUS tells apart, with first and last moments
MOST_CONDITIONS = 50
MOST_MEASURES = 6
MOST_POINTS = 5_000  # what answers are made of on the event loop: 50,000 held everybody up for four seconds
_BY_MONTH = frozenset({CostGranularity.MONTH, CostGranularity.QUARTER, CostGranularity.TOTAL})
_UNIT_PRICES = frozenset(
    {
        CostDimension.LIST_UNIT_PRICE,
        CostDimension.CONTRACTED_UNIT_PRICE,
        CostDimension.PRICING_CURRENCY_LIST_UNIT_PRICE,
        CostDimension.PRICING_CURRENCY_CONTRACTED_UNIT_PRICE,
    }
)
# What tells resource dimensions apart: of these together, each row of a month without shared resources is a group.
_RESOURCE = frozenset(
    Grouping(one)
    for one in (
        CostDimension.RESOURCE_ID,
        CostDimension.RESOURCE_NAME,
        CostDimension.RESOURCE_TYPE,
        CostDimension.AVAILABILITY_ZONE,
    )
)


@lru_cache(256)
def largest_top(period: DateRange, granularity: CostGranularity) -> int:
    """How many groups an answer may have so that its points stay bounded: at most 1,000 groups and 5,000 points."""
    return max(1, min(MOST_GROUPS, MOST_POINTS // len(steps_of(period, granularity))))


def check_question(question: CostQuestion) -> None:
    """Raise BadUserInputError for a question that is too large or adds up what has no sum."""
    bounds = (
        ("groupBy", len(question.groupings), MOST_GROUPINGS),
        ("where", len(question.conditions), MOST_CONDITIONS),
        ("metrics", len(question.measures), MOST_MEASURES),
    )
    for name, found, most in bounds:
        if found > most:
            message = f"`{name}` has {found} entries; at most {most} are answered at a time."
            raise BadUserInputError(message, path=(name,))
    for name, entries in (("groupBy", question.groupings), ("metrics", question.measures)):
        if len(set(entries)) < len(entries):
            message = f"`{name}` names something twice."
            raise BadUserInputError(message, path=(name,))
    most = largest_top(question.period, question.granularity)
    if not 1 <= question.top <= most:
        message = (
            f"`topN` is {question.top}; with this `period` and `granularity` it must be from 1 to {most}. "
            "Ask for fewer groups, longer steps or a shorter period."
        )
        raise BadUserInputError(message, path=("topN",))
    if CostMeasure.PRICING_CURRENCY_EFFECTIVE_COST in question.measures and not _one_pricing_currency(question):
        message = (
            "Amounts in several pricing currencies have no sum: group by PRICING_CURRENCY, or choose one in `where`."
        )
        raise BadUserInputError(message, path=("metrics",))


def make_plan(question: CostQuestion, coverage: CostCoverage) -> CostPlan:
    """How to answer a question, given what the imports say.

    Raises BadUserInputError for one that is too large, or where no source knows all that it asks for.
    """
    question = normalised(question)
    check_question(question)
    return unchecked_plan(question, coverage)


def unchecked_plan(question: CostQuestion, coverage: CostCoverage) -> CostPlan:
    """The same for a question of our own, whatever its size."""
    promoted = frozenset(key for key in _tags(question) if key in coverage.promoted_keys)
    needs = _needs(question, promoted)
    ranges = [(question.period, False)] + ([(question.previous, True)] if question.previous else [])
    segments = tuple(
        segment for days, previous in ranges for segment in _segments(question, needs, coverage, days, previous)
    )
    converts = bool(MONEY & set(question.measures)) and not coverage.currencies <= {question.currency}
    promoted = promoted if Link.ALLOCATION in needs.links else frozenset()
    return _by_index(CostPlan(question, segments, converts, promoted), coverage)


def normalised(question: CostQuestion) -> CostQuestion:
    """The question with all tag keys in their normal form."""
    groupings = tuple(_normalised(grouping) for grouping in question.groupings)
    conditions = tuple(
        replace(one, of=_normalised(one.of)) if isinstance(one, TextCondition) else one for one in question.conditions
    )
    return replace(question, groupings=groupings, conditions=conditions)


def _normalised(grouping: Grouping) -> Grouping:
    return grouping if grouping.tag is None else replace(grouping, tag=normal_key(grouping.tag))


class _Needs:
    """Dimensions, further links and measures that a source has to know."""

    def __init__(self) -> None:
        self.dimensions: set[CostDimension] = set()
        self.links: set[Link] = set()
        self.measures: set[CostMeasure] = set()

    def met_by(self, rollup: Rollup) -> bool:
        """Whether a roll-up knows them all."""
        return (
            self.measures <= rollup.measures
            and self.links <= rollup.links
            and all(one in rollup.columns or LINK_OF[one] in rollup.links for one in self.dimensions)
        )

    def add(self, grouping: Grouping, promoted: frozenset[str]) -> None:
        """What a grouping or a condition asks for."""
        if grouping.dimension is not None:
            self.dimensions.add(grouping.dimension)
        elif grouping.sku_detail is not None:
            self.links.add(Link.SKU)
        else:
            self.links.add(Link.ALLOCATION if grouping.tag in promoted else Link.TAGS)


def _needs(question: CostQuestion, promoted: frozenset[str]) -> _Needs:
    needs = _Needs()
    needs.measures.update(question.measures)
    for grouping in question.groupings:
        needs.add(grouping, promoted)
    for condition in question.conditions:
        if isinstance(condition, TextCondition):
            needs.add(condition.of, promoted)
        elif isinstance(condition, AmountCondition):
            is_price = condition.column in _UNIT_PRICES
            needs.links.add(Link.SKU if is_price else Link.CHARGE)
        else:
            needs.links.add(Link.PERIOD if condition.column.startswith("billing") else Link.CHARGE)
    if Link.ALLOCATION in needs.links and not any(needs.met_by(rollup) for rollup in ROLLUPS.values()):
        # Tags beside finer dimensions stand in no roll-up: the charges' own tag sets tell them, and allocate the same.
        needs.links.discard(Link.ALLOCATION)
        needs.links.add(Link.TAGS)
    return needs


def _segments(
    question: CostQuestion, needs: _Needs, coverage: CostCoverage, days: DateRange, previous: bool
) -> Iterator[CostSegment]:
    """Whole months from the smallest source that knows them, the days at the ends from the smallest of days."""
    if CostDimension.TEAM in needs.dimensions:
        yield from _team_segments(needs, days, previous)
        return
    sources = _sources(needs)
    if not sources:
        message = "No source knows all of these at once; leave some of `groupBy`, `where` or `metrics` out."
        raise BadUserInputError(message, path=("groupBy",))
    daily = next(
        (name for name in sources if ROLLUPS[name].grain is not Grain.MONTH),
        CostRollup.CHARGES,
    )
    grain_fits = previous or question.granularity in _BY_MONTH
    months = whole_months(days, coverage.held) if grain_fits and sources[0] is not daily else None
    if months is None:
        yield CostSegment(daily, days, previous)
        return
    if days.start < months.start:
        yield CostSegment(daily, DateRange(days.start, months.start), previous)
    yield CostSegment(sources[0], months, previous)
    if months.end < days.end:
        yield CostSegment(daily, DateRange(months.end, days.end), previous)


def _sources(needs: _Needs) -> list[CostRollup]:
    """What knows all that is needed, but for teams, the smallest first."""
    without = {Link.TEAM} if Link.ALLOCATION in needs.links else {Link.TEAM, Link.ALLOCATION}  # tags mean more rows
    return [name for name, rollup in ROLLUPS.items() if not without & rollup.links and needs.met_by(rollup)]


def _team_segments(needs: _Needs, days: DateRange, previous: bool) -> Iterator[CostSegment]:
    """Months whose costs were shared out from where that stands; all others, of no team, from the other roll-ups."""
    shared = [name for name, rollup in ROLLUPS.items() if Link.TEAM in rollup.links and needs.met_by(rollup)]
    if not shared:
        message = (
            "Costs of teams are known by provider, account, service, charge category and currency, as the four costs "
            "and the count of charges: leave TEAM, or what is finer, out."
        )
        raise BadUserInputError(message, path=("groupBy",))
    yield CostSegment(shared[0], days, previous, allocated=True)
    rest = _Needs()
    rest.dimensions, rest.measures = needs.dimensions - {CostDimension.TEAM}, needs.measures
    daily = next(name for name in _sources(rest) if ROLLUPS[name].grain is Grain.DAY)
    yield CostSegment(daily, days, previous, allocated=False)


def _by_index(plan: CostPlan, coverage: CostCoverage) -> CostPlan:
    """The same answered by the index of a month's resources, where the first of them are all that is asked.

    Exact only where no resource has several rows in the month, of several imports or currencies. What is compared is
    looked for in all rows, so a question that compares has more segments than one.
    """
    question = plan.question
    if (
        [segment.rollup for segment in plan.segments] != [CostRollup.RESOURCE_MONTHLY]
        or frozenset(question.groupings) != _RESOURCE
        or question.conditions
        or len(coverage.currencies) != 1
        or "" in coverage.currencies
        or question.measures[0] is not CostMeasure.EFFECTIVE_COST
        or question.top >= MOST_GROUPS
    ):
        return plan
    days = plan.segments[0].days
    if add_months(days.start, 1) < days.end or days.start in coverage.shared_months:
        return plan
    needs = _Needs()
    needs.measures.update(question.measures)
    totals = tuple(_segments(question, needs, coverage, question.period, previous=False))
    return CostPlan(question, plan.segments, plan.converts, plan.promoted, by_index=True, totals=totals)


def _tags(question: CostQuestion) -> Iterator[str]:
    conditions = (one.of for one in question.conditions if isinstance(one, TextCondition))
    for grouping in (*question.groupings, *conditions):
        if grouping.tag is not None:
            yield grouping.tag


def _one_pricing_currency(question: CostQuestion) -> bool:
    wanted = Grouping(CostDimension.PRICING_CURRENCY)
    chosen = any(
        isinstance(one, TextCondition) and one.of == wanted and len(one.in_ or ()) == 1 for one in question.conditions
    )
    return wanted in question.groupings or chosen
