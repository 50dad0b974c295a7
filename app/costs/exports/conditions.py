"""Conditions on charges as JSON, for as long as an export waits for its worker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.records.criteria import AmountRange, Condition, Criteria, MomentRange, TagMatch, TextMatch


def criteria_to_json(criteria: Criteria) -> dict[str, Any]:
    """Plain JSON values. Raises TypeError for a kind of condition that charges do not have."""
    return {
        "columns": [{"column": name, **_condition_to_json(condition)} for name, condition in criteria.columns],
        "tags": [
            {"key": tag.key, "in": None if tag.in_ is None else list(tag.in_), "exists": tag.exists}
            for tag in criteria.tags
        ],
    }


def criteria_of_json(stored: Mapping[str, Any]) -> Criteria:
    """What `criteria_to_json` was given."""
    return Criteria(
        tuple((one["column"], _condition_of_json(one)) for one in stored["columns"]),
        tuple(TagMatch(one["key"], _tuple(one["in"]), one["exists"]) for one in stored["tags"]),
    )


def _condition_to_json(condition: Condition) -> dict[str, Any]:
    match condition:
        case TextMatch(eq, in_, contains):
            return {"kind": "text", "eq": eq, "in": None if in_ is None else list(in_), "contains": contains}
        case MomentRange(gte, lt):
            return {"kind": "moment", "gte": gte and gte.isoformat(), "lt": lt and lt.isoformat()}
        case AmountRange(gte, lte):
            return {"kind": "amount", "gte": _text(gte), "lte": _text(lte)}
        case _:
            message = f"charges have no condition like {condition!r}"
            raise TypeError(message)


def _condition_of_json(stored: Mapping[str, Any]) -> Condition:
    match stored["kind"]:
        case "text":
            return TextMatch(stored["eq"], _tuple(stored["in"]), stored["contains"])
        case "moment":
            gte, lt = stored["gte"], stored["lt"]
            return MomentRange(gte and datetime.fromisoformat(gte), lt and datetime.fromisoformat(lt))
        case _:
            gte, lte = stored["gte"], stored["lte"]
            return AmountRange(None if gte is None else Decimal(gte), None if lte is None else Decimal(lte))


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
