"""Words for what every finding of a check needs: conditions as data, which Python and PostgreSQL can both tell.

A check declares them in an order. The first that does not hold or is not known decides: there is no finding, or it
cannot be told. app.detection.conditions judges a resource by them, app.repositories.declared_conditions many at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Since(StrEnum):
    """A moment of a resource."""

    STATUS = "STATUS"
    """Since when it has its status, at the latest."""
    CREATED = "CREATED"
    """When the provider made it, else when it was first seen."""
    FIRST_SEEN = "FIRST_SEEN"


@dataclass(frozen=True, slots=True)
class StatusIn:
    """The status is one of some."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoTag:
    """There is no tag with a key."""

    key: str


@dataclass(frozen=True, slots=True)
class TextIn:
    """A property, as text, is one of some. Unknown where it could not be read; `needed` ones also where none is told.

    The values are words: what is a number, a truth value or a list in the inventory is none of them.
    """

    name: str
    values: tuple[str, ...]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class TextNotIn:
    """A property, as text, is none of some, or there is none. Unknown where it could not be read."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoText:
    """There is no property of a name. Unknown where it could not be read."""

    name: str


@dataclass(frozen=True, slots=True)
class Older:
    """More days than a threshold says have passed since a moment; with `or_equal`, exactly as many are enough."""

    parameter: str
    since: Since
    or_equal: bool = False


@dataclass(frozen=True, slots=True)
class Below:
    """On no day of the window did some metrics together come to a threshold, times `unit`.

    They count something, so none is ever below 0 and each alone stays below it too: in their order, the first that is
    busy enough decides, whether the others are known or not. Without a threshold it is 0 that they must not exceed;
    `or_equal` ones may come to the threshold.
    """

    metrics: tuple[str, ...]
    """Keys of metrics of the check."""
    parameter: str | None = None
    unit: Decimal = Decimal(1)
    or_equal: bool = False


Condition = StatusIn | NoTag | TextIn | TextNotIn | NoText | Older | Below
