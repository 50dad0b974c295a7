"""Random charges, random questions: every answer, from whatever roll-up, equals plain Python over all charges."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.costs.analysis.answers import answer, answer_by_plan
from app.costs.analysis.periods import touches
from app.costs.analysis.plan import normalised
from app.costs.analysis.report import CostAnswer
from app.database import Database
from app.records.budgets import CostGranularity
from app.records.cost_analysis import (
    MONEY,
    ROLLED_UP,
    AmountCondition,
    CostAmount,
    CostDimension,
    CostMeasure,
    CostPlan,
    CostQuestion,
    CostRollup,
    CostSegment,
    CostStep,
    DateRange,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.repositories.cost_coverage import cost_coverage
from tests.costs.analysis.oracle import PlainAnswer
from tests.costs.analysis.store import Store, charge

EXAMPLES = 50
EVERY_SHAPE = 4  # so many stores are asked by each shape of groups
FIRST, LAST = date(2026, 8, 20), date(2026, 10, 25)
ROLLED_UP_FIRST = [CostMeasure.EFFECTIVE_COST, *sorted(ROLLED_UP - {CostMeasure.EFFECTIVE_COST})]
SEEN: Counter[CostRollup | tuple[CostRollup, ...]] = Counter()
_amounts = st.one_of(
    st.decimals(min_value=-50, max_value=1_000, places=4),
    st.sampled_from([Decimal(0), Decimal("1.00000000000000001"), Decimal("123456789012345678.9")]),
)
_maybe = st.one_of(st.none(), _amounts)


def _name(*values: str) -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, *values])


@st.composite
def charges(draw: st.DrawFn) -> dict[str, object]:
    """A charge between August and October, out of few values for each dimension."""
    start = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=draw(st.integers(0, 66 * 24)))
    resource = draw(_name("i-1", "i-2", "i-3", "i-4"))
    return charge(
        start,
        "0",
        billed_cost=draw(_amounts),
        effective_cost=draw(_maybe),
        list_cost=draw(_maybe),
        contracted_cost=draw(_maybe),
        pricing_quantity=draw(_maybe),
        pricing_unit=draw(st.sampled_from(["Hours", "Hours", "Hours", None, "GB-Mo"])),
        consumed_quantity=draw(_maybe),
        consumed_unit=draw(st.sampled_from(["Hours", "Hours", "Requests"])),
        pricing_currency_effective_cost=draw(_maybe),
        pricing_currency=draw(_name("USD", "Credits")),
        provider=draw(st.sampled_from(["AWS", "AZURE", "OTHER"])),
        service_provider_name=draw(_name("Amazon", "Microsoft")),
        service_name=draw(_name("Amazon EC2", "Amazon S3", "VM")),
        service_category=draw(_name("Compute", "Storage")),
        charge_category=draw(st.sampled_from(["Usage", "Tax", "Credit"])),
        billing_account_id=draw(_name("payer")),
        sub_account_id=draw(_name("111", "222")),
        billing_currency=draw(st.sampled_from(["USD", "USD", "EUR", "JPY"])),
        region_id=draw(_name("eu-1", "us-1")),
        sku_id=draw(_name("sku-1")),
        list_unit_price=draw(st.sampled_from([None, Decimal("0.10"), Decimal("0.100"), Decimal(3)])),
        sku_price_details=draw(st.sampled_from([None, {"CoreCount": "4"}, {"CoreCount": "8", "x": "y"}])),
        resource_id=resource,
        resource_name=draw(_name("web")) if resource == "i-4" else resource,
        allocated_resource_id=draw(_name("pod-1")),
        tags=draw(
            st.sampled_from(
                [None, {"team": "web"}, {" Team": "data", "env": "prod"}, {"TEAM": "", "Env": " dev "}, {"x": "1"}]
            )
        ),
        period=draw(st.integers(0, 2)),
    )


_dimensions = st.sampled_from(
    [
        CostDimension.PROVIDER,
        CostDimension.SERVICE_PROVIDER_NAME,
        CostDimension.SERVICE_NAME,
        CostDimension.SERVICE_CATEGORY,
        CostDimension.CHARGE_CATEGORY,
        CostDimension.BILLING_CURRENCY,
        CostDimension.SUB_ACCOUNT_ID,
        CostDimension.ACCOUNT,
        CostDimension.REGION_ID,
        CostDimension.SKU_ID,
        CostDimension.LIST_UNIT_PRICE,
        CostDimension.RESOURCE_ID,
        CostDimension.RESOURCE_NAME,
        CostDimension.ALLOCATED_RESOURCE_ID,
        CostDimension.BILLING_PERIOD_START,
        CostDimension.CHARGE_PERIOD_START,
        CostDimension.DATASET,
        CostDimension.PRICING_CURRENCY,
    ]
).map(Grouping)
_coarse = st.sampled_from(
    [CostDimension.PROVIDER, CostDimension.SERVICE_NAME, CostDimension.CHARGE_CATEGORY, CostDimension.RESOURCE_ID]
).map(Grouping)
_tags = st.sampled_from(["Team", "env"]).map(lambda key: Grouping(tag=key))
_RESOURCE = (
    Grouping(CostDimension.RESOURCE_NAME),
    Grouping(CostDimension.RESOURCE_ID),
    Grouping(CostDimension.RESOURCE_TYPE),
    Grouping(CostDimension.AVAILABILITY_ZONE),
)
# One for each roll-up, where conditions and measures ask for nothing finer.
SHAPES = [
    (),
    (Grouping(CostDimension.PROVIDER),),
    (Grouping(CostDimension.SERVICE_NAME),),
    (Grouping(CostDimension.ACCOUNT), Grouping(CostDimension.SERVICE_NAME)),
    (Grouping(tag="team"),),
    (Grouping(tag="Team"), Grouping(CostDimension.SERVICE_NAME)),
    (Grouping(tag="team"), Grouping(CostDimension.PROVIDER)),
    (Grouping(CostDimension.REGION_ID),),
    (Grouping(CostDimension.RESOURCE_ID),),
    _RESOURCE,
]
_groupings = st.one_of(_dimensions, _coarse, _coarse, _tags, st.just(Grouping(sku_detail="CoreCount")))
_values = st.lists(
    st.sampled_from(["AWS", "Amazon EC2", "Usage", "USD", "111", "eu-1", "i-1", "web", "dev", "0.1"]), max_size=4
).map(tuple)
_text = st.builds(
    TextCondition,
    _groupings,
    in_=st.one_of(st.none(), _values),
    not_in=st.one_of(st.none(), _values),
    contains=st.sampled_from([None, None, "A", "e"]),
    exists=st.sampled_from([None, None, True, False]),
)
_amount = st.builds(
    AmountCondition,
    st.sampled_from(["effective_cost", "billed_cost", "consumed_quantity", "list_unit_price"]),
    gt=st.sampled_from([Decimal(0), Decimal(-10)]),
    lte=st.sampled_from([None, Decimal(100)]),
)
_moment = st.builds(
    MomentCondition,
    st.sampled_from(["billing_period_start", "charge_period_end"]),
    gte=st.just(datetime(2026, 9, 1, tzinfo=UTC)),
)
_OCTOBER = DateRange(date(2026, 10, 1), date(2026, 11, 1))
_months = st.sampled_from(
    [
        _OCTOBER,
        DateRange(date(2026, 9, 1), date(2026, 10, 1)),
        DateRange(date(2026, 8, 1), date(2026, 11, 1)),
    ]
)
_days = st.builds(
    lambda start, days: DateRange(start, start + timedelta(days=days)),
    st.dates(FIRST - timedelta(days=9), LAST),
    st.integers(1, 90),
)


@st.composite
def questions(draw: st.DrawFn) -> CostQuestion:
    """A question that the store can answer."""
    simple = draw(st.booleans())
    period = draw(_months if simple and draw(st.booleans()) else _days)
    measures = st.sampled_from([*ROLLED_UP_FIRST, *CostMeasure][: 5 if simple else None])
    asked = draw(st.lists(measures, min_size=1, max_size=3, unique=True))
    groupings = list(draw(st.sampled_from(SHAPES))) if simple else draw(st.lists(_groupings, max_size=3, unique=True))
    if CostMeasure.PRICING_CURRENCY_EFFECTIVE_COST in asked:
        groupings = [*{*groupings, Grouping(CostDimension.PRICING_CURRENCY)}]
    return CostQuestion(
        period,
        draw(st.sampled_from(["USD", "EUR"])),
        measures=tuple(asked),
        granularity=draw(st.sampled_from([CostGranularity.TOTAL, *CostGranularity])),
        groupings=tuple(groupings),
        conditions=tuple(draw(st.lists(st.one_of(_text, _text, _amount, _moment), max_size=0 if simple else 2))),
        previous=draw(st.sampled_from([None, DateRange(period.start - timedelta(days=40), period.start)])),
        top=draw(st.sampled_from([1, 2, 5, 40])),
    )


def check(found: CostAnswer, store: Store) -> None:
    """Everything in an answer is as plain Python has it."""
    question, plain = found.question, PlainAnswer(store, found.question)
    ranked = plain.ranked() if question.groupings else []
    first, rest = ranked[: question.top], set(ranked[question.top :])
    if found.total is not None:
        assert found.total == plain.amount(plain.current)
    assert [group.key for group in found.groups] == first
    for group in found.groups:
        same_sum(found, group.sum, plain.amount(plain.of({group.key}, plain.current)))
        if group.previous is not None:
            assert group.previous == plain.amount(plain.of({group.key}, plain.before))
        same_steps(found, plain.steps(plain.of({group.key}, plain.current)), group.steps)
    assert (found.other is not None) == bool(rest)
    if found.other is not None:
        same_sum(found, found.other.sum, plain.amount(plain.of(rest, plain.current)))
        same_steps(found, plain.steps(plain.of(rest, plain.current)), found.other.steps)
    if found.previous is not None:
        assert found.previous == plain.amount(plain.before)
    same_steps(found, plain.steps(plain.current), found.steps)


def same_sum(found: CostAnswer, sum_: CostAmount | None, expected: CostAmount) -> None:
    """A group is unknown only where it has no charge, and some billing account was not delivered in the period."""
    if sum_ is not None:
        assert sum_ == expected
        return
    period = found.question.period
    assert expected.charges == 0
    assert not all(any(touches(period, (one,)) for one in each.covered) for each in found.coverage.accounts)


def same_steps(found: CostAnswer, expected: list[tuple[date, CostAmount]], steps: Sequence[CostStep]) -> None:
    covered = {day for one in found.coverage.covered for day in _days_of(one)}
    known = [
        amount if amount.charges or any(day in covered for day in _days_of(step.days)) else None
        for (_, amount), step in zip(expected, steps, strict=True)
    ]
    assert [step.sum for step in steps] == known
    assert [step.days.start for step in steps] == [start for start, _ in expected]


def _days_of(days: DateRange) -> list[date]:
    return [days.start + timedelta(days=number) for number in range(days.days)]


async def test_answers_equal_plain_python(database: Database) -> None:
    """Fifty stores of up to 24 charges, five questions each; each also on raw charges alone."""
    loop = asyncio.get_running_loop()
    numbers = iter(range(1, 1_000_000))

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],  # a smaller example is not worth minutes of statements
    )
    @given(
        st.lists(charges(), min_size=1, max_size=24),
        st.lists(questions(), min_size=5, max_size=5),
        st.booleans(),
        st.booleans(),
    )
    def run(found: list[dict[str, object]], asked: list[CostQuestion], promoted: bool, plain: bool) -> None:
        organization = UUID(int=next(numbers))
        if plain:  # one currency and one import, in which no resource has two rows a month
            found = [one | {"billing_currency": "USD", "period": 0} for one in found]
        asyncio.run_coroutine_threadsafe(case(organization, found, asked, promoted, plain), loop).result()

    async def case(
        organization: UUID, found: list[dict[str, object]], asked: list[CostQuestion], promoted: bool, plain: bool
    ) -> None:
        store = Store(organization, promoted=("team",) if promoted else ())
        store.rates = [
            ("EUR", "USD", date(2026, 8, 31), Decimal("1.1")),
            ("EUR", "USD", date(2026, 10, 10), Decimal("1.25")),
            ("USD", "EUR", date(2026, 9, 1), Decimal("0.9")),
        ]
        await store.fill(database, found)
        first = [CostQuestion(_OCTOBER, "USD", groupings=_RESOURCE, top=top) for top in (1, 2, 50)] if plain else []
        shapes = [
            CostQuestion(_OCTOBER, "USD", granularity=granularity, groupings=shape)
            for shape in SHAPES
            for granularity in (CostGranularity.TOTAL, CostGranularity.DAY)
            if organization.int <= EVERY_SHAPE
        ]
        for question in [*asked, *first, *shapes]:
            result = await answer(database, organization, question)
            SEEN.update([*result.rollups, result.rollups])
            check(result, store)
            raw = CostPlan(normalised(question), _raw_segments(question), converts=bool(MONEY & set(question.measures)))
            async with database.read(organization) as session:
                coverage = await cost_coverage(session, organization, None)
                check(await answer_by_plan(session, organization, raw, coverage), store)

    await asyncio.to_thread(run)
    assert SEEN[CostRollup.RESOURCE_MONTHLY, CostRollup.PROVIDER_DAILY], "the first resources were read from the index"
    assert {rollup for rollup in CostRollup if not rollup.name.startswith(("TEAM", "ALLOCATED"))} <= set(SEEN)


def _raw_segments(question: CostQuestion) -> tuple[CostSegment, ...]:
    current = CostSegment(CostRollup.CHARGES, question.period)
    if question.previous is None:
        return (current,)
    return current, CostSegment(CostRollup.CHARGES, question.previous, previous=True)
