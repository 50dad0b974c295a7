"""Values for arguments and variables: mostly such as meet data, sometimes such as must be refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    get_named_type,
    is_required_input_field,
)

from tests.execution.known import DEAR, Known

DAYS = 70
"""The demo's charges begin with the last month."""
MOMENTS = ("2026-13-01", "yesterday", "")
ODD_TEXTS = ("", " ", "ö\u2028'\"\\", "no-such-thing", "%", "null")
ODD_NUMBERS = (0, -1, 1_001, 2**31 - 1)
CURSORS = frozenset({"after", "before"})
FILTERS = ("eq", "in", "notIn", "contains", "exists", "gte", "lte", "lt", "gt")


@dataclass(frozen=True)
class Word:
    """The name of an enum's value, which literals write without quotes."""

    name: str


@dataclass(frozen=True)
class Variable:
    """A variable in the place of a literal."""

    name: str


class Values:
    """Draws values of input types for arguments; `names` are the field, the argument, and the input's fields."""

    def __init__(self, draw: Random, known: Known, odd: float) -> None:
        self.draw, self.known, self.odd = draw, known, odd

    def chance(self, probability: float) -> bool:
        """Whether something comes about."""
        return self.draw.random() < probability

    def of(self, type_: Any, names: tuple[str, ...]) -> Any:
        """A value that fits a type, None now and then where it may be."""
        if isinstance(type_, GraphQLNonNull):
            type_ = type_.of_type
        elif self.chance(self.odd):
            return None
        if isinstance(type_, GraphQLList):
            if self.chance(0.12):  # one value stands for a list of one
                return self.of(type_.of_type, names)
            return [
                self.of(type_.of_type, names) for _ in range(0 if self.chance(0.07) else self.draw.choice((1, 1, 2, 3)))
            ]
        if isinstance(type_, GraphQLInputObjectType):
            return self._object(type_, names)
        if isinstance(type_, GraphQLEnumType):
            return Word(self.draw.choice(sorted(type_.values)))
        return self._scalar(type_.name, names)

    def _object(self, type_: GraphQLInputObjectType, names: tuple[str, ...]) -> dict[str, Any]:
        if type_.name == "CostPeriodInput" and not self.chance(self.odd):
            return self._period()
        fields = type_.fields
        chosen = [name for name, each in fields.items() if is_required_input_field(each)]
        others = [name for name in fields if name not in chosen and not (name in DEAR and self.chance(0.9))]
        if type_.name == "CostGrouping" or set(others) & set(FILTERS):
            chosen += self.draw.sample(others, 1)
        else:
            chosen += self.draw.sample(others, min(len(others), self.draw.choice((0, 1, 1, 2, 3))))
        self.draw.shuffle(chosen)
        return {name: self.of(fields[name].type, (*names, name)) for name in chosen}

    def _period(self) -> dict[str, Any]:
        if self.chance(0.6):
            name = ("MONTH_TO_DATE", "LAST_MONTH", "LAST_30_DAYS", "THIS_MONTH", "LAST_7_DAYS")
            return {"name": Word(self.draw.choice(name))}
        end = datetime.now(UTC).date() - timedelta(days=self.draw.randint(0, DAYS - 10))
        return {"start": str(end - timedelta(days=self.draw.randint(1, 40))), "end": str(end)}

    def _scalar(self, type_name: str, names: tuple[str, ...]) -> Any:
        match type_name:
            case "ID":
                drawn: Any = self._id(names)
            case "Boolean":
                drawn = self.chance(0.5)
            case "Int":
                drawn = self._number(names[-1])
            case "Date" | "DateTime":
                drawn = self._moment(type_name)
            case "Decimal" | "Float":
                drawn = self._decimal(names)
            case _:
                drawn = self.draw.choice(ODD_TEXTS) if self.chance(self.odd) else self._text(names)
        return drawn

    def _id(self, names: tuple[str, ...]) -> str:
        found = self.known.id(self.draw, names)
        if not self.chance(self.odd):
            return found
        cut = found[:-3] + self.draw.choice(("AAA", "___", ""))
        return self.draw.choice((cut, *ODD_TEXTS, self.known.id(self.draw, ())))

    def _text(self, names: tuple[str, ...]) -> str | None:
        if names[-1] in CURSORS:
            return self.known.cursor(self.draw, names[0], self.odd)
        if names[-1] == "slug":
            return self.known.slug
        found = self.known.word(self.draw, tuple(name for name in names if name not in FILTERS))
        text = self.draw.choice(ODD_TEXTS) if found is None else str(found)
        return text[: self.draw.randint(1, 6)] if "contains" in names else text

    def _number(self, name: str) -> int:
        if self.chance(self.odd):
            return self.draw.choice(ODD_NUMBERS)
        most = {"first": 6, "last": 6, "depth": 3, "days": 40, "topGroups": 2}.get(name, 5)
        return self.draw.randint(1, most)

    def _decimal(self, names: tuple[str, ...]) -> str:
        if self.chance(self.odd):
            return self.draw.choice(("NaN", "1e400", "-1", "", "0.0000000000000000001"))
        if names[-1] == "interval":
            return self.draw.choice(("0.8", "0.95"))
        return self.draw.choice(("0", "0.5", "1.50", "12", "50", "1000.000"))

    def _moment(self, type_name: str) -> str:
        if self.chance(self.odd):
            return self.draw.choice(MOMENTS)
        day = datetime.now(UTC).date() - timedelta(days=self.draw.randint(0, DAYS))
        hour = time(self.draw.randint(0, 23))
        return str(day) if type_name == "Date" else f"{datetime.combine(day, hour, UTC):%Y-%m-%dT%H:%M:%SZ}"


def literal(value: Any) -> str:
    """A value as a document has it."""
    match value:
        case Word(name):
            return name
        case Variable(name):
            return f"${name}"
        case dict():
            return "{" + ", ".join(f"{key}: {literal(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
    return json.dumps(value)


def plain(value: Any) -> Any:
    """A value as JSON has it, for `variables`."""
    match value:
        case Word(name):
            return name
        case dict():
            return {key: plain(one) for key, one in value.items()}
        case list():
            return [plain(one) for one in value]
    return value


def is_list(type_: Any) -> bool:
    """Whether a field of this type has many values."""
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return isinstance(type_, GraphQLList)


def named(type_: Any) -> Any:
    """The type without what is around it."""
    return get_named_type(type_)
