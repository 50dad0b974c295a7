"""Runs of cost sources: what is new is fetched and imported once, and what goes wrong is told with a remedy."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.costs.imports.order import ImportOrder
from app.costs.imports.run import run_order
from app.dead_jobs import recover
from app.providers import registry
from app.providers.base import Target
from app.providers.cost_exports import CostSource, Delivery, ExportSettings, Stop
from app.providers.problems import ProblemCode, ProviderError
from app.records.cost_sources import CostSourceKind
from app.records.costs import ImportMode, ImportOutcome, ImportState
from app.repositories import jobs
from app.sourcing import delivering
from app.sourcing.change import delete_source
from app.sourcing.recover import RECOVERIES
from tests.providers.aws.in_front import Told, in_front, refused_as_xml
from tests.quotas.limited import limited
from tests.sourcing.works import ADA, BUCKET, FOLDER, ORGANIZATION, Works, focus, outline
from tests.workers.probes import job_row, until

GOOD = "SUCCEEDED"


class Hanging:
    """A source whose fetching waits until it is told to stop."""

    def __init__(self, inner: CostSource) -> None:
        self.inner = inner
        self.reached = threading.Event()
        self.stopped = threading.Event()

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        return self.inner.deliveries(since)

    def fetch(self, delivery: Delivery, folder: Path, stop: Stop) -> list[Path]:
        self.reached.set()
        while not stop():
            self.stopped.wait(0.01)
        self.stopped.set()
        return self.inner.fetch(delivery, folder, stop)

    def close(self) -> None:
        self.inner.close()


async def test_what_is_new_is_fetched_and_imported(works: Works) -> None:
    october, september = works.deliver("2026-10", "1.5", "2"), works.deliver("2026-09", "3")
    source = await works.create()
    run = await works.run(source)
    assert (run["state"], run["failure"], run["remedy"]) == (GOOD, None, None)
    assert (run["deliveries"], run["imported"], run["unchanged"]) == (2, 2, 0)
    assert run["fetched_bytes"] == len(october) + len(september)
    assert works.recorder.taken == [("default", [october]), ("default", [september])]
    order = works.recorder.orders[0]
    assert (order.mode, order.organization_id) == (ImportMode.REPLACE, works.organization_id)
    assert outline(run) == [
        ("DISCOVER", None, GOOD),
        ("FETCH", "2026-10", GOOD),
        ("IMPORT", "2026-10", GOOD),
        ("FETCH", "2026-09", GOOD),
        ("IMPORT", "2026-09", GOOD),
    ]
    discover, fetch, imported = run["steps"][:3]
    assert discover["counts"] == {"deliveries": 2, "incomplete": 0}
    assert discover["checks"] == [{"name": "deliveries", "passed": True, "message": "2 billing periods since 2026-08."}]
    assert fetch["counts"] == {"parts": 1, "bytes": len(october)}
    assert [each["name"] for each in fetch["checks"]] == ["disk", "parts"]
    assert imported["counts"] == {"rows": 2, "added": 2, "rejected": 0}
    assert imported["importId"] == str(order.import_id)
    (event,) = await works.events("COST_SOURCE_RUN_FINISHED")
    assert (event["subject_type"], event["subject_id"]) == ("CostSource", source["id"])
    assert event["data"] == {
        "runId": str(run["id"]),
        "state": GOOD,
        "deliveries": 2,
        "imported": 2,
        "unchanged": 0,
    }
    assert (await works.source(source["id"]))["last_run_at"] == run["finished_at"]
    assert not works.folder.exists() or not list(works.folder.iterdir()), "nothing is left on the disk"


async def test_a_delivery_that_was_seen_is_not_fetched_again(works: Works) -> None:
    works.deliver("2026-10", "1")
    works.deliver("2026-09", "3")
    source = await works.create()
    await works.run(source)
    works.recorder.taken.clear()
    with in_front(works.url, lambda *_: None) as front:
        await _move(works, front.url)
        again = await works.run(source)
        assert not [name for name in front.asked if "/data/" in name and "list-type" not in name]
    assert (again["state"], again["unchanged"], again["imported"]) == (GOOD, 2, 0)
    assert outline(again) == [("DISCOVER", None, GOOD)]
    assert works.recorder.taken == []


async def test_a_restated_month_is_imported_again_and_only_that(works: Works) -> None:
    works.deliver("2026-10", "1")
    works.deliver("2026-09", "3")
    source = await works.create()
    await works.run(source)
    works.recorder.taken.clear()
    restated = works.deliver("2026-09", "4")
    run = await works.run(source)
    assert (run["state"], run["unchanged"], run["imported"]) == (GOOD, 1, 1)
    assert works.recorder.taken == [("default", [restated])]
    both = await works.run(source, refetch=True)
    assert (both["unchanged"], both["imported"]) == (0, 2)


async def test_the_real_importer_takes_it_and_the_sums_are_exact(works: Works) -> None:
    works.importer = run_order
    works.deliver("2026-10", "0.1", "0.2", "-0.05")
    source = await works.create()
    run = await works.run(source)
    assert (run["state"], run["failure"]) == (GOOD, None)
    sums = (
        "SELECT sum(charges.billed_cost)::text FROM charges JOIN cost_import_periods ON import_period_id = "
        "cost_import_periods.id WHERE status = 'ACTIVE'"
    )
    assert await works.rows(sums) == [("0.25",)]
    works.deliver("2026-10", "0.3")
    run = await works.run(source)
    assert (run["state"], run["steps"][2]["counts"]) == (GOOD, {"rows": 1, "added": 1, "rejected": 0})
    assert await works.rows(sums) == [("0.3",)], "the restated month takes the place of the older one"
    assert await works.rows("SELECT state, count(*) FROM cost_imports GROUP BY 1") == [(GOOD, 2)]
    works.put("data/BILLING_PERIOD=2026-10/focus-00001.csv.gz", focus("2026-10", "7")[:-20])
    works.put("metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", _manifest("2026-10"))
    run = await works.run(source)
    assert run["state"] == "FAILED"
    assert run["steps"][-1]["problems"][0]["message"] == run["failure"]
    assert await works.rows(sums) == [("0.3",)]


async def test_a_charge_of_another_month_does_not_take_the_place_of_that_month(works: Works) -> None:
    works.importer = run_order
    works.deliver("2026-09", "40", "2")
    source = await works.create()
    await works.run(source)
    october = gzip.decompress(focus("2026-10", *["1"] * 30)) + gzip.decompress(focus("2026-09", "5")).split(b"\n")[1]
    works.put("data/BILLING_PERIOD=2026-10/focus-00001.csv.gz", gzip.compress(october + b"\n"))
    works.put("metadata/BILLING_PERIOD=2026-10/focus-Manifest.json", _manifest("2026-10"))
    run = await works.run(source)
    assert (run["state"], run["imported"], run["unchanged"]) == (GOOD, 1, 1)
    sums = (
        "SELECT billing_period_start::text, billed_cost::text FROM cost_import_periods WHERE status = 'ACTIVE' "
        "ORDER BY 1"
    )
    assert await works.rows(sums) == [("2026-09-01", "42"), ("2026-10-01", "30")]
    assert await works.rows("SELECT DISTINCT line_number, column_name, value, reason FROM import_rejects") == [
        (
            32,
            "BillingPeriodStart",
            "2026-09-01",
            "the billing period is none of 2026-10, the month that is delivered",
        )
    ]


async def test_an_incomplete_period_is_left_for_the_next_run(works: Works) -> None:
    works.deliver("2026-10", "1")
    september = works.deliver("2026-09", "3")
    works.far.delete_object(Bucket=BUCKET, Key=f"{FOLDER}/data/BILLING_PERIOD=2026-10/focus-00001.csv.gz")
    source = await works.create()
    run = await works.run(source)
    assert (run["state"], run["imported"]) == ("PARTIAL", 1)
    assert works.recorder.taken == [("default", [september])]
    assert run["failure"].startswith("1 of the 1 files of the manifest are not there, such as finops/focus/data/")
    assert run["remedy"].endswith("the next run looks again.")
    (check,) = [each for each in run["steps"][0]["checks"] if not each["passed"]]
    assert (check["name"], check["message"][:8]) == ("complete", "2026-10:")
    assert run["steps"][0]["counts"] == {"deliveries": 2, "incomplete": 1}


class WithPart:
    """A source that has a part of a month beside what another one has."""

    def __init__(self, inner: CostSource) -> None:
        self.inner = inner
        self.fetch = inner.fetch
        self.close = inner.close

    def deliveries(self, since: datetime) -> Iterator[Delivery]:
        part = Delivery("20261115-20261121", since, (), None, since, complete=False, why_incomplete="It is a week.")
        yield replace(part, remedy="Deliver months.")
        yield from self.inner.deliveries(since)


async def test_a_part_of_a_month_is_told_with_its_remedy_and_the_others_go_on(works: Works) -> None:
    october = works.deliver("2026-10", "1")
    works.open_source = lambda *given: WithPart(registry.cost_source(*given))
    source = await works.create()
    run = await works.run(source)
    assert (run["state"], run["imported"], run["deliveries"]) == ("PARTIAL", 1, 1)
    assert (run["failure"], run["remedy"]) == ("It is a week.", "Deliver months.")
    assert works.recorder.taken == [("default", [october])]
    discovered = run["steps"][0]
    assert (discovered["state"], discovered["counts"]) == (GOOD, {"deliveries": 1, "incomplete": 1})
    assert discovered["problems"] == [
        {"code": "FAILED", "message": "It is a week.", "remedy": "Deliver months.", "permission": None}
    ]
    assert (await works.run(source))["state"] == "PARTIAL", "until somebody has mended it"


async def test_without_any_delivery_the_run_says_what_to_check(works: Works) -> None:
    run = await works.run(await works.create())
    assert (run["state"], run["failure"]) == ("FAILED", "The source has no delivery of 2026-08 or later.")
    assert "a new export takes up to a day" in run["remedy"]


@pytest.mark.parametrize(
    ("error", "status", "code", "tries"),
    [
        ("AccessDenied", 403, ProblemCode.DENIED, 1),
        ("NoSuchBucket", 404, ProblemCode.FAILED, 1),
        ("ExpiredToken", 400, ProblemCode.CREDENTIALS, 1),
        ("SlowDown", 503, ProblemCode.THROTTLED, 3),
    ],
)
async def test_what_the_provider_refuses_is_told(
    works: Works, error: str, status: int, code: ProblemCode, tries: int
) -> None:
    source = await works.create()
    with in_front(works.url, lambda *_: refused_as_xml(error, status)) as front:
        await _move(works, front.url)
        run = await works.run(source)
    assert (run["state"], outline(run)) == ("FAILED", [("DISCOVER", None, "FAILED")])
    (problem,) = run["steps"][0]["problems"]
    assert (problem["code"], problem["message"], problem["remedy"]) == (code, run["failure"], run["remedy"])
    assert len(works.pauses) == tries - 1
    (event,) = await works.events("COST_SOURCE_RUN_FINISHED")
    assert event["data"]["failure"] == run["failure"]
    assert event["data"]["remedy"] == run["remedy"]
    assert "s3cr3t" not in str(dict(run))


async def test_a_part_that_is_cut_off_fails_its_period_and_no_other(works: Works) -> None:
    works.deliver("2026-10", "1")
    september = works.deliver("2026-09", "3")

    def ours(name: str, _body: str) -> Told | None:
        return Told("x") if "BILLING_PERIOD%3D2026-10/focus-0" in name or "=2026-10/focus-0" in name else None

    source = await works.create()
    with in_front(works.url, ours) as front:
        await _move(works, front.url)
        run = await works.run(source)
    assert (run["state"], run["imported"]) == ("PARTIAL", 1)
    assert "bytes, but 1 arrived" in run["failure"]
    assert outline(run)[1:] == [
        ("FETCH", "2026-10", "FAILED"),
        ("FETCH", "2026-09", GOOD),
        ("IMPORT", "2026-09", GOOD),
    ]
    assert works.recorder.taken == [("default", [september])]
    assert len(works.pauses) == 2, "it was tried again first"


async def test_credentials_that_end_on_the_way_break_the_run_off(works: Works) -> None:
    works.deliver("2026-10", "1")
    works.deliver("2026-09", "3")

    def ours(name: str, _body: str) -> Told | None:
        return refused_as_xml("ExpiredToken", 400) if "focus-0" in name else None

    source = await works.create()
    with in_front(works.url, ours) as front:
        await _move(works, front.url)
        run = await works.run(source)
    assert (run["state"], run["failure"]) == ("FAILED", "AWS does not accept the credentials: ExpiredToken.")
    assert outline(run)[1:] == [("FETCH", "2026-10", "FAILED")]


async def test_a_delivery_that_is_refused_is_told_and_tried_again_next_time(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()

    def refuse(order: ImportOrder) -> ImportOutcome:
        return ImportOutcome(order.import_id, ImportState.REJECTED, received=9, rejected=8, message="8 of 9 are bad.")

    works.recorder.answer = refuse
    run = await works.run(source)
    assert (run["state"], run["failure"]) == ("FAILED", "8 of 9 are bad.")
    assert run["steps"][2]["counts"] == {"rows": 9, "added": 0, "rejected": 8}
    assert run["steps"][2]["checks"] == [{"name": "rows", "passed": False, "message": "9 rows, 8 of them rejected."}]
    works.recorder.answer = None
    assert (await works.run(source))["state"] == GOOD


async def test_what_the_plan_does_not_allow_is_told_and_imported_by_a_later_run(works: Works) -> None:
    works.deliver("2026-09", "1")
    works.deliver("2026-10", "1")
    source = await works.create()
    await limited(works.database, ORGANIZATION, imports_per_day=1)
    run = await works.run(source)
    assert run["failure"].startswith("The plan Tiny limits imports of costs to 1 a day; used so far: 1.")
    assert len(works.recorder.orders) == 1
    await limited(works.database, ORGANIZATION)
    assert (await works.run(source))["state"] == GOOD
    assert len(works.recorder.orders) == 2, "the one that was in is not fetched again"


async def test_a_disk_without_room_is_told_before_anything_is_fetched(
    works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    works.deliver("2026-10", "1")
    monkeypatch.setattr(delivering, "SPARE_BYTES", 2**70)
    run = await works.run(await works.create())
    assert (run["state"], works.recorder.taken) == ("FAILED", [])
    assert "no room for it" in run["failure"]
    assert run["steps"][1]["checks"][0]["passed"] is False


async def test_a_disconnected_account_is_told(works: Works) -> None:
    source = await works.create()
    async with works.database.write(works.organization_id) as session:
        await session.execute(text("UPDATE accounts SET disconnected_at = now()"))
    run = await works.run(source)
    assert (run["state"], run["failure"]) == (
        "FAILED",
        "The account is disconnected. Connect it with `connectAccount` first.",
    )


async def test_the_next_worker_goes_on_where_the_last_one_was_stopped(works: Works) -> None:
    works.deliver("2026-10", "1")
    works.deliver("2026-09", "3")
    source = await works.create()
    waiting = asyncio.Event()
    first = works.recorder

    async def hang(*arguments: Any) -> ImportOutcome:
        if len(first.taken) == 1:
            waiting.set()
            await asyncio.Event().wait()
        return await first(*arguments)

    works.importer = hang
    run = await works.start(source)
    runner = works.runner()
    running = asyncio.create_task(runner.run(run["job_id"]))
    await asyncio.wait_for(waiting.wait(), 20)
    await runner.stop(5)
    await running
    left = await works.row(run["id"])
    assert (left["state"], left["imported"]) == ("RUNNING", 1)
    assert outline(left)[-1] == ("IMPORT", "2026-09", "RUNNING")
    assert (await job_row(works.database, run["job_id"]))["state"] == "QUEUED"
    works.importer = first
    await works.runner().run(run["job_id"])
    after = await works.row(run["id"])
    assert (after["state"], after["imported"], after["unchanged"]) == (GOOD, 2, 0)
    assert [len(files) for _, files in first.taken] == [1, 1], "what had been imported was fetched again"
    assert sorted(outline(after)) == sorted(
        [("DISCOVER", None, GOOD)]
        + [(kind, month, GOOD) for month in ("2026-10", "2026-09") for kind in ("FETCH", "IMPORT")]
    )
    assert await works.rows("SELECT state, count(*) FROM cost_imports GROUP BY 1") == [(GOOD, 2)]


async def test_an_import_whose_worker_died_after_it_is_done_once_more(works: Works) -> None:
    """Killed between the commit of the import and the note that it was done."""
    works.importer = run_order
    works.deliver("2026-10", "1")
    source = await works.create()
    run = await works.start(source)
    died: list[ImportOutcome] = []

    async def die(*arguments: Any) -> ImportOutcome:
        died.append(await run_order(*arguments))
        message = "killed"
        raise RuntimeError(message)

    works.importer = die
    await works.runner().run(run["job_id"])
    assert (await works.row(run["id"]))["state"] == "RUNNING"
    works.importer = run_order
    async with works.database.system() as session:
        await session.execute(text("UPDATE jobs SET wake_at = now() WHERE kind = 'run_cost_source'"))
    after = await works.work(run)
    assert (after["state"], after["imported"]) == (GOOD, 1)
    assert died[0].state is ImportState.SUCCEEDED
    states = await works.rows("SELECT state, count(*) FROM cost_imports GROUP BY 1 ORDER BY 1")
    assert states == [("SUCCEEDED", 1), ("UNCHANGED", 1)]
    assert await works.rows("SELECT sum(billed_cost)::text FROM charges") == [("1",)]


async def test_a_run_ends_when_its_source_is_deleted(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()
    opened: list[Hanging] = []

    def open_source(target: Target, kind: CostSourceKind, settings: ExportSettings) -> CostSource:
        opened.append(Hanging(registry.cost_source(target, kind, settings)))
        return opened[0]

    works.open_source = open_source
    run = await works.start(source)
    running = asyncio.create_task(works.runner().run(run["job_id"]))
    await until(lambda: bool(opened) and opened[0].reached.is_set())
    await delete_source(works.database, works.organization_id, ADA, source["id"])
    async with asyncio.timeout(20):
        await running
    await until(opened[0].stopped.is_set)
    assert works.recorder.taken == []
    assert await works.rows("SELECT count(*) FROM cost_source_runs") == [(0,)]
    assert (await job_row(works.database, run["job_id"]))["state"] == "SUCCEEDED"


async def test_a_run_ends_when_its_account_is_disconnected(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()
    opened: list[Hanging] = []

    def open_source(target: Target, kind: CostSourceKind, settings: ExportSettings) -> CostSource:
        opened.append(Hanging(registry.cost_source(target, kind, settings)))
        return opened[0]

    works.open_source = open_source
    run = await works.start(source)
    running = asyncio.create_task(works.runner().run(run["job_id"]))
    await until(lambda: bool(opened) and opened[0].reached.is_set())
    async with works.database.write(works.organization_id) as session:
        await session.execute(text("UPDATE accounts SET disconnected_at = now()"))
    async with asyncio.timeout(20):
        await running
    await until(opened[0].stopped.is_set)
    ended = await works.row(run["id"])
    assert (ended["state"], ended["failure"]) == ("FAILED", "The account was disconnected meanwhile.")
    assert [step["state"] for step in ended["steps"]] == [GOOD, "CANCELLED"]
    assert works.recorder.taken == []
    assert len(await works.events("COST_SOURCE_RUN_FINISHED")) == 1


async def test_the_run_of_a_dead_job_fails_with_the_reason(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()
    run = await works.start(source)
    for _ in range(5):  # workers that claim and die
        async with works.database.system() as session:
            assert await jobs.claim_job(session, ["run_cost_source"], lease=0.0, most_attempts=5) is not None
    await works.runner().sweep()
    assert await recover(works.database, RECOVERIES) == 1
    after = await works.row(run["id"])
    assert after["state"] == "FAILED"
    assert after["failure"].startswith("The run was given up. The worker that ran it ended without a word")
    assert after["remedy"].startswith("Run the source again.")
    assert await recover(works.database, RECOVERIES) == 0
    assert (await works.run(source))["state"] == GOOD, "the source is free again"


async def test_a_problem_of_ours_is_the_jobs(works: Works) -> None:
    works.deliver("2026-10", "1")
    source = await works.create()

    def broken(*_: Any) -> CostSource:
        raise ProviderError(ProblemCode.CREDENTIALS, "No key.", "Send one with `updateAccount`.")

    works.open_source = broken
    run = await works.run(source)
    assert (run["state"], run["failure"], run["remedy"]) == ("FAILED", "No key.", "Send one with `updateAccount`.")


def _manifest(month: str) -> bytes:
    return f'{{"dataFiles": ["s3://{BUCKET}/{FOLDER}/data/BILLING_PERIOD={month}/focus-00001.csv.gz"]}}'.encode()


async def _move(works: Works, url: str) -> None:
    """Let the account's services be at another URL."""
    async with works.database.write(works.organization_id) as session:
        endpoints = "jsonb_build_object('*', CAST(:url AS text))"
        statement = f"UPDATE accounts SET settings = jsonb_build_object('endpoints', {endpoints})"  # noqa: S608
        await session.execute(text(statement), {"url": url})
