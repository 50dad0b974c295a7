"""Rows of FOCUS on their way out of the database: what their columns are and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class RowKind(StrEnum):
    """How a value is written."""

    TEXT = "text"
    DECIMAL = "decimal"
    MOMENT = "moment"
    JSON = "json"
    EXTRA = "extra"
    """A key of the columns that FOCUS does not know."""


@dataclass(frozen=True)
class RowColumn:
    """A column of a file: its heading, the column of charges, and another that stands in where that one is null."""

    name: str
    column: str
    kind: RowKind
    instead: str | None = None


@dataclass(frozen=True)
class NumberForm:
    """The most digits that the numbers of a column have before and behind the point."""

    integers: int
    scale: int


@dataclass(frozen=True)
class RowSurvey:
    """What rows there are: how many, the form of each column of numbers, by its name in the database.

    `filled` are the columns with a value somewhere among those that were asked for, `extra` all keys of columns that
    FOCUS does not know.
    """

    rows: int
    numbers: Mapping[str, NumberForm]
    filled: frozenset[str]
    extra: tuple[str, ...]
