"""The root field of exports of charges."""

from __future__ import annotations

from datetime import timedelta

import strawberry

from app.context import Info
from app.costs.exports.start import start_export
from app.costs.scopes import of_charges
from app.errors import argument
from app.records import Permission
from app.records.cost_exports import CostExportOrder
from app.resolvers.access import Limit, mutation, organization_of
from app.schema.cost_exports import CostExport, ExportCostsInput, ExportCostsPayload, ExportCostsResult
from app.schema.cost_filters import conditions_of
from app.schema.cost_periods import days_of

WHERE = ("input", "where")


@strawberry.type
class CostExportMutations:
    """Asking for files of charges."""

    @mutation(
        Permission.COSTS_MANAGE,
        "Write charges into a file of FOCUS. A worker does it; then the file can be fetched at the export's `url`.",
        limit=Limit(20, per=60),
    )
    async def export_costs(self, info: Info, input: ExportCostsInput) -> ExportCostsResult:  # noqa: A002  (Relay's name)
        """See app.costs.exports.start.start_export."""
        organization_id = organization_of(input)
        with argument("input"):
            days = await days_of(info, organization_id, input.period)
        where = of_charges(conditions_of(input.where, WHERE), WHERE)
        order = CostExportOrder(days.start, days.end, input.focus_version, input.format, input.dataset, where)
        row = await start_export(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            order,
            keep=timedelta(days=info.context.runtime.settings.export_retention_days),
        )
        return ExportCostsPayload(export=CostExport.from_row(row))
