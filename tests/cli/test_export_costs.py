"""`skyledger export costs`: a file that is whole or not there, and what is said about it."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.cli.exports import named_form, read_period
from app.config import Settings
from app.database import Database
from app.organizations.create import register_with_organization
from tests.cli.conftest import Command
from tests.clients import PASSWORD
from tests.costs.deliveries import COSTS, deliver, rows_of, sum_of

SLUG = "warehouse"


@pytest.fixture
async def warehouse(settings: Settings, database: Database) -> Database:
    """The database with one organization in it that has the sample's charges."""
    _, organization = await register_with_organization(
        Authenticator(settings, database),
        Origin(),
        email="keeper@skyledger.example",
        name="Keeper",
        password=PASSWORD,
        organization_name=SLUG,
    )
    await deliver(database, organization["id"], COSTS)
    return database


@pytest.fixture
def exporting(warehouse: Database, on_engines: Command) -> Command:
    """`exporting(path, …)` of that organization."""
    assert warehouse is not None
    return lambda path, *more: on_engines("export", "costs", str(path), "--organization", SLUG, *more)


def test_a_month_as_parquet(exporting: Command, tmp_path: Path) -> None:
    path = tmp_path / "october.parquet"
    path.write_text("an older file")
    result = exporting(path, "--period", "2026-10")
    assert result.exit_code == 0, result.output
    expected = [row for row in rows_of(COSTS) if row["ChargePeriodStart"].startswith("2026-10")]
    assert f"{len(expected):,} charges in 65 columns" in result.output
    assert "FOCUS 1.4 lacks columns that some of them have: PublisherName" in result.output
    found = pl.read_parquet(path)
    assert found["BilledCost"].sum() == sum_of(expected, "BilledCost")
    assert [left.name for left in tmp_path.iterdir() if left.name.startswith(".skyledger")] == []
    assert path.stat().st_mode & 0o077 == 0o044 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_days_as_csv_of_an_older_release(exporting: Command, tmp_path: Path) -> None:
    path = tmp_path / "days.csv"
    options = ("--period", "2026-10-01..2026-10-03", "--focus-version", "1.2")
    result = exporting(path, *options)
    assert result.exit_code == 0, result.output
    days = ("2026-10-01", "2026-10-02")
    expected = [row for row in rows_of(COSTS) if row["ChargePeriodStart"].startswith(days)]
    found = rows_of(path)
    assert list(found[0]) == list(rows_of(COSTS)[0])
    assert sorted(map(said, found)) == sorted(map(said, expected))


def said(row: dict[str, str]) -> str:
    """The row to its last digit; JSON has an order and blanks of its own."""
    plain = (json.dumps(json.loads(text), sort_keys=True) if text[:1] == "{" else text for text in row.values())
    return repr(list(plain))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--period", "October"), "`--period` is 'October'; it must be a month such as 2026-10 or days"),
        (("--period", "2026-13"), "`--period` is '2026-13'; it must be a month such as 2026-10 or days"),
        (("--period", "2026-10-01.."), "`--period` is '2026-10-01..'; it must be a month such as 2026-10 or days"),
        (("--period", "2026-10-02..2026-10-01"), "must end after it starts"),
        (("--period", "2026-10", "--focus-version", "1.5"), "`--focus-version` is '1.5'; it must be 1.2, 1.3 or 1.4"),
        (("--period", "2026-10", "--format", "xlsx"), "`--format` is 'xlsx'; it must be csv, csv.gz or parquet"),
    ],
)
def test_what_cannot_be_is_refused(exporting: Command, tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    result = exporting(tmp_path / "out", *options)
    assert result.exit_code == 1
    assert reason in result.output
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_not_there_is_refused(exporting: Command, tmp_path: Path) -> None:
    result = exporting(tmp_path / "nowhere" / "out", "--period", "2026-10")
    assert result.exit_code == 1
    assert "is no folder" in result.output


def test_a_file_has_the_form_that_its_name_says() -> None:
    names = ("costs.CSV", "costs.csv.gz", "costs.parquet", "costs.csv.old", "costs")
    forms = [named_form(Path(name)).value for name in names]
    assert forms == ["csv", "csv.gz", "parquet", "parquet", "parquet"]


def test_periods() -> None:
    assert read_period("2026-12") == (date(2026, 12, 1), date(2027, 1, 1))
    assert read_period("2026-10-05..2026-10-06") == (date(2026, 10, 5), date(2026, 10, 6))
