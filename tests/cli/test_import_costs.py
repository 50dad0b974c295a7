"""`skyledger import costs`: what lands, what is told, the exit codes, and that nothing lands by halves."""

from __future__ import annotations

import asyncio
import csv
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import Result

from app.config import Settings
from app.database import Database
from tests.cli.conftest import Command
from tests.cli.test_import import INTO, rows_of, warehouse, written
from tests.costs.deliveries import SAMPLES

__all__ = ["warehouse"]  # fixtures

PROJECT = Path(__file__).resolve().parents[2]
COSTS = SAMPLES / "costs.csv"
SAMPLE_TOTAL = sum(Decimal(row["BilledCost"]) for row in csv.DictReader(COSTS.read_text().splitlines()))
STORING = "SELECT FROM pg_locks WHERE relation = 'cost_import_periods'::regclass AND mode = 'RowExclusiveLock'"
TOTALS = "SELECT coalesce(sum(billed_cost), 0), count(*) FROM charges"


@pytest.fixture
def importing(warehouse: Database, on_engines: Command) -> Command:
    """`importing(path, …)` into the organization of these tests."""
    assert warehouse is not None
    return lambda *arguments: on_engines("import", "costs", *map(str, arguments), *INTO)


async def aside(importing: Command, *arguments: object) -> Result:
    """Run a command beside the loop of an async test: it has one of its own."""
    return await asyncio.to_thread(importing, *arguments)


async def fetch(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    """What a statement finds, as the owner of all rows."""
    connection = await asyncpg.connect(str(settings.database_url).replace("+asyncpg", ""))
    try:
        return [tuple(row) for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def imports(settings: Settings) -> list[tuple[str, int]]:
    """State and added rows of all imports, in their order."""
    return await fetch(settings, "SELECT state, added FROM cost_imports ORDER BY id")


async def test_the_sample_lands_to_the_last_digit_and_the_second_time_changes_nothing(
    importing: Command, settings: Settings
) -> None:
    first = await aside(importing, COSTS)
    assert first.exit_code == 0, first.stderr
    lines = first.stdout.splitlines()
    assert lines[0] == "3,419 rows: 3,419 added."
    assert lines[1].startswith("  2026-10-01 to 2026-11-01, ")
    assert await fetch(settings, TOTALS) == [(SAMPLE_TOTAL, 3_419)]
    second = await aside(importing, COSTS)
    assert (second.exit_code, second.stdout) == (0, "Nothing to do: this was imported before.\n")
    assert await fetch(settings, TOTALS) == [(SAMPLE_TOTAL, 3_419)]
    assert await imports(settings) == [("SUCCEEDED", 3_419), ("UNCHANGED", 0)]


async def test_a_later_delivery_takes_the_place_of_the_earlier_one(
    importing: Command, settings: Settings, tmp_path: Path
) -> None:
    rows = [row | {"BillingAccountId": "one"} for row in rows_of(COSTS, 10)]
    await aside(importing, written(tmp_path / "first.csv", rows))
    before = sum(Decimal(row["BilledCost"]) for row in rows)
    for row in rows:
        row["BilledCost"] = "1.5"
    told = await aside(importing, written(tmp_path / "second.csv", rows[:4]))
    assert told.exit_code == 0
    assert f"one: 4 charges, 6 USD billed (provisional; before: 10 charges, {before:,f} USD billed)" in told.stdout
    assert await fetch(settings, TOTALS) == [(Decimal(6), 4)]


async def test_rows_are_appended_once(importing: Command, settings: Settings, tmp_path: Path) -> None:
    rows = rows_of(COSTS, 10)
    first, second = written(tmp_path / "first.csv", rows[:6]), written(tmp_path / "second.csv", rows[4:])
    assert (await aside(importing, first, "--mode", "append")).stdout.startswith("6 rows: 6 added.")
    assert (await aside(importing, second, "--mode", "append")).stdout.startswith("6 rows: 4 added, 2 unchanged.")
    assert await fetch(settings, "SELECT count(*) FROM charges") == [(10,)]


async def test_several_files_and_a_folder_are_one_delivery(
    importing: Command, settings: Settings, tmp_path: Path
) -> None:
    rows = rows_of(COSTS, 10)
    folder = tmp_path / "parts"
    folder.mkdir()
    parts = [written(folder / f"{name}.csv", found) for name, found in (("a", rows[:3]), ("b", rows[3:]))]
    assert (await aside(importing, *parts)).stdout.startswith("10 rows: 10 added.")
    assert (await aside(importing, folder)).stdout == "Nothing to do: this was imported before.\n"
    assert await imports(settings) == [("SUCCEEDED", 10), ("UNCHANGED", 0)]


def test_a_delivery_with_a_foreign_file_is_not_said_to_be_there_already(importing: Command, tmp_path: Path) -> None:
    costs, foreign = written(tmp_path / "costs.csv", rows_of(COSTS, 4)), tmp_path / "invoice.csv"
    foreign.write_text("Invoice number,Amount\n1,2\n")
    told = importing(costs, foreign)
    assert told.exit_code == 1
    assert told.stdout.startswith("4 rows: nothing was imported.\n")
    assert "error: invoice.csv, line 1: the header names no column of FOCUS" in told.stderr


def test_few_bad_rows_are_told_with_file_and_line(importing: Command, tmp_path: Path) -> None:
    rows = rows_of(COSTS, 40)
    rows[5]["BilledCost"] = "much"
    told = importing(written(tmp_path / "costs.csv", rows))
    assert told.exit_code == 3
    lines = told.stdout.splitlines()
    assert lines[0] == "40 rows: 39 added, 1 rejected."
    assert lines[-1].startswith("  costs.csv:7: BilledCost 'much': ")


async def test_too_many_bad_rows_and_nothing_lands(importing: Command, settings: Settings, tmp_path: Path) -> None:
    rows = rows_of(COSTS, 30)
    for row in rows[5:]:
        row["BilledCost"] = "much"
    path = written(tmp_path / "costs.csv", rows)
    told = await aside(importing, path)
    assert told.exit_code == 1
    assert "error: 25 of 30 rows (83.3 %) cannot be read" in told.stderr
    assert told.stdout.splitlines()[-1].startswith("  … and 5 more rejected rows")
    assert await fetch(settings, "SELECT count(*) FROM charges") == [(0,)]
    accepted = await aside(importing, path, "--accept-rejects", "90%")
    assert accepted.exit_code == 3
    assert accepted.stdout.startswith("30 rows: 5 added, 25 rejected.")
    assert await imports(settings) == [("REJECTED", 0), ("SUCCEEDED", 5)]


def test_a_currency_stands_in_where_rows_have_none(importing: Command, tmp_path: Path) -> None:
    rows = rows_of(COSTS, 2)
    for row in rows:
        del row["BillingCurrency"]
    path = written(tmp_path / "costs.csv", rows)
    assert importing(path).exit_code == 1
    wrong = importing(path, "--currency", "dollars")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "ISO 4217" in wrong.stderr
    right = importing(path, "--currency", "eur")
    assert right.exit_code == 0
    assert right.stdout.startswith("2 rows: 2 added.")
    assert "EUR billed" in right.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--dataset", "d" * 101), "`dataset` must have"),
        (("--dataset", ""), "`dataset` must have"),
        (("--mode", "merge"), "`--mode` is 'merge'"),
        (("--accept-rejects", "5"), "`--accept-rejects` is '5'"),
        (("--accept-rejects", "some"), "`--accept-rejects` is 'some'"),
        (("--accept-rejects", "nan"), "`--accept-rejects` is 'nan'"),
    ],
)
def test_options_have_bounds(importing: Command, options: tuple[str, str], told: str) -> None:
    result = importing(COSTS, *options)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


FOREIGN = {
    "no such file or directory": None,
    "the file is empty": b"",
    "the header is not UTF-8 text": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a ZIP archive: unpack it or use gzip": b"PK\x03\x04",
    "the file is damaged or cut off": b"\x1f\x8b\x08\x00cut",
    "a JSON array: write one object a line": b"[{}]",
    "of an Excel workbook save the sheet as CSV": b"PK\x03\x04[Content_Types].xml",
    "an old Excel workbook": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a PDF document": b"%PDF-1.7\n",
    "HTML or XML, perhaps the error page of a download": b"\n<!DOCTYPE html><html></html>",
    "compressed with zstd: unpack it or use gzip": b"\x28\xb5\x2f\xfd\x04",
    "a Data Export of the table `FOCUS 1.2 with AWS columns`": (
        b"bill_payer_account_id,line_item_unblended_cost\n1,2\n"
    ),
    "create one of the type `Cost and usage details (FOCUS)`": b"SubscriptionId,CostInBillingCurrency\n1,2\n",
    "a view of it": b"billing_account_id,usage_start_time,cost\n1,2,3\n",
    "the header names no column of FOCUS, such as BilledCost: give": b"Invoice number,Amount\n1,2\n",
    "the header has no BilledCost and no ChargePeriodEnd, without which no row is a charge": (
        b"ChargePeriodStart,ServiceName,BillingCurrency\n2026-10-01,EC2,USD\n"
    ),
    "no row is a charge: name the column `Biled Cost` BilledCost and `ChargePeriodEnds` ChargePeriodEnd": (
        b"ChargePeriodStart,ChargePeriodEnds,Biled Cost,BillingCurrency\n2026-10-01,2026-10-02,1,USD\n"
    ),
}


def test_a_file_that_is_none_is_named_with_the_reason(importing: Command, tmp_path: Path) -> None:
    path = tmp_path / "bill[1].csv"
    for reason, content in FOREIGN.items():
        if content is not None:
            path.write_bytes(content)
        told = importing(path)
        assert (told.exit_code, told.stdout) == (1, "")
        assert f"error: {path.name}" in told.stderr
        assert reason in told.stderr
        assert "Traceback" not in told.stderr


def test_a_file_of_a_header_alone_is_no_failure(importing: Command, tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_text(COSTS.read_text().splitlines()[0] + "\n")
    told = importing(path)
    assert (told.exit_code, told.stdout.splitlines()[0]) == (0, "There are no rows in it.")


def big_file(path: Path, times: int = 60) -> Path:
    """The sample's rows many times over: long enough to be met in the middle."""
    header, _, rows = COSTS.read_text().partition("\n")
    path.write_text(header + "\n" + rows * times)
    return path


@contextmanager
def started(settings: Settings, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`skyledger import costs …` in a process of its own, killed in the end."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "SKYLEDGER_DATA_DIR": str(settings.data_dir),
        "SKYLEDGER_DATABASE_URL": str(settings.database_url),
        "SKYLEDGER_REDIS_URL": str(settings.redis_url),
    }
    command = [sys.executable, "-m", "app", "import", "costs", *arguments, *INTO]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


async def until_storing(settings: Settings, process: subprocess.Popen[str]) -> None:
    """Wait until the command's transaction has begun to store."""
    async with asyncio.timeout(60):
        while not await fetch(settings, STORING):
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.01)


@pytest.mark.usefixtures("warehouse")
async def test_ctrl_c_leaves_the_former_delivery_as_it_was(
    settings: Settings, tmp_path: Path, importing: Command
) -> None:
    assert (await aside(importing, COSTS)).exit_code == 0
    with started(settings, str(big_file(tmp_path / "big.csv"))) as process:
        await until_storing(settings, process)
        process.send_signal(signal.SIGINT)
        stdout, stderr = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, stdout) == (130, "")
    assert "Stopped; nothing was imported." in stderr
    assert "Traceback" not in stderr
    assert await fetch(settings, TOTALS) == [(SAMPLE_TOTAL, 3_419)]
    assert await imports(settings) == [("SUCCEEDED", 3_419), ("CANCELLED", 0)]


@pytest.mark.usefixtures("warehouse")
async def test_a_lost_connection_is_told_and_nothing_lands(settings: Settings, tmp_path: Path) -> None:
    with started(settings, str(big_file(tmp_path / "big.csv"))) as process:
        while process.poll() is None:  # it tries three times
            with suppress(asyncpg.PostgresError):
                await fetch(settings, STORING.replace("FROM", "pg_terminate_backend(pid) FROM", 1))
            await asyncio.sleep(0.05)
        stdout, stderr = await asyncio.to_thread(process.communicate, timeout=60)
    assert (process.returncode, stdout) == (1, ""), stderr
    assert "error: " in stderr
    assert "Traceback" not in stderr
    assert await fetch(settings, "SELECT count(*) FROM charges") == [(0,)]
    assert await imports(settings) == [("FAILED", 0)]


@pytest.mark.usefixtures("warehouse")
async def test_a_killed_command_is_noticed_by_the_next_one(
    settings: Settings, tmp_path: Path, importing: Command
) -> None:
    with started(settings, str(big_file(tmp_path / "big.csv"))) as process:
        await until_storing(settings, process)
        process.kill()
        await asyncio.to_thread(process.wait)
    assert await imports(settings) == [("RUNNING", 0)]
    await fetch(settings, "UPDATE cost_imports SET created_at = created_at - interval '11 minutes'")
    assert (await aside(importing, COSTS)).exit_code == 0
    assert await imports(settings) == [("FAILED", 0), ("SUCCEEDED", 3_419)]
    assert await fetch(settings, TOTALS) == [(SAMPLE_TOTAL, 3_419)]


def test_a_folder_without_costs_is_told(importing: Command, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    shutil.copy(PROJECT / "README.md", folder)
    told = importing(folder)
    assert told.exit_code == 1
    assert "holds 1 files, such as README.md, and none of them ends in .csv" in told.stderr
