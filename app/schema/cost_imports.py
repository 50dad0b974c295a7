"""Imports of costs: deliveries, how far they are, what they say of which billing period, what they were refused."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import NotFoundError
from app.loaders.cost_imports import AskedPeriod
from app.loaders.scans import Asked
from app.records import Permission
from app.records.costs import (
    CostMetric,
    DeliveredPeriod,
    Finality,
    ImportMode,
    ImportSourceKind,
    ImportState,
    PeriodStatus,
)
from app.records.criteria import Criteria, TextMatch
from app.schema.conformance import ConformanceNote
from app.schema.cost_import_parts import (
    CostImportCounts,
    CostImportProgress,
    CostImportReject,
    CostImportSource,
    UnknownMetric,
)
from app.schema.cost_words import Money
from app.schema.filters import EnumFilter, StringFilter, to_criteria
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import read_day
from app.schema.paging import (
    After,
    Before,
    Connection,
    First,
    Last,
    PageArguments,
    connection,
    cursor_text,
    page_request,
    within,
)
from app.schema.scalars import BigInt
from app.schema.scans import milliseconds

MOST_PERIODS: Final = 1_000
MOST_SUPERSEDED: Final = 200
MOST_NOTES: Final = 200
_NEWEST: Final = "id:desc"
_LATEST: Final = "billing_period_start:desc"
_NUMBER: Final = "number:asc"
_LARGEST: Final = 2**31 - 1

MostPeriods = Annotated[int, strawberry.argument(description="How many at most, 1 to 1,000.")]
MostSuperseded = Annotated[int, strawberry.argument(description="How many at most, 1 to 200.")]


@strawberry.type(description="One delivery of costs: files, an upload, what a cost source has fetched, or sent rows.")
class CostImport(Node):
    """A row of `cost_imports`."""

    state: ImportState = strawberry.field(description="How far it is.")
    mode: ImportMode = strawberry.field(description="What it does to what is there.")
    dataset: str = strawberry.field(description="The stream of rows that it belongs to.")
    source: CostImportSource = strawberry.field(description="Where it came from.")
    billing_currency: str | None = strawberry.field(
        description="The currency of rows that name none, where one was given."
    )
    focus_version: str | None = strawberry.field(
        description="The oldest release of FOCUS that has all its columns; null before it was read."
    )
    progress: CostImportProgress = strawberry.field(description="How far it is, in bytes, rows and time.")
    counts: CostImportCounts = strawberry.field(description="What became of its rows.")
    conformance_notes: list[ConformanceNote] = strawberry.field(
        description="How the kept rows depart from FOCUS: missing columns, values that were normalised or derived. "
        "At most 200; `conformanceNoteCount` says how many there are."
    )
    conformance_note_count: int = strawberry.field(
        description="How many conformance notes it has. Of each kind, what comes after the first 1,000 notes of all is "
        "counted together in one, for the column `*`."
    )
    message: str | None = strawberry.field(description="Why it ended as it did; null where all went well.")
    created_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When it began, the last time that it did.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    key: strawberry.Private[tuple[UUID, UUID]]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostImport:
        """Make it of a row."""
        organization_id, source = row["organization_id"], row["source"]
        return cls(
            id=global_id("CostImport", row["id"], organization_id),
            state=ImportState(row["state"]),
            mode=ImportMode(row["mode"]),
            dataset=row["dataset"],
            source=CostImportSource(
                kind=ImportSourceKind(source["kind"]),
                names=source["names"],
                key=(organization_id, UUID(source["id"])) if source["id"] else None,
                upload_keys=[(organization_id, UUID(upload_id)) for upload_id in source["uploadIds"]],
            ),
            billing_currency=row["billing_currency"],
            focus_version=row["focus_version"],
            progress=CostImportProgress.from_row(row),
            counts=CostImportCounts(
                received=row["received"], added=row["added"], unchanged=row["unchanged"], rejected=row["rejected"]
            ),
            conformance_notes=[
                ConformanceNote(
                    kind=note["kind"],
                    column=note["column"],
                    detail=note["detail"],
                    rows=note["rows"],
                    first_row=note["firstRow"],
                )
                for note in row["conformance"][:MOST_NOTES]
            ],
            conformance_note_count=len(row["conformance"]),
            message=row["message"],
            created_at=row["created_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            key=(organization_id, row["id"]),
        )

    @strawberry.field(description="How long it took, or has taken until now, in milliseconds; null before it begins.")
    def duration_milliseconds(self) -> int | None:
        """From its two moments."""
        return milliseconds(self.started_at, self.finished_at)

    @strawberry.field(
        description="What it says of which billing period, the latest period first; none unless it SUCCEEDED."
    )
    async def periods(self, info: Info, first: MostPeriods = 100) -> list[CostImportPeriod] | None:
        """One statement for all imports of a page."""
        asked = Asked(*self.key, (within(first, MOST_PERIODS),))
        rows = await info.context.loaders.periods_of_cost_import.load(asked)
        return [CostImportPeriod.from_row(row) for row in rows]

    @strawberry.field(description="The first 1,000 rows that it was refused, in the order of the files.")
    async def rejects(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[CostImportReject]:
        """One statement for all imports of a page, one more for the counts when they are asked."""
        loaders = info.context.loaders
        request = page_request(_NUMBER, (_read_number,), PageArguments(first, after, last, before))
        page = await loaders.rejects_of_cost_import.load(Asked(*self.key, (request,)))

        async def count() -> int:
            return await loaders.reject_counts.load(Asked(*self.key))

        return connection(page, CostImportReject.from_row, lambda row: cursor_text(_NUMBER, (row["number"],)), count)


@strawberry.type(description="What one delivery says of one billing period of one billing account.")
class CostImportPeriod:
    """A row of `cost_import_periods`."""

    dataset: str = strawberry.field(description="The stream of rows that it belongs to.")
    billing_account_id: str | None = strawberry.field(description="The billing account; null where its rows name none.")
    billing_period_start: datetime = strawberry.field(description="Start of the invoicing period, inclusive.")
    billing_period_end: datetime = strawberry.field(description="End of the invoicing period, exclusive.")
    status: PeriodStatus = strawberry.field(description="Whether it counts.")
    finality: Finality = strawberry.field(description="Whether the provider may still restate it.")
    charge_count: BigInt = strawberry.field(description="Charges that it has or, once superseded, had.")
    billed_cost: Money | None = strawberry.field(
        description="The sum of BilledCost; null where its charges are in several currencies."
    )
    unknown_metrics: list[UnknownMetric] = strawberry.field(
        description="Metrics that some of its charges lack, at most four."
    )
    created_at: datetime = strawberry.field(description="When it was delivered.")
    superseded_at: datetime | None = strawberry.field(description="When another took its place; null while it counts.")
    import_key: strawberry.Private[tuple[UUID, UUID]]
    period_key: strawberry.Private[DeliveredPeriod]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> CostImportPeriod:
        """Make it of a row."""
        organization_id, currency = row["organization_id"], row["billing_currency"]
        names = ("dataset", "billing_account_id", "billing_period_start", "id")
        return cls(
            dataset=row["dataset"],
            billing_account_id=row["billing_account_id"] or None,
            billing_period_start=_midnight(row["billing_period_start"]),
            billing_period_end=_midnight(row["billing_period_end"]),
            status=PeriodStatus(row["status"]),
            finality=Finality(row["finality"]),
            charge_count=BigInt(row["charge_count"]),
            billed_cost=None if currency is None else Money(amount=row["billed_cost"], currency=currency),
            unknown_metrics=[
                UnknownMetric(metric=metric, charges=BigInt(row["unknown"][metric.value]))
                for metric in CostMetric
                if row["unknown"].get(metric.value)
            ],
            created_at=row["created_at"],
            superseded_at=row["superseded_at"],
            import_key=(organization_id, row["import_id"]),
            period_key=DeliveredPeriod(*(row[name] for name in names)),
        )

    @strawberry.field(description="The delivery.")
    async def cost_import(self, info: Info) -> CostImport:
        """One statement for all periods of a page."""
        row = await info.context.loaders.cost_import_by_id.load(self.import_key)
        if row is None:  # both went while this was read
            message = "The import was deleted in the meantime; ask again."
            raise NotFoundError(message)
        return CostImport.from_row(row)

    @strawberry.field(
        description="What earlier deliveries said of the same period, the newest first: how it was restated."
    )
    async def superseded(self, info: Info, first: MostSuperseded = 20) -> list[CostImportPeriod] | None:
        """One statement for all periods of a page."""
        asked = AskedPeriod(self.import_key[0], self.period_key, within(first, MOST_SUPERSEDED))
        rows = await info.context.loaders.superseded_periods.load(asked)
        return [CostImportPeriod.from_row(row) for row in rows]


@strawberry.input(description="Which imports; all conditions must hold.")
class CostImportFilter:
    """Fields are named like columns of `cost_imports`."""

    dataset: StringFilter | None = strawberry.field(default=None, description="The stream of rows.")
    state: EnumFilter[ImportState] | None = strawberry.field(default=None, description="How far it is.")


@strawberry.input(description="Which billing periods; all conditions must hold.")
class BillingPeriodFilter:
    """Fields are named like columns of `cost_import_periods`."""

    dataset: StringFilter | None = strawberry.field(default=None, description="The stream of rows.")
    billing_account_id: StringFilter | None = strawberry.field(default=None, description="The billing account.")
    finality: EnumFilter[Finality] | None = strawberry.field(
        default=None, description="Whether it may still be restated."
    )


@strawberry.type
class OrganizationCostImports(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Imports of its costs, the newest first.")
    async def cost_imports(
        self,
        info: Info,
        where: Annotated[CostImportFilter | None, strawberry.argument(description="Which imports.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CostImport] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        rows, criteria = info.context.loaders.cost_imports, to_criteria(where)
        request = page_request(_NEWEST, (UUID,), PageArguments(first, after, last, before))
        page = await rows.page(key, criteria, request)
        return connection(
            page, CostImport.from_row, lambda row: cursor_text(_NEWEST, (row["id"],)), rows.counter(key, criteria)
        )

    @strawberry.field(
        description="The billing periods whose charges count, the latest first: each with the delivery that is in "
        "force, its totals and those of the deliveries before it."
    )
    async def billing_periods(
        self,
        info: Info,
        where: Annotated[BillingPeriodFilter | None, strawberry.argument(description="Which periods.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CostImportPeriod] | None:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        rows, asked = info.context.loaders.billing_periods, to_criteria(where)
        criteria = Criteria((*asked.columns, ("status", TextMatch(eq=PeriodStatus.ACTIVE.value))))
        request = page_request(_LATEST, (read_day, _read_number), PageArguments(first, after, last, before))
        page = await rows.page(key, criteria, request)
        return connection(
            page,
            CostImportPeriod.from_row,
            lambda row: cursor_text(_LATEST, (row["billing_period_start"], row["id"])),
            rows.counter(key, criteria),
        )


def _read_number(value: object) -> int:
    """A number of a cursor. Raises ValueError for what no row can hold."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LARGEST:
        message = "no number"
        raise ValueError(message)
    return value


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(tzinfo=UTC))
