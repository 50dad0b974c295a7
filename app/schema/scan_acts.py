"""Inputs and answers of the mutations and the subscription on scans and their schedules."""

from __future__ import annotations

from typing import Annotated

import strawberry

from app.schema.accounts import Account
from app.schema.errors import Conflict, InvalidInput, NotFound, QuotaExceeded
from app.schema.repeatable import Repeatable
from app.schema.scans import Scan, ScanSchedule
from app.server.costs.directives import at_most

MOST_TOLD = 50
"""Scans of one start, as its cost is estimated: of every connected account, of which most have fewer. Who has more
pays no more; of a thousand, three starts would have emptied the bucket of somebody who starts one scan each."""


@strawberry.input(description="What to scan; what is left out is not limited.")
class StartScanInput(Repeatable):
    """See `startScan`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    account_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Its accounts to read (at most 200); every connected one when left out."
    )
    regions: list[str] | None = strawberry.field(
        default=None,
        description="Only these regions, such as `eu-central-1`; all that are switched on when left out. What belongs "
        "to no region is read in any case.",
    )
    services: list[str] | None = strawberry.field(
        default=None, description="Only these services, such as `ec2`; all when left out."
    )


@strawberry.type(description="An account that gets no scan.")
class SkippedAccount:
    """See app.scanning.start.Skipped."""

    account: Account = strawberry.field(description="The account.")
    reason: str = strawberry.field(description="Why, in a sentence.")


@strawberry.type(
    description="Scans are queued: one for each account. Each account that was asked for is in one of the lists."
)
class StartScanPayload:
    """See `startScan`."""

    scans: list[Scan] = strawberry.field(description="The new scans.", directives=[at_most(MOST_TOLD)])
    already_running: list[Scan] = strawberry.field(
        description="Scans that were under way: of two scans of one account only one runs, so these accounts got none.",
        directives=[at_most(MOST_TOLD)],
    )
    skipped: list[SkippedAccount] = strawberry.field(
        description="Accounts that get none for another reason, such as a provider without the services.",
        directives=[at_most(MOST_TOLD)],
    )


StartScanResult = Annotated[
    StartScanPayload | InvalidInput | NotFound | Conflict | QuotaExceeded,
    strawberry.union("StartScanResult", description="What `startScan` answers."),
]


@strawberry.input(description="A scan to cancel.")
class CancelScanInput:
    """See `cancelScan`."""

    id: strawberry.ID = strawberry.field(description="The scan.")


@strawberry.type(description="The scan is cancelled; what it had found stays.")
class CancelScanPayload:
    """See `cancelScan`."""

    scan: Scan = strawberry.field(description="The scan as it is now.")


CancelScanResult = Annotated[
    CancelScanPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("CancelScanResult", description="What `cancelScan` answers."),
]


@strawberry.input(description="Scans to start by themselves.")
class ScheduleScansInput(Repeatable):
    """See `scheduleScans`."""

    organization_id: strawberry.ID = strawberry.field(description="The organization.")
    name: str = strawberry.field(description="Name for people, 1 to 256 characters; unique in the organization.")
    cron: str = strawberry.field(
        description="Minute, hour, day of month, month, day of week: `0 6 * * 1-5` is 6 o'clock on working days."
    )
    time_zone: str = strawberry.field(default="UTC", description="IANA time zone, such as `Europe/Berlin`.")
    jitter_seconds: int = strawberry.field(
        default=0,
        description="Put each start off by a chance part of this many seconds: 0 to 86,400, and at most half of "
        "the shortest time between two runs.",
    )
    account_ids: list[strawberry.ID] | None = strawberry.field(
        default=None, description="Its accounts to read (at most 200); every connected one when left out."
    )
    regions: list[str] | None = strawberry.field(default=None, description="Only these regions.")
    services: list[str] | None = strawberry.field(default=None, description="Only these services.")
    enabled: bool = strawberry.field(default=True, description="Whether it starts scans.")


@strawberry.type(description="The schedule was made.")
class ScheduleScansPayload:
    """See `scheduleScans`."""

    schedule: ScanSchedule = strawberry.field(description="The new schedule.")


ScheduleScansResult = Annotated[
    ScheduleScansPayload | InvalidInput | NotFound | Conflict,
    strawberry.union("ScheduleScansResult", description="What `scheduleScans` answers."),
]


@strawberry.input(description="What to change about a schedule; what is left out stays, null lifts a limit.")
class UpdateScanScheduleInput:
    """See `updateScanSchedule`."""

    id: strawberry.ID = strawberry.field(description="The schedule.")
    name: strawberry.Maybe[str] = strawberry.field(description="New name.")
    cron: strawberry.Maybe[str] = strawberry.field(description="New cron expression.")
    time_zone: strawberry.Maybe[str] = strawberry.field(description="New IANA time zone.")
    jitter_seconds: strawberry.Maybe[int] = strawberry.field(description="New jitter in seconds, with the same limits.")
    account_ids: strawberry.Maybe[list[strawberry.ID] | None] = strawberry.field(
        description="New accounts; null for every connected one."
    )
    regions: strawberry.Maybe[list[str] | None] = strawberry.field(description="New regions; null for all.")
    services: strawberry.Maybe[list[str] | None] = strawberry.field(description="New services; null for all.")
    enabled: strawberry.Maybe[bool] = strawberry.field(description="Whether it starts scans.")


@strawberry.type(description="The schedule is as you want it.")
class UpdateScanSchedulePayload:
    """See `updateScanSchedule`."""

    schedule: ScanSchedule = strawberry.field(description="The schedule as it is now.")


UpdateScanScheduleResult = Annotated[
    UpdateScanSchedulePayload | InvalidInput | NotFound | Conflict,
    strawberry.union("UpdateScanScheduleResult", description="What `updateScanSchedule` answers."),
]


@strawberry.input(description="A schedule to delete; its past scans stay.")
class DeleteScanScheduleInput:
    """See `deleteScanSchedule`."""

    id: strawberry.ID = strawberry.field(description="The schedule.")


@strawberry.type(description="The schedule is gone.")
class DeleteScanSchedulePayload:
    """See `deleteScanSchedule`."""

    schedule: ScanSchedule = strawberry.field(description="The schedule as it was.")


DeleteScanScheduleResult = Annotated[
    DeleteScanSchedulePayload | InvalidInput | NotFound,
    strawberry.union("DeleteScanScheduleResult", description="What `deleteScanSchedule` answers."),
]
