"""Take in FOCUS rows that a caller sends: good rows land, bad rows are reported, rows sent again are no change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.costs.conformance import ConformanceNotes
from app.costs.imports.parts import InlineRows
from app.costs.imports.run import ImportOrder, import_rows
from app.costs.imports.storing import Progress
from app.database import Database
from app.errors import BadUserInputError
from app.models import new_id
from app.records import Actor, RowIssue
from app.records.costs import ImportMode

DEFAULT_DATASET: Final = "default"
LONGEST_DATASET: Final = 100
WAIT_SECONDS: Final = 3.0
"""How long a caller waits for another import of its organization before it is asked to try again."""


@dataclass
class CostsIngested:
    """What became of a batch. A row with several issues counts once in `rejected`; no import where nothing was new."""

    received: int = 0
    added: int = 0
    unchanged: int = 0
    rejected: int = 0
    issues: list[RowIssue] = field(default_factory=list)
    notes: ConformanceNotes = field(default_factory=ConformanceNotes)
    import_id: UUID | None = None


def checked_dataset(name: str) -> str:
    """A dataset's name without white space around it. Raises BadUserInputError unless it has 1 to 100 characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= LONGEST_DATASET or "\x00" in trimmed:
        message = f"`dataset` must have 1 to {LONGEST_DATASET} characters."
        raise BadUserInputError(message, path=("input", "dataset"))
    return trimmed


async def ingest_charges(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    rows: Iterable[tuple[int, Mapping[str, object]]],
    dataset: str = DEFAULT_DATASET,
    billing_currency: str | None = None,
) -> CostsIngested:
    """Append a batch of (row number, row) to a dataset in one transaction; what adds something leaves one event.

    Equal rows of one batch are different charges, equal rows of two batches are the same charge sent again.
    `billing_currency` stands in where a row has none. Raises ConflictError where the dataset has a billing period as a
    whole delivery, and UnavailableError where another import is being stored.
    """
    inline = InlineRows(list(rows))
    notes, progress = ConformanceNotes(), Progress()
    order = ImportOrder(
        organization_id, new_id(), actor, dataset, ImportMode.APPEND, billing_currency, reject_share=1.0
    )
    if inline.batch.rows:
        await import_rows(database, order, inline, progress, notes)
    return CostsIngested(
        received=len(inline.batch.rows),
        added=progress.added,
        unchanged=progress.unchanged,
        rejected=inline.found.rejected,
        issues=inline.found.issues,
        notes=notes,
        import_id=order.import_id if progress.added else None,
    )
