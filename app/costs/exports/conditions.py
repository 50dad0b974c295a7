"""Conditions on charges as JSON, for as long as an export is told of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.records.cost_scopes import text_of_json, text_to_json

_BOUNDS = ("gt", "gte", "lt", "lte")


def conditions_to_json(conditions: Sequence[Condition]) -> dict[str, Any]:
    """Plain JSON: `{columns: [{column, kind, …}], tags: [{key, …}]}`; a condition has what is given of it."""
    columns: list[dict[str, Any]] = []
    tags: list[dict[str, Any]] = []
    for one in conditions:
        if not isinstance(one, TextCondition):
            kind = "amount" if isinstance(one, AmountCondition) else "moment"
            columns.append({"column": one.column, "kind": kind, **_bounds_to_json(one)})
        elif one.of.tag is not None:
            tags.append({"key": one.of.tag, **text_to_json(one)})
        elif one.of.dimension is not None:
            columns.append({"column": one.of.dimension.value, "kind": "text", **text_to_json(one)})
    return {"columns": columns, "tags": tags}


def conditions_of_json(stored: Mapping[str, Any]) -> tuple[Condition, ...]:
    """What `conditions_to_json` was given. Texts of earlier exports may have `eq` beside `in`."""
    columns = (_column_of_json(one) for one in stored["columns"])
    tags = (text_of_json(Grouping(tag=one["key"]), one) for one in stored["tags"])
    return (*columns, *tags)


def _column_of_json(stored: Mapping[str, Any]) -> Condition:
    column, kind = stored["column"], stored["kind"]
    if kind == "text":
        return text_of_json(Grouping(CostDimension(column)), stored)
    given = {name: stored[name] for name in _BOUNDS if stored.get(name) is not None}
    if kind == "moment":
        return MomentCondition(column, **{name: datetime.fromisoformat(text) for name, text in given.items()})
    return AmountCondition(column, **{name: Decimal(text) for name, text in given.items()})


def _bounds_to_json(condition: AmountCondition | MomentCondition) -> dict[str, str]:
    values = ((name, getattr(condition, name, None)) for name in _BOUNDS)
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in values
        if value is not None
    }
