"""Root fields of costs."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.costs.ingest import ChargeIngest
from app.errors import BadUserInputError
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.schema.cost_ingestion import ConformanceNote, IngestCostsInput, IngestCostsPayload, IngestCostsResult
from app.schema.ingestion import RowIssue, check_batch

LONGEST_DATASET = 100


def checked_currency(sent: str | None) -> str | None:
    """An ISO 4217 code in capitals. Raises BadUserInputError for anything else."""
    if sent is None:
        return None
    code = sent.strip().upper()
    if not (len(code) == 3 and code.isascii() and code.isalpha()):  # noqa: PLR2004  (ISO 4217 has three letters)
        message = f"`billingCurrency` must be a code of ISO 4217, such as USD; this is {sent[:20]!r}."
        raise BadUserInputError(message, path=("input", "billingCurrency"))
    return code


@strawberry.type
class CostMutations:
    """Sending costs."""

    @mutation(
        Permission.COSTS_INGEST,
        "Send at most 5,000 FOCUS rows, of version 1.0 to 1.4. Good rows land in one transaction, bad rows are "
        "reported one by one, and a batch that is sent again changes nothing.",
    )
    async def ingest_costs(self, info: Info, input: IngestCostsInput) -> IngestCostsResult:  # noqa: A002  (Relay's name)
        """See app.costs.ingest.ChargeIngest."""
        check_batch(list(input.rows))
        dataset = input.dataset.strip()
        if not 1 <= len(dataset) <= LONGEST_DATASET or "\x00" in dataset:
            message = f"`dataset` must have 1 to {LONGEST_DATASET} characters."
            raise BadUserInputError(message, path=("input", "dataset"))
        actor = info.context.signed_in().actor
        currency = checked_currency(input.billing_currency)
        ingest = ChargeIngest(info.context.database, organization_of(input), actor, dataset, currency)
        result = await ingest.add(enumerate(input.rows, 1))
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
                for note in ingest.notes.notes()
            ],
        )
