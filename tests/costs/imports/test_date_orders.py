"""Dates with slashes: the day or the month first, by what the file itself says; where it does not, nothing is read."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.costs.conformance import ConformanceNotes
from app.costs.files import UnreadableFileError
from app.costs.imports.parts import InlineRows, Part
from app.errors import BadUserInputError

DAYS = (
    "BilledCost",
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
)
ISO = ("2026-10-01", "2026-11-01")
NONE = ("", "")


def rows(billing: tuple[str, str], *charges: tuple[str, str]) -> list[dict[str, str]]:
    return [dict(zip(DAYS, ("1", "EUR", *billing, *days), strict=True)) for days in charges]


def read(
    folder: Path, given: list[dict[str, str]], name: str = "costs.csv"
) -> tuple[list[date], ConformanceNotes, int]:
    """The days on which the charges of a file begin, its notes, and how many rows were refused."""
    path = folder / name
    if name.endswith(".jsonl"):
        path.write_text("\n".join(json.dumps(row) for row in given))
    else:
        path.write_text("\n".join([",".join(DAYS), *(",".join(row.values()) for row in given)]) + "\n")
    notes = ConformanceNotes()
    parts = list(Part(path).frames(notes, None))
    days = [moment.date() for part in parts for moment in part.frame.get_column("charge_period_start")]
    return days, notes, sum(part.rejected for part in parts)


OCTOBER = [date(2026, 10, 3), date(2026, 10, 4)]
DAY_FIRST = (("3/10/2026", "4/10/2026"), ("4/10/2026", "5/10/2026"))
MONTH_FIRST = (("10/3/2026", "10/4/2026"), ("10/4/2026", "10/5/2026"))


@pytest.mark.parametrize("name", ["costs.csv", "costs.jsonl"])
@pytest.mark.parametrize(
    ("billing", "charges"),
    [
        (("01/10/2026", "01/11/2026"), DAY_FIRST),
        (("10/01/2026", "11/01/2026"), MONTH_FIRST),
        (("01/10/26", ""), DAY_FIRST),
        (ISO, DAY_FIRST),
        (ISO, MONTH_FIRST),
    ],
)
def test_the_billing_period_tells(
    tmp_path: Path, billing: tuple[str, str], charges: tuple[tuple[str, str], ...], name: str
) -> None:
    days, _, refused = read(tmp_path, rows(billing, *charges), name)
    assert (days, refused) == (OCTOBER, 0)


@pytest.mark.parametrize("name", ["costs.csv", "costs.jsonl"])
def test_a_number_above_twelve_tells_of_the_whole_file(tmp_path: Path, name: str) -> None:
    """The rows of the first twelve days, too, which each alone could be read in both ways."""
    given = rows(NONE, *(((f"{day}/10/2026"), f"{day + 1}/10/2026") for day in range(1, 20)))
    days, notes, refused = read(tmp_path, given, name)
    assert (days, refused) == ([date(2026, 10, day) for day in range(1, 20)], 0)
    told = {(note.column, note.rows) for note in notes.notes() if note.detail == "day/month/year read as UTC"}
    assert told == {("ChargePeriodStart", 19), ("ChargePeriodEnd", 19)}
    months = rows(NONE, *((f"10/{day}/2026", f"10/{day + 1}/2026") for day in range(1, 20)))
    assert read(tmp_path, months, name)[0] == days


def test_the_name_of_the_file_tells(tmp_path: Path) -> None:
    for name in ("costs-2026-10.csv", "202610_bill.csv"):
        assert read(tmp_path, rows(NONE, *DAY_FIRST), name)[0] == OCTOBER
        assert read(tmp_path, rows(NONE, *MONTH_FIRST), name)[0] == OCTOBER


@pytest.mark.parametrize("name", ["costs.csv", "costs.jsonl", "costs-2026.csv"])
def test_where_nothing_tells_the_file_is_refused(tmp_path: Path, name: str) -> None:
    told = f"^{name}: dates such as 3/10/2026 may be .* write them like 2026-10-31"
    with pytest.raises(UnreadableFileError, match=told):
        read(tmp_path, rows(NONE, *DAY_FIRST), name)


def test_days_that_are_the_same_in_both_orders_need_nothing(tmp_path: Path) -> None:
    days, notes, _ = read(tmp_path, rows(NONE, ("1/1/2026", "2/2/2026"), ("5/5/26 7:30", "6/6/26")))
    assert days == [date(2026, 1, 1), date(2026, 5, 5)]
    assert {note.detail for note in notes.notes() if "month" in note.detail} >= {"month/day/year read as UTC"}


def test_a_time_of_day_stays(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    given = rows(("01/10/2026", "01/11/2026"), ("3/10/2026 7:05", "3/10/2026 8:05:30"))
    path.write_text("\n".join([",".join(DAYS), *(",".join(row.values()) for row in given)]) + "\n")
    (part,) = Part(path).frames(ConformanceNotes(), None)
    moments = part.frame.select("charge_period_start", "charge_period_end").row(0)
    assert [moment.strftime("%Y-%m-%d %H:%M:%S") for moment in moments] == [
        "2026-10-03 07:05:00",
        "2026-10-03 08:05:30",
    ]


def test_what_cannot_be_in_the_order_of_the_others_is_refused(tmp_path: Path) -> None:
    days, _, refused = read(tmp_path, rows(("01/10/2026", "01/11/2026"), *DAY_FIRST, ("10/25/2026", "10/26/2026")))
    assert (days, refused) == (OCTOBER, 1), "not read as the 25th of October beside days that come first"


def test_rows_that_are_sent_are_read_alike() -> None:
    def sent(given: list[dict[str, Any]]) -> list[date]:
        inline = InlineRows(list(enumerate(given, 1)))
        (found,) = inline.frames(ConformanceNotes(), None)
        return [moment.date() for moment in found.frame.get_column("charge_period_start")]

    assert sent(rows(("01/10/2026", "01/11/2026"), *DAY_FIRST)) == OCTOBER
    with pytest.raises(BadUserInputError, match=r"^The dates such as 3/10/2026 may be"):
        sent(rows(NONE, *DAY_FIRST))
