"""Unknown columns and half-given periods: the same bounds and the same derived values in both ways of reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.costs.conformance import Gap
from app.costs.files import UnreadableFileError
from app.costs.imports.reading import Normalised
from app.costs.normalise import EXTRA_COLUMNS
from tests.costs.imports.deliveries import charge, write
from tests.costs.imports.test_frames_and_rows import read_file, read_rows, told

LIST = [
    {"Key": "team", "Value": "all", "x_Inherited": True, "x_Namespace": "n"},
    {"Key": "team", "Value": "web", "x_Inherited": False, "x_Namespace": "n"},
    {"Key": "stage", "Value": "test", "x_Inherited": True, "x_Namespace": "n"},
]


def sent(**values: str) -> dict[str, str]:
    return {name: value for name, value in charge(1, **values).items() if name != "Tags"}


def both(path: Path, row: dict[str, str]) -> list[tuple[Normalised, set[tuple[Gap, str, str]]]]:
    """What a row becomes as a line of CSV, and as a row that is sent inline: with what is noted of it."""
    found = [read_file(write(path, [row])), read_rows([(2, row)])]
    return [(read, {(note.gap, note.column, note.detail) for note in notes.notes()}) for read, notes in found]


@pytest.mark.parametrize(
    ("values", "column", "reason"),
    [
        ({"Foo": "a\0b"}, "x_Foo", "x_Foo holds a NUL character, which cannot be stored"),
        ({"x_Foo": "a" * 70_000}, "x_Foo", "x_Foo is 70000 bytes long; at most 65536 are kept"),
        (
            {"Foo": "a" * 40_000, "Goo": "b" * 40_000},
            None,
            "the unknown columns are 80023 bytes of JSON; at most 65536 are kept",
        ),
        (
            {f"x_{number}": "1" for number in range(EXTRA_COLUMNS + 5)},
            "x_256",
            "the row has more than 256 unknown columns",
        ),
        ({"x_InvoiceId": "a" * 3_000}, "InvoiceId", "InvoiceId is 3000 bytes long; at most 2048 are kept"),
        ({"x_InvoiceId": "a\0b"}, "x_InvoiceId", "x_InvoiceId holds a NUL character, which cannot be stored"),
    ],
    ids=range(6),
)  # fmt: skip
def test_what_cannot_be_stored_refuses_its_row(
    tmp_path: Path, values: dict[str, str], column: str | None, reason: str
) -> None:
    for found, _ in both(tmp_path / "a.csv", sent(**values)):
        assert (found.frame.height, found.rejected) == (0, 1)
        assert (2, column, reason) in told(found)


def test_a_column_with_and_without_its_prefix_is_given_twice(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [sent(Foo="1", x_Foo="2")])
    with pytest.raises(UnreadableFileError, match="line 1: the column x_Foo is given more than once"):
        read_file(path)


def test_values_for_focus_from_unknown_columns_are_read_like_its_own(tmp_path: Path) -> None:
    row = sent(x_InvoiceId=" a\x1fb ", x_PricingCurrency="eur", x_SkuMeterName="NULL")
    for found, notes in both(tmp_path / "a.csv", row):
        kept = found.frame.row(0, named=True)
        assert [kept[name] for name in ("invoice_id", "pricing_currency", "sku_meter")] == ["a b", "EUR", None]
        assert {note for note in notes if note[1] in {"InvoiceId", "PricingCurrency", "SkuMeter"}} >= {
            (Gap.DERIVED_VALUE, "InvoiceId", "taken from x_InvoiceId"),
            (Gap.NORMALISED_VALUE, "InvoiceId", "blanks around the value removed"),
            (Gap.NORMALISED_VALUE, "PricingCurrency", "currency code written in capitals"),
        }


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (json.dumps(LIST), {"team": "web", "stage": "test"}),
        (json.dumps({"team": "web"}), {"team": "web"}),
        ("[]", {}),
        ("nonsense", None),
        ('[{"Key": "a"}]', None),
        ("[1]", None),
        ('"text"', None),
    ],
    ids=range(7),
)
def test_lists_of_tags_are_tags_and_what_is_none_is_noted(
    tmp_path: Path, tags: str, expected: dict[str, Any] | None
) -> None:
    for found, notes in both(tmp_path / "a.csv", sent(x_Tags=tags)):
        kept = found.frame.row(0, named=True)
        assert (kept["tags"] and json.loads(kept["tags"])) == expected
        assert json.loads(kept["extra"]) == {"x_Tags": tags}
        unread = (Gap.DISALLOWED_VALUE, "x_Tags", "no list of keys and values: not read as tags")
        assert (unread in notes) == (expected is None)
        assert ((Gap.DERIVED_VALUE, "Tags", "taken from x_Tags") in notes) == (expected is not None)


def test_lists_of_tags_come_in_json_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**sent(), "x_Tags": LIST}) + "\n")
    found, _ = read_file(path)
    kept = found.frame.row(0, named=True)
    assert json.loads(kept["tags"]) == {"team": "web", "stage": "test"}
    assert json.loads(kept["extra"]) == {"x_Tags": LIST}


@pytest.mark.parametrize(
    ("start", "end", "period", "note"),
    [
        ("2026-01-31", "", ("2026-01-31", "2026-02-28"), ("BillingPeriodEnd", "a month after BillingPeriodStart")),
        ("", "2026-01-01", ("2025-12-01", "2026-01-01"), ("BillingPeriodStart", "a month before BillingPeriodEnd")),
        ("", "", ("2026-10-01", "2026-11-01"), ("BillingPeriodStart", "month in which the charge period starts")),
    ],
    ids=range(3),
)
def test_what_a_billing_period_lacks_is_a_month_away(
    tmp_path: Path, start: str, end: str, period: tuple[str, str], note: tuple[str, str]
) -> None:
    for found, notes in both(tmp_path / "a.csv", sent(BillingPeriodStart=start, BillingPeriodEnd=end)):
        expected = tuple(datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in period)
        assert found.frame.select("billing_period_start", "billing_period_end").row(0) == expected
        assert (Gap.DERIVED_VALUE, *note) in notes
