"""Inputs and results of `ingestCosts`."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.errors import Conflict, InvalidInput, NotFound
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


@strawberry.type(description="A way in which the rows depart from FOCUS although they were kept.")
class ConformanceNote:
    """See app.costs.conformance.ConformanceNote."""

    kind: str = strawberry.field(description="The kind of departure, such as `missing column`.")
    column: str = strawberry.field(description="The column.")
    detail: str = strawberry.field(description="What was found or done.")
    rows: int = strawberry.field(description="In how many rows.")
    first_row: int = strawberry.field(description="The first of these rows.")


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


IngestCostsResult = Annotated[
    IngestCostsPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("IngestCostsResult", description="What `ingestCosts` answers."),
]
