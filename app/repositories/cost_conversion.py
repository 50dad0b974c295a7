"""SQL that brings sums of charges into one currency, or keeps apart what no rate converts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    FromClause,
    Numeric,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from app.models import CurrencyRate
from app.records.cost_analysis import MONEY, UNIT_OF, CostMeasure, CostPlan
from app.repositories.cost_dimensions import ORGANIZATION

_RATES: Any = CurrencyRate.__table__
_SHOWN_CURRENCY = bindparam("currency", type_=Text())
_ZERO, _ONE = literal_column("0", Numeric), literal_column("1", Numeric)
KEY = "key_"
"""Begins the columns of facts that are keys of groups."""
UNIT = "unit_"
"""Begins the columns of facts that are units of a quantity."""
_FIRST, _LAST = "first_unit_", "last_unit_"


def converted(
    plan: CostPlan,
    facts: FromClause,
    *,
    currency: ColumnElement[str] = _SHOWN_CURRENCY,
    organization: ColumnElement[Any] = ORGANIZATION,
) -> Select[Any]:
    """Facts by group, step and currency that stays apart, money in the currency of the question.

    Nothing is nothing in every currency: facts whose costs are all 0, or unknown, need no rate. Parameters are
    `organization` and, where the plan converts, `currency`, unless something else stands for them.
    """
    keys: list[ColumnElement[Any]] = [column for column in facts.c if column.name.startswith(KEY)]
    kept = (facts.c.previous, facts.c.step, *keys)
    measures = plan.question.measures
    # By the values and not by an array of them, which takes twice as long to compare.
    key = cast(array(keys, type_=Text), ARRAY(Text)) if keys else no_key()
    shown = (facts.c.previous, facts.c.step, key.label("key"))
    charges = func.sum(facts.c.charges).label("charges")
    units = units_of(facts, measures)
    if not plan.converts:
        sums = [func.sum(facts.c[measure.name]).label(measure.name) for measure in measures] + units
        return select(*shown, cast(null(), Text).label("apart"), charges, *sums).group_by(*kept)
    rates = _rates(facts, currency, organization).cte(f"rates_of_{facts.description}")
    money = [facts.c[one.name] for one in measures if one in MONEY]
    needs_none = or_(facts.c.currency == currency, and_(*(func.coalesce(one, _ZERO) == _ZERO for one in money)))
    rate = case((needs_none, _ONE), else_=rates.c.rate)
    apart = case((rate.is_(None), facts.c.currency)).label("apart")
    factor = func.coalesce(rate, _ONE)
    sums = [
        func.sum(facts.c[one.name] * factor if one in MONEY else facts.c[one.name]).label(one.name) for one in measures
    ] + units
    on = and_(rates.c.currency == facts.c.currency, rates.c.month == facts.c.month)
    joined = facts.join(rates, on, isouter=True)
    return select(*shown, apart, charges, *sums).select_from(joined).group_by(*kept, apart)


def _rates(facts: FromClause, currency: ColumnElement[str], organization: ColumnElement[Any]) -> Select[Any]:
    """The newest rate of each other currency on or before the last day of each month."""
    pairs = select(facts.c.currency, facts.c.month).where(facts.c.currency != currency).distinct().subquery("pairs")
    following = cast(pairs.c.month + literal_column("interval '1 month'"), Date)
    newest = (
        select(_RATES.c.rate)
        .where(
            _RATES.c.organization_id == organization,
            _RATES.c.from_currency == pairs.c.currency,
            _RATES.c.to_currency == currency,
            _RATES.c.valid_from < following,
        )
        .order_by(_RATES.c.valid_from.desc())
        .limit(_ONE)
        .scalar_subquery()
    )
    return select(pairs.c.currency, pairs.c.month, newest.label("rate"))


def units_of(rows: FromClause, measures: Sequence[CostMeasure]) -> list[ColumnElement[Any]]:
    """The first and the last unit of each measure that is a quantity, of facts or of what was made of them."""
    found: list[ColumnElement[Any]] = []
    for measure in measures:
        if measure in UNIT_OF:
            is_fact = f"{UNIT}{measure.name}" in rows.c
            first, last = (UNIT, UNIT) if is_fact else (_FIRST, _LAST)
            found.append(func.min(rows.c[f"{first}{measure.name}"]).label(f"{_FIRST}{measure.name}"))
            found.append(func.max(rows.c[f"{last}{measure.name}"]).label(f"{_LAST}{measure.name}"))
    return found


def no_key() -> ColumnElement[Any]:
    """The key of what is not grouped."""
    return cast(array([], type_=Text), ARRAY(Text))
