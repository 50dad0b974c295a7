"""Scans: readings of accounts, step by step, and the schedules that start them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import NotFoundError
from app.loaders.scans import Asked
from app.providers.problems import ProblemCode
from app.records import Permission, ScanState, StepState
from app.records.criteria import Direction, ScanOrderField, ScheduleOrderField
from app.schema.accounts import Account
from app.schema.enums import graph_enum
from app.schema.filters import IDFilter, StringFilter
from app.schema.node import Node, global_id
from app.schema.organization_part import OrganizationPart
from app.schema.pages import rows_page
from app.schema.paging import After, Before, Connection, First, Last, PageArguments, within
from app.server.costs.directives import at_most

MOST_STEPS = 2_000  # 40 regions with 50 services
graph_enum(
    ScanState,
    "How far a scan is.",
    QUEUED="A worker will take it as soon as one is free.",
    RUNNING="A worker reads the account.",
    SUCCEEDED="All was read.",
    PARTIAL="Some was read; the steps say what was not, and those resources stay as they were. Also where credentials "
    "ended on the way, or a region was asked for that the account does not have.",
    FAILED="Nothing could be read; every resource stays as it was.",
    CANCELLED="Somebody cancelled it; what the finished steps had read stays.",
)
graph_enum(
    StepState,
    "How far one step of a scan is.",
    PENDING="Its turn has not come.",
    RUNNING="It is being read.",
    SUCCEEDED="All was read.",
    PARTIAL="Some of its resource types, or some of their properties, could not be read.",
    FAILED="None of its resource types could be read.",
    CANCELLED="The scan ended before it was read.",
)


@strawberry.type(description="What could not be read in a step, and what to do about it.")
class ScanProblem:
    """An entry of `problems` of a step."""

    resource_types: list[str] = strawberry.field(
        description="Types whose resources, or those of whose properties that could not be read, stay as they were."
    )
    code: ProblemCode = strawberry.field(description="What kind of problem it is.")
    message: str = strawberry.field(description="What happened.")
    remedy: str = strawberry.field(description="What to do.")
    permission: str | None = strawberry.field(description="The permission that is missing, by the provider's name.")


@strawberry.type(description="One step of a scan: one service in one region.")
class ScanStep(Node):
    """A row of `scan_steps`."""

    service: str = strawberry.field(description="The service, as `startScan` takes it.")
    region: str = strawberry.field(description="The region; `global` for what belongs to none.")
    state: StepState = strawberry.field(description="How far it is.")
    found: int = strawberry.field(description="Resources that were found.")
    added: int = strawberry.field(description="Those that are new, or have come back.")
    changed: int = strawberry.field(description="Those that differ from the last time.")
    removed: int = strawberry.field(description="Resources that are no longer there.")
    unchanged: int = strawberry.field(description="Those that are as before.")
    problems: list[ScanProblem] = strawberry.field(description="What could not be read.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ScanStep:
        """Make it of a row."""
        return cls(
            id=global_id("ScanStep", row["id"], row["organization_id"]),
            service=row["service"],
            region=row["region"],
            state=StepState(row["state"]),
            found=row["found"],
            added=row["added"],
            changed=row["changed"],
            removed=row["removed"],
            unchanged=row["unchanged"],
            problems=[
                ScanProblem(
                    resource_types=problem["resourceTypes"],
                    code=ProblemCode(problem["code"]),
                    message=problem["message"],
                    remedy=problem["remedy"],
                    permission=problem["permission"],
                )
                for problem in row["problems"]
            ],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
        )

    @strawberry.field(description="How long it took, or has taken until now, in milliseconds; null before it begins.")
    def duration_milliseconds(self) -> int | None:
        """From its two moments."""
        return milliseconds(self.started_at, self.finished_at)


@strawberry.type(description="What the steps of a scan add up to.")
class ScanTotals:
    """See app.repositories.scans.ScanTotals."""

    steps: int = strawberry.field(description="Steps that are planned; 0 before the scan has begun.")
    finished: int = strawberry.field(description="Steps that have ended, well or not.")
    found: int = strawberry.field(description="Resources that were found.")
    added: int = strawberry.field(description="Those that are new, or have come back.")
    changed: int = strawberry.field(description="Those that differ from the last time.")
    removed: int = strawberry.field(description="Resources that are no longer there.")
    unchanged: int = strawberry.field(description="Those that are as before.")


StepStates = Annotated[
    list[StepState] | None, strawberry.argument(description="Only steps in these states; all when left out.")
]
MostSteps = Annotated[int, strawberry.argument(description="How many at most, 1 to 2,000.")]


@strawberry.type(description="One reading of one account.")
class Scan(Node):
    """A row of `scans`."""

    state: ScanState = strawberry.field(description="How far it is.")
    regions: list[str] | None = strawberry.field(description="Only these regions were asked for; null for all.")
    services: list[str] | None = strawberry.field(description="Only these services were asked for; null for all.")
    failure: str | None = strawberry.field(description="Why it failed; null where it did not.")
    remedy: str | None = strawberry.field(description="What to do about the failure.")
    queued_at: datetime = strawberry.field(description="When it was asked for.")
    started_at: datetime | None = strawberry.field(description="When a worker began.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")
    cancel_requested_at: datetime | None = strawberry.field(description="When somebody asked to cancel it.")
    key: strawberry.Private[tuple[UUID, UUID]]
    account_key: strawberry.Private[tuple[UUID, UUID]]
    schedule_key: strawberry.Private[tuple[UUID, UUID] | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> Scan:
        """Make it of a row."""
        organization_id = row["organization_id"]
        return cls(
            id=global_id("Scan", row["id"], organization_id),
            state=ScanState(row["state"]),
            regions=row["regions"],
            services=row["services"],
            failure=row["failure"],
            remedy=row["remedy"],
            queued_at=row["queued_at"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            cancel_requested_at=row["cancel_requested_at"],
            key=(organization_id, row["id"]),
            account_key=(organization_id, row["account_id"]),
            schedule_key=(organization_id, row["schedule_id"]) if row["schedule_id"] else None,
        )

    @strawberry.field(description="The account that is read.")
    async def account(self, info: Info) -> Account:
        """One statement for all scans of a page."""
        row = await info.context.loaders.account_by_id.load(self.account_key)
        if row is None:  # a foreign key forbids it; both went while this was read
            message = "The account was deleted in the meantime; ask again."
            raise NotFoundError(message)
        return Account.from_row(row)

    @strawberry.field(description="The schedule that started it; null where a caller did, or it was deleted since.")
    async def schedule(self, info: Info) -> ScanSchedule | None:
        """One statement for all scans of a page."""
        if self.schedule_key is None:
            return None
        row = await info.context.loaders.scan_schedule_by_id.load(self.schedule_key)
        return None if row is None else ScanSchedule.from_row(row)

    @strawberry.field(description="What its steps add up to.")
    async def totals(self, info: Info) -> ScanTotals:
        """One statement for all scans of a page."""
        return ScanTotals(**asdict(await info.context.loaders.scan_totals.load(Asked(*self.key))))

    @strawberry.field(description="Its steps, by service and region.")
    async def steps(self, info: Info, states: StepStates = None, first: MostSteps = 100) -> list[ScanStep]:
        """One statement for all scans of a page."""
        wanted = None if states is None else tuple(state.value for state in states)
        arguments = (wanted, within(first, MOST_STEPS))
        rows = await info.context.loaders.scan_steps.load(Asked(*self.key, arguments))
        return [ScanStep.from_row(row) for row in rows]

    @strawberry.field(description="How long it took, or has taken until now, in milliseconds; null before it begins.")
    def duration_milliseconds(self) -> int | None:
        """From its two moments."""
        return milliseconds(self.started_at, self.finished_at)


def milliseconds(begin: datetime | None, end: datetime | None) -> int | None:
    """From one moment to the other, or until now."""
    if begin is None:
        return None
    return int(((end or datetime.now(UTC)) - begin).total_seconds() * 1000)


@strawberry.type(description="When to scan by itself.")
class ScanSchedule(Node):
    """A row of `scan_schedules`."""

    name: str = strawberry.field(description="Name for people; unique in the organization.")
    cron: str = strawberry.field(description="A cron expression: minute, hour, day of month, month, day of week.")
    time_zone: str = strawberry.field(description="The IANA time zone in which the expression is read.")
    jitter_seconds: int = strawberry.field(description="Each start is put off by a chance part of this many seconds.")
    regions: list[str] | None = strawberry.field(description="Only these regions; null for all.")
    services: list[str] | None = strawberry.field(description="Only these services; null for all.")
    enabled: bool = strawberry.field(description="Whether it starts scans.")
    next_run_at: datetime | None = strawberry.field(
        description="When it starts scans next, the jitter of that run included; null when it does not."
    )
    last_run_at: datetime | None = strawberry.field(description="When it last started scans.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it was last changed.")
    account_keys: strawberry.Private[list[tuple[UUID, UUID]] | None]

    @classmethod
    def from_row(cls, row: Mapping[Any, Any]) -> ScanSchedule:
        """Make it of a row."""
        organization_id, accounts = row["organization_id"], row["account_ids"]
        return cls(
            id=global_id("ScanSchedule", row["id"], organization_id),
            name=row["name"],
            cron=row["cron"],
            time_zone=row["time_zone"],
            jitter_seconds=row["jitter_seconds"],
            regions=row["regions"],
            services=row["services"],
            enabled=row["enabled"],
            next_run_at=row["next_run_at"],
            last_run_at=row["last_run_at"],
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            account_keys=None if accounts is None else [(organization_id, id_) for id_ in accounts],
        )

    @strawberry.field(
        description="The accounts that it scans; null for every connected one.", directives=[at_most(200)]
    )
    async def accounts(self, info: Info) -> list[Account] | None:
        """One statement for all schedules of a page; an account that was deleted since is left out."""
        if self.account_keys is None:
            return None
        rows = await info.context.loaders.account_by_id.load_many(self.account_keys)
        return [Account.from_row(row) for row in rows if row is not None]


@strawberry.input(description="Which scans; all conditions must hold.")
class ScanFilter:
    """Fields are named like columns of `scans`."""

    account_id: IDFilter | None = strawberry.field(default=None, description="The account that is read.")
    state: StringFilter | None = strawberry.field(default=None, description="How far it is, by its enum name.")


@strawberry.type
class OrganizationScans(OrganizationPart):
    """The part of `Organization` that this room adds; `Organization` inherits it."""

    @strawberry.field(description="Scans of its accounts, the newest first.")
    async def scans(
        self,
        info: Info,
        where: Annotated[ScanFilter | None, strawberry.argument(description="Which scans.")] = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[Scan]:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (ScanOrderField.QUEUED_AT, Direction.DESC)
        return await rows_page(info, info.context.loaders.scans, Scan.from_row, key, where, order, page)

    @strawberry.field(description="Schedules of scans, by name.")
    async def scan_schedules(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ScanSchedule]:
        """One statement a page, one more for the count when it is asked."""
        key = self.require(Permission.ORGANIZATION_READ)
        page = PageArguments(first, after, last, before)
        order = (ScheduleOrderField.NAME, Direction.ASC)
        return await rows_page(info, info.context.loaders.scan_schedules, ScanSchedule.from_row, key, None, order, page)
