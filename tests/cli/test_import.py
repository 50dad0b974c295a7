"""`skyledger import`: what is said about good, bad, foreign and half-broken files, and the exit code of each."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import Result

from app.auth.authenticator import Authenticator
from app.auth.sessions import Origin
from app.config import Settings
from app.database import Database
from app.organizations.create import register_with_organization
from tests.cli.commands import run
from tests.cli.conftest import Command
from tests.clients import PASSWORD
from tests.costs.deliveries import SAMPLES

RESOURCES = SAMPLES / "resources.csv"
SLUG = "warehouse"
INTO = ("--organization", SLUG)


@pytest.fixture
async def warehouse(settings: Settings, database: Database) -> Database:
    """The database with one organization in it, whose slug is SLUG."""
    await register_with_organization(
        Authenticator(settings, database),
        Origin(),
        email="keeper@skyledger.example",
        name="Keeper",
        password=PASSWORD,
        organization_name=SLUG,
    )
    return database


@pytest.fixture
def importing(warehouse: Database, on_engines: Command) -> Command:
    """`importing("costs", path, …)` into that organization."""
    assert warehouse is not None
    return lambda kind, path, *more: on_engines("import", kind, str(path), *INTO, *more)


def rows_of(path: Path, count: int) -> list[dict[str, str]]:
    """The first rows of a sample."""
    with path.open(newline="") as file:
        return [row for row, _ in zip(csv.DictReader(file), range(count), strict=False)]


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    """A CSV file of rows."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


async def _aside(importing: Command, kind: str, path: Path) -> Result:
    """Run a command beside the loop of an async test: it has one of its own."""
    return await asyncio.to_thread(importing, kind, path)


async def count(owner: Database, table: str) -> Any:
    """Rows of a table, as somebody whom row security does not bind."""
    async with owner.engine.connect() as connection:
        return await connection.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608  (a name of ours)


def test_the_samples_land_and_the_second_time_changes_nothing(importing: Command) -> None:
    told = [importing("resources", RESOURCES) for _ in range(2)]
    assert [result.exit_code for result in told] == [0, 0], told[0].stderr
    assert [result.stdout.splitlines()[0] for result in told] == ["297 rows: 297 added.", "297 rows: 297 unchanged."]


@pytest.mark.usefixtures("warehouse")
def test_progress_stands_on_standard_error_and_the_result_on_standard_output(settings: Settings) -> None:
    assert settings.database_url is not None
    assert settings.redis_url is not None
    told = run(
        settings.data_dir,
        "import",
        "resources",
        str(RESOURCES),
        *INTO,
        database_url=settings.database_url,
        redis_url=settings.redis_url,
    )
    assert (told.returncode, told.stdout) == (0, "297 rows: 297 added.\n"), told.stderr
    assert "resources.csv" in told.stderr
    assert "100% 297 rows" in told.stderr
    assert not (settings.data_dir / "engines").exists()


FOREIGN = {
    "no such file or directory": None,
    "the file is empty": b"",
    "the header is not UTF-8 text": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "UTF-16 text: save it as UTF-8": "provider,account_id\n".encode("utf-16"),
    "Parquet: give CSV or JSON Lines": b"PAR1\x15\x04\x15",
    "a ZIP archive: unpack it or use gzip": b"PK\x03\x04",
    "the file is damaged or cut off": b"\x1f\x8b\x08\x00cut",
    "a JSON array: write one object a line": b"[{}]",
}


def test_a_file_that_is_none_is_named_with_the_reason(importing: Command, tmp_path: Path) -> None:
    path = tmp_path / "bill[1].csv"
    for reason, content in FOREIGN.items():
        if content is not None:
            path.write_bytes(content)
        told = importing("resources", path)
        assert (told.exit_code, told.stdout) == (1, "")
        assert f"error: {path.name}" in told.stderr
        assert reason in told.stderr
        assert "Traceback" not in told.stderr


def test_an_unknown_organization_is_told(on_engines: Command) -> None:
    told = on_engines("import", "resources", str(RESOURCES), "--organization", "nobody")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == "error: there is no organization with the slug 'nobody'.\n"


def test_tables_that_are_not_there_are_told(skyledger: Command, plain_database: Any) -> None:
    urls = {"database_url": plain_database.database_url, "redis_url": plain_database.redis_url}
    told = skyledger("import", "resources", str(RESOURCES), *INTO, **urls)
    assert (told.exit_code, told.stderr) == (1, "error: The database has no tables: run `skyledger migrate`.\n")


async def test_good_rows_land_and_bad_ones_are_told_with_row_column_and_reason(
    importing: Command, tmp_path: Path, owner: Database
) -> None:
    rows = rows_of(RESOURCES, 4)
    rows[1]["provider"] = "MARS"
    rows[3]["created_at"] = "yesterday"
    path = written(tmp_path / "resources.csv", rows)
    path.write_text(path.read_text() + "one,two\n")
    told = await _aside(importing, "resources", path)
    assert told.exit_code == 3
    lines = told.stdout.splitlines()
    assert lines[0] == "5 rows: 2 added, 3 rejected."
    assert lines[1].startswith("  row 3: provider 'MARS': must be one of AWS,")
    assert lines[2].startswith("  row 5: created_at 'yesterday': ")
    assert lines[3] == "  row 6: whole row 'one': the row has 2 columns, the header has 13"
    assert len(lines) == 4
    assert await count(owner, "resources") == 2


def test_what_landed_before_the_file_broke_off_is_told(importing: Command, tmp_path: Path) -> None:
    head = b'{"provider": "AWS", "account_id": "1", "resource_type": "t", "resource_id": "%d", "service": "s"}\n'
    path = tmp_path / "resources.jsonl"
    path.write_bytes(b"".join(head % number for number in range(5_000)) + b"x" * (2**20 + 10))
    told = importing("resources", path)
    assert told.exit_code == 1
    assert "line 5001: the line is longer than" in told.stderr
    assert told.stdout.startswith("5,000 rows: 5,000 added.")


def test_a_file_of_a_header_alone_is_no_failure(importing: Command, tmp_path: Path) -> None:
    path = tmp_path / "resources.csv"
    path.write_text(RESOURCES.read_text().splitlines()[0] + "\n")
    told = importing("resources", path)
    assert (told.exit_code, told.stdout) == (0, "The file has no rows.\n")
