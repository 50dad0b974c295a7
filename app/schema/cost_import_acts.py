"""Inputs and results of `importCosts`, `cancelCostImport` and `deleteBillingPeriod`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import strawberry

from app.costs.imports.order import REJECT_SHARE
from app.records.costs import ImportMode
from app.schema.cost_imports import CostImport, CostImportPeriod
from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded


@strawberry.input(description="Complete uploads to import as one delivery.")
class ImportCostsInput:
    """See `importCosts`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization that is charged.")
    upload_ids: list[strawberry.ID] = strawberry.field(
        description="The uploads, 1 to 100, all parts of one delivery: FOCUS 1.0 to 1.4 as CSV, gzip CSV, Parquet or "
        "JSON Lines. With the export's manifest among them (a file that ends in `manifest.json`), all the parts that "
        "it names must be there, and no others."
    )
    dataset: str = strawberry.field(
        default="default",
        description="Your name for this stream of rows; 1 to 100 characters. Deliveries replace each other within it.",
    )
    mode: ImportMode = strawberry.field(
        default=ImportMode.REPLACE,
        description="What to do with what is there of the same dataset, billing account and billing period.",
    )
    billing_currency: str | None = strawberry.field(
        default=None, description="ISO 4217 code for rows that name no BillingCurrency."
    )
    accepted_reject_share: float = strawberry.field(
        default=REJECT_SHARE,
        description="The largest share of rows, 0 to 1, that may be unusable; with more of them nothing is changed.",
    )


@strawberry.type(description="The import will be done as soon as a worker is free; follow it by its `progress`.")
class ImportCostsPayload:
    """See `importCosts`."""

    cost_import: CostImport = strawberry.field(description="The import.")
    started: bool = strawberry.field(
        description="Whether it was started now; false where one of these uploads into this dataset was under way."
    )


ImportCostsResult = Annotated[
    ImportCostsPayload | InvalidInput | NotFound | Conflict | QuotaExceeded,
    strawberry.union("ImportCostsResult", description="What `importCosts` answers."),
]


@strawberry.input(description="An import to cancel.")
class CancelCostImportInput:
    """See `cancelCostImport`."""

    id: strawberry.ID = strawberry.field(description="The import.")


@strawberry.type(description="The import is cancelled: nothing of it lands.")
class CancelCostImportPayload:
    """See `cancelCostImport`."""

    cost_import: CostImport = strawberry.field(description="The import as it is now.")


CancelCostImportResult = Annotated[
    CancelCostImportPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CancelCostImportResult", description="What `cancelCostImport` answers."),
]


@strawberry.input(description="A billing period of a billing account to delete, named as `billingPeriods` has it.")
class DeleteBillingPeriodInput:
    """See `deleteBillingPeriod`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    dataset: str = strawberry.field(description="The stream of rows that it belongs to.")
    billing_account_id: str | None = strawberry.field(
        default=None, description="The billing account; null where its rows name none."
    )
    billing_period_start: datetime = strawberry.field(description="Start of the invoicing period, inclusive.")


@strawberry.type(description="The billing period does not count any more, and its charges are gone.")
class DeleteBillingPeriodPayload:
    """See `deleteBillingPeriod`."""

    billing_period: CostImportPeriod = strawberry.field(description="The billing period as it was, now superseded.")


DeleteBillingPeriodResult = Annotated[
    DeleteBillingPeriodPayload | InvalidInput | NotFound,
    strawberry.union("DeleteBillingPeriodResult", description="What `deleteBillingPeriod` answers."),
]
