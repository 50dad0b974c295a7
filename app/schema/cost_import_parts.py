"""What an import of costs consists of in the graph: its words, progress, counts, source and refused rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import strawberry

from app.context import Info
from app.records.costs import CostMetric, Finality, ImportMode, ImportSourceKind, ImportState, PeriodStatus
from app.schema.cost_sources import CostSource
from app.schema.enums import graph_enum
from app.schema.scalars import BigInt
from app.schema.uploads import Upload
from app.server.costs.directives import at_most

graph_enum(
    ImportState,
    "How far an import of costs is.",
    QUEUED="A worker will take it as soon as one is free.",
    RUNNING="It is being read; nothing of it shows before its end.",
    SUCCEEDED="All of it is in force at once.",
    UNCHANGED="The same was imported before and is in force: nothing was done.",
    REJECTED="Too many of its rows cannot be read: nothing was changed.",
    FAILED="It could not be read: nothing was changed.",
    CANCELLED="It was cancelled: nothing was changed.",
)
graph_enum(
    ImportMode,
    "What an import does to what is there of the same dataset, billing account and billing period.",
    REPLACE="It takes its place, all at once.",
    APPEND="Rows that are there already stay as they are, the others are added.",
)
graph_enum(
    ImportSourceKind,
    "Where an import came from.",
    INLINE="Rows that were sent with `ingestCosts`.",
    FILE="Files that were given to `skyledger import costs`.",
    UPLOAD="A file that was uploaded.",
    SOURCE="A cost source.",
)
graph_enum(
    PeriodStatus,
    "Whether what a delivery says of a billing period counts.",
    ACTIVE="It is in force: these charges are counted.",
    SUPERSEDED="A later delivery has taken its place; its charges are gone, its totals are kept.",
)
graph_enum(
    Finality,
    "Whether the provider may still restate a billing period.",
    PROVISIONAL="It may.",
    FINAL="It was delivered long after the period's end, and nothing has changed since.",
)


@strawberry.type(description="How far an import is. Figures are as of at most some seconds ago.")
class CostImportProgress:
    """Part of `CostImport`."""

    bytes_read: BigInt = strawberry.field(description="Bytes that have been read.")
    bytes_total: BigInt | None = strawberry.field(description="Bytes that there are; null where that is unknown.")
    ratio: float | None = strawberry.field(description="The share of bytes that has been read, 0 to 1.")
    rows_per_second: float | None = strawberry.field(description="Rows a second since it began; null before that.")
    remaining_seconds: float | None = strawberry.field(
        description="How long the reading will take at this rate; null when it does not run or has read too little."
    )

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostImportProgress:
        """Make it of a row of `cost_imports`."""
        total, done = row["bytes_total"], row["bytes_read"]
        ratio = min(1.0, done / total) if total else None
        begun, ended = row["started_at"], row["finished_at"] or datetime.now(UTC)
        seconds = 0.0 if begun is None else (ended - begun).total_seconds()
        return cls(
            bytes_read=BigInt(done),
            bytes_total=None if total is None else BigInt(total),
            ratio=ratio,
            rows_per_second=row["received"] / seconds if seconds > 0 else None,
            remaining_seconds=seconds * (1 - ratio) / ratio if ratio and row["state"] == ImportState.RUNNING else None,
        )


@strawberry.type(description="What became of the rows of an import; while it runs, so far.")
class CostImportCounts:
    """Part of `CostImport`."""

    received: BigInt = strawberry.field(description="Rows that were read.")
    added: BigInt = strawberry.field(description="Charges that it has added.")
    unchanged: BigInt = strawberry.field(description="Rows that were there already, where rows are appended.")
    rejected: BigInt = strawberry.field(description="Rows that could not be used.")


@strawberry.type(description="Where an import came from.")
class CostImportSource:
    """Part of `CostImport`."""

    kind: ImportSourceKind = strawberry.field(description="What kind of place it is.")
    names: list[str] = strawberry.field(description="Names of the files, at most 100; none where rows were sent.")
    key: strawberry.Private[tuple[UUID, UUID] | None]
    upload_keys: strawberry.Private[list[tuple[UUID, UUID]]]

    @strawberry.field(
        description="The uploads; without those whose time is over, and none where it came otherwise.",
        directives=[at_most(100)],
    )
    async def uploads(self, info: Info) -> list[Upload]:
        """One statement for all imports of a page."""
        rows = await info.context.loaders.upload_by_id.load_many(self.upload_keys)
        return [Upload.from_row(row) for row in rows if row is not None]

    @strawberry.field(description="The cost source; null where it was none, or it was deleted.")
    async def cost_source(self, info: Info) -> CostSource | None:
        """One statement for all imports of a page."""
        if self.key is None or self.kind is not ImportSourceKind.SOURCE:
            return None
        row = await info.context.loaders.cost_source_by_id.load(self.key)
        return None if row is None else CostSource.from_row(row)


@strawberry.type(description="How many charges lack a metric: they count for nothing in it.")
class UnknownMetric:
    """An entry of `unknownMetrics`."""

    metric: CostMetric = strawberry.field(description="The metric.")
    charges: BigInt = strawberry.field(description="Charges that do not have it.")


@strawberry.type(description="A row, or a line that is no row, that an import could not use.")
class CostImportReject:
    """A row of `import_rejects`."""

    file: str | None = strawberry.field(description="Name of the file.")
    line: BigInt = strawberry.field(description="The line of the file, from 1, or the row where a file has no lines.")
    column: str | None = strawberry.field(description="The column; null where it is the whole row.")
    value: str | None = strawberry.field(description="The value as sent, shortened.")
    reason: str = strawberry.field(description="What is wrong and what would be right.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostImportReject:
        """Make it of a row."""
        return cls(
            file=row["file_name"],
            line=BigInt(row["line_number"]),
            column=row["column_name"],
            value=row["value"],
            reason=row["reason"],
        )
