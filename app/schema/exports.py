"""Exports of connections: files that are asked for in the graph and fetched beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.exporting.fetch import file_name
from app.records import Actor, ActorKind, Permission
from app.records.criteria import Direction
from app.records.exports import ExportFormat, ExportOrderField, ExportState
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.people import User, fellow
from app.schema.repeatable import Repeatable
from app.schema.scalars import BigInt, JSONObject

DOWNLOADS = "/downloads/"

graph_enum(
    ExportState,
    "How far an export is.",
    QUEUED="It waits for a worker.",
    RUNNING="A worker writes the file.",
    SUCCEEDED="The file can be fetched until it expires.",
    FAILED="There is no file; `error` says why.",
    CANCELLED="It was cancelled; there is no file.",
    EXPIRED="Its time is over and the file is deleted.",
)
graph_enum(
    ExportFormat,
    "The form of a file.",
    JSONL="JSON Lines under gzip: a row a line, each as the graph answers it.",
    PARQUET="A column for each field of a row, under zstd: whole numbers, floats, truths, moments in UTC and days as "
    "such, all else as text (amounts with all their digits); what is nested, or a list, as JSON text.",
)


@strawberry.type(description="A file of a connection's rows that was asked for with `startExport`.")
class Export(Node):
    """A row of `exports`."""

    state: ExportState = strawberry.field(description="How far it is.")
    format: ExportFormat = strawberry.field(description="The form of the file.")
    query: str = strawberry.field(description="The query that was asked.")
    variables: JSONObject = strawberry.field(description="Its variables.")
    file_name: str = strawberry.field(description="The name that the file is offered under.")
    rows: BigInt | None = strawberry.field(description="How many rows are written; null before it began.")
    bytes: BigInt | None = strawberry.field(
        description="Size of the file; while it runs, of what is written so far; null before it began."
    )
    progress: float | None = strawberry.field(
        description="The share of its rows that is written, 0 to 1; null while their number is not known."
    )
    sha256: str | None = strawberry.field(description="SHA-256 of the file in hexadecimal; null until it is ready.")
    error: str | None = strawberry.field(description="Why there is no file; null where there is one or will be.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker last began.")
    finished_at: datetime | None = strawberry.field(description="When it ended, well or not.")
    expires_at: datetime = strawberry.field(description="When the file is deleted.")
    key: strawberry.Private[tuple[UUID, UUID]]
    actor: strawberry.Private[Actor]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Export:
        """Make it of a row."""
        state = ExportState(row["state"])
        written = row["size"] if row["size"] is not None else row["written"]
        return cls(
            id=global_id("Export", row["id"], row["organization_id"]),
            state=state,
            format=ExportFormat(row["format"]),
            query=row["query"],
            variables=JSONObject(row["variables"]),
            file_name=file_name(row),
            rows=None if row["rows"] is None else BigInt(row["rows"]),
            bytes=None if written is None else BigInt(written),
            progress=_progress(row, state),
            sha256=None if row["sha256"] is None else row["sha256"].hex(),
            error=row["message"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            expires_at=row["expires_at"],
            key=(row["organization_id"], row["id"]),
            actor=Actor(ActorKind(row["actor_kind"]), row["actor_id"]),
        )

    @strawberry.field(
        description="Where to GET the file: a path at the server of this graph, signed and good for fifteen minutes, "
        "in which it needs no other credential. For who asked for the export alone; null for others, until it is "
        "ready, and once it has expired."
    )
    def url(self, info: Info) -> str | None:
        """The file holds what its caller might read: others might not."""
        principal = info.context.signed_in()
        if self.state is not ExportState.SUCCEEDED or principal.actor != self.actor:
            return None
        return f"{DOWNLOADS}{self.id}?{info.context.runtime.links.make(str(self.id))}"

    @strawberry.field(description="Who asked for it; null for an API key, and for somebody who has left.")
    async def created_by(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        user_id = self.actor.id if self.actor.kind is ActorKind.USER else None
        return await fellow(info, self.key[0], user_id)


def _progress(row: Mapping[Any, Any], state: ExportState) -> float | None:
    if state in {ExportState.SUCCEEDED, ExportState.EXPIRED}:
        return 1.0
    if not row["total"]:
        return None
    return round(min(1.0, int(row["rows"]) / int(row["total"])), 4)  # rows may be added while it runs


@strawberry.type
class OrganizationExports(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its exports of connections, the newest first; ended ones are told of for a month.")
    async def exports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Export] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (ExportOrderField.CREATED_AT, Direction.DESC)
        return await rows_page(info, info.context.loaders.exports, Export.from_row, key, None, order, page)


@strawberry.input(description="Which rows to write into a file, and how.")
class StartExportInput(Repeatable):
    """See `startExport`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    query: str = strawberry.field(
        description="A query that selects one connection somewhere under `organization`, without `first` and `after`: "
        "`{ organization(slug: …) { resources(where: …) { nodes { … } } } }`. Connections inside a row need `first`."
    )
    variables: JSONObject | None = strawberry.field(default=None, description="The values of its variables.")
    format: ExportFormat = strawberry.field(default=ExportFormat.JSONL, description="The form of the file.")


@strawberry.type(description="The export is queued; ask for it by `node(id)` until it has ended.")
class StartExportPayload:
    """See `startExport`."""

    export: Export = strawberry.field(description="The export.")


StartExportResult = Annotated[
    StartExportPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("StartExportResult", description="What `startExport` answers."),
]


@strawberry.input(description="Which export to cancel.")
class CancelExportInput:
    """See `cancelExport`."""

    id: strawberry.ID = strawberry.field(description="The export.")


@strawberry.type(description="The export is cancelled.")
class CancelExportPayload:
    """See `cancelExport`."""

    export: Export = strawberry.field(description="The export.")


CancelExportResult = Annotated[
    CancelExportPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CancelExportResult", description="What `cancelExport` answers."),
]
