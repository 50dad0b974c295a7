"""Parquet of all kinds: what it holds becomes charges or a clear message, in bounded memory."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.costs.conformance import ConformanceNotes, Gap
from app.costs.files import COLUMNS, UnreadableFileError
from app.costs.imports.parquet import ParquetRows
from tests.costs.imports.deliveries import charge
from tests.costs.imports.test_frames_and_rows import read_file

ENTRY = pl.List(pl.Struct({"key": pl.String, "value": pl.String}))
GOOGLE = {"Key": "team", "Value": "web", "x_Inherited": True, "x_Namespace": "n"}


def a_file(path: Path, rows: int, **columns: Any) -> Path:
    """Charges with further columns, or others in place of their own."""
    sent = pl.DataFrame([{name: value or None for name, value in charge(1).items()}] * rows)
    sent.with_columns(pl.Series(name, values) for name, values in columns.items()).write_parquet(path)
    return path


def column(path: Path, name: str) -> list[Any]:
    found, _ = read_file(path)
    assert (found.issues, found.rejected) == ([], 0)
    return found.frame.get_column(name).to_list()


def test_a_map_without_entries_is_an_empty_object(tmp_path: Path) -> None:
    tags = pl.Series([[{"key": "team", "value": "web"}], [], None], dtype=ENTRY)
    path = a_file(tmp_path / "a.parquet", 3, Tags=tags, x_Map=tags)
    assert column(path, "tags") == ['{"team":"web"}', "{}", None]
    assert column(path, "extra") == ['{"x_Map":"{\\"team\\":\\"web\\"}"}', '{"x_Map":"{}"}', None]


def test_not_a_number_is_null_where_a_charge_may_lack_it(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.parquet", 4, ListCost=[float("nan"), float("inf"), 0.1, None])
    found, notes = read_file(path)
    assert found.frame.get_column("list_cost").to_list() == [None, None, "0.1", None]
    told = [note for note in notes.notes() if note.gap is Gap.NORMALISED_VALUE and note.column == "ListCost"]
    assert [(note.detail, note.rows, note.first_row) for note in told] == [("not a number read as null", 2, 1)]
    found, _ = read_file(a_file(tmp_path / "b.parquet", 2, BilledCost=[float("nan"), 1.5]))
    assert [(issue.row_number, issue.reason) for issue in found.issues] == [(1, "BilledCost is not a finite number")]


@pytest.mark.parametrize("name", ["BillingCurrency", "Tags", "SkuPriceDetails"])
def test_decimals_are_values_of_numbers_alone(tmp_path: Path, name: str) -> None:
    """A column of plain decimals needs no look where amounts belong, and one where they do not."""
    odd, _ = read_file(a_file(tmp_path / "odd.parquet", 1, **{name: [Decimal("1.50")]}))
    assert ({issue.column for issue in odd.issues}, odd.rejected, odd.frame.height) == ({name}, 1, 0)
    fine, _ = read_file(a_file(tmp_path / "fine.parquet", 1, ListCost=[Decimal("1.50")]))
    assert fine.frame.get_column("list_cost").to_list() == ["1.5"]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([dt.time(1, 2)], "01:02:00"),
        ([dt.timedelta(days=1, seconds=2)], "P1DT2S"),
        ([b"ab"], "ab"),
        ([dt.date(2026, 10, 1)], "2026-10-01"),
        ([True], "true"),
        (pl.Series(["a"], dtype=pl.Categorical), "a"),
        (pl.Series([None], dtype=pl.Null), None),
        ([[1, 2]], "[1,2]"),
    ],
    ids=range(8),
)
def test_columns_of_other_types_are_read_as_text(tmp_path: Path, values: Any, text: str | None) -> None:
    found = column(a_file(tmp_path / "a.parquet", 1, x=values), "extra")
    assert found == [text and f'{{"x_x":"{text}"}}']


@pytest.mark.parametrize("values", [[b"ab\xff"], pl.Series([[2**70]], dtype=pl.List(pl.Int128))], ids=range(2))
def test_a_column_that_is_no_text_is_named(tmp_path: Path, values: Any) -> None:
    with pytest.raises(UnreadableFileError, match="line 1: the column x_odd cannot be read as text"):
        read_file(a_file(tmp_path / "a.parquet", 1, x_odd=values))


def test_bytes_of_a_parquet_file_may_be_any(tmp_path: Path) -> None:
    """Of some polars panics, which is no Exception."""
    path = a_file(tmp_path / "a.parquet", 50, x_n=list(range(50)), Tags=[[{"key": "a", "value": "b"}]] * 50)
    sound, chance, refused = path.read_bytes(), random.Random(3), 0  # noqa: S311  (to be the same each time)
    for _ in range(300):
        data = bytearray(sound)
        for _ in range(chance.randint(1, 3)):
            data[chance.randrange(4, len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            read_file(path)
        except UnreadableFileError:
            refused += 1
    assert refused > 50


def test_a_name_with_brackets_is_one_file_and_folders_are_no_columns(tmp_path: Path) -> None:
    folder = tmp_path / "month=10"
    folder.mkdir()
    for name, value in (("a.parquet", "1"), ("[a].parquet", "2"), ("*.parquet", "3")):
        a_file(folder / name, 1, x=[value])
    for name, value in (("[a].parquet", "2"), ("*.parquet", "3")):
        assert column(folder / name, "extra") == [f'{{"x_x":"{value}"}}']


def test_columns_are_bounded(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.parquet", 1, **{f"x_{number}": ["1"] for number in range(COLUMNS)})
    with pytest.raises(UnreadableFileError, match="at most 1000 are read"):
        read_file(path)


def test_frames_are_bounded_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long lists of equal numbers are a small file and much memory: here 64 kB in place of 64 MB."""
    monkeypatch.setattr("app.costs.imports.parquet.FRAME_BYTES", 2**16)
    path = a_file(tmp_path / "a.parquet", 600, x_list=[list(range(100))] * 600)
    frames = [raw.frame for raw in ParquetRows(path).frames()]
    assert max(frame.height for frame in frames) < 100
    assert pl.concat(frame.select("\x00line") for frame in frames).to_series().to_list() == list(range(1, 601))


def test_a_nested_value_beyond_the_bounds_of_json_refuses_its_row(tmp_path: Path) -> None:
    lists = [list(range(40_000)), [1], list(range(200_000))]
    found, _ = read_file(a_file(tmp_path / "a.parquet", 3, x_list=lists))
    assert (found.frame.height, found.rejected) == (1, 2)
    assert {issue.row_number for issue in found.issues} == {1, 3}


def test_lists_of_tags_become_tags_and_stay_what_they_are(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.parquet", 2, x_Tags=[[GOOGLE], []])
    pl.read_parquet(path).drop("Tags").write_parquet(path)
    assert column(path, "tags") == ['{"team":"web"}', "{}"]
    assert '\\"x_Namespace\\":\\"n\\"' in column(path, "extra")[0]


def test_gaps_are_counted_by_rows_that_are_kept(tmp_path: Path) -> None:
    path = a_file(tmp_path / "a.parquet", 2, ListCost=[float("nan")] * 2, BilledCost=["1", "odd"])
    found, notes = read_file(path)
    assert isinstance(notes, ConformanceNotes)
    assert found.rejected == 1
    assert [note.rows for note in notes.notes() if note.detail == "not a number read as null"] == [1]
