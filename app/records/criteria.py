"""What rows are asked for: typed conditions and orders that resolvers hand to repositories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from uuid import UUID


@dataclass(frozen=True)
class TextMatch:
    """Conditions on a text column; all that are given must hold. `contains` ignores case."""

    eq: str | None = None
    in_: tuple[str, ...] | None = None
    contains: str | None = None


@dataclass(frozen=True)
class IdMatch:
    """One of these keys."""

    in_: tuple[UUID, ...]


@dataclass(frozen=True)
class MomentRange:
    """From `gte` (included) to before `lt`; either end may be open."""

    gte: datetime | None = None
    lt: datetime | None = None


@dataclass(frozen=True)
class AmountRange:
    """From `gte` to `lte`, both included; either end may be open."""

    gte: Decimal | None = None
    lte: Decimal | None = None


@dataclass(frozen=True)
class DayRange:
    """From a day on (`gte`), up to before another (`lt`)."""

    gte: date | None = None
    lt: date | None = None


@dataclass(frozen=True)
class Truth:
    """Whether the column is true."""

    value: bool


@dataclass(frozen=True)
class TagMatch:
    """A tag by its key: with one of the values, or with any value, or absent."""

    key: str
    in_: tuple[str, ...] | None = None
    exists: bool | None = None


@dataclass(frozen=True)
class Emptiness:
    """Whether the column has no value."""

    empty: bool


Condition = TextMatch | IdMatch | MomentRange | DayRange | AmountRange | Emptiness | Truth


@dataclass(frozen=True)
class Criteria:
    """Conditions by column name, and on tags; all must hold."""

    columns: tuple[tuple[str, Condition], ...] = ()
    tags: tuple[TagMatch, ...] = ()


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
