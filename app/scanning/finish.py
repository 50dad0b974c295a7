"""The end of a scan: its final state, its steps, what its steps have seen, and the event, in one transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncSession

from app.activity.record import record
from app.models import now
from app.recommendations.jobs import request_measuring
from app.records import Actor, ActorKind, EventKind, NewEvent, ScanState
from app.repositories import scans
from app.repositories.inventory_store import clear_sightings
from app.scanning.progress import scan_changed

SYSTEM = Actor(ActorKind.SYSTEM)
_LOOKED_AT = (ScanState.SUCCEEDED, ScanState.PARTIAL)
"""Scans that have read something; what they could not read keeps its recommendations."""


async def end_scan(
    session: AsyncSession,
    scan: RowMapping,
    state: ScanState,
    *,
    actor: Actor = SYSTEM,
    failure: str | None = None,
    remedy: str | None = None,
    cancelled_at: datetime | None = None,
) -> None:
    """End a scan that the transaction has locked: steps that have not ended are CANCELLED, all found rows stay.

    Takes the lock of the activity's head: call it last. `failure` and `remedy` are for the customer. The scan's row is
    written once: PostgreSQL checks the foreign key of a row again that its own transaction has written before, and so
    would wait for whoever disconnects the account and waits for the scan.
    """
    organization_id: UUID = scan["organization_id"]
    scan_id: UUID = scan["id"]
    await scans.cancel_unfinished_steps(session, organization_id, scan_id)
    steps = await scans.steps_of(session, organization_id, scan_id)
    if steps:
        await clear_sightings(session, organization_id, [step["id"] for step in steps])
    if state is ScanState.FAILED and any(step["collected"] for step in steps):
        state = ScanState.PARTIAL  # a failure leaves every resource as it was, and here some were swept
    values: dict[str, Any] = {"state": state.value, "failure": failure, "remedy": remedy, "finished_at": now()}
    if cancelled_at is not None:
        values["cancel_requested_at"] = cancelled_at
    ended = await scans.update_scan(session, organization_id, scan_id, **values)
    if state in _LOOKED_AT:
        await request_measuring(session, organization_id, scan["account_id"])
    scan_changed(session, organization_id, scan_id)
    totals = (await scans.totals(session, organization_id, [scan_id]))[scan_id]
    await record(session, organization_id, _event(ended, totals, actor))


def _event(scan: RowMapping, totals: scans.ScanTotals, actor: Actor) -> NewEvent:
    data: dict[str, Any] = {
        "scanId": str(scan["id"]),
        "accountId": str(scan["account_id"]),
        "state": scan["state"],
        "found": totals.found,
        "added": totals.added,
        "changed": totals.changed,
        "removed": totals.removed,
        "unchanged": totals.unchanged,
    }
    if scan["failure"] is not None:
        data |= {"failure": scan["failure"], "remedy": scan["remedy"]}
    return NewEvent(EventKind.SCAN_FINISHED, actor, subject_type="Scan", subject_id=scan["id"], data=data)
