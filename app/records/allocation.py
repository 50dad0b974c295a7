"""Words of allocation that cross rooms: methods, dimensions, rules as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from app.records.cost_analysis import TextCondition
from app.records.months import next_month

NOBODY = UUID(int=0)
"""The team of what is unallocated, and its rule."""


class AllocationMethod(StrEnum):
    """How a rule shares out what it matches."""

    DIRECT = "DIRECT"
    BY_TAG = "BY_TAG"
    EVEN = "EVEN"
    PROPORTIONAL = "PROPORTIONAL"
    FIXED = "FIXED"


SHARING = frozenset({AllocationMethod.EVEN, AllocationMethod.PROPORTIONAL, AllocationMethod.FIXED})


class AllocationRunKind(StrEnum):
    """Why months are allocated anew."""

    TAG_KEYS = "TAG_KEYS"
    RULES = "RULES"


class AllocationRunState(StrEnum):
    """How far a run is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    SUPERSEDED = "SUPERSEDED"


class TeamOrderField(StrEnum):
    """Columns that teams are ordered by."""

    NAME = "name"


class BearerKind(StrEnum):
    """Who bears what is not charged yet, as far as rules tell."""

    TEAM = "TEAM"
    SHARED = "SHARED"
    UNALLOCATED = "UNALLOCATED"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, order=True)
class Bearer:
    """One team, several of them, nobody, or somebody who cannot be told; `team_id` is NOBODY where it is no team."""

    kind: BearerKind
    team_id: UUID = NOBODY

    SHARED: ClassVar[Bearer]
    UNALLOCATED: ClassVar[Bearer]
    UNKNOWN: ClassVar[Bearer]

    @classmethod
    def of(cls, team_id: UUID) -> Bearer:
        """One team."""
        return cls(BearerKind.TEAM, team_id)


Bearer.SHARED = Bearer(BearerKind.SHARED)
Bearer.UNALLOCATED = Bearer(BearerKind.UNALLOCATED)
Bearer.UNKNOWN = Bearer(BearerKind.UNKNOWN)


class AllocationNoteCode(StrEnum):
    """What a rule could not do as it says."""

    NO_DIRECT_COST = "NO_DIRECT_COST"


@dataclass(frozen=True)
class Target:
    """A team that bears a part; `percent` where parts are fixed."""

    team_id: UUID
    percent: Decimal | None = None


@dataclass(frozen=True)
class Rule:
    """A row of `allocation_rules`. It holds for months from `valid_from` on and before `valid_to`, both first days.

    It is about the charges that meet all conditions of `match`, on columns of `summary_dims` and on promoted tags.
    `mapping` is {value of the tag: team} and goes before codes and names of teams; BY_TAG only, as `tag_key` is.
    """

    id: UUID
    position: int
    name: str
    match: tuple[TextCondition, ...]
    method: AllocationMethod
    tag_key: str | None
    mapping: dict[str, UUID]
    targets: tuple[Target, ...]
    valid_from: date | None
    valid_to: date | None
    enabled: bool

    @property
    def shares(self) -> bool:
        """Whether several teams may bear one charge."""
        return self.method in SHARING

    def holds_in(self, month: date) -> bool:
        """Whether it is to be used for the charges of a month, given by its first day."""
        begun = self.valid_from is None or self.valid_from <= month
        return self.enabled and begun and (self.valid_to is None or month < self.valid_to)

    def may_name(self, archived_at: datetime | None) -> bool:
        """Whether a team that was archived then bears costs in every month in which the rule will ever hold."""
        if archived_at is None or not self.enabled:
            return True
        last = date(archived_at.year, archived_at.month, 1)
        return self.valid_to is not None and self.valid_to <= next_month(last)

    def team_ids(self) -> frozenset[UUID]:
        """The teams that it names."""
        return frozenset(self.mapping.values()) | {target.team_id for target in self.targets}
