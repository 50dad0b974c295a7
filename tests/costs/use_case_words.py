"""The words in which a use case of FOCUS is put to `organization.costs`: columns, sums, folds, what is beyond it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

Row = dict[str, Any]
"""A group of an answer: values by dimension, `tag:…` or `detail:…`, sums by metric, `count`, and `day` of its step."""


@dataclass(frozen=True)
class Key:
    """A column of the query that tells groups apart; `shown` makes of the value what the query shows."""

    name: str
    shown: Callable[[Any], Any] = lambda value: value
    hidden: bool = False


@dataclass(frozen=True)
class Sum:
    """A column that is the sum of a metric."""

    metric: str


@dataclass(frozen=True)
class Count:
    """A column that counts charges."""


@dataclass(frozen=True)
class Least:
    """A column that is the least value of a dimension, of which the groups of our answer are folded."""

    name: str


@dataclass(frozen=True)
class Most:
    """The same with the greatest."""

    name: str


@dataclass(frozen=True)
class Distinct:
    """A column that counts the distinct values of a dimension."""

    name: str


@dataclass(frozen=True)
class Weighted:
    """A column that sums something over single charges which is the same for all charges of a group of ours."""

    name: str
    of: tuple[str, ...]
    value: Callable[[Row], Decimal]


@dataclass(frozen=True)
class Quotient:
    """A column that is worked out from others of its row, a floating point number in DuckDB."""

    value: Callable[[Row], Decimal | None]


Column = Key | Sum | Count | Least | Most | Distinct | Weighted | Quotient


@dataclass(frozen=True)
class Case:
    """How the answer of `costs` becomes the query's: its columns in order, conditions of the query that hold no `?`.

    `keep` is a condition between two columns, which both are groupings of ours. `narrow`: the days asked for are few,
    because an answer has 1,000 groups and 5,000 points at most.
    """

    columns: tuple[Column, ...]
    where: Mapping[str, Any] = field(default_factory=dict)
    granularity: str = "TOTAL"
    keep: Callable[[Row], bool] = lambda _: True
    having: Callable[[Row], bool] = lambda _: True
    also: tuple[str, ...] = ()
    """Groupings that no column shows: a quotient needs them. `tag:?` is the tag that is given."""
    sums: tuple[str, ...] = ()
    """Metrics that no column shows, for a quotient."""
    less: tuple[Mapping[str, Any], ...] = ()
    """Charges whose list and contracted cost do not count in `DISCOUNTED_…`."""
    narrow: bool = False
    empty: str = ""
    """Why the query finds nothing in any file that follows FOCUS."""
    replaced: tuple[str, str] = ("", "")
    """A pattern in the query that is replaced before it runs, and by what."""


@dataclass(frozen=True)
class Beyond:
    """A question that `costs` cannot express, and why."""

    why: str
