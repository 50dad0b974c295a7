"""Chunks of a CSV file: whatever their size, the same records at the same lines."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.costs.imports.frames import LINE, frame_of_chunk
from app.costs.imports.text_files import CsvText

HEADER = "a,b,c\n"
FIELDS = st.sampled_from(("1", "", "two words", '"quoted"', '"two\nlines"', '"a ""b"", c"', '""', "ä"))
RECORDS = st.lists(st.lists(FIELDS, min_size=1, max_size=4), max_size=30)


def found(path: Path, chunk_bytes: int) -> tuple[list[tuple[object, ...]], set[int]]:
    """The records with their lines, and the lines that are no records."""
    with CsvText(path, chunk_bytes=chunk_bytes) as file:
        parts = [frame_of_chunk(file, chunk) for chunk in file.chunks()]
    rows = [row for part in parts for row in part.frame.select(LINE, "a", "b", "c").sort(LINE).iter_rows()]
    return rows, {issue.row_number for part in parts for issue in part.issues}


@given(records=RECORDS, chunk_bytes=st.integers(1, 200))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_size_of_chunks_makes_no_difference(tmp_path: Path, records: list[list[str]], chunk_bytes: int) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + "".join(",".join(record) + "\n" for record in records))
    assert found(path, chunk_bytes) == found(path, 2**20)


@pytest.mark.parametrize("last", ["x", ""])
def test_records_that_are_too_short_or_too_long_are_told_whether_or_not_the_last_column_has_nulls(
    tmp_path: Path, last: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{HEADER}1,2,{last}\n1,2\n1,2,3\n1,2,3,4\n1,2,3\n")
    rows, wrong = found(path, 2**20)
    assert rows == [(2, "1", "2", last or None), (4, "1", "2", "3"), (6, "1", "2", "3")]
    assert wrong == {3, 5}


def test_a_column_that_has_nulls_only_later_is_read_alike(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(HEADER + "1,2,3\n" * 100 + "1,2,\n1,2\n" + "1,2,3\n" * 100)
    rows, wrong = found(path, 64)
    assert [line for line, *_ in rows] == [*range(2, 103), *range(104, 204)]
    assert wrong == {103}
    assert pl.Series([row[3] for row in rows]).null_count() == 1
