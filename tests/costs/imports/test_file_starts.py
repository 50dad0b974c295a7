"""Beginnings and ends of files: blanks before the header are bounded, and half a character is damage."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import polars as pl
import pytest

from app.costs import files
from app.costs.files import BLANK_BYTES, UNFOLDED_RATIO, UNPACKED_RATIO, RowFile, UnreadableFileError
from app.costs.imports.frames import frame_of_chunk
from app.costs.imports.parquet import ParquetRows
from app.costs.imports.text_files import CsvText
from tests.costs.imports.deliveries import charge, write
from tests.costs.imports.test_damaged_files import by_columns


def packed(path: Path, blocks: int, rest: bytes) -> Path:
    with gzip.open(path, "wb", 1) as file:
        for _ in range(blocks):
            file.write(b"\n" * 2**20)
        file.write(rest)
    return path


@pytest.mark.parametrize("reader", [CsvText, RowFile])
def test_a_small_file_of_gigabytes_of_blank_lines_is_given_up_early(
    tmp_path: Path, reader: type[CsvText | RowFile]
) -> None:
    chance = random.Random(1)  # noqa: S311  (to be the same each time)
    path = packed(tmp_path / "blank.csv.gz", 24, chance.randbytes(2**24) + b"BilledCost\n1\n")
    with reader(path) as file:
        with pytest.raises(UnreadableFileError, match="begins with 1048576 bytes of blanks"):
            list(file.chunks() if isinstance(file, CsvText) else file.batches())
        assert file.bytes_read < path.stat().st_size


@pytest.mark.parametrize("line", [b"\n", b"\r\n", b" \n", b"1\n", b"1,\n"])
def test_a_small_file_of_gigabytes_of_lines_that_are_no_rows_is_given_up(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "blank.csv.gz"
    with gzip.open(path, "wb", 1) as file:
        file.write(b"BilledCost,Tags,Region,Service\n1,2,3,4\n")
        for _ in range(24):
            file.write(line * 2**20)
    told = "line 3: more than 131,072 lines around this one are blank"
    with CsvText(path) as text, pytest.raises(UnreadableFileError, match=told):
        list(text.chunks())


@pytest.mark.parametrize(
    ("start", "rows"), [(b"BilledCost,Tags\n1,2\n", 3), (b'{"BilledCost": "1"}\n{"BilledCost": "2"}\n', 4)]
)
def test_blank_lines_are_bounded_row_by_row_too(tmp_path: Path, start: bytes, rows: int) -> None:
    path = tmp_path / "blank"
    path.write_bytes(start + b"\n" * files.SHORT_LINES + start)
    assert all_of(RowFile, path) == rows
    path.write_bytes(start + b"\n" * (files.SHORT_LINES + 1) + start)
    with pytest.raises(UnreadableFileError, match=f"line {files.SHORT_LINES + 3}: more than 131,072 lines"):
        all_of(RowFile, path)


@pytest.mark.parametrize("blanks", [b"", b"\n", b"\n \r\n"])
def test_short_lines_within_fields_and_between_rows_are_no_harm(tmp_path: Path, blanks: bytes) -> None:
    path = tmp_path / "pretty.csv"
    names = ["BilledCost", "Tags", *(f"x_{number}" for number in range(30))]
    row = b'1,"{' + b"\n" * 40 + b'}"' + b",2" * 30 + b"\n" + blanks
    path.write_bytes(",".join(names).encode() + b"\n" + row * 20_000)
    with CsvText(path) as file:
        rows = [frame_of_chunk(file, chunk).frame.height for chunk in file.chunks()]
    assert sum(rows) == 20_000


@pytest.mark.parametrize("reader", [CsvText, RowFile])
def test_a_small_file_of_gigabytes_of_rows_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: type[CsvText | RowFile]
) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"BilledCost,Tags\n" + b"1,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n" * 2**20, 9))
    assert UNPACKED_RATIO * path.stat().st_size < 2**25
    assert all_of(reader, path) == 2**20, "so little of them does no harm"
    monkeypatch.setattr(files, "UNPACKED_BYTES", 2**20)
    with pytest.raises(UnreadableFileError, match="unpacks to more than 200 times its length"):
        all_of(reader, path)
    chance = random.Random(1)  # noqa: S311  (to be the same each time)
    rows = "".join(f"{chance.random()},{number}\n" for number in range(2**17))
    path.write_bytes(gzip.compress(f"BilledCost,Tags\n{rows}".encode()))
    assert all_of(reader, path) == 2**17


def test_a_small_parquet_file_of_one_row_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.parquet"
    frame = pl.DataFrame({"BilledCost": pl.repeat("1", 2**20, eager=True)})
    frame.write_parquet(path, row_group_size=2**20)
    assert UNFOLDED_RATIO * path.stat().st_size < 2**20
    assert ParquetRows(path).rows == 2**20, "so few of them do no harm"
    monkeypatch.setattr(files, "UNFOLDED_ROWS", 2**10)
    with pytest.raises(UnreadableFileError, match="1,048,576 rows, more than 10 for each of its bytes"):
        ParquetRows(path)
    frame.with_columns(pl.int_range(2**20).hash()).write_parquet(path)
    assert ParquetRows(path).rows == 2**20


def all_of(reader: type[CsvText | RowFile], path: Path) -> int:
    """How many rows a reader finds."""
    with reader(path) as file:
        if isinstance(file, CsvText):
            return sum(chunk.lines for chunk in file.chunks())
        return sum(len(batch.rows) for batch in file.batches())


@pytest.mark.parametrize("blanks", [0, 3, 200_000, BLANK_BYTES - 10])
def test_lines_are_numbered_behind_blank_ones(tmp_path: Path, blanks: int) -> None:
    path = write(tmp_path / "sound.csv", [charge(1), charge(2)])
    path.write_bytes(b"\n" * blanks + path.read_bytes())
    charges, lines, refused = by_columns(path)
    assert (list(charges), lines, refused) == ([blanks + 2, blanks + 3], set(), None)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_that_ends_within_a_character_is_cut_off(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "wide.csv", [charge(1), charge(2)])
    data = ("\ufeff" + path.read_text()).encode(encoding)
    path.write_bytes(data)
    assert by_columns(path)[2] is None
    path.write_bytes(data[:-1])
    assert "cut off" in str(by_columns(path)[2])
