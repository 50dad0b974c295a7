"""Take in FOCUS rows that a caller sends: good rows land, bad rows are reported, rows sent again are no change."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from app.activity.record import record
from app.costs.conformance import ConformanceNotes
from app.costs.identity import Occurrences
from app.costs.normalise import NormalisedRow, normalise_row
from app.database import Database
from app.errors import BadUserInputError
from app.records import Actor, EventKind, NewEvent, RowIssue
from app.repositories.charges import add_charges

DEFAULT_DATASET = "default"
IdentifiedCharge = tuple[bytes, dict[str, Any]]
LONGEST_DATASET = 100


@dataclass
class CostsIngested:
    """What became of a batch or of a whole file. A row with several issues counts once in `rejected`."""

    received: int = 0
    added: int = 0
    unchanged: int = 0
    rejected: int = 0
    issues: list[RowIssue] = field(default_factory=list)


def checked_dataset(name: str) -> str:
    """A dataset's name without white space around it. Raises BadUserInputError unless it has 1 to 100 characters."""
    trimmed = name.strip()
    if not 1 <= len(trimmed) <= LONGEST_DATASET or "\x00" in trimmed:
        message = f"`dataset` must have 1 to {LONGEST_DATASET} characters."
        raise BadUserInputError(message, path=("input", "dataset"))
    return trimmed


class ChargeIngest:
    """One delivery (a batch, or a file batch by batch) into one dataset of one organization.

    Equal rows of one delivery are different charges, equal rows of two deliveries are the same charge sent again:
    so keep one object for a whole file, and a new one for each delivery (also after a failed one).
    `billing_currency` stands in where a row has none.
    """

    def __init__(
        self,
        database: Database,
        organization_id: UUID,
        actor: Actor,
        dataset: str = DEFAULT_DATASET,
        billing_currency: str | None = None,
    ) -> None:
        self.database = database
        self.organization_id = organization_id
        self.actor = actor
        self.dataset = dataset
        self.billing_currency = billing_currency
        self.notes = ConformanceNotes()
        self._occurrences = Occurrences()

    async def add(self, rows: Iterable[tuple[int, Mapping[str, object]]]) -> CostsIngested:
        """Store one batch of (row number, row) in one transaction; a batch that adds something leaves one event."""
        # Off the loop: 5,000 rows take 0.5 s of CPU, for which nobody else would be served.
        charges, result = await asyncio.to_thread(self._read, rows)
        if charges:
            result.added = await self._store(charges, result.rejected)
            result.unchanged = len(charges) - result.added
        return result

    def _read(self, rows: Iterable[tuple[int, Mapping[str, object]]]) -> tuple[list[IdentifiedCharge], CostsIngested]:
        charges: list[IdentifiedCharge] = []
        result = CostsIngested()
        for number, row in rows:
            result.received += 1
            found = normalise_row(row, row_number=number, notes=self.notes, billing_currency=self.billing_currency)
            if isinstance(found, NormalisedRow):
                identity = self._occurrences.identity_with_occurrence(found)
                charges.append((identity, {**found.values, "extra": found.extra}))
            else:
                result.rejected += 1
                result.issues += found
        return charges, result

    async def _store(self, charges: Sequence[IdentifiedCharge], rejected: int) -> int:
        async with self.database.write(self.organization_id) as session:
            added = await add_charges(session, self.organization_id, self.dataset, charges)
            if added:
                counts = {"dataset": self.dataset, "added": added, "rejected": rejected}
                event = NewEvent(EventKind.COSTS_INGESTED, self.actor, data=counts)
                await record(session, self.organization_id, event)
        return added
