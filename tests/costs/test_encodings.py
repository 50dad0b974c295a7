"""Files that are no UTF-8: what is said of them names the encoding and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.costs.encodings import why_not_utf8
from app.costs.files import RowFile, UnreadableFileError
from app.costs.imports.frames import frame_of_chunk
from app.costs.imports.text_files import CsvText

WINDOWS = (
    "the line is not UTF-8 text: it seems to be Windows-1252 (Latin-1); save the whole file as UTF-8, in Excel as "
    "`CSV UTF-8`, and import it again"
)


@pytest.mark.parametrize(
    "text",
    ["1.5,Büro München,EUR\n", "Öl,1\n", "1.5,prix en €,EUR\n", "1,“quoted”,EUR\n", "1,Crédit à déduire,EUR\n"],
)
def test_text_of_western_europe_is_named(text: str) -> None:
    assert why_not_utf8("line", text.encode("cp1252")) == WINDOWS


@pytest.mark.parametrize(
    "line",
    [
        b"\xff,b\n",
        b"1.5\xe9,EUR\n",
        "Büro".encode() + b" M\xfcnchen,1\n",  # UTF-8 with one damaged byte
    ],
)
def test_a_damaged_line_is_only_told(line: bytes) -> None:
    assert why_not_utf8("line", line) == "the line is not UTF-8 text"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_named(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wide.csv"
    path.write_bytes("BilledCost,BillingCurrency\n1,EUR\n".encode(encoding))
    told = "UTF-16 without a byte order mark; save the whole file as UTF-8"
    with CsvText(path) as file, pytest.raises(UnreadableFileError, match=told):
        list(file.chunks())


def test_both_readers_say_so(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_bytes("BilledCost,ServiceName\n1,Speicher\n2,Büro\n".encode("cp1252"))
    with RowFile(path) as file:
        (batch,) = file.batches()
    assert [(issue.row_number, issue.reason) for issue in batch.issues] == [(3, WINDOWS)]
    with CsvText(path) as text:
        (frame,) = [frame_of_chunk(text, chunk) for chunk in text.chunks()]
    assert [(issue.row_number, issue.reason) for issue in frame.issues] == [(3, WINDOWS)]
