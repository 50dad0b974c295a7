"""Asks `organization.costs` what a use case of FOCUS asks of a table, and makes the query's rows of the answer."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb

from app.costs.focus import FOCUS_COLUMNS
from tests.clients import GraphQL, Person
from tests.costs.use_case_words import Case, Column, Count, Distinct, Key, Least, Most, Quotient, Row, Sum, Weighted
from tests.costs.use_cases import capacity

QUESTION = """
query Costs($slug: String!, $period: CostPeriodInput!, $granularity: CostGranularity!, $metrics: [CostMeasure!],
            $groupBy: [CostGrouping!], $where: CostFilter) {
  organization(slug: $slug) {
    costs(period: $period, granularity: $granularity, metrics: $metrics, groupBy: $groupBy, where: $where,
          currency: "USD") {
      chargeCount
      amounts { metric amount }
      points { ...Step }
      unconverted { currency }
      other { chargeCount }
      groups { chargeCount keys { value } amounts { metric amount } points { ...Step } }
    }
  }
}
fragment Step on CostPoint { start chargeCount amounts { metric amount } }
"""
# What a query compares with something given: a column or tag with its comparison, or the key of a tag.
_GIVEN = re.compile(r"(?:(\w+)(?:->>'(\w+)')?\s*(>=|<=|<|=)\s*|'\$\.' \|\| )\?", re.IGNORECASE)
_BOUNDS = {">=": "gte", "<=": "lte", "<": "lt", "=": "eq"}
_OF_RELEASE = {
    "PROVIDER": ("PROVIDER_NAME", "SERVICE_PROVIDER_NAME"),
    "HOST": ("PUBLISHER_NAME", "HOST_PROVIDER_NAME"),
}
_DISCOUNTED = ("LIST_COST", "CONTRACTED_COST")
DIGITS = 12


@dataclass(frozen=True)
class World:
    """A file in both engines, what the placeholders of queries stand for, and a few days of it."""

    graphql: GraphQL
    person: Person
    duck: duckdb.DuckDBPyConnection
    given: Mapping[str, Any]
    narrow: tuple[datetime, datetime]
    tag_keys: Mapping[str, str] = field(default_factory=dict)
    """How the file spells the tag keys of queries: to `costs` case does not matter, to SQL it does."""


def conditions(world: World, case: Case, sql: str) -> tuple[list[Any], dict[str, Any]]:
    """What the placeholders of a query stand for, in order, and all its conditions as those of `costs`."""
    values: list[Any] = []
    where: dict[str, Any] = {name: dict(condition) for name, condition in case.where.items()}
    for column, tag, comparison in _GIVEN.findall(sql):
        name = (tag or column).lower() or "tag"
        kind = name.removesuffix("start").removesuffix("end")
        if kind in {"chargeperiod", "billingperiod"}:
            moments = world.narrow if case.narrow and kind == "chargeperiod" else world.given[f"{kind}start"]
            moment: datetime = moments[0 if comparison == ">=" else 1]
            values.append(moment.replace(tzinfo=None))
            where.setdefault(_field(column), {})[_BOUNDS[comparison]] = moment.isoformat()
            continue
        values.append(world.given[name])
        if tag:
            where["tags"] = [{"key": tag, "eq": world.given[name]}]
        elif column:
            where.setdefault(_field(column), {})["eq"] = world.given[name]
    return values, where


def _field(column: str) -> str:
    return next(known.field_name for known in FOCUS_COLUMNS if known.name.lower() == column.lower())


def groupings(case: Case) -> list[str]:
    """All that the answer is to be grouped by, each once."""
    names: list[str] = [*case.also]
    for column in case.columns:
        match column:
            case Key(name) | Least(name) | Most(name) | Distinct(name):
                names.append(name)
            case Weighted(_, of):
                names += of
            case _:
                pass
    return [name for name in dict.fromkeys(names) if name not in {"capacity", "day"}]


def metrics(case: Case) -> list[str]:
    """All that is to be summed, each once."""
    shown = [column.metric for column in case.columns if isinstance(column, Sum)]
    names = [name for name in (*shown, *case.sums) if not name.startswith("DISCOUNTED_")]
    return list(dict.fromkeys([*names, *(_DISCOUNTED if case.less else ())])) or ["BILLED_COST"]


async def answer(world: World, case: Case, version: str, where: dict[str, Any]) -> list[Row]:
    """What `costs` says: a row for each group, or for each step of a group that has charges."""
    names = groupings(case)
    variables = {
        "slug": world.person.slug,
        "period": _days(world.narrow) if case.narrow else world.given["period"],
        "granularity": case.granularity,
        "metrics": metrics(case),
        "groupBy": [_grouping(world, name, version) for name in names] or None,
        "where": where,
    }
    data = await world.graphql.data(QUESTION, variables, token=world.person.token)
    report = data["organization"]["costs"]
    assert report["other"] is None, "some groups are not told apart"
    assert report["unconverted"] == []
    rows = []
    for group in report["groups"] if names else [{**report, "keys": []}]:
        found = {name: _value(name, key["value"]) for name, key in zip(names, group["keys"], strict=True)}
        for part in group["points"] or [group]:
            if part["chargeCount"]:
                sums = {one["metric"]: _decimal(one["amount"]) for one in part["amounts"]}
                step = {"day": date.fromisoformat(part["start"])} if "start" in part else {}
                rows.append({**found, **sums, **step, "count": part["chargeCount"]})
    return rows


def _days(moments: tuple[datetime, datetime]) -> dict[str, str]:
    return {"start": moments[0].date().isoformat(), "end": moments[1].date().isoformat()}


def _grouping(world: World, name: str, version: str) -> dict[str, str]:
    kind, colon, key = name.partition(":")
    if not colon:
        return {"dimension": _OF_RELEASE[name][version >= "1.3"] if name in _OF_RELEASE else name}
    return {"tag": world.given["tag"] if key == "?" else key} if kind == "tag" else {"skuPriceDetail": key}


def _value(name: str, value: str | None) -> Any:
    """A key as DuckDB has it."""
    if value is None or ":" in name:
        return value
    if name.endswith(("PERIOD_START", "PERIOD_END")):
        return datetime.fromisoformat(value).astimezone(UTC)
    return Decimal(value) if name.endswith(("_PRICE", "_QUANTITY")) else value


def _decimal(amount: str | None) -> Decimal | None:
    return None if amount is None else Decimal(amount)


def folded(case: Case, rows: Sequence[Row], less: Sequence[Row]) -> list[tuple[Any, ...]]:
    """The rows of the query, made of those of the answer: what the query does not show is summed away."""
    keyed: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        discounted = {f"DISCOUNTED_{name}": row.get(name) for name in _DISCOUNTED}
        state = {"capacity": capacity(row)} if "CAPACITY_RESERVATION_ID" in row else {}
        if case.keep(row):
            keyed[_key(case, row | state)].append(row | state | discounted)
    for row in less:
        keyed[_key(case, row)].append({f"DISCOUNTED_{name}": -row[name] for name in _DISCOUNTED} | {"count": 0})
    wholes = (_whole(case, parts) for parts in keyed.values())
    return [tuple(_shown(column, whole) for column in shown_columns(case)) for whole in wholes if case.having(whole)]


def shown_columns(case: Case) -> list[Column]:
    """The columns that the query shows."""
    return [column for column in case.columns if not (isinstance(column, Key) and column.hidden)]


def _key(case: Case, row: Row) -> tuple[Any, ...]:
    return tuple(row[column.name] for column in case.columns if isinstance(column, Key))


def _whole(case: Case, parts: list[Row]) -> Row:
    """What rows of one key have together."""
    whole: Row = {**parts[0], "parts": parts}
    for name in (*metrics(case), "count", *(f"DISCOUNTED_{name}" for name in _DISCOUNTED)):
        amounts = [part[name] for part in parts if part.get(name) is not None]
        whole[name] = sum(amounts[1:], amounts[0]) if amounts else None
    for column in case.columns:
        if isinstance(column, Weighted):
            whole[column.name] = sum((column.value(part) * part["count"] for part in parts), Decimal(0))
    return whole


def _shown(column: Column, whole: Row) -> Any:
    """The value of a column."""
    values = [part[column.name] for part in whole["parts"]] if isinstance(column, Least | Most | Distinct) else []
    match column:
        case Key(name, shown):
            found = shown(whole[name])
        case Sum(name) | Weighted(name):
            found = whole[name]
        case Count():
            found = whole["count"]
        case Least():
            found = min(values)
        case Most():
            found = max(values)
        case Distinct():
            found = len({value for value in values if value is not None})
        case Quotient(value):
            found = value(whole)
    return found


def comparable(rows: Sequence[Sequence[Any]], case: Case) -> Counter[tuple[Any, ...]]:
    """Rows as they can be compared: numbers without zeros behind them, moments in UTC, quotients to 12 digits."""
    columns = shown_columns(case)
    return Counter(
        tuple(plain(value, isinstance(column, Quotient)) for value, column in zip(row, columns, strict=True))
        for row in rows
    )


def plain(value: Any, is_quotient: bool) -> Any:
    """A value as it can be compared."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None  # DuckDB divides by zero
    if is_quotient:
        return f"{float(value) + 0.0:.{DIGITS}g}"
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value
    return format(Decimal(value).normalize(), "f") if isinstance(value, int | Decimal) else value
