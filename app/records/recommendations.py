"""Words of the recommendation ledger that cross rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.records.detection import Confidence, Remedy, Saving, Severity

LOOK_EVERYWHERE_JOB = "look_everywhere"
"""Done after whatever changes what an organization's amounts are in."""


class RecommendationState(StrEnum):
    """Where a recommendation stands."""

    OPEN = "OPEN"
    IGNORED = "IGNORED"
    MARKED_FOR_DELETION = "MARKED_FOR_DELETION"
    RESOLVED = "RESOLVED"


ACTIVE = frozenset({RecommendationState.OPEN, RecommendationState.IGNORED, RecommendationState.MARKED_FOR_DELETION})
"""States of what is still found."""
COUNTING = frozenset({RecommendationState.OPEN, RecommendationState.MARKED_FOR_DELETION})
"""States whose money is a potential saving; what is ignored is not, and cannot stand in the way of what overlaps."""


AGES = (0, 7, 30, 90)
"""Since at least how many days something has been found: where the ages begin that savings are summed by."""


class Resolution(StrEnum):
    """Why a recommendation is resolved."""

    DELETED = "DELETED"
    CHANGED = "CHANGED"
    LEFT_OUT = "LEFT_OUT"
    MERGED = "MERGED"
    SAID_DONE = "SAID_DONE"
    ACCOUNT_GONE = "ACCOUNT_GONE"


class IgnoreScope(StrEnum):
    """What somebody ignores."""

    FINDING = "FINDING"
    RESOURCE = "RESOURCE"


class IgnoreReason(StrEnum):
    """Why somebody ignores a recommendation."""

    NEEDED = "NEEDED"
    TOO_RISKY = "TOO_RISKY"
    TOO_LITTLE = "TOO_LITTLE"
    LATER = "LATER"
    WRONG = "WRONG"
    OTHER = "OTHER"


class HistoryKind(StrEnum):
    """What happened to a recommendation."""

    FOUND = "FOUND"
    AMOUNT_CHANGED = "AMOUNT_CHANGED"
    IGNORED = "IGNORED"
    IGNORE_ENDED = "IGNORE_ENDED"
    MARKED_FOR_DELETION = "MARKED_FOR_DELETION"
    REOPENED = "REOPENED"
    RESOLVED = "RESOLVED"
    PROVED = "PROVED"
    CAME_BACK = "CAME_BACK"
    TAGGED = "TAGGED"
    TAG_REMOVED = "TAG_REMOVED"
    TAG_FAILED = "TAG_FAILED"


class TagState(StrEnum):
    """What became of the tag in the cloud on what is marked for deletion."""

    REQUESTED = "REQUESTED"
    WRITTEN = "WRITTEN"
    REMOVED = "REMOVED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of one check on one subject, as it is to be stored.

    `subject_key` tells the subject for ever: the id of the resource, or what a check that looks at charges says.
    `converted` is the monthly saving in the organization's currency, None where it is not known.
    """

    check_id: str
    subject_key: str
    account_id: UUID
    resource_id: UUID | None
    node: str
    """The native id, by which overlaps are told."""
    severity: Severity
    confidence: Confidence
    remedy: Remedy
    saving: Saving
    converted: Decimal | None
    evidence: tuple[tuple[str, str, str | None], ...]
    target: str | None
    part_of: str | None
    covers_parts: bool
    rule_version: int
    read_at: datetime | None = None
    """When its resource was read; None where that is as new as the look."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of looking at one subject with one check, where nothing was found. `why` is for people."""

    check_id: str
    subject_key: str
    resolution: Resolution | None
    """CHANGED, LEFT_OUT, MERGED or DELETED; None where it could not be told, so that what was found stays."""
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the ledger decides by: a row of `recommendations`, without its money."""

    id: UUID
    state: RecommendationState
    ignored_until: date | None
    resolution: Resolution | None
    converted: Decimal | None
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Step:
    """A change that the ledger makes to a row, and what its history tells."""

    values: dict[str, Any]
    kind: HistoryKind | None = None
    data: dict[str, Any] | None = None
