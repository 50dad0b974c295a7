"""Filters of costs that are kept: how budgets, rules and exports tell which charges they are about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.costs.scopes import field_of
from app.records.cost_analysis import Condition, TextCondition
from app.records.stored_conditions import text_to_json
from app.schema.filters import TAGS
from app.schema.scalars import JSONObject, decimal_text, moment_text

_BOUNDS = ("gt", "gte", "lt", "lte")


@strawberry.type(description="A condition that charges meet, in the words of `CostFilter`; all that is given holds.")
class AppliedCostCondition:
    """See app.records.cost_analysis.Condition."""

    field: str = strawberry.field(description="The field of `CostFilter`, such as `serviceName`; `tags` for a tag.")
    key: str | None = strawberry.field(description="Key of the tag in its normal form; null where it is none.")
    in_: list[str] | None = strawberry.field(name="in", description="Equals one of these; `eq` is a list of one.")
    not_in: list[str] | None = strawberry.field(description="Equals none of these; none at all passes.")
    contains: str | None = strawberry.field(description="Contains this, whatever the case.")
    exists: bool | None = strawberry.field(description="Whether there is a value at all.")
    gt: str | None = strawberry.field(description="More than this; amounts and moments are told as text.")
    gte: str | None = strawberry.field(description="This or more; for a moment this or later.")
    lt: str | None = strawberry.field(description="Less than this; for a moment before it.")
    lte: str | None = strawberry.field(description="This or less; for a moment this or before.")

    @classmethod
    def of(cls, condition: Condition) -> AppliedCostCondition:
        """Make it of a condition."""
        field, given = _said(condition)
        names = ("in", "notIn", "contains", "exists", *_BOUNDS)
        among, besides, contains, exists, *bounds = (given.get(name) for name in names)
        key = condition.of.tag if isinstance(condition, TextCondition) else None
        gt, gte, lt, lte = bounds
        return cls(
            field=field,
            key=key,
            in_=among,
            not_in=besides,
            contains=contains,
            exists=exists,
            gt=gt,
            gte=gte,
            lt=lt,
            lte=lte,
        )


@strawberry.type(description="Which charges are chosen: those that meet all conditions; all charges without any.")
class AppliedCostFilter:
    """Conditions as they are kept."""

    conditions: list[AppliedCostCondition] = strawberry.field(description="The conditions, at most 50.")
    filter: JSONObject = strawberry.field(description="The same as a `CostFilter`, to be sent as `where` just so.")

    @classmethod
    def of(cls, conditions: Sequence[Condition]) -> AppliedCostFilter:
        """Make it of conditions."""
        sent: dict[str, Any] = {}
        for one in conditions:
            field, given = _said(one)
            if isinstance(one, TextCondition) and one.of.tag is not None:
                sent.setdefault(TAGS, []).append({"key": one.of.tag, **given})
            else:
                sent[field] = given
        return cls(conditions=[AppliedCostCondition.of(one) for one in conditions], filter=JSONObject(sent))


def _said(condition: Condition) -> tuple[str, dict[str, Any]]:
    """The field of `CostFilter`, and what is given of it."""
    if isinstance(condition, TextCondition):
        return field_of(condition.of), text_to_json(condition)
    bounds = ((name, getattr(condition, name, None)) for name in _BOUNDS)
    return to_camel_case(condition.column), {name: _text(value) for name, value in bounds if value is not None}


def _text(value: Decimal | datetime) -> str:
    return moment_text(value) if isinstance(value, datetime) else decimal_text(value)
