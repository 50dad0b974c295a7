"""FOCUS rows into the store: exact amounts, rejects by row, a repeat changes nothing, the public sample complete."""

from __future__ import annotations

import csv
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.costs import ingest
from app.costs.imports.run import import_files
from app.costs.ingest import CostsIngested, ingest_charges
from app.database import Database
from app.errors import UnavailableError
from app.models import ActivityEvent, Charge
from app.models.views import FOCUS_CHARGES
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportSource, ImportSourceKind
from app.repositories.cost_locks import lock_costs

ORGANIZATION = uuid.UUID(int=1)
ACTOR = Actor(ActorKind.SYSTEM)
SAMPLE = Path(__file__).parents[3] / "shared/data/focus-sample-data-1.0/focus_sample.csv"
ROW = {
    "BilledCost": "0.00000080000",
    "EffectiveCost": "12345678901234567890.123456789012345",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-10-01 00:00:00",
    "ChargePeriodEnd": "2026-10-02T00:00:00Z",
    "ServiceName": "Amazon EC2",
    "Tags": '{"team": "web"}',
}


async def send(database: Database, *rows: dict[str, Any], dataset: str = "default") -> CostsIngested:
    return await ingest_charges(database, ORGANIZATION, ACTOR, enumerate(rows, 1), dataset)


async def stored(database: Database) -> int:
    async with database.read(ORGANIZATION) as session:
        return (await session.execute(select(func.count()).select_from(Charge))).scalar_one()


async def test_a_caller_does_not_wait_long_for_an_import(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest, "WAIT_SECONDS", 0.2)
    async with database.write(ORGANIZATION) as importing:
        await lock_costs(importing, ORGANIZATION)
        with pytest.raises(UnavailableError, match="Another import of this organization is being stored"):
            await send(database, ROW)
    assert (await send(database, ROW)).added == 1


async def test_amounts_are_stored_to_the_last_digit(database: Database) -> None:
    result = await send(database, ROW)
    assert (result.received, result.added, result.unchanged, result.rejected) == (1, 1, 0, 0)
    async with database.read(ORGANIZATION) as session:
        charge = (await session.execute(select(FOCUS_CHARGES))).one()
    assert charge.billed_cost == Decimal("0.0000008")
    assert charge.effective_cost == Decimal("12345678901234567890.123456789012345")
    assert charge.list_cost is None
    assert charge.tags == {"team": "web"}
    assert charge.charge_period_start.isoformat() == "2026-10-01T00:00:00+00:00"


async def test_rows_sent_again_are_no_change(database: Database) -> None:
    await send(database, ROW, ROW)
    assert await stored(database) == 2, "equal rows of one delivery are two charges"
    result = await send(database, ROW, ROW)
    assert (result.added, result.unchanged) == (0, 2)
    assert await stored(database) == 2


async def test_a_corrected_batch_adds_only_what_was_missing(database: Database) -> None:
    bad = ROW | {"BilledCost": "1,5"}
    result = await send(database, ROW, bad)
    assert (result.added, result.rejected) == (1, 1)
    (issue,) = result.issues
    assert (issue.row_number, issue.column, issue.value) == (2, "BilledCost", "1,5")
    result = await send(database, ROW, ROW | {"BilledCost": "1.5"})
    assert (result.added, result.unchanged, result.rejected) == (1, 1, 0)


async def test_datasets_do_not_mix(database: Database) -> None:
    await send(database, ROW)
    result = await send(database, ROW, dataset="another")
    assert result.added == 1


async def test_one_event_for_a_batch_that_adds_and_none_for_a_repeat(database: Database) -> None:
    await send(database, ROW)
    await send(database, ROW)
    async with database.read(ORGANIZATION) as session:
        found = [(event.kind, event.data) for event in await session.scalars(select(ActivityEvent))]
    assert found == [("COSTS_INGESTED", {"dataset": "default", "added": 1, "rejected": 0})]


async def test_the_largest_batch_is_one_statement_of_charges(database: Database) -> None:
    rows = [ROW | {"BilledCost": str(number)} for number in range(5_000)]
    result = await send(database, *rows)
    assert result.added == 5_000
    async with database.read(ORGANIZATION) as session:
        assert (await session.execute(select(func.sum(Charge.billed_cost)))).scalar_one() == 12_497_500


@pytest.mark.skipif(not SAMPLE.exists(), reason="the public FOCUS 1.0 sample is not beside this checkout")
async def test_the_public_focus_sample_imports_completely(database: Database) -> None:
    """The sums are computed from the file by the csv module and Decimal, and by PostgreSQL from what was stored."""
    with SAMPLE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = [sum(Decimal(row[column]) for row in rows) for column in ("BilledCost", "EffectiveCost")]
    source = ImportSource(ImportSourceKind.FILE)
    outcome = await import_files(
        database, ORGANIZATION, ACTOR, [SAMPLE], dataset="sample", mode=ImportMode.REPLACE, source=source
    )
    assert (outcome.state, outcome.added, outcome.rejected) == ("SUCCEEDED", len(rows), 0)
    assert outcome.added == 1_000
    async with database.read(ORGANIZATION) as session:
        found = (await session.execute(select(func.sum(Charge.billed_cost), func.sum(Charge.effective_cost)))).one()
    assert list(found) == expected
