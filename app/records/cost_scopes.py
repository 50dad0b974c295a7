"""Which charges a budget, a forecast or a unit cost is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from app.records.cost_analysis import CostDimension, TextCondition
from app.records.stored_conditions import conditions_to_json, texts_of_json


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
        """As it is stored, see `conditions_to_json`."""
        return conditions_to_json(self.conditions)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Of what is stored."""
        return cls(texts_of_json(stored))
