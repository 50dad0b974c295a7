"""Whatever the charges and rules: sums are those of the charges, parts are by largest remainder, again is the same."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.database import Database
from app.models import new_id
from app.records.allocation import (
    NOBODY,
    AllocationMethod,
    Rule,
    Target,
)
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from tests.costs.allocation.makers import MONTH, allocate, allocated, make_teams, rule, store_rules
from tests.costs.allocation.store import Spent, fill

METRICS = ("billed_cost", "effective_cost", "list_cost", "contracted_cost")
NAMES = ("A", "B", "C", "D")
EXACT = Context(prec=200, traps=[Inexact])
AMOUNTS = st.decimals(min_value=-1000, max_value=100_000, places=2) | st.decimals(
    min_value=Decimal(-1), max_value=Decimal(1), places=17
)
CHARGES = st.builds(
    Spent,
    day=st.sampled_from([MONTH, date(2026, 10, 17), date(2026, 10, 31)]),
    billed_cost=AMOUNTS,
    service_name=st.sampled_from(["Amazon EC2", "AWS Support", None]),
    tags=st.sampled_from([{}, {"Team": "a"}, {"team": "CC-B"}, {"team": "c", "env": "prod"}, {" ENV": "prod"}]),
    billing_currency=st.sampled_from(["USD", "EUR"]),
    effective_cost=AMOUNTS | st.none(),
    list_cost=AMOUNTS | st.none(),
    charge_category=st.sampled_from(["Usage", "Tax"]),
)
SERVICE, CATEGORY = Grouping(CostDimension.SERVICE_NAME), Grouping(CostDimension.CHARGE_CATEGORY)
CONDITIONS = [
    TextCondition(SERVICE, in_=("AWS Support",)),
    TextCondition(SERVICE, not_in=("AWS Support",)),
    TextCondition(SERVICE, exists=False),
    TextCondition(CATEGORY, contains="AX"),
    TextCondition(Grouping(CostDimension.BILLING_CURRENCY), in_=("EUR",)),
    TextCondition(Grouping(tag="env"), in_=("prod",)),
    TextCondition(Grouping(tag="env"), contains="RO"),
    TextCondition(Grouping(tag="team"), exists=False),
    TextCondition(Grouping(tag="team"), not_in=("a",)),
]
Conditions = tuple[TextCondition, ...]
MATCHES: st.SearchStrategy[Conditions] = st.lists(st.sampled_from(CONDITIONS), max_size=3).map(tuple)


@st.composite
def drafts(draw: st.DrawFn) -> tuple[AllocationMethod, Conditions, list[str], list[Decimal]]:
    """Method, match, names of targets, percents."""
    method, match = draw(st.sampled_from(AllocationMethod)), draw(MATCHES)
    most = {AllocationMethod.DIRECT: 1, AllocationMethod.BY_TAG: 0}.get(method, len(NAMES))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=min(1, most), max_size=most, unique=True))
    cuts = sorted(
        draw(
            st.lists(
                st.decimals(min_value=Decimal("0.01"), max_value=Decimal("99.99"), places=2),
                min_size=max(0, len(names) - 1),
                max_size=max(0, len(names) - 1),
                unique=True,
            )
        )
    )
    edges = [Decimal(0), *cuts, Decimal(100)]
    return method, match, names, [end - begin for begin, end in pairwise(edges)]


def rules_of(
    made: list[tuple[AllocationMethod, Conditions, list[str], list[Decimal]]], teams: dict[str, UUID]
) -> list[Rule]:
    return [
        rule(
            method,
            *(
                Target(teams[name], percent if method is AllocationMethod.FIXED else None)
                for name, percent in zip(names, percents, strict=False)
            ),
            match=match,
            tag_key="team" if method is AllocationMethod.BY_TAG else None,
        )
        for method, match, names, percents in made
    ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(charges=st.lists(CHARGES, min_size=1, max_size=12), made=st.lists(drafts(), min_size=1, max_size=4))
async def test_nothing_is_lost_or_made(
    owner: Database,
    database: Database,
    charges: list[Spent],
    made: list[tuple[AllocationMethod, Conditions, list[str], list[Decimal]]],
) -> None:
    organization_id = new_id()
    teams = await make_teams(database, organization_id, *NAMES)
    rules = rules_of(made, teams)
    await fill(owner, organization_id, charges, ["team", "env"])
    await store_rules(database, organization_id, *rules)
    await allocate(database, organization_id)
    rows = await allocated(owner, organization_id)
    assert sums(rows) == sums(await of_charges(owner, organization_id))
    assert sums(await of_teams(owner, organization_id)) == sums(rows)
    assert {key: each for key, each in by_rule(rows).items() if key[-1]} == expected(charges, rules, teams)
    await allocate(database, organization_id)
    assert await allocated(owner, organization_id) == rows


async def of_charges(owner: Database, organization_id: UUID) -> list[dict[str, Any]]:
    statement = """
        SELECT c.*, 1 AS charge_count, (c.charge_period_start AT TIME ZONE 'UTC')::date AS day, s.billing_currency
        FROM charges c JOIN cost_dims k ON k.organization_id = c.organization_id AND k.id = c.cost_dim_id
        JOIN summary_dims s ON s.organization_id = c.organization_id AND s.id = k.summary_dim_id
        WHERE c.organization_id = :id
    """
    return await read(owner, statement, organization_id)


async def of_teams(owner: Database, organization_id: UUID) -> list[dict[str, Any]]:
    return await read(owner, "SELECT * FROM team_daily WHERE organization_id = :id", organization_id)


async def read(owner: Database, statement: str, organization_id: UUID) -> list[dict[str, Any]]:
    async with owner.engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(text(statement), {"id": organization_id})).mappings()]


def plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else EXACT.add(one, other)


def sums(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], Decimal | None]:
    """Every metric and the count by day and currency."""
    found: dict[tuple[Any, ...], Decimal | None] = defaultdict(lambda: None)
    for row in rows:
        for metric in METRICS:
            key = (row["day"], row["billing_currency"], metric)
            found[key] = plus(found[key], row[metric])
        count = (row["day"], row["billing_currency"], "charges")
        found[count] = plus(found[count], Decimal(row["charge_count"]))
    return dict(found)


def by_rule(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], tuple[Decimal | None, ...]]:
    """Amounts by day, service, category and currency, team, and whether they are shared."""
    return {
        (row["day"], row["summary_dim_id"], row["rule_id"], row["team_id"], row["shared"]): tuple(
            row[metric] for metric in METRICS
        )
        for row in rows
    }


def expected(
    charges: list[Spent], rules: list[Rule], teams: dict[str, UUID]
) -> dict[tuple[Any, ...], tuple[Decimal | None, ...]]:
    """The shared rows, worked out charge by charge with fractions."""
    direct: dict[tuple[UUID, str], Decimal] = defaultdict(Decimal)
    shared: dict[tuple[date, int, UUID], list[Decimal | None]] = {}
    currencies: dict[int, str] = {}
    for charge in charges:
        found, team = decide(charge, rules, teams)
        if team is not None:
            direct[team, charge.billing_currency] = EXACT.add(
                direct[team, charge.billing_currency], charge.effective or Decimal(0)
            )
        elif found is not None:
            dim = hash(tuple(charge.dimension.values())) & 0x7FFFFFFFFFFF
            currencies[dim] = charge.billing_currency
            amounts = shared.setdefault((charge.day, dim, found.id), [None] * 4)
            for place, amount in enumerate((charge.billed_cost, charge.effective, charge.list_cost, None)):
                amounts[place] = plus(amounts[place], amount)
    by_id = {each.id: each for each in rules}
    rows: dict[tuple[Any, ...], tuple[Decimal | None, ...]] = {}
    for (day, dim, rule_id), amounts in shared.items():
        weights = weights_of(by_id[rule_id], currencies[dim], direct)
        parts = [parts_of(amount, [weight for _, weight in weights]) for amount in amounts]
        for place, (team, _) in enumerate(weights):
            rows[day, dim, rule_id, team, True] = tuple(part[place] for part in parts)
    return rows


def decide(charge: Spent, rules: list[Rule], teams: dict[str, UUID]) -> tuple[Rule | None, UUID | None]:
    tags = {key.strip().lower(): value for key, value in charge.tags.items()}
    for each in rules:
        if not all(holds(one, value_of(one.of, charge, tags)) for one in each.match):
            continue
        if each.method is AllocationMethod.BY_TAG:
            said = tags.get("team", "").upper().removeprefix("CC-")
            if said in teams:
                return each, teams[said]
        elif each.method is AllocationMethod.DIRECT:
            return each, each.targets[0].team_id
        else:
            return each, None
    return None, NOBODY


def value_of(of: Grouping, charge: Spent, tags: dict[str, str]) -> str | None:
    value: str | None = tags.get(of.tag or "") if of.dimension is None else charge.dimension[of.dimension.value]
    return value


def holds(condition: TextCondition, value: str | None) -> bool:
    if condition.exists is not None:
        return (value is not None) is condition.exists
    if condition.in_ is not None:
        return value in condition.in_
    if condition.not_in is not None:
        return value not in condition.not_in
    return value is not None and str(condition.contains).lower() in value.lower()


def weights_of(each: Rule, currency: str, direct: dict[tuple[UUID, str], Decimal]) -> list[tuple[UUID, Fraction]]:
    weights = [(target.team_id, Fraction(target.percent or 1)) for target in each.targets]
    if each.method is AllocationMethod.PROPORTIONAL:
        costs = [(team, Fraction(direct.get((team, currency), Decimal(0)))) for team, _ in weights]
        weights = costs if sum(cost for _, cost in costs) > 0 else weights
    return [(team, weight) for team, weight in weights if weight > 0]


def parts_of(amount: Decimal | None, weights: list[Fraction]) -> list[Decimal | None]:
    """By largest remainder, in units of 12 digits or of the amount's own."""
    if amount is None:
        return [None] * len(weights)
    exponent = amount.as_tuple().exponent
    assert isinstance(exponent, int)
    digits = max(12, -exponent)
    units = abs(Fraction(amount)) * 10**digits
    exact = [units * weight / sum(weights) for weight in weights]
    whole = [int(part) for part in exact]
    order = sorted(range(len(weights)), key=lambda place: (whole[place] - exact[place], place))
    for place in order[: int(units) - sum(whole)]:
        whole[place] += 1
    sign = -1 if amount < 0 else 1
    return [Decimal(sign * part).scaleb(-digits, EXACT) for part in whole]
