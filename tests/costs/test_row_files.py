"""Files of rows: what is read from them, and that every fault names its line and loses nothing else."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs import files
from app.costs.files import RowFile, UnreadableFileError
from app.errors import ErrorCode
from app.records import RowIssue

Rows = list[tuple[int, Mapping[str, object]]]

EXCEL = "a ZIP archive: unpack it or use gzip; of an Excel workbook save the sheet as CSV in UTF-8"


def read(folder: Path, content: bytes, name: str = "rows.csv") -> tuple[Rows, list[RowIssue]]:
    path = folder / name
    path.write_bytes(content)
    with RowFile(path) as file:
        batches = list(file.batches())
    return [row for batch in batches for row in batch.rows], [issue for batch in batches for issue in batch.issues]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\n1,2\n3,4\n",
        b"a,b\r\n1,2\r\n3,4",
        b"\xef\xbb\xbfa,b\n1,2\n3,4\n",
        b'"a","b"\n"1","2"\n"3","4"\n',
        b"a;b\n1;2\n3;4\n",
        b" a , b \n1,2\n3,4\n",
        gzip.compress(b"a,b\n1,2\n3,4\n", mtime=0),
        gzip.compress(b"a,b\n1,2\n", mtime=0) + gzip.compress(b"3,4\n", mtime=0),
    ],
    ids=["lf", "crlf", "mark", "quoted", "semicolons", "blanks", "gzip", "gzip parts"],
)
def test_every_spelling_of_csv_gives_the_same_rows(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == ([(2, {"a": "1", "b": "2"}), (3, {"a": "3", "b": "4"})], [])


def test_quoted_line_breaks_delimiters_and_quotes_are_part_of_the_value(tmp_path: Path) -> None:
    rows, issues = read(tmp_path, b'a,b\n"1\n2","x, ""y"""\n\n\n3,4;5\n')
    assert rows == [(2, {"a": "1\n2", "b": 'x, "y"'}), (6, {"a": "3", "b": "4;5"})]
    assert issues == []


def test_a_wrong_number_of_columns_is_an_issue_of_its_row(tmp_path: Path) -> None:
    rows, issues = read(tmp_path, b"a,b\n1,2\n3\n4,5,6\n,\n7,8\n")
    assert rows == [(2, {"a": "1", "b": "2"}), (6, {"a": "7", "b": "8"})]
    assert issues == [
        RowIssue(3, None, "3", "the row has 1 columns, the header has 2"),
        RowIssue(4, None, "4", "the row has 3 columns, the header has 2"),
    ]


def test_invalid_utf8_is_an_issue_of_its_line(tmp_path: Path) -> None:
    rows, issues = read(tmp_path, b'a,b\n1,2\n3,\xff\n5,6\n"7\nx\xe9",8\n9,\xc3\xa9\n')
    assert rows == [(2, {"a": "1", "b": "2"}), (4, {"a": "5", "b": "6"}), (7, {"a": "9", "b": "é"})]
    assert [(issue.row_number, issue.reason.split(":")[0]) for issue in issues] == [
        (3, "the line is not UTF-8 text"),
        (6, "the line is not UTF-8 text"),
    ]


def test_an_open_quote_loses_its_own_line_only(tmp_path: Path) -> None:
    content = b'a,b\n1,2\n"3,4\n5,"6"\n7,8\n' + b"9,10\n" * 3
    rows, issues = read(tmp_path, content)
    assert [number for number, _ in rows] == [2, 4, 5, 6, 7, 8]
    assert rows[1] == (4, {"a": "5", "b": "6"})
    assert [issue.row_number for issue in issues] == [3]
    assert "is a quote left open?" in issues[0].reason


def test_a_quote_that_is_never_closed_is_found_within_bounds(tmp_path: Path) -> None:
    content = b'a,b\n1,2\n3,"4\n' + b"5,6\n" * 200_000
    rows, issues = read(tmp_path, content)
    assert len(rows) == 200_001
    assert rows[1] == (4, {"a": "5", "b": "6"})
    assert [issue.row_number for issue in issues] == [3]


def test_a_record_of_endless_quoted_lines_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "RECORD_BYTES", 1_000)
    rows, issues = read(tmp_path, b"a,b\n" + b'"x\n",' * 300 + b"\n1,2\n")
    assert rows == [(303, {"a": "1", "b": "2"})]
    assert issues[0].row_number == 2
    assert issues[0].reason.startswith("the record cannot be read: it is longer than 1000 bytes")


def test_a_file_of_open_quotes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "REPEATED_BYTES", 200_000)
    with pytest.raises(UnreadableFileError, match="too many records are broken: the file is no CSV"):
        read(tmp_path, b"a,b\n" + (b'1,"2\n' + b"3,4\n" * 40_000) * 2)


def test_text_behind_a_quote_is_an_issue(tmp_path: Path) -> None:
    rows, issues = read(tmp_path, b'a,b\n"1" x,2\n3,4\n')
    assert rows == [(3, {"a": "3", "b": "4"})]
    assert [(issue.row_number, issue.reason) for issue in issues] == [
        (2, "the record cannot be read: ',' expected after '\"'")
    ]


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        (b"", 1, "the file is empty"),
        (b"\n \n", 1, "the file is empty"),
        (b"a,b,a\n1,2,3\n", 1, "the header names the column a twice"),
        (b"\n\na,,b\n", 3, "column 2 of the header has no name"),
        (
            b",".join(b"c%d" % number for number in range(1_001)),
            1,
            "the header has 1001 columns; at most 1000 are read",
        ),
        (b"a\xff,b\n1,2\n", 1, "the header is not UTF-8 text"),
        (b"a\0,b\n1,2\n", 1, "the header is not UTF-8 text"),
        (b'"a,b\n1,2\n', 1, "the header has a quote that is not closed"),
        ("a,b\n1,2\n".encode("utf-16"), 1, "the file is UTF-16 text: save it as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16-be"), 1, "the header is not UTF-8 text"),
        (b"PAR1\0\0", 1, "the file is Parquet: give CSV or JSON Lines"),
        (b"PK\x03\x04...", 1, f"the file is {EXCEL}"),
        (b' [{"a": 1}]', 1, "the file is a JSON array: write one object a line (JSON Lines)"),
        (b"x" * (2**20 + 1), 1, "the line is longer than 1048576 bytes"),
        (b"\x1f\x8bnothing", 1, "the file is damaged or cut off"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 1_000, mtime=0)[:-20], None, "the file is damaged or cut off"),
        (b"a,b\n1,2\n" + b"x" * (2**20 + 1), 3, "the line is longer than 1048576 bytes"),
    ],
    ids=range(17),
)
def test_a_file_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, content: bytes, line: int | None, reason: str
) -> None:
    with pytest.raises(UnreadableFileError) as refused:
        read(tmp_path, content)
    assert reason in refused.value.message
    assert refused.value.code is ErrorCode.BAD_USER_INPUT
    assert line is None or refused.value.line == line
    assert f"rows.csv, line {refused.value.line}: " in refused.value.message


def test_a_file_that_cannot_be_opened_says_why(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "absent.csv", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(UnreadableFileError, match=reason), RowFile(path):
            pass


def test_json_lines_keep_decimals_exact(tmp_path: Path) -> None:
    content = b'\n{"a": 0.10000000000000000001, "b": {"c": 1}}\n\n{"a": 12}\r\n'
    rows, issues = read(tmp_path, content, "rows.jsonl")
    assert rows == [(2, {"a": Decimal("0.10000000000000000001"), "b": {"c": 1}}), (4, {"a": 12})]
    assert issues == []
    assert read(tmp_path, gzip.compress(content), "rows.jsonl.gz")[0] == rows


def test_a_line_that_is_no_json_object_is_an_issue(tmp_path: Path) -> None:
    lines = [b'{"a": 1}', b"{", b"[1]", b'{"a": NaN}', b'{"a": "\xff"}', b'{"a":' * 100_000, b'{"a": 1e9}', b'{"a": 2}']
    rows, issues = read(tmp_path, b"\n".join(lines), "rows.jsonl")
    assert [number for number, _ in rows] == [1, 7, 8]
    assert [issue.row_number for issue in issues] == [2, 3, 4, 5, 6]
    assert [issue.reason.split(":")[0] for issue in issues] == [
        "the line is not JSON",
        "the line is not a JSON object",
        "the line is not JSON",
        "the line is not UTF-8 text",
        "the line is nested too deeply",
    ]


def test_rows_come_in_batches_and_progress_reaches_the_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n" + b"1,2\n" * 4 + b"3\n" + b"1,2\n" * 7)
    with RowFile(path, batch_rows=5) as file:
        seen = [(len(batch.rows), len(batch.issues), file.bytes_read) for batch in file.batches()]
        assert [(rows, issues) for rows, issues, _ in seen] == [(4, 1), (5, 0), (2, 0)]
        assert file.columns == ("a", "b")
        assert file.bytes_read == file.total_bytes == path.stat().st_size
    positions = [position for _, _, position in seen]
    assert positions == sorted(positions)


def test_progress_of_a_gzip_file_counts_bytes_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 50_000))
    with RowFile(path) as file:
        assert [len(batch.rows) for batch in file.batches()] == [5_000] * 10
        assert file.bytes_read == file.total_bytes == path.stat().st_size


def test_long_rows_make_smaller_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BATCH_BYTES", 1_000)
    path = tmp_path / "rows.csv"
    path.write_bytes(b"a,b\n" + (b"x" * 100 + b",2\n") * 50)
    with RowFile(path) as file:
        assert [len(batch.rows) for batch in file.batches()] == [10, 10, 10, 10, 10]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for rows in (10_000, 60_000):
        path = tmp_path / f"{rows}.csv.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            file.write(b"a,b,c\n" + b"first value,second value,third value\n" * rows)
        tracemalloc.start()
        with RowFile(path) as source:
            assert sum(len(batch.rows) for batch in source.batches()) == rows
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 20_000_000


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=200) | st.text(alphabet='a,;"\n\r{}[]:1é', max_size=80).map(str.encode))
def test_no_content_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        rows, issues = read(folder, content)
    except UnreadableFileError as error:
        assert error.message.startswith("rows.csv")  # noqa: PT017
    else:
        lines = len(io.BytesIO(content).readlines())
        assert all(1 <= number <= lines for number, _ in rows)
        assert all(1 <= issue.row_number <= lines for issue in issues)
