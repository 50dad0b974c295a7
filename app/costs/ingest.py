"""Take in FOCUS rows that a caller sends: good rows land, bad rows are reported, rows sent again are no change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.costs.conformance import ConformanceNotes
from app.costs.datasets import DEFAULT_DATASET
from app.costs.imports.order import ImportOrder
from app.database import Database
from app.models import new_id
from app.records import Actor, RowIssue
from app.records.costs import ImportMode

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
    # 0.1 s of loading polars, which a start of the API need not wait for: most callers import files.
    from app.costs.imports.parts import InlineRows  # noqa: PLC0415
    from app.costs.imports.run import import_rows  # noqa: PLC0415
    from app.costs.imports.storing import Progress  # noqa: PLC0415

    inline = InlineRows(list(rows))
    notes, progress = ConformanceNotes(), Progress()
    order = ImportOrder(
        organization_id,
        new_id(),
        actor,
        dataset,
        ImportMode.APPEND,
        billing_currency,
        reject_share=1.0,
        wait_seconds=WAIT_SECONDS,
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
