"""Damaged files: whatever happens to the bytes, the charges are those of the sound lines, and the others are told."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.costs.conformance import ConformanceNotes
from app.costs.files import RowFile, UnreadableFileError
from app.costs.imports.frames import LINE
from app.costs.imports.parts import InlineRows, Part
from app.database import Database
from app.errors import BadUserInputError
from app.records.costs import ImportState
from tests.costs.imports.deliveries import charge, deliver, rows_of

ROWS = [charge(number, ServiceName='a "quoted", name' if number % 4 == 0 else "plain\nname") for number in range(1, 25)]
Charges = dict[int, str]
Found = tuple[Charges, set[int], str | None]


def text_of(
    rows: list[dict[str, str]],
    delimiter: str = ",",
    line_end: str = "\n",
    quoting: Literal[0, 1, 2, 3] = csv.QUOTE_MINIMAL,
) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


SOUND = text_of(ROWS).encode()
JUNK = st.sampled_from([b'"', b",", b"\n", b"\x00", b"\xff\xfe", b"\xc3", b";", b"NaN", b'""', b"\x1e", b" ", b"9"])


def damaged(data: bytes, places: list[tuple[float, int, bytes]]) -> bytes:
    """The bytes with some taken away, and junk in their place."""
    for place, gone, junk in places:
        at = int(place * len(data))
        data = data[:at] + junk + data[at + gone :]
    return data


def by_columns(path: Path) -> Found:
    """Line and billed cost of the charges, the lines with issues, and why the file cannot be read (on)."""
    charges: Charges = {}
    lines: set[int] = set()
    try:
        for part in Part(path).frames(ConformanceNotes(), None):
            charges.update(part.frame.select(LINE, "billed_cost").iter_rows())
            lines |= {issue.row_number for issue in part.issues}
    except UnreadableFileError as error:
        return charges, lines, error.message
    return charges, lines, None


def by_rows(path: Path) -> Found:
    """The same, each line and row read by itself."""
    charges: Charges = {}
    lines: set[int] = set()
    try:
        with RowFile(path) as file:
            for batch in file.batches():
                inline = InlineRows(batch.rows)
                list(inline.frames(ConformanceNotes(), None))
                charges.update(inline.found.frame.select(LINE, "billed_cost").iter_rows())
                lines |= {issue.row_number for issue in (*batch.issues, *inline.found.issues)}
    except BadUserInputError as error:
        return charges, lines, error.message
    return charges, lines, None


@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), JUNK), min_size=1, max_size=4))
@example(places=[(0.5, 7, b'"'), (0.7000686275567075, 16, b",")])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_told_at_its_line_and_nothing_else_is_lost(
    tmp_path: Path, places: list[tuple[float, int, bytes]]
) -> None:
    path = tmp_path / "damaged.csv"
    path.write_bytes(damaged(SOUND, places))
    (charges, lines, refused), (expected, wrong, reason) = by_columns(path), by_rows(path)
    if reason is not None or refused is not None:
        assert refused is None or refused.startswith("damaged.csv")
        assert refused is not None or not charges, "UTF-16 by its mark, of which no row can be read"
        return
    # Not by splitlines, for which the junk has more line ends than a file.
    raw = re.split("\r\n|\r|\n", path.read_bytes().decode(errors="replace"))
    both = charges.keys() & expected.keys()
    # As numbers: by columns a text keeps the zeros at its end.
    assert {line: Decimal(charges[line]) for line in both} == {line: Decimal(expected[line]) for line in both}
    # A quote in the middle of a field may be text or not: by columns some records are whole that by rows are not.
    for line in charges.keys() - both:
        assert line in wrong
        assert charges[line] in raw[line - 1]
    for line in (expected.keys() | wrong) - charges.keys():
        assert any(told <= line for told in lines), "told there, or at the line where its record begins"


@pytest.mark.parametrize("seed", range(12))
async def test_damaged_files_end_in_the_store_or_in_a_clear_message(
    database: Database, tmp_path: Path, seed: int
) -> None:
    junk = [b'"', b",,", b"\n", b"\x00", b"\xff", b"9"]
    path = tmp_path / "damaged.csv"
    path.write_bytes(damaged(SOUND, [(0.1 + seed * 0.07, seed * 3, junk[seed % 6])]))
    charges, lines, refused = by_columns(path)
    outcome = await deliver(database, path, reject_share=0.5)
    stored = await rows_of(database, "SELECT sum(billed_cost), count(*) FROM charges")
    rejects = await rows_of(database, "SELECT DISTINCT line_number FROM import_rejects")
    if outcome.state is ImportState.SUCCEEDED:
        assert stored == [(sum(map(Decimal, charges.values()), Decimal(0)), len(charges))]
        assert {line for (line,) in rejects} == lines
    else:
        assert stored == [(None, 0)]
        assert outcome.message
        assert (outcome.state is ImportState.FAILED) == (refused is not None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_forms_of_text_make_no_difference(tmp_path: Path, delimiter: str, line_end: str, encoding: str) -> None:
    path = tmp_path / "formed.csv"
    path.write_bytes(text_of(ROWS, delimiter, line_end, csv.QUOTE_ALL).encode(encoding))
    charges, lines, refused = by_columns(path)
    assert (lines, refused) == (set(), None)
    assert list(charges.values()) == [row["BilledCost"] for row in ROWS]


def test_german_decimals_are_refused_line_by_line(tmp_path: Path) -> None:
    """`1,5` may be one and a half or fifteen: nobody can know, so nothing is guessed."""
    rows = [charge(number, BilledCost=f"{number},5" if number % 2 else f"{number}.5") for number in range(1, 11)]
    path = tmp_path / "german.csv"
    path.write_text(text_of(rows, ";"))
    charges, lines, _ = by_columns(path)
    assert charges == {number + 1: f"{number}.5" for number in range(2, 11, 2)}
    assert lines == {2, 4, 6, 8, 10}


@pytest.mark.parametrize("size", [700, 1_500, 5_000])
def test_chunks_end_between_records_wherever_they_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A chunk of a few rows in place of 32 MB: line feeds and quotes in fields do not mislead it."""
    path = tmp_path / "sound.csv"
    path.write_bytes(SOUND)
    whole = by_columns(path)
    monkeypatch.setattr("app.costs.imports.text_files.CHUNK_BYTES", size)
    monkeypatch.setattr("app.costs.imports.text_files._BLOCK", 100)
    monkeypatch.setattr("app.costs.imports.text_files.CsvText.__init__.__kwdefaults__", {"chunk_bytes": size})
    assert by_columns(path) == whole
    assert len(whole[0]) == len(ROWS)
