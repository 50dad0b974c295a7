"""The root field of exports of charges."""

from __future__ import annotations

from datetime import timedelta

import strawberry

from app.context import Info
from app.costs.exports.start import start_export
from app.records import Permission
from app.records.cost_exports import CostExportOrder
from app.resolvers.access import mutation, organization_of
from app.schema.cost_exports import CostExport, ExportCostsInput, ExportCostsPayload, ExportCostsResult
from app.schema.filters import to_criteria


@strawberry.type
class CostExportMutations:
    """Asking for files of charges."""

    @mutation(
        Permission.COSTS_MANAGE,
        "Write charges into a file of FOCUS. A worker does it; then the file can be fetched at the export's `url`.",
    )
    async def export_costs(self, info: Info, input: ExportCostsInput) -> ExportCostsResult:  # noqa: A002  (Relay's name)
        """See app.costs.exports.start.start_export."""
        order = CostExportOrder(
            input.period.start,
            input.period.end,
            input.focus_version,
            input.format,
            input.dataset,
            to_criteria(input.where),
        )
        row = await start_export(
            info.context.database,
            organization_of(input),
            info.context.signed_in().actor,
            order,
            keep=timedelta(days=info.context.runtime.settings.export_retention_days),
        )
        return ExportCostsPayload(export=CostExport.from_row(row))
