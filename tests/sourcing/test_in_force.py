"""What a source takes for imported: only what still counts, whoever has taken its place or removed it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from app.costs.delete_period import delete_billing_period
from app.costs.imports.run import run_order
from app.costs.imports.storing import Progress
from app.records.costs import ImportMode, ImportOutcome, ImportState
from app.sourcing.files import FileOptions, import_from_disk
from tests.sourcing.works import ADA, Works, focus, outline

GOOD = "SUCCEEDED"
BILLED = (
    "SELECT billing_period_start::text, billed_cost::text FROM cost_import_periods WHERE status = 'ACTIVE' ORDER BY 1"
)


async def _imported_by_hand(works: Works, folder: Path, month: str, *amounts: str, name: str = "mine.csv.gz") -> None:
    path = folder / name
    path.write_bytes(focus(month, *amounts))
    found: ImportOutcome = await import_from_disk(
        works.database, works.organization_id, ADA, [path], FileOptions(mode=ImportMode.REPLACE), Progress()
    )
    assert found.state in {ImportState.SUCCEEDED, ImportState.UNCHANGED}


async def test_a_month_that_a_file_replaced_is_imported_again(works: Works, tmp_path: Path) -> None:
    works.importer = run_order
    works.deliver("2026-10", "1")
    works.deliver("2026-09", "3")
    source = await works.create()
    await works.run(source)
    await _imported_by_hand(works, tmp_path, "2026-10", "50")
    assert await works.rows(BILLED) == [("2026-09-01", "3"), ("2026-10-01", "50")]
    run = await works.run(source)
    assert (run["state"], run["unchanged"], run["imported"]) == (GOOD, 1, 1)
    assert await works.rows(BILLED) == [("2026-09-01", "3"), ("2026-10-01", "1")]
    told = [each for each in run["steps"][0]["checks"] if not each["passed"]]
    assert [each["name"] for each in told] == ["in force"]
    assert told[0]["message"].startswith("2026-10: What this source had delivered was replaced by the file mine.csv.gz")
    again = await works.run(source)
    assert (again["unchanged"], again["imported"], outline(again)) == (2, 0, [("DISCOVER", None, GOOD)])


async def test_the_same_content_from_elsewhere_is_what_the_source_delivers(works: Works, tmp_path: Path) -> None:
    """A file was there first: the source's import is UNCHANGED, and what counts is the file's."""
    works.importer = run_order
    await _imported_by_hand(works, tmp_path, "2026-10", "1", name="first.csv.gz")
    works.deliver("2026-10", "1")
    source = await works.create()
    assert (await works.run(source))["imported"] == 1
    states = "SELECT state, count(*) FROM cost_imports GROUP BY 1 ORDER BY 1"
    assert await works.rows(states) == [("SUCCEEDED", 1), ("UNCHANGED", 1)]
    assert (await works.run(source))["unchanged"] == 1
    await _imported_by_hand(works, tmp_path, "2026-10", "50")
    assert (await works.run(source))["imported"] == 1
    assert await works.rows(BILLED) == [("2026-10-01", "1")]


async def test_a_file_of_another_dataset_changes_nothing_for_the_source(works: Works, tmp_path: Path) -> None:
    works.importer = run_order
    works.deliver("2026-10", "1")
    source = await works.create(dataset="export")
    await works.run(source)
    await _imported_by_hand(works, tmp_path, "2026-10", "50")
    run = await works.run(source)
    assert (run["unchanged"], run["imported"]) == (1, 0)


async def test_a_month_that_somebody_deleted_comes_back_while_it_is_delivered(works: Works) -> None:
    works.importer = run_order
    works.deliver("2026-10", "1")
    source = await works.create()
    await works.run(source)
    await delete_billing_period(
        works.database,
        works.organization_id,
        ADA,
        dataset="default",
        billing_account_id="1234",
        billing_period_start=date(2026, 10, 1),
    )
    assert await works.rows(BILLED) == []
    run = await works.run(source)
    assert (run["imported"], await works.rows(BILLED)) == (1, [("2026-10-01", "1")])
    (told,) = [each for each in run["steps"][0]["checks"] if not each["passed"]]
    assert told["message"].startswith("2026-10: What this source had delivered was deleted.")
