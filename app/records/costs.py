"""Words of the cost rooms that cross rooms."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from uuid import UUID


class CostMetric(StrEnum):
    """The amount of a charge that is summed; the value is the column."""

    BILLED_COST = "billed_cost"
    EFFECTIVE_COST = "effective_cost"
    LIST_COST = "list_cost"
    CONTRACTED_COST = "contracted_cost"


class ImportMode(StrEnum):
    """What a delivery does to what is there of the same billing period, billing account and dataset."""

    REPLACE = "REPLACE"
    APPEND = "APPEND"


class ImportState(StrEnum):
    """How far a delivery is. The first two are under way, the others final."""

    QUEUED = "QUEUED"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    UNCHANGED = "UNCHANGED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


class Finality(StrEnum):
    """Whether a provider may still restate a billing period."""

    PROVISIONAL = "PROVISIONAL"
    FINAL = "FINAL"


class ImportSourceKind(StrEnum):
    """Where a delivery came from."""

    INLINE = "INLINE"
    FILE = "FILE"
    UPLOAD = "UPLOAD"
    SOURCE = "SOURCE"


@dataclass(frozen=True)
class ImportSource:
    """Where a delivery came from: the files' names, and the cost source or the uploads (one for each name) if any."""

    kind: ImportSourceKind
    id: UUID | None = None
    names: tuple[str, ...] = ()
    upload_ids: tuple[UUID, ...] = ()

    def stored(self) -> dict[str, object]:
        """As `cost_imports.source` has it."""
        return {
            "kind": self.kind,
            "id": str(self.id) if self.id else None,
            "names": list(self.names),
            "uploadIds": [str(upload_id) for upload_id in self.upload_ids],
        }


@dataclass(frozen=True)
class ImportOutcome:
    """What became of a delivery. `billed_cost` is by currency, of the rows that were added.

    `same_as` is the earlier delivery of the same content that is in force, where this one is UNCHANGED.
    """

    import_id: UUID
    state: ImportState
    received: int = 0
    added: int = 0
    unchanged: int = 0
    rejected: int = 0
    message: str | None = None
    billed_cost: dict[str, Decimal] = field(default_factory=dict)
    same_as: UUID | None = None


class PeriodStatus(StrEnum):
    """Whether what a delivery says of a billing period counts."""

    ACTIVE = "ACTIVE"
    SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True)
class DeliveredPeriod:
    """What one delivery says of one billing period of one billing account: `period_id` is its own."""

    dataset: str
    billing_account_id: str
    billing_period_start: date
    period_id: int
