"""Root fields of exports of connections."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import BadUserInputError, ForbiddenError
from app.exporting.start import ExportOrder, cancel_export, start_export
from app.records import ActorKind, Permission
from app.records.exports import ExportCaller
from app.resolvers.access import Limit, mutation, organization_of
from app.resolvers.export_queries import checked_query
from app.schema.exports import (
    CancelExportInput,
    CancelExportPayload,
    CancelExportResult,
    Export,
    StartExportInput,
    StartExportPayload,
    StartExportResult,
)
from app.schema.node import parse_id


@strawberry.type
class ExportMutations:
    """Asking for files of rows, and calling them off."""

    @mutation(
        Permission.ORGANIZATION_READ,
        "Write all rows of a connection into a file. A worker reads it page by page as the caller, by what the caller "
        "may at that moment; then the file can be fetched at the export's `url`. Each page is charged to a bucket of "
        "the caller's exports, as large as that of operations.",
        limit=Limit(20, per=60),
    )
    async def start_export(self, info: Info, input: StartExportInput) -> StartExportResult:  # noqa: A002  (Relay's name)
        """See app.exporting.start.start_export."""
        organization_id = organization_of(input)
        principal, settings = info.context.signed_in(), info.context.runtime.settings
        if principal.actor.kind is ActorKind.SYSTEM:
            message = "An export is made as its caller, and the root key is nobody: sign in, or use an API key."
            raise ForbiddenError(message)
        await info.context.runtime.trusted_documents.check_text(principal, input.query, "query")
        variables = {} if input.variables is None else dict(input.variables)
        query = checked_query(info.schema._schema, settings, input.query, variables)  # noqa: SLF001 - Strawberry names no public way to it
        await _check_root(info, query.root, organization_id)
        row = await start_export(
            info.context.database,
            organization_id,
            ExportCaller(principal.actor, principal.session_id),
            ExportOrder(input.query, variables, query.path[-1], input.format),
            keep=timedelta(days=settings.export_retention_days),
            most_under_way=settings.exports_under_way,
        )
        return StartExportPayload(export=Export.from_row(row))

    @mutation(
        Permission.ORGANIZATION_READ,
        "Cancel an export that is under way: one's own, or anybody's with the permission to update the organization.",
    )
    async def cancel_export(self, info: Info, input: CancelExportInput) -> CancelExportResult:  # noqa: A002  (Relay's name)
        """See app.exporting.start.cancel_export."""
        organization_id, actor = organization_of(input), info.context.signed_in().actor
        key = parse_id(input.id, "Export", path=("input", "id"))
        row = await info.context.loaders.export_by_id.load((organization_id, key.id))
        if row is not None and (row["actor_kind"], row["actor_id"]) != (actor.kind, actor.id):
            info.context.grant(organization_id, Permission.ORGANIZATION_UPDATE)
        ended = await cancel_export(info.context.database, organization_id, actor, key.id)
        return CancelExportPayload(export=Export.from_row(ended))


async def _check_root(info: Info, root: Mapping[str, Any], organization_id: UUID) -> None:
    """BadUserInputError unless the query asks the organization of the export."""
    row = await info.context.loaders.organizations.by_id(organization_id)
    by_id, slug, path = root.get("id"), root.get("slug"), ("input", "query")
    if by_id is not None:
        matches = parse_id(by_id, "Organization", path=path).id == organization_id
    else:
        matches = row is not None and slug == row["slug"]
    if not matches:
        message = "The query asks another organization than `organizationId` names: give the same one in both."
        raise BadUserInputError(message, path=path)
