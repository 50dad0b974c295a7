"""Root fields of imports of costs."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.datasets import checked_dataset
from app.costs.delete_period import delete_billing_period
from app.errors import BadUserInputError, NotFoundError
from app.records import Permission
from app.records.currencies import checked_currency
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.cost_import_acts import (
    CancelCostImportInput,
    CancelCostImportPayload,
    CancelCostImportResult,
    DeleteBillingPeriodInput,
    DeleteBillingPeriodPayload,
    DeleteBillingPeriodResult,
    ImportCostsInput,
    ImportCostsPayload,
    ImportCostsResult,
)
from app.schema.cost_imports import CostImport, CostImportPeriod
from app.schema.node import parse_id
from app.sourcing import uploads

MOST_UPLOADS: Final = 100


@strawberry.type
class CostImportMutations:
    """Starting and cancelling imports of costs, and removing what they brought."""

    @mutation(
        Permission.COSTS_INGEST,
        "Import complete uploads as one delivery. A worker takes it as soon as one is free; readers see all of it at "
        "once or nothing.",
        limit=Limit(60, per=60),
    )
    async def import_costs(self, info: Info, input: ImportCostsInput) -> ImportCostsResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.uploads.start_import."""
        organization_id = organization_of(input)
        sent = input.billing_currency
        row, started = await uploads.start_import(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            upload_ids=_upload_ids(input.upload_ids, organization_id),
            dataset=checked_dataset(input.dataset),
            mode=input.mode,
            billing_currency=None if sent is None else checked_currency(sent, ("input", "billingCurrency")),
            reject_share=_checked_share(input.accepted_reject_share),
        )
        return ImportCostsPayload(cost_import=CostImport.from_row(row), started=started)

    @mutation(
        Permission.COSTS_INGEST,
        "Cancel an import that is under way, whoever runs it. What was in force stays so.",
    )
    async def cancel_cost_import(self, info: Info, input: CancelCostImportInput) -> CancelCostImportResult:  # noqa: A002  (Relay's name)
        """See app.sourcing.uploads.cancel_import."""
        key = parse_id(input.id, "CostImport", path=("input", "id"))
        row = await uploads.cancel_import(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id
        )
        return CancelCostImportPayload(cost_import=CostImport.from_row(row))

    @mutation(
        Permission.COSTS_MANAGE,
        "Delete the charges of one billing account in one billing period, such as an account that a restated month "
        "does not have any more. A cost source that still delivers it brings it back with its next run.",
    )
    async def delete_billing_period(self, info: Info, input: DeleteBillingPeriodInput) -> DeleteBillingPeriodResult:  # noqa: A002  (Relay's name)
        """See app.costs.delete_period."""
        row = await delete_billing_period(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            dataset=checked_dataset(input.dataset),
            billing_account_id=input.billing_account_id,
            billing_period_start=input.billing_period_start.date(),
        )
        return DeleteBillingPeriodPayload(billing_period=CostImportPeriod.from_row(row))


def _upload_ids(sent: list[strawberry.ID], organization_id: UUID) -> list[UUID]:
    """The ids of uploads, each once. Raises BadUserInputError and NotFoundError."""
    if not 1 <= len(sent) <= MOST_UPLOADS:
        message = f"`uploadIds` must name 1 to {MOST_UPLOADS} uploads; it names {len(sent)}."
        raise BadUserInputError(message, path=("input", "uploadIds"))
    found = []
    for number, text in enumerate(sent):
        upload = parse_id(text, "Upload", path=("input", "uploadIds", str(number)))
        if upload.organization_id != organization_id:
            message = "There is no such upload within your reach. Check the id, or create one with createUpload."
            raise NotFoundError(message)
        if upload.id in found:
            message = "This upload is given twice; its charges would count twice."
            raise BadUserInputError(message, path=("input", "uploadIds", str(number)))
        found.append(upload.id)
    return found


def _checked_share(share: float) -> float:
    if not 0 <= share <= 1:
        message = f"`acceptedRejectShare` must be from 0 to 1, such as 0.05 for 5 %; it is {share:g}."
        raise BadUserInputError(message, path=("input", "acceptedRejectShare"))
    return share
