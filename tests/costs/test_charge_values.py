"""Single values: what is read, what it becomes, what is refused and why."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from app.costs.focus import FOCUS_COLUMNS
from app.costs.values import (
    TEXT_BYTES,
    UnusableValueError,
    decimal_text,
    is_null,
    read_currency,
    read_decimal,
    read_enum,
    read_json,
    read_json_object,
    read_text,
    read_timestamp,
)


def short(value: object) -> str:
    """A test id of bounded length."""
    return ascii(value)[:30]


FREQUENCIES = next(column.allowed for column in FOCUS_COLUMNS if column.name == "ChargeFrequency")


@pytest.mark.parametrize("raw", [None, "", "   ", "NULL", "null", " Null ", "\t", " " * 500], ids=short)
def test_nothing_is_null(raw: object) -> None:
    assert is_null(raw)


@pytest.mark.parametrize("raw", [0, False, "0", "nullable", "NULL and void", {}, "x" * 500, Decimal(0)], ids=short)
def test_something_is_not_null(raw: object) -> None:
    assert not is_null(raw)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("0.00000080000", "0.00000080000"),
        ("2.00226720", "2.00226720"),
        (" 1 ", "1"),
        ("+1.50", "1.50"),
        ("-13.1", "-13.1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1E-7", "0.0000001"),
        ("1e5", "100000"),
        ("-0.00", "0.00"),
        ("0E-99999", "0"),
        ("$10,000.00 ", "10000.00"),
        ("-$1,234.5", "-1234.5"),
        ("$ 7", "7"),
        ("$100.00 ", "100.00"),
        ("1,234,567", "1234567"),
        ("1." + "0" * 60, "1"),
        ("9" * 38, "9" * 38),
        ("0." + "1" * 50, "0." + "1" * 50),
        ("9" * 37 + ".5", "9" * 37 + ".5"),
        ("-1.1102230246251565E-16", "-0.00000000000000011102230246251565"),
        ("2.7755575615628914e-17", "0.000000000000000027755575615628914"),
        ("0" * 100 + "1", "1"),
        (Decimal("12.340"), "12.340"),
        (Decimal("4E+3"), "4000"),
        (42, "42"),
        (-(10**37), "-1" + "0" * 37),
        (0.1, "0.1"),
        (1e22, "1" + "0" * 22),
        (2.5e-10, "0.00000000025"),
    ],
    ids=short,
)
def test_numbers_are_exact(raw: object, text: str) -> None:
    number, _ = read_decimal(raw)
    assert format(number, "f") == text
    assert number.is_signed() == (text[0] == "-")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("NaN", "is not a finite number"),
        ("-Infinity", "is not a finite number"),
        (float("nan"), "is not a finite number"),
        (Decimal("-Infinity"), "is not a finite number"),
        (Decimal("sNaN"), "is not a finite number"),
        ("abc", "is not a number"),
        ("1_000", "is not a number"),
        ("٣", "is not a number"),
        ("1 2", "is not a number"),
        ("0x10", "is not a number"),
        ("1$0", "is not a number"),
        ("€5", "is not a number"),
        ("--1", "is not a number"),
        (".", "is not a number"),
        ("1,234", "has a comma that may be a decimal comma"),
        ("0,005", "has a comma that may be a decimal comma"),
        ("1.234,56", "has a comma that may be a decimal comma"),
        ("1" + "0" * 38, "has more than 38 digits before the point"),
        ("1e38", "has more than 38 digits before the point"),
        ("1e999999", "has more than 38 digits before the point"),
        (10**38, "has more than 38 digits before the point"),
        (1 << 10_000, "has more than 38 digits before the point"),
        ("1e-51", "has more than 50 digits behind the point"),
        ("1e-999999", "has more than 50 digits behind the point"),
        (Decimal("1E-51"), "has more than 50 digits behind the point"),
        ("1e9999999", "is not a number"),
        ("1" * 100_000, "is 100000 characters long, which no number is"),
        (True, "must be a number, not bool"),
        ([1], "must be a number, not list"),
    ],
    ids=short,
)
def test_what_is_no_exact_number_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_decimal(raw)
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    ("raw", "text"),
    [("1.0", "1"), ("1.00", "1"), ("100", "100"), ("-0.0", "0"), ("0", "0"), ("-2.50", "-2.5"), ("1E+2", "100")],
)
def test_one_number_has_one_text(raw: str, text: str) -> None:
    assert decimal_text(Decimal(raw)) == text


@pytest.mark.parametrize(
    ("raw", "moment", "changed"),
    [
        ("2024-09-18 23:00:00", datetime(2024, 9, 18, 23, tzinfo=UTC), "no time zone: read as UTC"),
        ("2024-09-18T23:00:00Z", datetime(2024, 9, 18, 23, tzinfo=UTC), None),
        ("2024-09-18t23:00:00z", datetime(2024, 9, 18, 23, tzinfo=UTC), None),
        ("2024-09-18T23:00Z", datetime(2024, 9, 18, 23, tzinfo=UTC), None),
        ("2024-09-18 23:00:00 UTC", datetime(2024, 9, 18, 23, tzinfo=UTC), None),
        ("2024-09-18T23:00:00+02:00", datetime(2024, 9, 18, 21, tzinfo=UTC), None),
        ("2024-09-18T23:00:00-0530", datetime(2024, 9, 19, 4, 30, tzinfo=UTC), None),
        ("2024-09-18 23:00:00+00", datetime(2024, 9, 18, 23, tzinfo=UTC), None),
        ("2024-09-18T23:00:00.5Z", datetime(2024, 9, 18, 23, 0, 0, 500_000, tzinfo=UTC), None),
        ("2024-09-18T23:00:00.123456000Z", datetime(2024, 9, 18, 23, 0, 0, 123_456, tzinfo=UTC), None),
        (
            "2024-09-18T23:00:00.123456789Z",
            datetime(2024, 9, 18, 23, 0, 0, 123_456, tzinfo=UTC),
            "fraction of a second cut to microseconds",
        ),
        ("2024-09-18", datetime(2024, 9, 18, tzinfo=UTC), "date read as midnight UTC"),
        (" 2024-09-18 ", datetime(2024, 9, 18, tzinfo=UTC), "date read as midnight UTC"),
        ("4/1/25", datetime(2025, 4, 1, tzinfo=UTC), "month/day/year read as UTC"),
        ("12/31/2025", datetime(2025, 12, 31, tzinfo=UTC), "month/day/year read as UTC"),
        ("4/1/25 13:05", datetime(2025, 4, 1, 13, 5, tzinfo=UTC), "month/day/year read as UTC"),
        ("2023-02-01T30:00:00Z", datetime(2023, 2, 2, 6, tzinfo=UTC), "hour beyond 23 carried into the next day"),
        ("2023-12-31T24:00:00Z", datetime(2024, 1, 1, tzinfo=UTC), "hour beyond 23 carried into the next day"),
        (datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))), datetime(2023, 12, 31, 22, tzinfo=UTC), None),
        (datetime(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), "no time zone: read as UTC"),  # noqa: DTZ001
        (date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC), "date read as midnight UTC"),
    ],
    ids=short,
)
def test_timestamps_become_utc(raw: object, moment: datetime, changed: str | None) -> None:
    read, what = read_timestamp(raw)
    assert (read, read.tzinfo, what) == (moment, UTC, changed)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("yesterday", "is not a timestamp: write it like"),
        ("2024-13-01", "is not a timestamp: month"),
        ("2024-02-30", "is not a timestamp: day"),
        ("13/1/25", "is not a timestamp: month"),
        ("2024-01-01T00:61:00Z", "is not a timestamp: minute"),
        ("2024-01-01T00:00:60Z", "is not a timestamp: second"),
        ("2024-01-01T00:00:00+99:00", "is not a timestamp: offset"),
        ("2024-01-01T00:00:00.1234567890Z", "is not a timestamp: write it like"),
        ("٢٠٢٤-01-01", "is not a timestamp: write it like"),
        ("1726700400", "is not a timestamp: write it like"),
        ("0001-01-01T00:00:00+14:00", "is outside the years 1990 to 2199"),
        ("9999-12-31T99:00:00Z", "is not a timestamp: date value out of range"),
        ("2200-01-01", "is outside the years 1990 to 2199"),
        ("2" * 1_000, "is 1000 characters long, which no timestamp is"),
        (1_726_700_400, "must be a timestamp, not int"),
    ],
    ids=short,
)
def test_what_is_no_timestamp_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_timestamp(raw)
    assert str(refused.value).startswith(reason)


def test_text_keeps_its_inside_and_loses_blanks_around_it() -> None:
    assert read_text("a  b") == ("a  b", None)
    assert read_text(" a b\n") == ("a b", "blanks around the value removed")
    assert read_text(347410479675) == ("347410479675", "number read as text")
    assert read_text("é" * (TEXT_BYTES // 2)) == ("é" * (TEXT_BYTES // 2), None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("a\0b", "holds a NUL character, which cannot be stored"),
        ("a\ud800", "holds half a surrogate pair, which is no character"),
        ("x" * 2_049, "is 2049 bytes long; at most 2048 are kept"),
        ("é" * 1_025, "is 2050 bytes long; at most 2048 are kept"),
        (1.5, "must be text, not float"),
        (True, "must be text, not bool"),
        (["a"], "must be text, not list"),
        (1 << 64, "must be text, not int"),
    ],
    ids=short,
)
def test_text_that_cannot_be_stored_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_text(raw)
    assert str(refused.value) == reason


def test_currencies_are_iso_codes_unless_virtual_ones_are_allowed() -> None:
    assert read_currency("USD", virtual=False) == ("USD", None)
    assert read_currency("eur", virtual=False) == ("EUR", "currency code written in capitals")
    assert read_currency("Token", virtual=True) == ("Token", None)
    for raw in ("US$", "Token", "ÜSD", "", "€"):
        with pytest.raises(UnusableValueError, match="is not a currency code of three letters"):
            read_currency(raw, virtual=False)


@pytest.mark.parametrize("raw", ["Usage-based", "usage-based", "USAGE_BASED", "Usage Based", "usageBased"], ids=short)
def test_values_of_a_list_are_written_as_focus_does(raw: str) -> None:
    assert read_enum(raw, FREQUENCIES) == ("Usage-Based", f"{raw!r} read as 'Usage-Based'")


def test_values_outside_a_list_stay_as_they_are() -> None:
    assert read_enum("Usage-Based", FREQUENCIES) == ("Usage-Based", None)
    assert read_enum("Hourly", FREQUENCIES) == ("Hourly", None)


def test_json_objects_come_as_text_or_as_mapping_and_keep_their_keys() -> None:
    sent = '{"org": "trey", " org": "trey", "n": 1, "b": true, "z": null, "l": [1, {"m": 0.5}]}'
    expected = {"org": "trey", " org": "trey", "n": 1, "b": True, "z": None, "l": [1, {"m": 0.5}]}
    assert read_json_object(sent) == expected
    assert read_json_object(expected) == expected
    assert read_json_object({"a": Decimal("0.5"), "b": Decimal("0.10000000000000000001"), "c": 10**30}) == {
        "a": 0.5,
        "b": "0.10000000000000000001",
        "c": "1" + "0" * 30,
    }


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("[1]", "must be a JSON object, not list"),
        ('"a"', "must be a JSON object, not str"),
        ("3", "must be a JSON object, not int"),
        ("{", "is not a JSON object: "),
        ("{'a': 1}", "is not a JSON object: "),
        ('{"a": NaN}', "is not a JSON object: "),
        ('"team": "web"', "is not a JSON object: "),
        ('{"a": "\\u0000"}', "holds a NUL character"),
        ('{"\\u0000": 1}', "holds a NUL character"),
        ({"a": "\ud800"}, "holds half a surrogate pair"),
        ({"a": float("inf")}, "holds a number that is not finite"),
        ({"a": Decimal("NaN")}, "holds a number that is not finite"),
        ({"a": {1, 2}}, "holds set, which is not JSON"),
        ("[" * 100_000, "is 100000 bytes long"),
        ('{"a":' * 17 + "1" + "}" * 17, "is nested more than 16 levels deep"),
        ({str(number): "x" * 1_000 for number in range(70)}, "is 70"),
        (7, "must be a JSON object, not int"),
    ],
    ids=short,
)
def test_what_is_no_json_object_is_refused(raw: object, reason: str) -> None:
    with pytest.raises(UnusableValueError) as refused:
        read_json_object(raw)
    assert str(refused.value).startswith(reason)


def test_any_json_is_kept_for_unknown_columns() -> None:
    for value in ("text", 1, True, ["a", {"b": None}], {"c": 1.5}):
        assert read_json(value) == value
    assert read_json(date(2026, 1, 1)) == "2026-01-01"
