"""Inputs and results of `ingestCosts`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from app.context import Info
from app.schema.conformance import ConformanceNote
from app.schema.cost_imports import CostImport
from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded
from app.schema.ingestion import RowIssue
from app.schema.scalars import JSONObject


@strawberry.input(description="At most 5,000 FOCUS rows of one organization.")
class IngestCostsInput:
    """See `ingestCosts`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that is charged.")
    rows: list[JSONObject] = strawberry.field(
        description="The rows, at most 5,000; numbered from 1 in issues. Keys are FOCUS column names, such as "
        "`BilledCost` or `billedCost`; unknown ones are kept in `extra`. Send amounts as text, so that they stay exact."
    )
    dataset: str = strawberry.field(
        default="default",
        description="Your name for this stream of rows. Within it equal rows of two batches are one charge sent "
        "again; equal rows within a batch are different charges.",
    )
    billing_currency: str | None = strawberry.field(
        default=None, description="ISO 4217 code for rows that name no BillingCurrency."
    )


@strawberry.type(description="What became of a batch of charges.")
class IngestCostsPayload:
    """See `ingestCosts`."""

    received: int = strawberry.field(description="Rows that were sent.")
    added: int = strawberry.field(description="Rows that are new charges.")
    unchanged: int = strawberry.field(description="Rows that were known already.")
    rejected: int = strawberry.field(description="Rows that did not land.")
    issues: list[RowIssue] = strawberry.field(description="What was wrong, row by row; such rows did not land.")
    conformance_notes: list[ConformanceNote] = strawberry.field(
        description="How the kept rows depart from FOCUS: missing columns, values that were normalised or derived."
    )
    import_key: strawberry.Private[tuple[UUID, UUID] | None]

    @strawberry.field(description="The import that it became; null where nothing in it was new.")
    async def cost_import(self, info: Info) -> CostImport | None:
        """Read when it is asked."""
        row = None if self.import_key is None else await info.context.loaders.cost_import_by_id.load(self.import_key)
        return None if row is None else CostImport.from_row(row)


IngestCostsResult = Annotated[
    IngestCostsPayload | InvalidInput | NotFound | Conflict | QuotaExceeded,
    strawberry.union("IngestCostsResult", description="What `ingestCosts` answers."),
]
