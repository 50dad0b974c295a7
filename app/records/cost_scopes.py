"""Which charges a budget, a forecast or a unit cost is about, and conditions on texts as they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from app.records.cost_analysis import CostDimension, Grouping, TextCondition

_TEXT = ("in", "notIn", "contains", "exists")


@dataclass(frozen=True)
class CostScope:
    """Conditions on columns and promoted tags, at most one on each; all hold. Without any it is all charges."""

    conditions: tuple[TextCondition, ...] = ()

    @property
    def dimensions(self) -> dict[CostDimension, TextCondition]:
        """The conditions on columns."""
        return {one.of.dimension: one for one in self.conditions if one.of.dimension is not None}

    @property
    def tags(self) -> dict[str, TextCondition]:
        """The conditions on tags, by their keys."""
        return {one.of.tag: one for one in self.conditions if one.of.tag is not None}

    def to_json(self) -> dict[str, Any]:
        """As it is stored: `{dimensions: {column: test}, tags: {key: test}}`.

        A test is a list of values, one of which must be there, or where it asks for more `{in, notIn, contains,
        exists}`.
        """
        return {
            "dimensions": {column.value: _test(one) for column, one in self.dimensions.items()},
            "tags": {key: _test(one) for key, one in self.tags.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Of what is stored."""
        columns = sorted(stored.get("dimensions", {}).items())
        tags = sorted(stored.get("tags", {}).items())
        return cls(
            (
                *(_condition(Grouping(CostDimension(column)), test) for column, test in columns),
                *(_condition(Grouping(tag=key), test) for key, test in tags),
            )
        )


def _test(condition: TextCondition) -> list[str] | dict[str, Any]:
    given = text_to_json(condition)
    values: list[str] | None = given.get("in") if len(given) == 1 else None
    return given if values is None else values


def _condition(of: Grouping, test: Any) -> TextCondition:
    return text_of_json(of, {"in": test} if isinstance(test, list) else test)


def text_to_json(condition: TextCondition) -> dict[str, Any]:
    """What is given of a condition on a text, by the names of the graph."""
    values = (condition.in_, condition.not_in, condition.contains, condition.exists)
    given = ((name, value) for name, value in zip(_TEXT, values, strict=True) if value is not None)
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given}


def text_of_json(of: Grouping, stored: Mapping[str, Any]) -> TextCondition:
    """What `text_to_json` was given."""
    among, besides = (_tuple(stored.get(name)) for name in ("in", "notIn"))
    equal = stored.get("eq")
    if equal is not None:
        among = (equal,) if among is None or equal in among else ()
    return TextCondition(of, among, besides, stored.get("contains"), stored.get("exists"))


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
