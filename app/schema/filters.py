"""Inputs that filters share: typed operators, all of which must hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.costs.values import JSON_BYTES, UnusableValueError, checked_text
from app.errors import BadUserInputError
from app.records import criteria
from app.records.criteria import Direction
from app.schema.enums import graph_enum
from app.schema.node import parse_id

EnumType = TypeVar("EnumType", bound=StrEnum)
LARGEST_LIST = 200
TAGS = "tags"
WHERE = ("where",)
graph_enum(
    Direction,
    "Which end of an order comes first.",
    ASC="Smallest, earliest, or first in the alphabet.",
    DESC="Largest, latest, or last in the alphabet.",
)


@strawberry.input(description="Conditions on a text; all that are given must hold.")
class StringFilter:
    """See TextMatch."""

    eq: str | None = strawberry.field(default=None, description="Equals this.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description="Equals one of these (at most 200).")
    contains: str | None = strawberry.field(default=None, description="Contains this, whatever the case.")

    def match(self, name: str) -> criteria.TextMatch:
        """The condition for repositories."""
        refuse_unstorable([self.eq, self.contains, *(self.in_ or ())], name)
        return criteria.TextMatch(self.eq, bounded(self.in_, name), self.contains)


@strawberry.input(description="Conditions on a value of an enum; all that are given must hold.")
class EnumFilter(Generic[EnumType]):
    """See TextMatch; the values are stored as text."""

    eq: EnumType | None = strawberry.field(default=None, description="Is this.")
    in_: list[EnumType] | None = strawberry.field(default=None, name="in", description="Is one of these (at most 200).")

    def match(self, name: str) -> criteria.TextMatch:
        """The condition for repositories."""
        values = None if self.in_ is None else [each.value for each in self.in_]
        return criteria.TextMatch(None if self.eq is None else self.eq.value, bounded(values, name))


@strawberry.input(description="Conditions on an id; all that are given must hold.")
class IDFilter:
    """See IdMatch."""

    eq: strawberry.ID | None = strawberry.field(default=None, description="Is this global id.")
    in_: list[strawberry.ID] | None = strawberry.field(
        default=None, name="in", description="Is one of these global ids (at most 200)."
    )

    def match(self, name: str) -> criteria.IdMatch | None:
        """The condition for repositories. An id of another organization matches no row, as an absent one does."""
        if self.eq is None and self.in_ is None:
            return None
        sent = bounded(self.in_, name) or ()
        if self.eq is not None:
            sent = (self.eq,) if self.in_ is None or self.eq in sent else ()
        stem = name.removesuffix("Id")
        type_name = stem[:1].upper() + stem[1:]  # `accountId` holds the id of an Account
        return criteria.IdMatch(tuple(parse_id(id_, type_name, path=("where", name)).id for id_ in sent))


@strawberry.input(description="A stretch of time; its end is exclusive.")
class DateTimeFilter:
    """See MomentRange."""

    gte: datetime | None = strawberry.field(default=None, description="At this moment or later.")
    lt: datetime | None = strawberry.field(default=None, description="Before this moment.")

    def match(self, _name: str) -> criteria.MomentRange:
        """The condition for repositories."""
        return criteria.MomentRange(self.gte, self.lt)


@strawberry.input(description="A stretch of days; its end is exclusive.")
class DateFilter:
    """See DayRange."""

    gte: date | None = strawberry.field(default=None, description="On this day or later.")
    lt: date | None = strawberry.field(default=None, description="Before this day.")

    def match(self, _name: str) -> criteria.DayRange:
        """The condition for repositories. What has no day meets none."""
        return criteria.DayRange(self.gte, self.lt)


@strawberry.input(description="Whether something is so.")
class BooleanFilter:
    """See Truth."""

    eq: bool = strawberry.field(description="It is, or it is not.")

    def match(self, _name: str) -> criteria.Truth:
        """The condition for repositories."""
        return criteria.Truth(self.eq)


@strawberry.input(description="A range of amounts, both ends included.")
class DecimalFilter:
    """See AmountRange."""

    gte: Decimal | None = strawberry.field(default=None, description="This much or more.")
    lte: Decimal | None = strawberry.field(default=None, description="This much or less.")

    def match(self, _name: str) -> criteria.AmountRange:
        """The condition for repositories."""
        return criteria.AmountRange(self.gte, self.lte)


@strawberry.input(description="A condition on a tag.")
class TagFilter:
    """See TagMatch."""

    key: str = strawberry.field(description="Key of the tag, as the provider has it.")
    eq: str | None = strawberry.field(default=None, description="Its value equals this.")
    in_: list[str] | None = strawberry.field(default=None, name="in", description="Its value is one of these.")
    exists: bool | None = strawberry.field(default=None, description="Whether the tag is there at all.")

    def match(self) -> criteria.TagMatch:
        """The condition for repositories."""
        refuse_unstorable([self.key, self.eq, *(self.in_ or ())], TAGS)
        values = bounded(self.in_, TAGS)
        if self.eq is not None:
            values = (self.eq,) if values is None or self.eq in values else ()
        return criteria.TagMatch(self.key, values, self.exists)


def refuse_unstorable(values: Sequence[str | None], name: str, at: tuple[str, ...] = WHERE) -> None:
    """Raise BadUserInputError for text that no row can hold, such as one with NUL. `at` is where the filter stands."""
    for value in values:
        try:
            checked_text(value or "", JSON_BYTES)
        except UnusableValueError as error:
            message = f"`{'.'.join((*at, name))}` {error}."
            raise BadUserInputError(message, path=(*at, name)) from None


def bounded(
    values: Sequence[str] | None, name: str, at: tuple[str, ...] = WHERE, operator: str = "in"
) -> tuple[str, ...] | None:
    """A list of at most 200 values. Raises BadUserInputError for more. `at` is where the filter stands."""
    if values is None:
        return None
    if len(values) > LARGEST_LIST:
        path = (*at, name, operator)
        message = f"`{'.'.join(path)}` has {len(values)} values; at most {LARGEST_LIST} are allowed."
        raise BadUserInputError(message, path=path)
    return tuple(values)


def to_criteria(where: object | None) -> criteria.Criteria:
    """The criteria of a filter input, whose fields are named like the columns they concern.

    An input's `COLUMNS` holds the columns of fields that have another name.
    """
    renamed: Mapping[str, str] = getattr(where, "COLUMNS", {})
    columns: list[tuple[str, criteria.Condition]] = []
    tags: tuple[criteria.TagMatch, ...] = ()
    for name, value in vars(where).items() if where is not None else ():
        if value is None:
            continue
        if name == TAGS:
            tags = tuple(tag.match() for tag in value)
        elif (condition := value.match(to_camel_case(name))) is not None:
            columns.append((renamed.get(name, name), condition))
    return criteria.Criteria(tuple(columns), tags)
