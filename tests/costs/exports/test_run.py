"""Exports as jobs: written by a worker, ended with a reason when they fail, taken away when their time is over."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, select, text

from app.auth.permissions import grant_of
from app.config import Settings
from app.costs.exports.fetch import open_export
from app.costs.exports.files import ExportTools
from app.costs.exports.purge import OF_COSTS, purge_expired_exports, recovery_of
from app.costs.exports.run import order_of
from app.costs.exports.start import MOST_UNDER_WAY, start_export
from app.database import Database
from app.dead_jobs import recover
from app.embedded import EngineUrls
from app.errors import BadUserInputError, ConflictError
from app.models import now
from app.providers.calls import ProviderPool
from app.records import Principal, Role
from app.records.cost_analysis import (
    AmountCondition,
    Condition,
    CostDimension,
    Grouping,
    MomentCondition,
    TextCondition,
)
from app.records.cost_exports import CostExportFormat, CostExportOrder, CostExportState, FocusVersion
from app.records.stored_conditions import conditions_of_json, conditions_to_json
from app.repositories import cost_exports
from app.repositories.activity import EVENTS
from app.repositories.organizations import add_organization
from app.scanning.tools import ScanTools
from app.sealing.vault import Vault
from app.uploads.kept import KeptFiles
from app.uploads.stores import make_kept_files
from app.workers.jobs import make_handlers, purge_organization
from app.workers.runner import JobRunner
from tests.costs.deliveries import COSTS, SYSTEM, deliver, rows_of, sum_of
from tests.workers.probes import job_row, make_runner

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000e2")
OCTOBER = CostExportOrder(date(2026, 10, 1), date(2026, 11, 1), FocusVersion.V1_2, CostExportFormat.CSV)
WEEK = timedelta(days=7)


class Office:
    """An organization with charges, and a worker that does what it is told."""

    def __init__(self, database: Database, settings: Settings, redis_url: str) -> None:
        self.database = database
        self.pool = ProviderPool(2)
        self.files: KeptFiles = make_kept_files(settings, self.pool)
        self.folder = settings.data_dir / "uploads" / "exports"
        tools = ScanTools(Vault.from_settings(settings), self.pool)
        self.runner: JobRunner = make_runner(
            database, redis_url, make_handlers(tools, exports=ExportTools(self.files, WEEK))
        )

    async def start(self, order: CostExportOrder = OCTOBER) -> RowMapping:
        return await start_export(self.database, ORGANIZATION, SYSTEM, order, keep=WEEK)

    async def run(self, row: RowMapping) -> RowMapping:
        """Have the worker run jobs until this export's was tried; importing has left others."""
        for _ in range(10):
            await self.runner.run(row["job_id"])
            if (await job_row(self.database, row["job_id"]))["attempts"]:
                break
        return await self.row(row)

    async def row(self, row: RowMapping) -> RowMapping:
        async with self.database.read(ORGANIZATION) as session:
            found = await cost_exports.find_export(session, ORGANIZATION, row["id"])
        assert found is not None
        return found

    async def kinds(self) -> list[str]:
        async with self.database.read(ORGANIZATION) as session:
            return list((await session.execute(select(EVENTS.c.kind).order_by(EVENTS.c.sequence))).scalars())

    def stored(self) -> list[str]:
        """The ids of the files in the folder."""
        return sorted(path.name for path in self.folder.glob("*-*-*/*"))


@pytest.fixture
async def office(database: Database, settings: Settings, engine_urls: EngineUrls) -> AsyncIterator[Office]:
    async with database.write(ORGANIZATION) as session:
        await add_organization(session, ORGANIZATION, slug="office", name="Office", currency="USD")
    await deliver(database, ORGANIZATION, COSTS)
    made = Office(database, settings, engine_urls.redis_url)
    yield made
    made.files.close()
    made.pool.close()


async def test_a_worker_writes_the_file(office: Office) -> None:
    row = await office.start()
    assert (row["state"], row["rows"]) == (CostExportState.QUEUED, None)
    row = await office.run(row)
    expected = [found for found in rows_of(COSTS) if found["ChargePeriodStart"].startswith("2026-10")]
    assert (row["state"], row["rows"], row["message"]) == (CostExportState.SUCCEEDED, len(expected), None)
    assert row["expires_at"] > now() + WEEK - timedelta(minutes=5)
    async with office.files.open(row) as path:
        assert path.stat().st_size == row["size"]
        assert sum_of(rows_of(path), "EffectiveCost") == sum_of(expected, "EffectiveCost")
    assert office.stored() == [str(row["id"])]
    assert list((office.folder / "reading").iterdir()) == []
    told = [kind for kind in await office.kinds() if kind.startswith("COST_EXPORT")]
    assert told == ["COST_EXPORT_STARTED", "COST_EXPORT_FINISHED"]


async def test_a_job_that_comes_twice_writes_once(office: Office) -> None:
    row = await office.run(await office.start())
    again = await office.run(row)
    assert dict(again) == dict(row)
    assert (await office.kinds()).count("COST_EXPORT_FINISHED") == 1


async def test_a_dead_job_ends_its_export_with_the_reason(office: Office, owner: Database) -> None:
    row = await office.start()
    async with owner.engine.begin() as connection:
        dead = "UPDATE jobs SET state = 'DEAD', failure = 'the disk is full', attempts = 5 WHERE id = :id"
        await connection.execute(text(dead), {"id": row["job_id"]})
    assert await recover(office.database, [recovery_of(OF_COSTS)]) == 1
    assert await recover(office.database, [recovery_of(OF_COSTS)]) == 0
    row = await office.row(row)
    assert row["state"] == CostExportState.FAILED
    assert row["message"] == "The export was given up; ask for it again. the disk is full"


async def test_a_full_disk_leaves_the_job_for_another_try(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await office.start()
    monkeypatch.setattr("app.uploads.local.shutil.disk_usage", lambda _: _Full())
    row = await office.run(row)
    assert row["state"] == CostExportState.RUNNING
    job = await job_row(office.database, row["job_id"])
    assert (job["state"], job["attempts"]) == ("QUEUED", 1)
    assert office.stored() == []


class _Full:
    free = 0


async def test_what_is_over_is_taken_away(office: Office, owner: Database) -> None:
    kept, over = await office.run(await office.start()), await office.run(await office.start())
    stray = office.folder / str(ORGANIZATION) / str(UUID(int=99))
    stray.touch()
    purged = await purge_expired_exports(office.database, office.files)
    assert (purged.expired, purged.forgotten, purged.stray) == (0, 0, 0)
    async with owner.engine.begin() as connection:
        past = "UPDATE cost_exports SET expires_at = now() - interval '1 second' WHERE id = :id"
        await connection.execute(text(past), {"id": over["id"]})
    keeper = Principal(actor=SYSTEM, grants={ORGANIZATION: grant_of(ORGANIZATION, Role.ADMIN)})
    async with open_export(office.database, office.files, keeper, (ORGANIZATION, kept["id"])) as download:
        assert download.size == kept["size"]
    with pytest.raises(ConflictError, match="The time of the file is over"):
        async with open_export(office.database, office.files, keeper, (ORGANIZATION, over["id"])):
            pytest.fail("it was there until the clock came")
    purged = await purge_expired_exports(office.database, office.files, grace=timedelta(0))
    assert (purged.expired, purged.forgotten, purged.stray) == (1, 0, 1)
    assert office.stored() == [str(kept["id"])]
    assert (await office.row(over))["state"] == CostExportState.EXPIRED
    purged = await purge_expired_exports(office.database, office.files, kept=timedelta(0))
    assert (purged.expired, purged.forgotten, purged.stray) == (0, 1, 0)


async def test_a_deleted_organization_leaves_no_file(office: Office, owner: Database) -> None:
    row = await office.run(await office.start())
    assert office.stored() == [str(row["id"])]
    async with owner.engine.begin() as connection:
        await connection.execute(text("UPDATE organizations SET deleted_at = now()"))
    job: Any = type("Job", (), {"organization_id": ORGANIZATION, "database": office.database})
    job.should_stop = lambda: False
    await purge_organization(job, exports=ExportTools(office.files, WEEK))
    assert office.stored() == []


async def test_only_so_many_are_under_way(office: Office) -> None:
    for _ in range(MOST_UNDER_WAY):
        await office.start()
    with pytest.raises(ConflictError, match="10 exports under way"):
        await office.start()


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 10, 1), date(2026, 10, 1)),
        (date(2026, 10, 2), date(2026, 10, 1)),
        (date(1999, 12, 31), date(2000, 1, 1)),
        (date(2049, 1, 1), date(2050, 1, 2)),
    ],
)
async def test_periods_that_cannot_be_are_refused(database: Database, start: date, end: date) -> None:
    order = CostExportOrder(start, end, FocusVersion.V1_4, CostExportFormat.CSV)
    with pytest.raises(BadUserInputError, match="`period`"):
        await start_export(database, ORGANIZATION, SYSTEM, order, keep=WEEK)


async def test_what_was_asked_for_outlives_the_wait(office: Office) -> None:
    where: tuple[Condition, ...] = (
        TextCondition(Grouping(CostDimension.SERVICE_NAME), ("b", "c"), ("x",), "d", exists=True),
        MomentCondition("charge_period_start", gte=now(), lte=now()),
        AmountCondition("billed_cost", gt=Decimal("0.10"), lte=Decimal("1E+2")),
        TextCondition(Grouping(tag="team"), ("x",)),
        TextCondition(Grouping(tag="owner"), exists=False),
    )
    order = CostExportOrder(
        date(2026, 1, 1), date(2026, 2, 1), FocusVersion.V1_3, CostExportFormat.PARQUET, "mine", where
    )
    assert order_of(await office.start(order)) == order
    assert conditions_of_json(conditions_to_json(())) == ()


def test_conditions_of_earlier_exports_are_read() -> None:
    stored = {
        "columns": [
            {"column": "service_name", "kind": "text", "eq": "a", "in": ["a", "b"], "contains": None},
            {"column": "billed_cost", "kind": "amount", "gte": "1.10", "lte": None},
        ],
        "tags": [{"key": "team", "in": None, "exists": True}],
    }
    assert conditions_of_json(stored) == (
        TextCondition(Grouping(CostDimension.SERVICE_NAME), ("a",)),
        AmountCondition("billed_cost", gte=Decimal("1.10")),
        TextCondition(Grouping(tag="team"), exists=True),
    )


def test_the_folder_is_that_of_uploads(settings: Settings, tmp_path: Path) -> None:
    elsewhere = settings.model_copy(update={"upload_dir": tmp_path / "elsewhere"})
    pool = ProviderPool(1)
    files = make_kept_files(elsewhere, pool)
    with files.scratch() as (_, path):
        assert path.is_relative_to(tmp_path / "elsewhere" / "exports")
    files.close()
    pool.close()
