"""Files are read by columns and rows are read one by one: both give the same charges, issues and notes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from app.costs.conformance import ConformanceNotes
from app.costs.files import Batch
from app.costs.imports.frames import LINE
from app.costs.imports.parts import InlineRows, Part
from app.costs.imports.reading import Normalised

COLUMNS = (
    "BilledCost",
    "EffectiveCost",
    "ListUnitPrice",
    "PricingQuantity",
    "BillingCurrency",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "BillingAccountId",
    "ServiceName",
    "ServiceCategory",
    "ProviderName",
    "RegionName",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "x_Tags",
    "x_InvoiceId",
    "x_PricingCurrency",
    "x_Note",
    "Stray",
    "extra",
)
TAGGED = tuple("Tags" if column == "x_Tags" else column for column in COLUMNS)
"""With FOCUS's own tags: Google's lists are read where it has none."""
MONEY = ("1", "-0.25", "1e-9", "$1,234.50", "1,5", "NaN", "", "NULL", " 7 ", "0.00000000000000000001", "-0")
MOMENTS = (
    "2026-10-01T00:00:00Z",
    "2026-10-01 05:00:00",
    "12/31/25",
    "2026-10-31T23:59:59.5Z",
    "2026-13-01",
    "1970-01-01",
    "2060-01-01T00:00:00Z",
    "",
    "2026-10-02",
)
TEXTS = ("Amazon EC2", " blank ", "null", "", "héllo", 'quote "inside"', "two\nlines", "a,b;c", "unit\x1fseparator")
PERIODS = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-01-31T12:00:00Z", "2199-12-15", "1990-01-15", "", "x")
LISTS = (
    '[{"Key": "a", "Value": "b", "x_Inherited": true}, {"Key": "a", "Value": "c", "x_Namespace": "n"}]',
    '[{"Key": "a"}]',
    '{"team": "web"}',
    "nonsense",
    "[]",
    "",
    "NULL",
    '[{"Key": "a\\u0000", "Value": "b"}]',
)
VALUES: dict[str, st.SearchStrategy[str]] = {
    **dict.fromkeys(("BilledCost", "EffectiveCost", "ListUnitPrice", "PricingQuantity"), st.sampled_from(MONEY)),
    **dict.fromkeys(("ChargePeriodStart", "ChargePeriodEnd"), st.sampled_from(MOMENTS)),
    "BillingCurrency": st.sampled_from(("USD", "eur", "", "Credits")),
    "ServiceCategory": st.sampled_from(("Compute", "compute", "AI & ML", "")),
    **dict.fromkeys(("BillingPeriodStart", "BillingPeriodEnd"), st.sampled_from(PERIODS)),
    "x_Tags": st.sampled_from(LISTS),
    "x_InvoiceId": st.sampled_from((*TEXTS, "a\0b", "x" * 3_000)),
    "x_PricingCurrency": st.sampled_from(("eur", "USD", "", " null ", "Credits")),
    "Stray": st.sampled_from((*TEXTS, "a\0b", "x" * 70_000, "y" * 40_000)),
    "x_Note": st.sampled_from((*TEXTS, "y" * 40_000, "\\u0000")),
    "Tags": st.sampled_from(('{"team": "web", "b": 1}', "{}", "[1]", '{"a": "\\u0000"}', "", "{broken")),
}
ROWS = st.sampled_from((COLUMNS, TAGGED)).flatmap(
    lambda columns: st.lists(
        st.fixed_dictionaries({column: VALUES.get(column, st.sampled_from(TEXTS)) for column in columns}), max_size=12
    )
)


def text_of(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]) if rows else COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_file(path: Path) -> tuple[Normalised, ConformanceNotes]:
    notes = ConformanceNotes()
    parts = list(Part(path).frames(notes, None))
    frame = pl.concat([part.frame for part in parts]) if parts else InlineRows([]).found.frame
    issues = [issue for part in parts for issue in part.issues]
    return Normalised(frame, issues, sum(part.rejected for part in parts)), notes


def read_rows(rows: list[tuple[int, dict[str, Any]]]) -> tuple[Normalised, ConformanceNotes]:
    notes = ConformanceNotes()
    inline = InlineRows(rows)
    assert isinstance(inline.batch, Batch)
    list(inline.frames(notes, None))
    return inline.found, notes


def numbered(rows: list[dict[str, str]]) -> list[tuple[int, dict[str, Any]]]:
    """The rows with the lines at which the csv module writes them; rows of nothing but blanks are none."""
    found, line = [], 2
    for row in rows:
        if any(row.values()):
            found.append((line, row))
        line += 1 + sum(value.count("\n") for value in row.values())
    return found


def told(found: Normalised) -> set[tuple[int, str | None, str]]:
    return {(issue.row_number, issue.column, issue.reason) for issue in found.issues}


@given(rows=ROWS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_both_ways_of_reading_agree(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(text_of(rows), newline="")
    by_columns, notes = read_file(path)
    by_rows, expected = read_rows(numbered(rows))
    assert_frame_equal(by_columns.frame.select(by_rows.frame.columns).sort(LINE), by_rows.frame.sort(LINE))
    assert told(by_columns) == told(by_rows)
    assert by_columns.rejected == by_rows.rejected
    assert notes.notes() == expected.notes()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_delimiters_make_no_difference(
    tmp_path: Path, encoding: str, line_end: str, delimiter: str
) -> None:
    rows = [
        ["BilledCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd", "ServiceName"],
        *([f"{n}.5", "EUR", "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z", f"Dienst Ü{n}, a;b"] for n in range(50)),
    ]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    mark = "\ufeff" if encoding in {"utf-16-le", "utf-16-be"} else ""
    path = tmp_path / "rows.csv"
    path.write_bytes((mark + text.getvalue()).encode(encoding))
    found, _ = read_file(path)
    assert (found.issues, found.frame.height) == ([], 50)
    assert found.frame.get_column("billed_cost").to_list() == [f"{n}.5" for n in range(50)]
    assert found.frame.get_column("service_name").to_list() == [f"Dienst Ü{n}, a;b" for n in range(50)]
    assert found.frame.get_column(LINE).to_list() == list(range(2, 52))
