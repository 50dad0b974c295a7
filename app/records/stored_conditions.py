"""Conditions on charges as JSON: one shape for budgets, allocation rules and exports."""

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

_BOUNDS = ("gt", "gte", "lt", "lte")
_TEXT = ("in", "notIn", "contains", "exists")


def conditions_to_json(conditions: Sequence[Condition]) -> dict[str, Any]:
    """Plain JSON: `{columns: [{column, kind, …}], tags: [{key, …}]}`; a condition has what is given of it.

    The kind is text, amount or moment. Texts have `in notIn contains exists`, the others `gt gte lt lte`.
    """
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
    return (*map(_column_of_json, stored.get("columns", ())), *map(_tag_of_json, stored.get("tags", ())))


def texts_of_json(stored: Mapping[str, Any]) -> tuple[TextCondition, ...]:
    """The same where nothing but texts is stored, as of budgets and rules."""
    return tuple(one for one in conditions_of_json(stored) if isinstance(one, TextCondition))


def text_to_json(condition: TextCondition) -> dict[str, Any]:
    """What is given of a condition on a text, by the names of the graph."""
    values = (condition.in_, condition.not_in, condition.contains, condition.exists)
    given = ((name, value) for name, value in zip(_TEXT, values, strict=True) if value is not None)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given}


def _column_of_json(stored: Mapping[str, Any]) -> Condition:
    column, kind = stored["column"], stored["kind"]
    if kind == "text":
        return _text_of_json(Grouping(CostDimension(column)), stored)
    given = {name: stored[name] for name in _BOUNDS if stored.get(name) is not None}
    if kind == "moment":
        return MomentCondition(column, **{name: datetime.fromisoformat(text) for name, text in given.items()})
    return AmountCondition(column, **{name: Decimal(text) for name, text in given.items()})


def _tag_of_json(stored: Mapping[str, Any]) -> TextCondition:
    return _text_of_json(Grouping(tag=stored["key"]), stored)


def _text_of_json(of: Grouping, stored: Mapping[str, Any]) -> TextCondition:
    among, besides = (_tuple(stored.get(name)) for name in ("in", "notIn"))
    equal = stored.get("eq")
    if equal is not None:
        among = (equal,) if among is None or equal in among else ()
    return TextCondition(of, among, besides, stored.get("contains"), stored.get("exists"))


def _bounds_to_json(condition: AmountCondition | MomentCondition) -> dict[str, str]:
    values = ((name, getattr(condition, name, None)) for name in _BOUNDS)
    return {
        name: value.isoformat() if isinstance(value, datetime) else str(value)
        for name, value in values
        if value is not None
    }


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
