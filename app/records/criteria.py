"""What rows are asked for: typed conditions and orders that resolvers hand to repositories.

A condition tells its terms: an operator and the values that it compares with. What an operator means in SQL is told in
one place, app/repositories/selection.py; terms without their values are the shape that a statement is kept by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Literal
from uuid import UUID

Operator = Literal[
    "equals",
    "among",
    "contains",
    "from",
    "after",
    "up to",
    "before",
    "empty",
    "filled",
    "true",
    "false",
    "has",
    "lacks",
    "holds",
]
Term = tuple[Operator, tuple[Any, ...]]
Shape = tuple[tuple[str, Operator], ...]
"""Columns and what is said of each, in order, without values."""
_TAGS = "tags"


@dataclass(frozen=True)
class TextMatch:
    """Conditions on a text column; all that are given must hold. `contains` ignores case."""

    eq: str | None = None
    in_: tuple[str, ...] | None = None
    contains: str | None = None

    def terms(self) -> Iterator[Term]:
        """Up to three."""
        if self.eq is not None:
            yield "equals", (self.eq,)
        if self.in_ is not None:
            yield "among", (list(self.in_),)
        if self.contains is not None:
            yield "contains", (_pattern(self.contains),)


@dataclass(frozen=True)
class IdMatch:
    """One of these keys."""

    in_: tuple[UUID, ...]

    def terms(self) -> Iterator[Term]:
        """One."""
        yield "among", (list(self.in_),)


@dataclass(frozen=True)
class MomentRange:
    """From `gte` (included) to before `lt`; either end may be open."""

    gte: datetime | None = None
    lt: datetime | None = None

    def terms(self) -> Iterator[Term]:
        """One for each end."""
        return _range(self.gte, lt=self.lt)


@dataclass(frozen=True)
class AmountRange:
    """From `gte` to `lte`, both included; either end may be open."""

    gte: Decimal | None = None
    lte: Decimal | None = None

    def terms(self) -> Iterator[Term]:
        """One for each end."""
        return _range(self.gte, lte=self.lte)


@dataclass(frozen=True)
class DayRange:
    """From a day on (`gte`), up to before another (`lt`)."""

    gte: date | None = None
    lt: date | None = None

    def terms(self) -> Iterator[Term]:
        """One for each end."""
        return _range(self.gte, lt=self.lt)


@dataclass(frozen=True)
class NumberRange:
    """Whole numbers between two, neither included; either end may be open."""

    gt: int | None = None
    lt: int | None = None

    def terms(self) -> Iterator[Term]:
        """One for each end."""
        if self.gt is not None:
            yield "after", (self.gt,)
        yield from _range(None, lt=self.lt)


@dataclass(frozen=True)
class Truth:
    """Whether the column is true."""

    value: bool

    def terms(self) -> Iterator[Term]:
        """One."""
        yield "true" if self.value else "false", ()


@dataclass(frozen=True)
class TagMatch:
    """A tag by its key: with one of the values, or with any value, or absent."""

    key: str
    in_: tuple[str, ...] | None = None
    exists: bool | None = None

    def terms(self) -> Iterator[Term]:
        """Up to two."""
        if self.exists is not None:
            yield "has" if self.exists else "lacks", (self.key,)
        if self.in_ is not None:
            yield "holds", (self.key, list(self.in_))


@dataclass(frozen=True)
class Emptiness:
    """Whether the column has no value."""

    empty: bool

    def terms(self) -> Iterator[Term]:
        """One."""
        yield "empty" if self.empty else "filled", ()


Condition = TextMatch | IdMatch | MomentRange | DayRange | AmountRange | NumberRange | Emptiness | Truth


@dataclass(frozen=True)
class Criteria:
    """Conditions by column name, and on tags; all must hold."""

    columns: tuple[tuple[str, Condition], ...] = ()
    tags: tuple[TagMatch, ...] = ()

    def terms(self) -> Iterator[tuple[str, Operator, tuple[Any, ...]]]:
        """What is said of which column, with the values."""
        for name, condition in self.columns:
            for operator, values in condition.terms():
                yield name, operator, values
        for tag in self.tags:
            for operator, values in tag.terms():
                yield _TAGS, operator, values

    def parted(self) -> tuple[Shape, list[Any]]:
        """The terms without their values, and the values in the same order."""
        shape: list[tuple[str, Operator]] = []
        values: list[Any] = []
        for name, operator, own in self.terms():
            shape.append((name, operator))
            values += own
        return tuple(shape), values


def _range(gte: Any, *, lt: Any = None, lte: Any = None) -> Iterator[Term]:
    if gte is not None:
        yield "from", (gte,)
    if lte is not None:
        yield "up to", (lte,)
    if lt is not None:
        yield "before", (lt,)


def _pattern(text: str) -> str:
    """A pattern of LIKE that any text with this one in it meets; "/" escapes."""
    return f"%{text.replace('/', '//').replace('%', '/%').replace('_', '/_')}%"


class Direction(Enum):
    """Which end comes first."""

    ASC = "ASC"
    DESC = "DESC"


class RelationshipDirection(Enum):
    """Which relationships of a resource: those that it tells of, those that others tell of it, or both."""

    OUTGOING = "OUTGOING"
    INCOMING = "INCOMING"
    BOTH = "BOTH"


class ResourceOrderField(StrEnum):
    """Columns that resources can be ordered by."""

    NAME = "name"
    FIRST_SEEN_AT = "first_seen_at"
    LAST_SEEN_AT = "last_seen_at"


class ChargeOrderField(StrEnum):
    """Columns that charges can be ordered by."""

    CHARGE_PERIOD_START = "charge_period_start"
    BILLED_COST = "billed_cost"

    @property
    def key(self) -> tuple[str, str, str]:
        """The columns of the order; the last two tell any two charges apart."""
        return (self.value, "import_period_id", "line_no")


class ScanOrderField(StrEnum):
    """Columns that scans are ordered by."""

    QUEUED_AT = "queued_at"


class ScheduleOrderField(StrEnum):
    """Columns that schedules of scans are ordered by."""

    NAME = "name"


class AccountOrderField(StrEnum):
    """Columns that accounts can be ordered by."""

    NAME = "name"
    CREATED_AT = "created_at"


class BudgetOrderField(StrEnum):
    """Columns that budgets are ordered by."""

    NAME = "name"


class AnomalyOrderField(StrEnum):
    """Columns that anomalies can be ordered by."""

    FOUND_AT = "found_at"
    STARTS_ON = "starts_on"
    EXCESS = "excess"


class RecommendationOrderField(StrEnum):
    """Columns that recommendations can be ordered by."""

    SAVING = "saving_order"
    FOUND_AT = "found_at"


class BusinessMetricOrderField(StrEnum):
    """Columns that business metrics are ordered by."""

    NAME = "name"


class PriceOverrideOrderField(StrEnum):
    """What an organization's own prices and discounts can be ordered by."""

    PATTERN = "pattern"
