"""Root fields of scans and their schedules."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import aclosing
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.context import Info
from app.errors import NotFoundError
from app.records import UNSET, Permission
from app.resolvers.access import Limit, mutation, organization_of, shared
from app.scanning import cancel, schedule, start
from app.schema.accounts import Account
from app.schema.node import parse_id
from app.schema.scan_acts import (
    CancelScanInput,
    CancelScanPayload,
    CancelScanResult,
    DeleteScanScheduleInput,
    DeleteScanSchedulePayload,
    DeleteScanScheduleResult,
    ScheduleScansInput,
    ScheduleScansPayload,
    ScheduleScansResult,
    SkippedAccount,
    StartScanInput,
    StartScanPayload,
    StartScanResult,
    UpdateScanScheduleInput,
    UpdateScanSchedulePayload,
    UpdateScanScheduleResult,
)
from app.schema.scans import Scan, ScanSchedule
from app.server.hub import Event


@strawberry.type
class ScanMutations:
    """Starting, cancelling and scheduling scans."""

    @mutation(
        Permission.SCANS_RUN,
        "Read accounts now. A worker takes each scan as soon as one is free; follow it by `scanProgress`.",
        limit=Limit(60, per=60),
    )
    async def start_scan(self, info: Info, input: StartScanInput) -> StartScanResult:  # noqa: A002  (Relay's name)
        """See app.scanning.start.start_scans."""
        organization_id = organization_of(input)
        started = await start.start_scans(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            account_ids=accounts(organization_id, input.account_ids),
            regions=input.regions,
            services=input.services,
        )
        return StartScanPayload(
            scans=[Scan.from_row(row) for row in started.scans],
            already_running=[Scan.from_row(row) for row in started.already_running],
            skipped=[
                SkippedAccount(account=Account.from_row(each.account), reason=each.reason) for each in started.skipped
            ],
        )

    @mutation(
        Permission.SCANS_RUN, "Cancel a scan. It ends at once; a worker that reads for it stops within 5 seconds."
    )
    async def cancel_scan(self, info: Info, input: CancelScanInput) -> CancelScanResult:  # noqa: A002  (Relay's name)
        """See app.scanning.cancel.cancel_scan."""
        key = parse_id(input.id, "Scan", path=("input", "id"))
        row = await cancel.cancel_scan(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id
        )
        return CancelScanPayload(scan=Scan.from_row(row))

    @mutation(Permission.SCANS_RUN, "Have scans started by a clock.")
    async def schedule_scans(self, info: Info, input: ScheduleScansInput) -> ScheduleScansResult:  # noqa: A002  (Relay's name)
        """See app.scanning.schedule.create_schedule."""
        organization_id = organization_of(input)
        row = await schedule.create_schedule(
            info.context.database,
            organization_id,
            info.context.signed_in().actor,
            name=input.name,
            cron=input.cron,
            time_zone=input.time_zone,
            jitter_seconds=input.jitter_seconds,
            account_ids=accounts(organization_id, input.account_ids),
            regions=input.regions,
            services=input.services,
            enabled=input.enabled,
        )
        return ScheduleScansPayload(schedule=ScanSchedule.from_row(row))

    @mutation(Permission.SCANS_RUN, "Change a schedule of scans.")
    async def update_scan_schedule(self, info: Info, input: UpdateScanScheduleInput) -> UpdateScanScheduleResult:  # noqa: A002  (Relay's name)
        """See app.scanning.schedule.update_schedule."""
        key = parse_id(input.id, "ScanSchedule", path=("input", "id"))
        organization_id = organization_of(input)
        changes: dict[str, Any] = {
            name: UNSET if value is None else value.value for name, value in vars(input).items() if name != "id"
        }
        if changes["account_ids"] is not UNSET:
            changes["account_ids"] = accounts(organization_id, changes["account_ids"])
        row = await schedule.update_schedule(
            info.context.database, organization_id, info.context.signed_in().actor, key.id, **changes
        )
        return UpdateScanSchedulePayload(schedule=ScanSchedule.from_row(row))

    @mutation(Permission.SCANS_RUN, "Delete a schedule of scans.")
    async def delete_scan_schedule(self, info: Info, input: DeleteScanScheduleInput) -> DeleteScanScheduleResult:  # noqa: A002  (Relay's name)
        """See app.scanning.schedule.delete_schedule."""
        key = parse_id(input.id, "ScanSchedule", path=("input", "id"))
        row = await schedule.delete_schedule(
            info.context.database, organization_of(input), info.context.signed_in().actor, key.id
        )
        return DeleteScanSchedulePayload(schedule=ScanSchedule.from_row(row))


@strawberry.type
class ScanSubscriptions:
    """Following scans."""

    @strawberry.subscription(
        description="How a scan goes: at once as it is now, then after each change (at most four times a second), and "
        "ends with its end. After a lost connection subscribe again: the first message tells all. Needs the "
        "permission ORGANIZATION_READ; ends within 5 s of losing it."
    )
    def scan_progress(
        self, info: Info, scan_id: Annotated[strawberry.ID, strawberry.argument(description="The scan.")]
    ) -> AsyncIterable[Scan]:
        """See app.scanning.feed.ScanFeed.follow."""
        context = info.context
        key = parse_id(scan_id, "Scan", path=("scanId",))
        if key.organization_id is None:
            message = "There is no such scan within your reach."
            raise NotFoundError(message)
        organization, feed = key.organization_id, context.runtime.scans

        async def follow(_after: int | None) -> AsyncGenerator[Event[Scan]]:
            async with aclosing(feed.follow(organization, key.id)) as states:
                async for state in states:
                    yield Event(state.version, Scan.from_row(state.scan))

        return shared(context, organization, follow)


def accounts(organization_id: UUID, ids: Sequence[str] | None) -> list[UUID] | None:
    """Our ids of accounts. Raises BadUserInputError for what is no id, NotFoundError for those of others."""
    if ids is None:
        return None
    path = ("input", "accountIds")
    keys = [parse_id(id_, "Account", path=path) for id_ in ids]
    if any(key.organization_id != organization_id for key in keys):
        message = "There is no such account within your reach."
        raise NotFoundError(message)
    return [key.id for key in keys]
