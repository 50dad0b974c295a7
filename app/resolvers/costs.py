"""Root fields of costs."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.costs.datasets import checked_dataset
from app.costs.ingest import ingest_charges
from app.records import Permission
from app.records.currencies import checked_currency
from app.resolvers.access import mutation, organization_of
from app.schema.conformance import ConformanceNote
from app.schema.cost_ingestion import IngestCostsInput, IngestCostsPayload, IngestCostsResult
from app.schema.ingestion import RowIssue, check_batch


@strawberry.type
class CostMutations:
    """Sending costs."""

    @mutation(
        Permission.COSTS_INGEST,
        "Send at most 5,000 FOCUS rows, of version 1.0 to 1.4. Good rows land in one transaction, bad rows are "
        "reported one by one, and a batch that is sent again changes nothing.",
    )
    async def ingest_costs(self, info: Info, input: IngestCostsInput) -> IngestCostsResult:  # noqa: A002  (Relay's name)
        """See app.costs.ingest."""
        check_batch(list(input.rows))
        dataset, sent = checked_dataset(input.dataset), input.billing_currency
        actor = info.context.signed_in().actor
        currency = None if sent is None else checked_currency(sent, ("input", "billingCurrency"))
        rows = enumerate(input.rows, 1)
        organization_id = organization_of(input)
        result = await ingest_charges(info.context.database, organization_id, actor, rows, dataset, currency)
        return IngestCostsPayload(
            received=result.received,
            added=result.added,
            unchanged=result.unchanged,
            rejected=result.rejected,
            issues=[RowIssue.from_record(issue) for issue in result.issues],
            conformance_notes=[
                ConformanceNote(
                    kind=note.gap.value,
                    column=note.column,
                    detail=note.detail,
                    rows=note.rows,
                    first_row=note.first_row,
                )
                for note in result.notes.notes()
            ],
            import_key=None if result.import_id is None else (organization_id, result.import_id),
        )
