"""Rows: which become charges, which are refused, and what is noted about the ones that are kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.conformance import DISTINCT_NOTES, ConformanceNotes, Gap, shortened
from app.costs.focus import FOCUS_COLUMNS
from app.costs.normalise import EXTRA_COLUMNS, NormalisedRow, normalise_row
from app.records import RowIssue

SMALLEST = {
    "BilledCost": "1.50",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-10-01T00:00:00Z",
    "ChargePeriodEnd": "2026-10-02T00:00:00Z",
}


def kept(row: Mapping[str, object], **options: str) -> tuple[NormalisedRow, ConformanceNotes]:
    notes = ConformanceNotes()
    found = normalise_row(row, row_number=7, notes=notes, billing_currency=options.get("billing_currency"))
    assert isinstance(found, NormalisedRow), found
    assert (notes.accepted, notes.rejected) == (1, 0)
    return found, notes


def refused(row: Mapping[str, object]) -> list[tuple[str | None, str | None, str]]:
    notes = ConformanceNotes()
    found = normalise_row(row, row_number=7, notes=notes)
    assert isinstance(found, list)
    assert found
    assert {issue.row_number for issue in found} == {7}
    assert (notes.accepted, notes.rejected, notes.notes()) == (0, 1, [])
    return [(issue.column, issue.value, issue.reason) for issue in found]


def noted(notes: ConformanceNotes, gap: Gap) -> set[tuple[str, str]]:
    return {(note.column, note.detail) for note in notes.notes() if note.gap is gap}


def test_the_smallest_charge_has_every_column_and_says_what_it_lacks() -> None:
    row, notes = kept(SMALLEST)
    assert list(row.values) == [column.column for column in FOCUS_COLUMNS]
    assert {column: value for column, value in row.values.items() if value is not None} == {
        "billed_cost": Decimal("1.50"),
        "billing_currency": "USD",
        "charge_period_start": datetime(2026, 10, 1, tzinfo=UTC),
        "charge_period_end": datetime(2026, 10, 2, tzinfo=UTC),
        "billing_period_start": datetime(2026, 10, 1, tzinfo=UTC),
        "billing_period_end": datetime(2026, 11, 1, tzinfo=UTC),
    }
    assert (row.row_number, row.extra) == (7, {})
    assert {column for column, _ in noted(notes, Gap.MISSING_COLUMN)} == {
        "BillingAccountId",
        "BillingAccountName",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ContractedCost",
        "EffectiveCost",
        "HostProviderName",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ServiceCategory",
        "ServiceName",
        "ServiceProviderName",
    }


@pytest.mark.parametrize("column", ["BilledCost", "BillingCurrency", "ChargePeriodStart", "ChargePeriodEnd"])
def test_without_cost_currency_or_period_a_row_is_no_charge(column: str) -> None:
    missing = refused({name: value for name, value in SMALLEST.items() if name != column})
    null = refused({**SMALLEST, column: " null "})
    advice = ": give it in the row or for the whole delivery" if column == "BillingCurrency" else ""
    assert missing == [(column, None, f"{column} is missing{advice}")]
    assert null == [(column, None, f"{column} is null{advice}")]


def test_all_issues_of_a_row_are_reported_at_once() -> None:
    sent = {**SMALLEST, "BilledCost": "12,5", "BillingCurrency": "dollars", "ListCost": "x" * 100, "Tags": "[]"}
    assert refused(sent) == [
        (
            "BilledCost",
            "12,5",
            "BilledCost has a comma that may be a decimal comma: write it with a decimal point and without separators",
        ),
        ("BillingCurrency", "dollars", "BillingCurrency is not a currency code of three letters such as USD"),
        ("ListCost", "x" * 79 + "…", "ListCost is not a number"),
        ("Tags", "[]", "Tags must be a JSON object, not list"),
    ]


def test_a_period_ends_after_it_begins() -> None:
    start = SMALLEST["ChargePeriodStart"]
    assert refused({**SMALLEST, "ChargePeriodEnd": start}) == [
        (
            "ChargePeriodEnd",
            "2026-10-01T00:00:00+00:00",
            "ChargePeriodEnd must be after ChargePeriodStart, 2026-10-01T00:00:00+00:00",
        )
    ]
    backwards = {**SMALLEST, "BillingPeriodStart": "2026-11-01", "BillingPeriodEnd": "2026-10-01"}
    assert [column for column, _, _ in refused(backwards)] == ["BillingPeriodEnd"]


@pytest.mark.parametrize("style", ["name", "field_name", "column", "upper", "padded"])
def test_columns_are_known_by_every_name_they_have(style: str) -> None:
    names = {column.name: column for column in FOCUS_COLUMNS}
    styles: dict[str, Callable[[str], str]] = {
        "name": lambda name: name,
        "field_name": lambda name: names[name].field_name,
        "column": lambda name: names[name].column,
        "upper": lambda name: name.upper(),
        "padded": lambda name: f" {name} ",
    }
    sent = {**SMALLEST, "SkuPriceId": "A.B", "Tags": {"team": "web"}, "x_Own": "1"}
    row, _ = kept({styles[style](name) if name in names else name: value for name, value in sent.items()})
    assert row == kept(sent)[0]


def test_a_column_that_comes_twice_is_refused() -> None:
    assert refused({**SMALLEST, "billedCost": "2"}) == [
        ("BilledCost", "2", "the column is given more than once"),
    ]
    assert kept({**SMALLEST, "billedCost": ""})[0].values["billed_cost"] == Decimal("1.50")
    assert refused({**SMALLEST, "Team": "a", "x_Team": "b"}) == [
        ("x_Team", "b", "the column is given more than once"),
    ]


def test_unknown_columns_are_kept_under_x_names_and_the_stray_id_is_not() -> None:
    sent = {**SMALLEST, "Id": "11472", "x_Operation": "RunInstances", "X_Usage": "a", "CostCentre": "7", "x_Null": ""}
    row, notes = kept({**sent, "x_Discounts": {"edp": -1}, "x_Tags": '[{"Key": "a"}]'})
    assert row.extra == {
        "x_Operation": "RunInstances",
        "x_Usage": "a",
        "x_CostCentre": "7",
        "x_Discounts": {"edp": -1},
        "x_Tags": '[{"Key": "a"}]',
    }
    assert noted(notes, Gap.IGNORED_COLUMN) == {("Id", "a row's own number says nothing about the charge")}
    assert noted(notes, Gap.RENAMED_COLUMN) == {("X_Usage", "kept as x_Usage"), ("CostCentre", "kept as x_CostCentre")}


def test_unknown_columns_are_bounded() -> None:
    many: dict[str, object] = {**SMALLEST, **{f"x_{number}": "1" for number in range(EXTRA_COLUMNS + 1)}}
    assert refused(many) == [(f"x_{EXTRA_COLUMNS}", "1", "the row has more than 256 unknown columns")]
    assert refused({**SMALLEST, "x" * 300: "1"}) == [
        ("x" * 79 + "…", None, "the column's name is 300 bytes long; at most 256 are kept"),
    ]
    assert refused({**SMALLEST, "x_a": "\0"})[0][2] == "x_a holds a NUL character, which cannot be stored"


def test_what_an_older_release_lacks_is_taken_from_what_it_has() -> None:
    sent = {
        **SMALLEST,
        "ProviderName": "Microsoft",
        "x_InvoiceId": "G00001",
        "x_PricingCurrency": "usd",
        "x_SkuMeterName": "Hot LRS Data Stored",
        "ListUnitPrice": "0.0184",
        "ContractedUnitPrice": "0.0175",
        "PricingQuantity": "3." + "0" * 49 + "1",
    }
    row, notes = kept(sent)
    derived = {
        "service_provider_name": "Microsoft",
        "host_provider_name": "Microsoft",
        "invoice_id": "G00001",
        "pricing_currency": "USD",
        "sku_meter": "Hot LRS Data Stored",
    }
    assert {column: row.values[column] for column in derived} == derived
    assert row.extra["x_InvoiceId"] == "G00001"
    assert ("InvoiceId", "taken from x_InvoiceId") in noted(notes, Gap.DERIVED_VALUE)
    assert ("ServiceProviderName", "taken from ProviderName") in noted(notes, Gap.DERIVED_VALUE)
    # The exact products have 54 decimals, more than an amount may have: unknown rather than rounded.
    assert row.values["list_cost"] is None
    exact, notes = kept({**sent, "PricingQuantity": "3.3333333333"})
    assert exact.values["list_cost"] == Decimal("0.06133333333272")
    assert exact.values["contracted_cost"] == Decimal("0.05833333333275")
    assert ("ListCost", "unit price times quantity") in noted(notes, Gap.DERIVED_VALUE)


def test_what_is_sent_is_never_replaced() -> None:
    sent = {
        **SMALLEST,
        "ProviderName": "AWS",
        "ServiceProviderName": "Acme",
        "HostProviderName": None,
        "ListUnitPrice": "2",
        "PricingQuantity": "3",
        "ListCost": None,
        "InvoiceId": None,
        "x_InvoiceId": "G1",
    }
    row, notes = kept(sent, billing_currency="EUR")
    assert row.values["service_provider_name"] == "Acme"
    assert row.values["billing_currency"] == "USD"
    for column in ("host_provider_name", "list_cost", "invoice_id"):
        assert row.values[column] is None
    assert noted(notes, Gap.NULL_VALUE) == {("ListCost", "kept as null")}
    assert kept({**sent, "ChargeClass": "Correction"})[0].values["contracted_cost"] is None


def test_a_delivery_may_name_the_currency_that_its_rows_lack() -> None:
    sent = {name: value for name, value in SMALLEST.items() if name != "BillingCurrency"}
    row, notes = kept(sent, billing_currency="eur")
    assert row.values["billing_currency"] == "EUR"
    assert ("BillingCurrency", "given with the delivery") in noted(notes, Gap.DERIVED_VALUE)
    found = normalise_row(sent, row_number=1, billing_currency="euro")
    reason = "BillingCurrency is not a currency code of three letters such as USD"
    assert found == [RowIssue(1, "BillingCurrency", "euro", reason)]
    bad = normalise_row({**sent, "BillingCurrency": "??"}, row_number=1, billing_currency="EUR")
    assert isinstance(bad, list)
    assert [issue.value for issue in bad] == ["??"]


def test_values_that_focus_does_not_allow_are_kept_and_noted() -> None:
    row, notes = kept(
        {**SMALLEST, "ServiceCategory": "Database", "ContractedUnitPrice": "-1", "ChargeFrequency": "Usage-based"}
    )
    assert row.values["service_category"] == "Database"
    assert row.values["contracted_unit_price"] == Decimal(-1)
    assert row.values["charge_frequency"] == "Usage-Based"
    assert noted(notes, Gap.DISALLOWED_VALUE) == {
        ("ServiceCategory", "'Database' is not in the list"),
        ("ContractedUnitPrice", "negative unit price"),
    }
    assert noted(notes, Gap.NORMALISED_VALUE) == {("ChargeFrequency", "'Usage-based' read as 'Usage-Based'")}


def test_tags_come_as_text_or_as_mapping_and_stay_as_sent() -> None:
    tags = {"org": "trey", " org": "trey", "Project": "Foo"}
    assert kept({**SMALLEST, "Tags": tags})[0].values["tags"] == tags
    assert kept({**SMALLEST, "Tags": '{"org": "trey", " org": "trey", "Project": "Foo"}'})[0].values["tags"] == tags
    assert kept({**SMALLEST, "Tags": "{}"})[0].values["tags"] == {}
    assert kept({**SMALLEST, "Tags": "NULL"})[0].values["tags"] is None


def test_notes_count_rows_and_remember_the_first() -> None:
    one, two = ConformanceNotes(), ConformanceNotes()
    for number in (4, 2, 9):
        normalise_row({**SMALLEST, "Id": "1"}, row_number=number, notes=one)
    normalise_row({**SMALLEST, "Id": "2"}, row_number=1, notes=two)
    normalise_row({}, row_number=3, notes=two)
    one.merge(two)
    assert (one.accepted, one.rejected) == (4, 1)
    ignored = [note for note in one.notes() if note.gap is Gap.IGNORED_COLUMN]
    assert [(note.column, note.rows, note.first_row) for note in ignored] == [("Id", 4, 1)]


def test_notes_are_bounded() -> None:
    notes = ConformanceNotes()
    for number in range(3 * DISTINCT_NOTES):
        notes.record(Gap.RENAMED_COLUMN, f"column {number}", "kept", number + 1)
    found = notes.notes()
    assert len(found) == DISTINCT_NOTES + 1
    assert sum(note.rows for note in found) == 3 * DISTINCT_NOTES
    rest = [note for note in found if note.column == "*"]
    assert [(note.rows, note.first_row) for note in rest] == [(2 * DISTINCT_NOTES, DISTINCT_NOTES + 1)]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        ("short", "short"),
        ("x" * 81, "x" * 79 + "…"),
        ("a\0b\n", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        (Decimal("1.50"), "1.50"),
        (1 << 10_000, "a whole number of 10001 bits"),
        ({"a": "x" * 10_000}, "dict of 1"),
        (True, "True"),
    ],
    ids=range(8),
)
def test_values_are_shown_short_and_printable(value: object, shown: str | None) -> None:
    assert shortened(value) == shown


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | st.text() | st.datetimes(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([column.name for column in FOCUS_COLUMNS]) | st.text(max_size=12)
close = st.sampled_from(["1e5", "-0", "NaN", "1,234.5", "2026-02-30", "4/1/25", "2026-01-01T99:99:99Z", "NULL", "{}"])


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(names, json_like | close | st.characters(), max_size=12), st.booleans())
def test_nothing_in_a_row_raises(sent: dict[str, object], complete: bool) -> None:
    notes = ConformanceNotes()
    found = normalise_row({**SMALLEST, **sent} if complete else sent, row_number=1, notes=notes)
    if isinstance(found, NormalisedRow):
        assert found.values["billed_cost"] is not None
        assert notes.accepted == 1
    else:
        assert found
        assert notes.rejected == 1
