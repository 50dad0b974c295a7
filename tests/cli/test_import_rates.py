"""`skyledger import rates`: files of the ECB's form, into the organization's currency or another."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from tests.cli.conftest import Command
from tests.cli.test_import import importing, warehouse

__all__ = ["importing", "warehouse"]  # fixtures
HISTORY = """Date,USD,JPY,CYP,GBP,
2026-10-30,1.25,190.5,N/A,0.8,
2026-10-29,1.2,190,N/A,0.8,
,,,,,
"""
DAILY = "Date, USD, GBP, \n20 November 2026, 1.0, 0.5, \n"


def stored(url: str) -> dict[tuple[str, str, str], Decimal]:
    async def read() -> dict[tuple[str, str, str], Decimal]:
        connection = await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))
        try:
            rows = await connection.fetch("SELECT from_currency, to_currency, valid_from, rate FROM currency_rates")
        finally:
            await connection.close()
        return {(one[0], one[1], one[2].isoformat()): one[3] for one in rows}

    return asyncio.run(read())


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "eurofxref-hist.csv"
    path.write_text(HISTORY)
    return path


def test_rates_into_the_organizations_currency(importing: Command, fresh_database_url: str, history: Path) -> None:
    result = importing("rates", history)
    assert result.exit_code == 0, result.output
    assert "6 rates added, 0 changed, 0 unchanged" in result.output
    assert stored(fresh_database_url) == {
        ("EUR", "USD", "2026-10-30"): Decimal("1.25"),
        ("EUR", "USD", "2026-10-29"): Decimal("1.2"),
        ("JPY", "USD", "2026-10-30"): Decimal("0.0065616797900262467192"),  # 1.25 / 190.5 to 20 digits
        ("JPY", "USD", "2026-10-29"): Decimal("0.0063157894736842105263"),
        ("GBP", "USD", "2026-10-30"): Decimal("1.5625"),
        ("GBP", "USD", "2026-10-29"): Decimal("1.5"),
    }
    assert "0 rates added, 0 changed, 6 unchanged" in importing("rates", history).output


def test_inverse_rates_of_the_daily_file(importing: Command, fresh_database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "eurofxref.csv"
    path.write_text(DAILY)
    assert importing("rates", path, "--currency", "eur").exit_code == 0
    assert stored(fresh_database_url) == {
        ("USD", "EUR", "2026-11-20"): Decimal(1),
        ("GBP", "EUR", "2026-11-20"): Decimal(2),
    }


def test_only_days_from_one_on(importing: Command, fresh_database_url: str, history: Path) -> None:
    assert "3 rates added" in importing("rates", history, "--since", "2026-10-30").output
    assert {day for _, _, day in stored(fresh_database_url)} == {"2026-10-30"}


def test_broken_lines_are_told_and_the_others_land(importing: Command, fresh_database_url: str, history: Path) -> None:
    history.write_text(HISTORY.replace("190,N/A", "-1,N/A"))
    result = importing("rates", history)
    assert result.exit_code == 3
    assert "3 rates added" in result.output
    assert "1 lines could not be read" in result.output
    assert "line 3: `JPY` must be greater than 0. It is '-1'." in result.output
    assert {day for _, _, day in stored(fresh_database_url)} == {"2026-10-30"}


@pytest.mark.parametrize(
    ("content", "options", "complaint"),
    [
        ("a,b\n1,2\n", (), "not of the ECB's form"),
        (HISTORY, ("--currency", "CHF"), "CHF among them"),
        (HISTORY, ("--currency", "XYZ"), "ISO 4217"),
        (HISTORY, ("--since", "soon"), "must be a day"),
    ],
)
def test_what_cannot_be_read_is_refused(
    importing: Command, fresh_database_url: str, history: Path, content: str, options: tuple[str, ...], complaint: str
) -> None:
    history.write_text(content)
    result = importing("rates", history, *options)
    assert result.exit_code == 1
    assert complaint in result.output
    assert stored(fresh_database_url) == {}


def test_what_is_no_file_is_refused(importing: Command, tmp_path: Path) -> None:
    assert "is no file" in importing("rates", tmp_path / "absent.csv").output
    packed = tmp_path / "packed.zip"
    packed.write_bytes(b"PK\x03\x04\xff\xfe")
    assert "no text in UTF-8" in importing("rates", packed).output
