"""Keeps the demo's costs up to today: the months that a pause left out, and the bill of the running month so far.

All of it depends on the day alone: the same day always gives the same charges, and months that are over never change.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.business_metrics import record_metrics
from app.costs.imports.run import import_files
from app.database import Database
from app.demo.charges import BILLERS, Bill
from app.demo.estate import Resource, between, estate
from app.demo.rows import charges_csv
from app.errors import ConflictError
from app.queue import HeldJob, enqueue
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind, ImportState
from app.records.months import next_month
from app.repositories.demo_months import delivered_months

TOP_UP_JOB = "top_up_demo"
DATASET = "default"
MONTHS_BEFORE = 4
"""Whole months before the running one. With three, the noise of the first weeks hides some of the anomalies."""
_SYSTEM = Actor(ActorKind.SYSTEM)
_SATURDAY = 5


def today() -> date:
    """The day in UTC."""
    return datetime.now(UTC).date()


def months_of(day: date) -> list[date]:
    """The months that a demo has which is made on a day, by their first days, the newest first."""
    months = [day.replace(day=1)]
    for _ in range(MONTHS_BEFORE):
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months


def months_due(delivered: Mapping[date, date], day: date) -> list[date]:
    """The months whose bills another day makes new, the newest first.

    `delivered` says of each month that is there when it came. A bill is due that came on an earlier day, before its
    month was over, and one that a pause left out.
    """
    month, due = min([months_of(day)[-1], *delivered]), []
    while month <= day:
        if month not in delivered or delivered[month] < min(day, next_month(month)):
            due.append(month)
        month = next_month(month)
    return due[::-1]


def write_bill(folder: Path, resources: list[Resource], month: date, day: date) -> Path:
    """A file with the charges of a month as they are known on a day; takes about a second."""
    path = folder / f"costs-{month:%Y-%m}.csv"
    path.write_bytes(charges_csv(resources, Bill.on(month, day)))
    return path


async def record_orders(database: Database, organization_id: UUID, actor: Actor, day: date) -> None:
    """What the bakery sold up to the day before, as the business metric `Orders`."""
    first, end = months_of(day)[-1], day
    days = [first + timedelta(days=number) for number in range((end - first).days)]
    rows: list[tuple[str | None, str | None]] = [(each.isoformat(), str(_orders(each))) for each in days]
    await record_metrics(database, organization_id, actor, name="Orders", unit="orders", rows=rows)


def _orders(day: date) -> int:
    """Half as many again at weekends."""
    orders = between(2_700, 3_300, "orders", day)
    return orders * 3 // 2 if day.weekday() >= _SATURDAY else orders


async def request_top_up(database: Database, organization_id: UUID, day: date) -> bool:
    """Have a worker bring the demo up to a day; returns whether anything is due."""
    async with database.write(organization_id) as session:
        due = months_due(await _delivered(session, organization_id), day)
        if due:
            await enqueue(session, TOP_UP_JOB, organization_id)
        return bool(due)


async def run_top_up(job: HeldJob) -> None:
    """Bring the demo up to today. Idempotent: what is there already is left as it is."""
    if job.organization_id is not None:
        await top_up(job.database, job.organization_id, today(), job)


async def top_up(database: Database, organization_id: UUID, day: date, job: HeldJob | None = None) -> list[date]:
    """Bring the demo up to a day, month by month, the newest first; returns those that were new.

    A worker that goes down stops between two months. Raises ConflictError for a bill that does not land.
    """
    from app.demo.leftovers import bakery  # noqa: PLC0415  (with the next 0.2 s, which asking does without)
    from app.demo.past import record_usage, when_deleted  # noqa: PLC0415

    async with database.read(organization_id) as session:
        due = months_due(await _delivered(session, organization_id), day)
        deleted_on = await when_deleted(session, organization_id)
    if not due:
        return []
    # What an earlier release made has nothing left behind, whose charges would be of nothing in its inventory.
    resources = estate(day) if deleted_on is None else bakery(day, deleted_on)
    await record_usage(database, organization_id, resources, day)
    for number, month in enumerate(due):
        if job is not None and job.should_stop():
            return due[:number]
        await _deliver(database, organization_id, resources, month, day)
    await record_orders(database, organization_id, _SYSTEM, day)
    return due


async def _delivered(session: AsyncSession, organization_id: UUID) -> dict[date, date]:
    accounts = [account for _, _, account, *_ in BILLERS.values()]
    return await delivered_months(session, organization_id, DATASET, accounts)


async def _deliver(
    database: Database, organization_id: UUID, resources: Sequence[Resource], month: date, day: date
) -> None:
    with tempfile.TemporaryDirectory(prefix="skyledger-demo-") as folder:
        path = await asyncio.to_thread(write_bill, Path(folder), list(resources), month, day)
        outcome = await import_files(
            database,
            organization_id,
            _SYSTEM,
            [path],
            dataset=DATASET,
            mode=ImportMode.REPLACE,
            source=ImportSource(ImportSourceKind.FILE, names=(path.name,)),
        )
    if outcome.state not in {ImportState.SUCCEEDED, ImportState.UNCHANGED}:
        message = f"the demo's bill of {month:%B %Y} did not land: {outcome.message}"
        raise ConflictError(message)
