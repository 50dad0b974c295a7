"""Take in inventory rows that a caller sends: good rows land, bad rows are reported, a repeat changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.activity.record import record
from app.database import Database
from app.recommendations.jobs import LOOK_JOB, request_once
from app.records import Actor, EventKind, NewEvent, RowIssue
from app.repositories.accounts import account_ids, add_missing_accounts
from app.repositories.inventory_store import prepare_batch, store_batch
from app.repositories.resources import ResourceValues
from app.scanning.rows import ResourceRow, read_row

# The resources of a delivery, by account and native id, with the number of the row that each came in.
Seen = dict[tuple[tuple[str, str], str], int]


@dataclass(frozen=True)
class ResourcesIngested:
    """What became of a batch. Rows with an issue count in none of the three."""

    received: int
    added: int
    changed: int
    unchanged: int
    accounts_added: int
    issues: list[RowIssue]


async def ingest_resources(
    database: Database,
    organization_id: UUID,
    actor: Actor,
    rows: Sequence[tuple[int, Mapping[str, object]]],
    seen: Seen | None = None,
) -> ResourcesIngested:
    """Store one batch of (row number, row) in one transaction.

    For a delivery of several batches, such as a file, pass the same `seen` with each.

    Accounts that the rows name and that are not there yet are added as manual accounts. A batch that changes
    something leaves one activity event.
    """
    # Off the loop: 5,000 rows take 0.1 s of CPU, for which nobody else would be served.
    good, issues = await asyncio.to_thread(read_rows, rows, {} if seen is None else seen)
    added = changed = 0
    new_accounts: int = 0
    if good:
        async with database.write(organization_id) as session:
            names = {row.account: row.account_name for row in good}
            new_accounts = len(await add_missing_accounts(session, organization_id, names))
            ids = await account_ids(session, organization_id, list(names))
            values = [_values(row, ids[row.account]) for row in good]
            prepared = await asyncio.to_thread(prepare_batch, values)
            outcome = await store_batch(session, organization_id, prepared)
            added, changed = outcome.added, outcome.changed + outcome.returned
            if added or changed:
                counts = {"added": added, "changed": changed, "rejected": len({i.row_number for i in issues})}
                await request_once(session, organization_id, LOOK_JOB, sorted(ids.values()))
                await record(session, organization_id, NewEvent(EventKind.RESOURCES_INGESTED, actor, data=counts))
    return ResourcesIngested(
        received=len(rows),
        added=added,
        changed=changed,
        unchanged=len(good) - added - changed,
        accounts_added=new_accounts,
        issues=issues,
    )


def read_rows(rows: Sequence[tuple[int, Mapping[str, object]]], seen: Seen) -> tuple[list[ResourceRow], list[RowIssue]]:
    """Type the rows of a batch; of two rows of one resource the second is an issue, for which should win?"""
    good: list[ResourceRow] = []
    issues: list[RowIssue] = []
    for number, row in rows:
        result = read_row(number, row)
        if isinstance(result, list):
            issues += result
            continue
        earlier = seen.setdefault((result.account, result.native_id), number)
        if earlier != number:
            reason = f"is the resource of row {earlier} again; each resource may stand once"
            issues.append(RowIssue(number, "resource_id", result.native_id, reason))
        else:
            good.append(result)
    return good, issues


def _values(row: ResourceRow, account_id: UUID) -> ResourceValues:
    return ResourceValues(
        account_id=account_id,
        provider=row.account[0],
        service=row.service,
        resource_type=row.resource_type,
        native_id=row.native_id,
        name=row.name,
        region=row.region,
        availability_zone=row.availability_zone,
        status=row.status,
        tags=row.tags,
        properties=row.properties,
        provider_created_at=row.provider_created_at,
    )
