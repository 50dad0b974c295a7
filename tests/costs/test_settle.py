"""Billing periods become final by time: nobody has restated them for so long."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.costs.settle import SETTLED_DAYS, finality_of, settle_costs
from app.database import Database
from app.models import Organization, new_id, now
from app.records.costs import Finality, ImportMode
from app.repositories.cost_series import PERIODS
from tests.costs.deliveries import deliver, written
from tests.costs.watch.deliveries import charge

A_DAY = timedelta(days=1)


async def added(database: Database) -> UUID:
    """A new organization."""
    organization_id = new_id()
    async with database.write(organization_id) as session:
        session.add(Organization(id=organization_id, slug=f"slug-{organization_id}", name="Acme", currency="USD"))
    return organization_id


async def delivered(database: Database, organization_id: UUID, moments: dict[str, datetime]) -> None:
    """Billing periods of one dataset each, as if they had been delivered at these moments, and not been final yet."""
    async with database.write(organization_id) as session:
        for dataset, moment in moments.items():
            values = {"created_at": moment, "finality": Finality.PROVISIONAL.value}
            await session.execute(update(PERIODS).where(PERIODS.c.dataset == dataset).values(**values))


async def finalities(database: Database, organization_id: UUID) -> dict[str, str]:
    """By dataset, of what is in force."""
    async with database.read(organization_id) as session:
        statement = select(PERIODS.c.dataset, PERIODS.c.finality).where(PERIODS.c.status == "ACTIVE")
        return {row.dataset: row.finality for row in await session.execute(statement)}


@pytest.mark.parametrize(
    ("days_since_end", "restated", "expected"),
    [
        (SETTLED_DAYS - 1, False, Finality.PROVISIONAL),
        (SETTLED_DAYS, False, Finality.FINAL),
        (SETTLED_DAYS, True, Finality.PROVISIONAL),
    ],
)
def test_what_comes_in_is_final_when_it_is_long_over(days_since_end: int, restated: bool, expected: Finality) -> None:
    end = date(2026, 11, 1)
    assert finality_of(end, end + days_since_end * A_DAY, restated=restated) is expected


async def test_time_settles_what_is_over_and_was_not_restated_since(database: Database, tmp_path: Path) -> None:
    """Two organizations; one period each that is quiet, that was restated lately, and that is not there to its end."""
    long_ago = now().replace(day=1) - 40 * A_DAY  # within a month that has been over for more than ten days
    first = long_ago.date().replace(day=1)
    end = (first + 32 * A_DAY).replace(day=1)
    over = datetime(end.year, end.month, end.day, tzinfo=now().tzinfo)
    organizations = [await added(database), await added(database)]
    for organization in organizations:
        for dataset in ("quiet", "restated", "half"):
            rows = [charge(first, 5, BillingAccountId=dataset)]
            await deliver(database, organization, written(tmp_path / f"{dataset}.csv", rows), dataset=dataset)
        moments = {"quiet": over, "restated": now() - (SETTLED_DAYS - 1) * A_DAY, "half": over - A_DAY}
        await delivered(database, organization, moments)
    assert await settle_costs(database) == 2
    assert await settle_costs(database) == 0
    for organization in organizations:
        assert await finalities(database, organization) == {
            "quiet": "FINAL",
            "restated": "PROVISIONAL",
            "half": "PROVISIONAL",
        }
    await delivered(database, organizations[0], {"restated": now() - SETTLED_DAYS * A_DAY})
    assert await settle_costs(database) == 1


async def test_time_waits_for_no_import_that_is_replacing_a_period(database: Database, tmp_path: Path) -> None:
    organizations = [await added(database), await added(database)]
    for organization in organizations:
        for dataset in ("one", "other"):
            rows = [charge(date(2026, 8, 1), 5, BillingAccountId=dataset)]
            await deliver(database, organization, written(tmp_path / f"{dataset}.csv", rows), dataset=dataset)
        await delivered(database, organization, dict.fromkeys(("one", "other"), now() - SETTLED_DAYS * A_DAY))
    async with database.write(organizations[0]) as session:
        await session.execute(select(PERIODS.c.id).where(PERIODS.c.dataset == "one").with_for_update())
        async with asyncio.timeout(5):
            assert await settle_costs(database) == 3
    assert await settle_costs(database) == 1


async def test_what_is_appended_to_settles_ten_days_after_its_last_rows(database: Database, tmp_path: Path) -> None:
    organization_id = await added(database)
    first = date(2026, 8, 1)
    for number in (1, 2):
        rows = [charge(first + number * A_DAY, number)]
        path = written(tmp_path / f"rows-{number}.csv", rows)
        await deliver(database, organization_id, path, dataset="ledger", mode=ImportMode.APPEND)
        if number == 1:
            await delivered(database, organization_id, {"ledger": now() - 30 * A_DAY})
    assert await settle_costs(database) == 0
    await delivered(database, organization_id, {"ledger": now() - SETTLED_DAYS * A_DAY})
    assert await settle_costs(database) == 1


async def test_what_was_appended_within_its_month_settles_once_that_is_long_over(
    database: Database, tmp_path: Path
) -> None:
    """A program sends its charges as they arise: nothing comes after the end of the month."""
    organization_id = await added(database)
    long_ago = now().replace(day=1) - 40 * A_DAY
    for dataset, mode in (("ledger", ImportMode.APPEND), ("export", ImportMode.REPLACE)):
        rows = [charge(long_ago.date().replace(day=1), 5, BillingAccountId=dataset)]
        await deliver(database, organization_id, written(tmp_path / f"{dataset}.csv", rows), dataset=dataset, mode=mode)
    today = charge(now().date().replace(day=1), 5, BillingAccountId="open")
    path = written(tmp_path / "open.csv", [today])
    await deliver(database, organization_id, path, dataset="open", mode=ImportMode.APPEND)
    within = long_ago.replace(day=3)
    await delivered(database, organization_id, {"ledger": within, "export": within, "open": within})
    assert await settle_costs(database) == 1
    expected = {"ledger": "FINAL", "export": "PROVISIONAL", "open": "PROVISIONAL"}
    assert await finalities(database, organization_id) == expected
