"""Imports of uploads as jobs: from the upload to the charges, through every way in which that can end."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.costs.imports.order import ImportOrder, create_import
from app.costs.imports.run import run_order
from app.costs.imports.storing import Progress, Storing
from app.database import Database
from app.dead_jobs import recover
from app.models import new_id
from app.queue import HeldJob
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind, ImportState
from app.repositories import cost_import_reads
from app.schema.node import parse_id
from app.sourcing import files
from app.sourcing.files import FileOptions, end_abandoned_imports, import_from_disk
from app.sourcing.recover import RECOVERIES
from app.sourcing.upload_run import run_import
from app.sourcing.uploads import IMPORT_JOB
from app.workers.runner import RunnerSettings
from tests.sourcing.importing import Importing, focus_file
from tests.workers.probes import make_runner, until

TEN = (Decimal("12.5"), 10)


async def test_an_upload_becomes_charges(importing: Importing) -> None:
    data = focus_file(10, "1.25")
    found = await importing.imported(data)
    assert found["state"] == "SUCCEEDED"
    assert found["counts"] == {"received": 10, "added": 10, "unchanged": 0, "rejected": 0}
    assert found["source"]["names"] == ["costs.csv"]
    assert [upload["fileName"] for upload in found["source"]["uploads"]] == ["costs.csv"]
    assert (found["progress"]["bytesRead"], found["progress"]["bytesTotal"]) == (len(data), len(data))
    assert found["progress"]["ratio"] == 1
    assert found["progress"]["remainingSeconds"] is None
    (period,) = found["periods"]
    assert period["billedCost"] == {"amount": "12.5", "currency": "USD"}
    assert period["status"] == "ACTIVE"
    assert await importing.total() == TEN
    assert await importing.events() == ["COST_IMPORT_STARTED", "COSTS_INGESTED"]
    assert list((importing.settings.data_dir / "deliveries").iterdir()) == []


async def test_the_same_upload_again_changes_nothing(importing: Importing) -> None:
    upload_id = await importing.sent(focus_file(10, "1.25"))
    states = []
    for _ in range(2):
        import_id = await importing.started(upload_id)
        await importing.work(import_id)
        states.append((await importing.found(import_id))["state"])
    assert states == ["SUCCEEDED", "UNCHANGED"]
    assert await importing.total() == TEN


async def test_a_restated_month_takes_the_place_of_the_former(importing: Importing) -> None:
    await importing.imported(focus_file(10, "1.25"))
    await importing.imported(focus_file(4, "2"))
    assert await importing.total() == (Decimal(8), 4)


async def test_rows_are_appended_where_that_is_asked(importing: Importing) -> None:
    await importing.imported(focus_file(10, "1.25"), mode="APPEND")
    found = await importing.imported(focus_file(12, "1.25"), mode="APPEND")
    assert found["counts"] == {"received": 12, "added": 2, "unchanged": 10, "rejected": 0}
    assert await importing.total() == (Decimal(15), 12)


@pytest.mark.parametrize("name", ["costs.csv.gz", "a/b\\c", "..", "costs.json", "ü" * 255])
async def test_the_name_of_a_file_is_no_path(importing: Importing, name: str) -> None:
    data = focus_file(100, "1.25").replace(b"1.25,1.25", b"much,1.25", 1)
    data = gzip.compress(data) if name.endswith(".gz") else data
    found = await importing.imported(data, name)
    assert (found["state"], found["counts"]["rejected"]) == ("SUCCEEDED", 1)
    assert found["source"]["names"] == [name]
    (reject,) = found["rejects"]["nodes"]
    assert (reject["line"], reject["column"], reject["value"]) == (2, "BilledCost", "much")
    assert not set("/\\") & set(reject["file"])


async def test_a_broken_file_is_told_by_its_name(importing: Importing) -> None:
    found = await importing.imported(b"PK\x03\x04nothing", "october.csv")
    assert found["state"] == "FAILED"
    assert found["message"].startswith("october.csv")
    assert await importing.events() == ["COST_IMPORT_STARTED", "COST_IMPORT_FAILED"]


async def test_too_many_bad_rows_change_nothing(importing: Importing) -> None:
    bad = focus_file(10, "1.25").replace(b"1.25,1.25", b"much,1.25", 2)
    assert (await importing.imported(bad))["state"] == "REJECTED"
    assert await importing.total() == (Decimal(0), 0)
    assert (await importing.imported(bad, acceptedRejectShare=0.2))["state"] == "SUCCEEDED"
    assert await importing.total() == (Decimal(10), 8)


@pytest.mark.parametrize("how", ["deleted", "expired", "damaged"])
async def test_an_upload_that_is_gone_fails_the_import(importing: Importing, how: str) -> None:
    upload_id = await importing.sent(focus_file(10, "1.25"))
    import_id = await importing.started(upload_id)
    if how == "deleted":
        await importing.sender.delete(f"/uploads/{upload_id}")
    elif how == "expired":
        await importing.rows("UPDATE uploads SET expires_at = now()")
    else:
        for path in (importing.settings.data_dir / "uploads").rglob("*-*"):
            if path.is_file():
                path.write_bytes(b"cut")
    await importing.work(import_id)
    found = await importing.found(import_id)
    assert found["state"] == "FAILED"
    assert found["message"].startswith("The upload of costs.csv is gone. ")
    assert found["finishedAt"] is not None
    assert (await importing.rows("SELECT state FROM jobs WHERE kind = 'import_costs'")) == [("SUCCEEDED",)]
    assert await importing.events() == ["COST_IMPORT_STARTED", "COST_IMPORT_FAILED"]


async def test_one_import_of_an_upload_into_a_dataset_at_a_time(importing: Importing) -> None:
    upload_id = await importing.sent(focus_file(10, "1.25"))
    answers = await asyncio.gather(*(importing.start(upload_id) for _ in range(4)))
    assert sorted(answer["started"] for answer in answers) == [False, False, False, True]
    assert len({answer["costImport"]["id"] for answer in answers}) == 1
    assert (await importing.start(upload_id, dataset="other"))["started"] is True
    assert await importing.rows("SELECT count(*) FROM jobs WHERE kind = 'import_costs'") == [(2,)]


class TestCancelling:
    """Before, while and after a worker has it."""

    async def test_before_a_worker_has_it(self, importing: Importing) -> None:
        import_id = await importing.started(await importing.sent(focus_file(10, "1.25")))
        answer = await importing.cancel(import_id)
        assert answer["costImport"]["state"] == "CANCELLED"
        await importing.work(import_id)
        assert (await importing.found(import_id))["state"] == "CANCELLED"
        assert await importing.total() == (Decimal(0), 0)
        again = await importing.cancel(import_id)
        assert (again["__typename"], again["message"]) == ("Conflict", "The import has ended already: CANCELLED.")
        assert await importing.events() == ["COST_IMPORT_STARTED", "COST_IMPORT_CANCELLED"]

    async def test_while_it_is_stored(self, importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
        """At the worst moment: all is stored, only the end is not yet noted."""
        await importing.imported(focus_file(10, "1.25"))
        import_id = await importing.started(await importing.sent(focus_file(10, "2")))
        stored = asyncio.Event()
        accept = asyncio.Event()
        store = Storing.store

        async def slow(self: Storing, *arguments: Any) -> Any:
            months = await store(self, *arguments)
            stored.set()
            await accept.wait()
            return months

        monkeypatch.setattr(Storing, "store", slow)
        working = asyncio.create_task(importing.work(import_id))
        await asyncio.wait_for(stored.wait(), 30)
        assert (await importing.cancel(import_id))["costImport"]["state"] == "CANCELLED"
        accept.set()
        await working
        found = await importing.found(import_id)
        assert (found["state"], found["counts"]["added"], found["periods"]) == ("CANCELLED", 0, [])
        assert await importing.total() == TEN


async def test_a_worker_that_goes_down_gives_the_import_back(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await importing.started(await importing.sent(focus_file(10, "1.25")))
    begun, tries = asyncio.Event(), 0

    async def importer(
        database: Database, order: ImportOrder, paths: Sequence[Path], progress: Progress
    ) -> ImportOutcome:
        nonlocal tries
        tries += 1
        if tries == 1:
            begun.set()
            await asyncio.sleep(60)
        return await run_order(database, order, paths, progress)

    async def handler(job: HeldJob) -> None:
        await run_import(job, importing.runtime.uploads, importing.settings.data_dir / "deliveries", importer)

    monkeypatch.setattr("app.sourcing.upload_run.STOP_SECONDS", 0.01)
    (job_id,) = (await importing.rows("SELECT job_id FROM cost_imports"))[0]
    for _ in range(2):
        runner = make_runner(importing.runtime.database, importing.redis_url, {IMPORT_JOB: handler})
        working = asyncio.create_task(runner.run(job_id))
        if tries == 0:
            await asyncio.wait_for(begun.wait(), 20)
            await runner.stop(5)
        await working
    assert (await importing.found(import_id))["state"] == "SUCCEEDED"
    assert await importing.total() == TEN
    assert await importing.rows("SELECT state, attempts FROM jobs WHERE kind = 'import_costs'") == [("SUCCEEDED", 1)]


async def test_a_job_that_is_taken_from_its_worker_lands_once(importing: Importing) -> None:
    """The first worker was away for longer than its lease before it began to store."""
    import_id = await importing.started(await importing.sent(focus_file(10, "1.25")))
    (job_id,) = (await importing.rows("SELECT job_id FROM cost_imports"))[0]
    go_on, waiting = asyncio.Event(), asyncio.Event()

    async def late(database: Database, order: ImportOrder, paths: Sequence[Path], progress: Progress) -> ImportOutcome:
        waiting.set()
        await go_on.wait()
        return await run_order(database, order, paths, progress)

    async def handler(job: HeldJob) -> None:
        await run_import(job, importing.runtime.uploads, importing.settings.data_dir / "deliveries", late)

    first = make_runner(importing.runtime.database, importing.redis_url, {IMPORT_JOB: handler})
    slow = asyncio.create_task(first.run(job_id))
    await asyncio.wait_for(waiting.wait(), 20)
    await importing.rows("UPDATE jobs SET lease_until = now() - interval '1 second' WHERE kind = 'import_costs'")
    await importing.work(import_id)
    go_on.set()
    await slow
    assert (await importing.found(import_id))["state"] == "SUCCEEDED"
    assert await importing.total() == TEN
    assert await importing.rows("SELECT count(*) FROM cost_import_periods") == [(1,)]


async def test_an_import_whose_job_is_dead_is_failed(importing: Importing) -> None:
    import_id = await importing.started(await importing.sent(focus_file(10, "1.25")))
    await importing.rows("UPDATE jobs SET state = 'DEAD', failure = 'Five workers died.' WHERE kind = 'import_costs'")
    assert await recover(importing.runtime.database, RECOVERIES) == 1
    assert await recover(importing.runtime.database, RECOVERIES) == 0
    found = await importing.found(import_id)
    assert (found["state"], found["message"]) == (
        "FAILED",
        "The import was given up; import the upload again. Five workers died.",
    )
    assert await importing.events() == ["COST_IMPORT_STARTED", "COST_IMPORT_FAILED"]


async def test_a_fault_is_tried_again_and_then_given_up(importing: Importing, monkeypatch: pytest.MonkeyPatch) -> None:
    import_id = await importing.started(await importing.sent(focus_file(10, "1.25")))

    async def broken(*_: Any) -> None:
        message = "no disk"
        raise OSError(message)

    async def handler(job: HeldJob) -> None:
        await run_import(job, importing.runtime.uploads, importing.settings.data_dir, broken)  # type: ignore[arg-type]

    settings = RunnerSettings(sweep=0.05, heartbeat=3600, first_pause=0.01, longest_pause=0.02, most_attempts=2)
    runner = make_runner(importing.runtime.database, importing.redis_url, {IMPORT_JOB: handler}, settings)
    monkeypatch.setattr(runner, "_on_dead", lambda: recover(importing.runtime.database, RECOVERIES))
    await runner.start()
    try:
        async with asyncio.timeout(20):
            while (found := await importing.found(import_id))["state"] != "FAILED":  # noqa: ASYNC110 - a runner ends it
                await asyncio.sleep(0.05)
    finally:
        await runner.stop(2)
    assert "Attempt 2 of 2 failed: OSError" in found["message"]


class TestCommands:
    """Imports that have no job."""

    @pytest.fixture
    def organization_id(self, importing: Importing) -> UUID:
        return parse_id(importing.sender.person.organization_id).id

    async def abandoned(self, importing: Importing, organization_id: UUID) -> UUID:
        """An import that a command began and that is under way by what is noted."""
        order = ImportOrder(organization_id, new_id(), Actor(ActorKind.SYSTEM), "default", ImportMode.REPLACE)
        source = ImportSource(ImportSourceKind.FILE, names=("x.csv",))
        await create_import(importing.runtime.database, order, source)
        return order.import_id

    async def test_a_killed_one_is_ended_and_a_living_one_is_not(
        self, importing: Importing, organization_id: UUID
    ) -> None:
        database = importing.runtime.database
        killed, alive = [await self.abandoned(importing, organization_id) for _ in range(2)]
        assert await end_abandoned_imports(database) == 0
        await importing.rows("UPDATE cost_imports SET created_at = now() - interval '11 minutes'")
        async with database.write(organization_id) as session:
            await cost_import_reads.own_import(session, alive)
            assert await end_abandoned_imports(database) == 1
        states = dict(await importing.rows("SELECT id, state FROM cost_imports"))
        assert states == {killed: "FAILED", alive: "QUEUED"}

    async def test_one_that_is_stopped_says_so(
        self, importing: Importing, organization_id: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "costs.csv"
        path.write_bytes(focus_file(10, "1.25"))
        begun = asyncio.Event()

        async def slow(*_: Any) -> ImportOutcome:
            begun.set()
            await asyncio.sleep(60)
            return ImportOutcome(new_id(), ImportState.FAILED)

        monkeypatch.setattr(files, "run_order", slow)
        database, actor = importing.runtime.database, Actor(ActorKind.SYSTEM)
        work = import_from_disk(database, organization_id, actor, [path], FileOptions(), Progress())
        task = asyncio.create_task(work)
        await begun.wait()
        task.cancel()
        await until(task.done)
        assert task.cancelled()
        assert await importing.rows("SELECT state, message FROM cost_imports") == [
            ("CANCELLED", "The command was stopped.")
        ]
