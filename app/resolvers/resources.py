"""Root fields of resources."""

from __future__ import annotations

import strawberry

from app.context import Info
from app.records import Permission
from app.resolvers.access import mutation, organization_of
from app.scanning.ingest import ingest_resources
from app.schema.ingestion import RowIssue, check_batch
from app.schema.resources import IngestResourcesInput, IngestResourcesPayload, IngestResourcesResult


@strawberry.type
class ResourceMutations:
    """Sending resources."""

    @mutation(
        Permission.RESOURCES_INGEST,
        "Send at most 5,000 resources. Good rows land in one transaction, bad rows are reported one by one, and a "
        "batch that is sent again changes nothing.",
    )
    async def ingest_resources(self, info: Info, input: IngestResourcesInput) -> IngestResourcesResult:  # noqa: A002  (Relay's name)
        """See app.scanning.ingest.ingest_resources."""
        check_batch(list(input.rows))
        result = await ingest_resources(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            [(number, vars(row)) for number, row in enumerate(input.rows, 1)],
        )
        return IngestResourcesPayload(
            received=result.received,
            added=result.added,
            changed=result.changed,
            unchanged=result.unchanged,
            accounts_added=result.accounts_added,
            issues=[RowIssue.from_record(issue) for issue in result.issues],
        )
