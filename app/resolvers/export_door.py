"""The door of exports beside the graph: the server's callers and ids on the one side, the room of exports behind."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import cast

from app.context import Runtime
from app.costs.exports.fetch import no_such_export, open_export
from app.errors import BadUserInputError
from app.exporting import fetch as exporting
from app.exporting.fetch import no_such_file
from app.privacy import archive
from app.records import Principal
from app.records.downloads import Download
from app.schema.node import parse_id
from app.server.identity import Identity


class BulkExportDoor:
    """What `app.server.downloads` asks for where the address itself is the credential."""

    def __init__(self, runtime: Runtime) -> None:
        self._database, self._files, self._links = runtime.database, runtime.bulk_exports, runtime.links
        self._personal = runtime.personal_exports

    def open(self, file_id: str, parameters: Mapping[str, str]) -> AbstractAsyncContextManager[Download]:
        """See app.exporting.fetch.open_export. A wrong signature asks nothing."""
        if not self._links.holds(file_id, parameters):
            raise no_such_file()
        try:
            key = parse_id(file_id)
        except BadUserInputError:
            raise no_such_file() from None
        if key.type_name == "PersonalExport":
            return archive.open_archive(self._database, self._personal, key.id)
        if key.type_name != "Export" or key.organization_id is None:
            raise no_such_file()
        return exporting.open_export(self._database, self._files, key.organization_id, key.id)


class ExportDoor:
    """What `app.server.downloads` asks for: files by the global ids that the graph gave out."""

    def __init__(self, runtime: Runtime) -> None:
        self._database, self._files = runtime.database, runtime.exports

    def open(self, identity: Identity, export_id: str) -> AbstractAsyncContextManager[Download]:
        """See app.costs.exports.fetch.open_export."""
        try:
            key = parse_id(export_id, "CostExport")
        except BadUserInputError:
            raise no_such_export() from None
        if key.organization_id is None:
            raise no_such_export()
        return open_export(self._database, self._files, cast("Principal", identity), (key.organization_id, key.id))
