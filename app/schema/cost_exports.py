"""Exports of charges: files of FOCUS that are asked for in the graph and fetched beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.costs.exports.fetch import file_name
from app.records import ActorKind, Permission
from app.records.cost_exports import CostExportFormat, CostExportOrderField, CostExportState, FocusVersion
from app.records.criteria import Direction
from app.records.stored_conditions import conditions_of_json
from app.schema.applied_filters import AppliedCostFilter
from app.schema.cost_filters import CostFilter
from app.schema.cost_periods import CostPeriodInput
from app.schema.enums import graph_enum
from app.schema.errors import Conflict, InvalidInput, NotFound
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments
from app.schema.people import User, fellow
from app.schema.repeatable import Repeatable
from app.schema.scalars import BigInt

graph_enum(
    CostExportState,
    "How far an export is.",
    QUEUED="It waits for a worker.",
    RUNNING="A worker writes the file.",
    SUCCEEDED="The file can be fetched until it expires.",
    FAILED="There is no file; `message` says why.",
    EXPIRED="Its time is over and the file is deleted.",
)
graph_enum(
    CostExportFormat,
    "The form of a file.",
    CSV="Text with commas, in UTF-8 with a heading: amounts with all their digits, null as nothing.",
    CSV_GZ="The same under gzip.",
    PARQUET="Columns under zstd: decimals of 38 digits with the scale of the data, times in UTC, JSON as text.",
)
graph_enum(
    FocusVersion,
    "A release of FOCUS that files are written in.",
    V1_2="57 columns, ProviderName and PublisherName among them.",
    V1_3="65 columns: ProviderName and PublisherName beside ServiceProviderName and HostProviderName.",
    V1_4="65 columns: the two deprecated names are gone.",
)


@strawberry.type(description="A file of charges that was asked for.")
class CostExport(Node):
    """A row of `cost_exports`."""

    state: CostExportState = strawberry.field(description="How far it is.")
    period_start: date = strawberry.field(description="First day (UTC) on which its charges start.")
    period_end: date = strawberry.field(description="The day after the last.")
    dataset: str | None = strawberry.field(description="The one dataset that it has; null for all.")
    where: AppliedCostFilter = strawberry.field(description="Which charges it has.")
    focus_version: FocusVersion = strawberry.field(description="The release of FOCUS that its columns are of.")
    format: CostExportFormat = strawberry.field(description="The form of the file.")
    file_name: str = strawberry.field(description="The name that the file is offered under.")
    rows: BigInt | None = strawberry.field(description="How many charges the file has; null until it is ready.")
    bytes: BigInt | None = strawberry.field(description="Its size; null until it is ready.")
    sha256: str | None = strawberry.field(description="Its SHA-256 in hexadecimal; null until it is ready.")
    omitted_columns: list[str] = strawberry.field(
        description="Columns of FOCUS that some of the charges have a value in and that this release lacks: they are "
        "not in the file."
    )
    message: str | None = strawberry.field(description="Why there is no file; null where there is one or will be.")
    url: str | None = strawberry.field(
        description="Where to GET the file with the same Authorization or X-API-Key as here: a path at the server of "
        "this graph. Null until it is ready, and once it has expired."
    )
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker last began.")
    finished_at: datetime | None = strawberry.field(description="When it ended, well or not.")
    expires_at: datetime = strawberry.field(description="When the file is deleted.")
    key: strawberry.Private[tuple[UUID, UUID]]
    user_id: strawberry.Private[UUID | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostExport:
        """Make it of a row."""
        id_ = global_id("CostExport", row["id"], row["organization_id"])
        state = CostExportState(row["state"])
        form = CostExportFormat(row["format"])
        return cls(
            id=id_,
            state=state,
            period_start=row["period_start"],
            period_end=row["period_end"],
            dataset=row["dataset"],
            where=AppliedCostFilter.of(conditions_of_json(row["criteria"])),
            focus_version=FocusVersion(row["focus_version"]),
            format=form,
            file_name=file_name(row),
            rows=None if row["rows"] is None else BigInt(row["rows"]),
            bytes=None if row["size"] is None else BigInt(row["size"]),
            sha256=None if row["sha256"] is None else row["sha256"].hex(),
            omitted_columns=list(row["omitted"]),
            message=row["message"],
            url=f"/exports/{id_}" if state is CostExportState.SUCCEEDED else None,
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            expires_at=row["expires_at"],
            key=(row["organization_id"], row["id"]),
            user_id=row["actor_id"] if row["actor_kind"] == ActorKind.USER else None,
        )

    @strawberry.field(description="Who asked for it; null for an API key, and for somebody who has left.")
    async def created_by(self, info: Info) -> User | None:
        """Loaded for the whole page at once."""
        return await fellow(info, self.key[0], self.user_id)


@strawberry.type
class OrganizationCostExports(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Its exports of charges, the newest first; ended ones are told of for a month.")
    async def cost_exports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[CostExport] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (CostExportOrderField.CREATED_AT, Direction.DESC)
        return await rows_page(info, info.context.loaders.cost_exports, CostExport.from_row, key, None, order, page)


@strawberry.input(description="Which charges to write into a file, and how.")
class ExportCostsInput(Repeatable):
    """See `exportCosts`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    period: CostPeriodInput = strawberry.field(description="The days on which charges start that are to be written.")
    dataset: str | None = strawberry.field(default=None, description="One dataset only; all when left out.")
    where: CostFilter | None = strawberry.field(
        default=None, description="Which charges; all when left out. As for `charges`, `team` is refused."
    )
    focus_version: FocusVersion = strawberry.field(
        default=FocusVersion.V1_4, description="The release of FOCUS whose columns are written."
    )
    format: CostExportFormat = strawberry.field(default=CostExportFormat.PARQUET, description="The form of the file.")


@strawberry.type(description="The export is queued; ask for it by `node(id)` until it has ended.")
class ExportCostsPayload:
    """See `exportCosts`."""

    export: CostExport = strawberry.field(description="The export.")


ExportCostsResult = Annotated[
    ExportCostsPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ExportCostsResult", description="What `exportCosts` answers."),
]
