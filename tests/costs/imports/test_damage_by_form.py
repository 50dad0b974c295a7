"""Generated damage in every form of a file: the sums are those of the rows that survive, or the message has a line.

What survives is worked out here from the rows before they are written, by Decimal and the csv module alone.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.costs.conformance import ConformanceNotes
from app.costs.files import UnreadableFileError
from app.costs.imports.frames import LINE
from app.costs.imports.parts import Part
from tests.costs.imports.deliveries import charge

Row = dict[str, str]
ROWS = [charge(number, ChargeDescription=f"row-{number:03}") for number in range(1, 31)]
NAMES = tuple(ROWS[0])
AMOUNTS = {"BilledCost": "billed_cost", "EffectiveCost": "effective_cost", "ListCost": "list_cost"}
NEEDED = ("BilledCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd")
FORMS = ("csv", "semicolon", "utf-16", "gzip", "parquet")
TEXTS = tuple(form for form in FORMS if form != "parquet")
LONGEST = 38
"""Digits that an amount may have before its point."""
Sums = dict[str, Decimal]
SETTINGS = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def text_of(names: tuple[str, ...], rows: list[Row], form: str) -> str:
    """Rows as text; `names` are the heading, whatever the rows call their values."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=";" if form == "semicolon" else ",", lineterminator="\n")
    writer.writerow(names)
    writer.writerows(row.values() for row in rows)
    return text.getvalue()


def packed(folder: Path, text: str, form: str) -> Path:
    """The text as a file of a form."""
    path = folder / ("costs.csv.gz" if form == "gzip" else "costs.csv")
    data = text.encode("utf-16" if form == "utf-16" else "utf-8")
    path.write_bytes(gzip.compress(data, mtime=0) if form == "gzip" else data)
    return path


def file_of(folder: Path, names: tuple[str, ...], rows: list[Row], form: str) -> Path:
    if form != "parquet":
        return packed(folder, text_of(names, rows, form), form)
    path = folder / "costs.parquet"
    values = zip(*(row.values() for row in rows), strict=True)
    frame = {name: [text or None for text in column] for name, column in zip(names, values, strict=True)}
    pl.DataFrame(frame, schema=dict.fromkeys(names, pl.String)).write_parquet(path)
    return path


def read(path: Path) -> tuple[pl.DataFrame, set[int], str | None]:
    """The charges of a file, the lines that are told of, and why it cannot be read."""
    names = [LINE, "charge_description", *AMOUNTS.values()]
    try:
        parts = list(Part(path).frames(ConformanceNotes(), None))
    except UnreadableFileError as error:
        return pl.DataFrame(), set(), error.message
    frame = pl.concat([part.frame.select(names) for part in parts])
    return frame, {issue.row_number for part in parts for issue in part.issues}, None


def sums_of(frame: pl.DataFrame) -> Sums:
    return {
        name: sum(map(Decimal, frame.get_column(column).drop_nulls()), Decimal(0)) for name, column in AMOUNTS.items()
    }


def survives(row: Mapping[str, str]) -> bool:
    """Whether a row is a charge: what it must have is there, and all that is no text can be read."""
    if not all(row.get(name) for name in NEEDED) or not re.fullmatch("[A-Za-z]{3}", row["BillingCurrency"]):
        return False
    try:
        for name in (*AMOUNTS, "ContractedCost"):
            if Decimal(row.get(name) or "0").adjusted() >= LONGEST:
                return False
        if not isinstance(json.loads(row.get("Tags") or "{}"), dict):
            return False
        for period in ("ChargePeriod", "BillingPeriod"):
            begins, ends = (row.get(f"{period}{edge}") for edge in ("Start", "End"))
            times = [datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") for text in (begins, ends) if text]  # noqa: DTZ007
            if len(times) > 1 and times[1] <= times[0]:
                return False
    except (InvalidOperation, ValueError):
        return False
    return True


def expected(rows: list[Row]) -> tuple[Sums, list[int]]:
    """The sums of the rows that survive, and the places of the others."""
    kept = [row for row in rows if survives(row)]
    sums = {name: sum((Decimal(row.get(name) or "0") for row in kept), Decimal(0)) for name in AMOUNTS}
    return sums, [place for place, row in enumerate(rows) if not survives(row)]


def assert_read_as(path: Path, rows: list[Row]) -> None:
    """A file that was written of rows comes to the sums of those that survive, and the others are told of."""
    sums, wrong = expected(rows)
    frame, told, reason = read(path)
    if reason is not None:
        assert re.match(rf"{path.name}(, line \d+)?: ", reason)
        assert len(wrong) == len(rows), reason
        return
    first = 1 if path.suffix == ".parquet" else 2
    assert told == {place + first for place in wrong}
    assert sums_of(frame) == sums


def assert_untouched_are_read(path: Path, text: str, form: str) -> None:
    """Of damaged text, lines that are still those of rows are read as they were, or told of before."""
    frame, told, reason = read(path)
    if reason is not None:
        assert re.match(rf"{path.name}, line \d+: ", reason)
        return
    heading, *sent = text_of(NAMES, ROWS, form).split("\n")
    lines = re.split("\r\n|\r|\n", text)
    if lines[0] != heading:
        return  # which makes other rows of them: the tests of names say which
    sound = dict(zip(sent, ROWS, strict=False))
    untouched = {number: sound[line] for number, line in enumerate(lines, 1) if line in sound}
    found = {line: (description, values) for line, description, *values in frame.iter_rows()}
    for number, row in untouched.items():
        if number in found:
            assert found[number][0] == row["ChargeDescription"]
            assert [Decimal(value or 0) for value in found[number][1]] == [Decimal(row[name] or 0) for name in AMOUNTS]
        else:
            assert any(line <= number for line in told)
    kept = [row for number, row in untouched.items() if number in found]
    assert sums_of(frame.filter(pl.col(LINE).is_in(list(untouched)))) == expected(kept)[0]


@pytest.mark.parametrize("form", FORMS)
@given(name=st.sampled_from(NAMES), new=st.sampled_from((None, "x_Other", "Kosten", "Billed Cost ", "Publisher Name!")))
@SETTINGS
def test_a_column_that_is_dropped_or_has_another_name(tmp_path: Path, form: str, name: str, new: str | None) -> None:
    rows = [{key: value for key, value in row.items() if key != name or new} for row in ROWS]
    names = tuple(new if key == name and new else key for key in rows[0])
    left = [{key: value for key, value in row.items() if key != name} for row in ROWS]
    assert_read_as(file_of(tmp_path, names, rows, form), left)


@pytest.mark.parametrize("form", FORMS)
@given(pair=st.lists(st.sampled_from(NAMES), min_size=2, max_size=2, unique=True))
@SETTINGS
def test_two_columns_that_have_each_others_names(tmp_path: Path, form: str, pair: list[str]) -> None:
    other = {pair[0]: pair[1], pair[1]: pair[0]}
    names = tuple(other.get(name, name) for name in NAMES)
    meant = [dict(zip(names, row.values(), strict=True)) for row in ROWS]
    assert_read_as(file_of(tmp_path, names, ROWS, form), meant)


@pytest.mark.parametrize("form", FORMS)
@given(
    cells=st.lists(
        st.tuples(
            st.integers(0, len(ROWS) - 1),
            st.sampled_from(NAMES),
            st.sampled_from(
                ("", "?", "1,5", "--1", "1.5.5", "{", "[]", "2026-10-99", "9" * 60, "-3.25", "a;b,c", 'a"b')
            ),
        ),
        max_size=8,
    )
)
@SETTINGS
def test_values_that_are_damaged(tmp_path: Path, form: str, cells: list[tuple[int, str, str]]) -> None:
    rows = [dict(row) for row in ROWS]
    for place, name, value in cells:
        rows[place][name] = value
    assert_read_as(file_of(tmp_path, NAMES, rows, form), rows)


@pytest.mark.parametrize("form", TEXTS)
@given(
    places=st.lists(
        st.tuples(
            st.floats(0, 1), st.integers(0, 60), st.sampled_from(('"', ",", ";", "\n", "\t", "ß", "9", '""', ""))
        ),
        min_size=1,
        max_size=3,
    )
)
@SETTINGS
def test_text_that_is_damaged(tmp_path: Path, form: str, places: list[tuple[float, int, str]]) -> None:
    """Rows that were not touched are read as they were, or told of where what hides them begins."""
    text = text_of(NAMES, ROWS, form)
    for place, gone, junk in places:
        at = int(place * len(text))
        text = text[:at] + junk + text[at + gone :]
    assert_untouched_are_read(packed(tmp_path, text, form), text, form)


@pytest.mark.parametrize("form", ["utf-16", "gzip"])
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5), st.binary(max_size=3)), min_size=1, max_size=2))
@SETTINGS
def test_bytes_that_are_damaged(tmp_path: Path, form: str, places: list[tuple[float, int, bytes]]) -> None:
    """What is packed is checked by its sums; of UTF-16 what is left of a row must be that row."""
    path = packed(tmp_path, text_of(NAMES, ROWS, form), form)
    data = sound = path.read_bytes()
    for place, gone, junk in places:
        at = max(2, int(place * len(data)))  # behind the mark that tells the form
        data = data[:at] + junk + data[at + gone :]
    path.write_bytes(data)
    if form == "utf-16":
        assert_untouched_are_read(path, data[2:].decode("utf-16-le", errors="replace"), form)
        return
    frame, told, reason = read(path)
    if reason is None:
        # Its heading, such as the time it was packed, is no part of what is checked.
        assert gzip.decompress(data) == gzip.decompress(sound)
        assert (frame.height, told) == (len(ROWS), set())
    else:
        assert re.match(rf"{path.name}(, line \d+)?: ", reason)


MARKS = {
    "comma": ("12,5", "1.234,56", "-0,75"),
    "open": ("1.234", "-12.000"),
    "point": ("0.5", "-1234.25"),
    "none": ("7", "-40"),
}


@pytest.mark.parametrize("form", FORMS)
@given(
    kinds=st.lists(
        st.tuples(st.sampled_from(("comma", "open", "point", "none")), st.integers(0, 2)), min_size=1, max_size=12
    ),
    points=st.sampled_from((0, 0, 19, 20, 45)),
)
@SETTINGS
def test_german_decimals_of_any_share(tmp_path: Path, form: str, kinds: list[tuple[str, int]], points: int) -> None:
    every = [*kinds, *[("point", 0)] * points]
    same = {"EffectiveCost": "1", "ListCost": "2"}
    rows = [charge(number, **same, BilledCost=MARKS[kind][pick % len(MARKS[kind])], ChargeDescription="a")
            for number, (kind, pick) in enumerate(every)]  # fmt: skip
    path = file_of(tmp_path, tuple(rows[0]), rows, form)
    places = {kind: [place for place, (found, _) in enumerate(every) if found == kind] for kind in MARKS}
    first = 1 if form == "parquet" else 2
    if places["comma"] and places["open"] and len(places["point"]) < 20 * len(places["comma"]):
        lines = (places["comma"][0] + first, places["open"][0] + first)
        _, _, reason = read(path)
        assert reason is not None
        assert re.search(rf"comma in line {lines[0]} and .* in line {lines[1]}: write", reason)
    else:
        assert_read_as(path, rows)
