"""Points that may part thousands: what a whole file writes decides, and where it does not, nothing is read wrongly."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.costs.conformance import ConformanceNotes
from app.costs.files import UnreadableFileError
from app.costs.imports import parts
from app.costs.imports.decimal_marks import frame_of_texts, proves_comma
from app.costs.imports.parts import InlineRows, Part
from app.costs.values import UnusableValueError, read_decimal
from app.database import Database
from app.errors import BadUserInputError
from app.records.costs import ImportState
from tests.costs.imports.deliveries import charge, deliver, rows_of, sums, write
from tests.sourcing.conftest import importing
from tests.sourcing.importing import Importing

__all__ = ["importing"]  # fixtures

FORMS = ("csv", "gzip", "utf-16", "jsonl", "parquet", "rows")
REFUSED = "write all of them with a decimal point and nothing between thousands, and send all of it again"


def billed(*amounts: str, **values: str) -> list[dict[str, str]]:
    """A charge for each amount; the others of the row say nothing of marks."""
    same = {"EffectiveCost": "1", "ListCost": "2"}
    return [charge(number, **{**same, **values, "BilledCost": amount}) for number, amount in enumerate(amounts, 1)]


def file_of(folder: Path, rows: list[dict[str, str]], form: str) -> Path:
    """The rows as a file of a form."""
    path = write(folder / "a.csv", rows)
    if form == "gzip":
        path.write_bytes(gzip.compress(path.read_bytes()))
    elif form == "utf-16":
        path.write_bytes(path.read_text().encode("utf-16"))
    elif form == "jsonl":
        path = folder / "a.jsonl"
        path.write_text("\n".join(json.dumps(row) for row in rows))
    elif form == "parquet":
        path = folder / "a.parquet"
        pl.DataFrame(rows).write_parquet(path)
    return path


def read(folder: Path, rows: list[dict[str, str]], form: str) -> tuple[list[Decimal], list[int]]:
    """What is billed of the rows that are read, and the numbers of those that are not, counted from 1."""
    notes = ConformanceNotes()
    if form == "rows":
        inline = InlineRows(list(enumerate(rows, 1)))
        found, first = list(inline.frames(notes, None)), 1
    else:
        found = list(Part(file_of(folder, rows, form)).frames(notes, None))
        first = 1 if form in {"parquet", "jsonl"} else 2
    amounts = [Decimal(text) for part in found for text in part.frame.get_column("billed_cost")]
    return amounts, sorted({issue.row_number - first + 1 for part in found for issue in part.issues})


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "proof", ["1.234,56", "12,5", "-0,123", "1234,567", "1.234.567", "1 234,5", "1.234,56 €", "EUR 12,50"]
)
def test_a_proof_of_decimal_commas_refuses_what_may_be_thousands(tmp_path: Path, form: str, proof: str) -> None:
    rows = billed("7", "1.234", "99", *["2.345"] * 90, proof, proof)
    word, first = ("row" if form == "rows" else "line"), (1 if form in {"rows", "parquet", "jsonl"} else 2)
    message = f"decimal comma in {word} {93 + first} and with a point .* in {word} {1 + first}: {re.escape(REFUSED)}"
    with pytest.raises(BadUserInputError, match=message):
        read(tmp_path, rows, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("point", ["0.5", "12.5", "-1234.567", "1.2345", "$1,234.56", "1,234,567", ".25"])
def test_where_the_point_is_proved_decimal_commas_are_refused_row_by_row(tmp_path: Path, form: str, point: str) -> None:
    rows = billed("1.234", *[point] * 20, "12,5")
    assert read(tmp_path, rows, form) == ([Decimal("1.234"), *[read_decimal(point)[0]] * 20], [22])


@pytest.mark.parametrize("form", FORMS)
def test_a_few_points_do_not_outweigh_commas(tmp_path: Path, form: str) -> None:
    with pytest.raises(BadUserInputError, match=REFUSED):
        read(tmp_path, billed("1.234", *["0.5"] * 19, "12,5"), form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("amounts", "wrong"),
    [
        (["1.234", "5.678"], []),  # nothing speaks of commas
        (["1.234", "1,234"], [2]),  # which may be thousands as well
        (["12,5", "1.234,56", "1.5", "7"], [1, 2]),  # nothing that may be read both ways
        (["12,5", "0.123", "1234.567"], [1]),
    ],
    ids=range(4),
)
def test_without_proof_or_without_doubt_each_row_is_read_by_itself(
    tmp_path: Path, form: str, amounts: list[str], wrong: list[int]
) -> None:
    expected = [Decimal(text) for number, text in enumerate(amounts, 1) if number not in wrong]
    assert read(tmp_path, billed(*amounts), form) == (expected, wrong)


@pytest.mark.parametrize("form", FORMS)
def test_one_column_proves_it_for_another(tmp_path: Path, form: str) -> None:
    """What is billed proves commas, what is effective may be read both ways; a quantity with points is no excuse."""
    rows = billed("12,5", *["7"] * 40, EffectiveCost="1.234", PricingQuantity="0.5")
    with pytest.raises(BadUserInputError, match=REFUSED):
        read(tmp_path, rows, form)
    plain = [{**row, "EffectiveCost": "1.234" if number % 30 == 0 else "0.5"} for number, row in enumerate(rows)]
    assert read(tmp_path, plain, form) == ([Decimal(7)] * 40, [1]), "its own points prove what it means"


def test_numbers_that_are_no_text_are_what_they_are(tmp_path: Path) -> None:
    """A JSON number and a double have no marks that somebody wrote."""
    lines = tmp_path / "a.jsonl"
    rows = [{**row, "BilledCost": 1.234} for row in billed("0", "0")]
    lines.write_text("\n".join(json.dumps(row) for row in [*billed("12,5"), *rows]))
    (part,) = Part(lines).frames(ConformanceNotes(), None)
    assert part.frame.get_column("billed_cost").to_list() == ["1.234", "1.234"]
    path = tmp_path / "a.parquet"
    pl.DataFrame(billed("12,5", "7")).with_columns(EffectiveCost=pl.lit(1.234)).write_parquet(path)
    (part,) = Part(path).frames(ConformanceNotes(), None)
    assert part.frame.select("billed_cost", "effective_cost").rows() == [("7", "1.234")]
    assert frame_of_texts([(1, {"BilledCost": 1.5, "x": "12,5"})]).rows() == [(1, None)]


@pytest.mark.parametrize("size", [1_500, 20_000])
def test_chunks_before_the_proof_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr("app.costs.imports.text_files.CsvText.__init__.__kwdefaults__", {"chunk_bytes": size})
    monkeypatch.setattr("app.costs.imports.text_files._BLOCK", 100)
    path = write(tmp_path / "a.csv", billed("1.234", *["7"] * 200, "12,5", *["8"] * 50))
    with pytest.raises(UnreadableFileError, match=r"a.csv, line 203: .* in line 203 .* in line 2:"):
        list(Part(path).frames(ConformanceNotes(), None))
    path = write(tmp_path / "b.csv", billed("12,5", *["7"] * 200, "1.234"))
    with pytest.raises(UnreadableFileError, match=r"b.csv, line 2: .* in line 2 .* in line 203:"):
        list(Part(path).frames(ConformanceNotes(), None))


def test_an_ordinary_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one with proofs in every part only once more."""
    calls: list[Path] = []
    look = parts._texts

    def counted(path: Path, form: Any) -> Iterator[pl.DataFrame]:
        calls.append(path)
        return look(path, form)

    monkeypatch.setattr(parts, "_texts", counted)
    monkeypatch.setattr("app.costs.imports.text_files.CsvText.__init__.__kwdefaults__", {"chunk_bytes": 1_500})
    monkeypatch.setattr("app.costs.imports.text_files._BLOCK", 100)
    found = list(Part(write(tmp_path / "a.csv", billed(*["1.234", "nothing"] * 50))).frames(ConformanceNotes(), None))
    assert (len(found) > 5, calls) == (True, [])
    path = write(tmp_path / "b.csv", billed(*["12,5"] * 100))
    found = list(Part(path).frames(ConformanceNotes(), None))
    assert (len(found) > 5, calls) == (True, [path])
    assert sum(part.frame.height for part in found) == 0


@pytest.mark.parametrize("text", ["12,5", "1.234,56", "1.234.567", "1 234,5"])
def test_only_what_is_refused_proves_a_comma(text: str) -> None:
    """So ordinary amounts need no look: the reader of values has refused what does."""
    assert proves_comma(text)
    with pytest.raises(UnusableValueError):
        read_decimal(text)


@pytest.mark.parametrize("text", ["1,234", "1.234", "1,234.56", "1,234,567", "1.5", "a,5", ",5", "", None, 12.5])
def test_other_texts_prove_no_comma(text: object) -> None:
    assert not proves_comma(text)


async def test_a_delivery_of_such_a_file_changes_nothing(database: Database, tmp_path: Path) -> None:
    await deliver(database, write(tmp_path / "a.csv", billed("5", "6")))
    before = await sums(database)
    outcome = await deliver(database, write(tmp_path / "b.csv", billed(*["1.234"] * 96, *["1.234,56"] * 4)))
    assert outcome.state is ImportState.FAILED
    assert outcome.message is not None
    assert outcome.message.startswith("b.csv, line 98: amounts are written with a decimal comma in line 98 and")
    assert await sums(database) == before
    proved = await deliver(database, write(tmp_path / "c.csv", billed(*["1.234"] * 16, *["0.5"] * 80, *["12,5"] * 4)))
    assert (proved.state, proved.added, proved.rejected) == (ImportState.SUCCEEDED, 96, 4)
    assert await rows_of(database, "SELECT sum(billed_cost) FROM charges") == [(Decimal("59.744"),)]


async def test_rows_that_are_sent_are_refused_alike(importing: Importing) -> None:
    person = importing.sender.person
    document = """mutation ($input: IngestCostsInput!) { ingestCosts(input: $input) { __typename
      ... on UserError { code message path } } }"""
    values = {"organizationId": person.organization_id, "rows": billed("1.234", "12,5")}
    answer = await importing.sender.graphql.data(document, {"input": values}, token=person.token)
    found = answer["ingestCosts"]
    assert (found["__typename"], found["path"]) == ("InvalidInput", ["input", "rows"])
    assert found["message"].startswith("The amounts are written with a decimal comma in row 2 and with a point")
    assert (await importing.total()) == (Decimal(0), 0)
