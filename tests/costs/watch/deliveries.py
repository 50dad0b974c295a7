"""Delivers FOCUS files of daily charges, as a provider would, by the real import."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.costs.imports.run import import_files
from app.database import Database
from app.models import ActivityEvent
from app.records import Actor, ActorKind
from app.records.costs import Finality, ImportMode, ImportOutcome, ImportSource, ImportSourceKind, ImportState
from app.repositories.cost_series import PERIODS

SYSTEM = Actor(ActorKind.SYSTEM)
USAGE = {
    "BillingAccountId": "payer",
    "SubAccountId": "111",
    "ServiceProviderName": "AWS",
    "ServiceCategory": "Compute",
    "ServiceName": "EC2",
    "RegionId": "eu-west-1",
    "ResourceId": "i-1",
    "ChargeCategory": "Usage",
    "PricingCategory": "Standard",
    "BillingCurrency": "USD",
}


@dataclass
class Deliveries:
    """Files of one organization's dataset, in a folder."""

    database: Database
    organization_id: UUID
    folder: Path
    today: date
    number: int = field(default=0)

    async def deliver(
        self, rows: Sequence[Mapping[str, Any]], dataset: str = "bills", mode: ImportMode = ImportMode.REPLACE
    ) -> ImportOutcome:
        """Import rows as one file, which takes the place of earlier ones of its billing periods, or is appended."""
        self.number += 1
        path = self.folder / f"delivery-{self.number}.csv"
        columns = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(rows)
        outcome = await import_files(
            self.database,
            self.organization_id,
            SYSTEM,
            [path],
            dataset=dataset,
            mode=mode,
            source=ImportSource(ImportSourceKind.FILE, names=(path.name,)),
        )
        assert outcome.state in {ImportState.SUCCEEDED, ImportState.UNCHANGED}, outcome.message
        assert outcome.rejected == 0
        await self._close()
        return outcome

    async def _close(self) -> None:
        """Have periods final that are over on the test's day, which is not that of the clock."""
        over = PERIODS.c.billing_period_end <= self.today
        finality = case((over, Finality.FINAL.value), else_=Finality.PROVISIONAL.value)
        async with self.database.write(self.organization_id) as session:
            await session.execute(update(PERIODS).values(finality=finality))


def charge(day: date, cost: object, **columns: Any) -> dict[str, Any]:
    """A charge of a day with this billed and effective cost; other columns as given."""
    month = day.replace(day=1)
    return {
        **USAGE,
        "BillingPeriodStart": f"{month}T00:00:00Z",
        "BillingPeriodEnd": f"{(month + timedelta(32)).replace(day=1)}T00:00:00Z",
        "ChargePeriodStart": f"{day}T00:00:00Z",
        "ChargePeriodEnd": f"{day + timedelta(1)}T00:00:00Z",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        **columns,
    }


def days(start: date, end: date) -> list[date]:
    """The days from `start` to before `end`."""
    return [start + timedelta(offset) for offset in range((end - start).days)]


def daily(start: date, end: date, cost: Callable[[date], object], **columns: Any) -> Iterable[dict[str, Any]]:
    """A charge on each of the days."""
    return [charge(day, cost(day), **columns) for day in days(start, end)]


async def hold(_: AsyncSession) -> None:
    """The lease of a job that nobody else wants."""


async def events(database: Database, organization_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """What the watch told, in order: kind and data; imports left out."""
    statement = select(ActivityEvent.kind, ActivityEvent.data).order_by(ActivityEvent.sequence)
    async with database.read(organization_id) as session:
        rows = await session.execute(statement)
        return [(row.kind, row.data) for row in rows if row.kind.startswith(("BUDGET_", "ANOMALY_"))]
