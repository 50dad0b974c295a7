"""The identity of a charge: stable for equal content, different for any difference."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.costs.focus import FOCUS_COLUMNS, FocusColumn, Kind
from app.costs.identity import Occurrences, identity
from app.costs.normalise import NormalisedRow, normalise_row

ROW: dict[str, object] = {
    "BilledCost": "1.50",
    "BillingCurrency": "USD",
    "ChargePeriodStart": "2026-10-01T00:00:00Z",
    "ChargePeriodEnd": "2026-10-02T00:00:00Z",
    "Tags": '{"team": "web", "environment": "production"}',
    "x_Operation": "RunInstances",
}
SAMPLES = {
    Kind.STRING: "text",
    Kind.DECIMAL: "9.25",
    Kind.NON_NEGATIVE_DECIMAL: "9.25",
    Kind.TIMESTAMP: "2026-10-01T12:00:00Z",
    Kind.JSON_OBJECT: '{"Elements": []}',
    Kind.KEY_VALUE: '{"a": 1}',
    Kind.CURRENCY: "CHF",
    Kind.ENUM: "Used",
}


def row_of(sent: dict[str, object]) -> NormalisedRow:
    found = normalise_row(sent, row_number=1)
    assert isinstance(found, NormalisedRow), found
    return found


def identity_of(sent: dict[str, object]) -> bytes:
    return identity(row_of(sent))


def test_an_identity_never_changes() -> None:
    # Stored identities must stay valid: a change here makes every charge that is sent again count twice.
    assert identity_of(ROW).hex() == "1cfeb68ad1dc424a50774e605e27812a"


@pytest.mark.parametrize(
    "same",
    [
        {"BilledCost": "1.5"},
        {"BilledCost": "01.5000"},
        {"BilledCost": "15E-1"},
        {"BilledCost": Decimal("1.50")},
        {"BilledCost": 1.5},
        {"BillingCurrency": "usd"},
        {"ChargePeriodStart": "2026-10-01 02:00:00+02:00"},
        {"ChargePeriodStart": "10/1/26"},
        {"Tags": '{"environment":"production","team":"web"}'},
        {"Tags": {"team": "web", "environment": "production"}},
        {"Id": "1"},
        {"ListCost": "NULL"},
        {"x_Other": ""},
    ],
    ids=str,
)
def test_other_spellings_are_the_same_charge(same: dict[str, object]) -> None:
    assert identity_of({**ROW, **same}) == identity_of(ROW)


@pytest.mark.parametrize("column", FOCUS_COLUMNS, ids=lambda column: column.name)
def test_every_column_counts(column: FocusColumn) -> None:
    base = {**ROW, "ProviderName": "AWS", "BillingPeriodStart": "2026-10-01", "BillingPeriodEnd": "2026-11-01"}
    assert identity_of({**base, column.name: SAMPLES[column.kind]}) != identity_of(base)


@pytest.mark.parametrize(
    "other", [{"x_Operation": "StopInstances"}, {"x_New": "1"}, {"Tags": '{"Team": "web"}'}], ids=str
)
def test_unknown_columns_and_tags_count(other: dict[str, object]) -> None:
    assert identity_of({**ROW, **other}) != identity_of(ROW)


def test_values_of_different_columns_are_not_confused() -> None:
    assert identity_of({**ROW, "RegionId": "a", "RegionName": "b"}) != identity_of(
        {**ROW, "RegionId": "b", "RegionName": "a"}
    )


@settings(max_examples=100, deadline=None)
@given(st.permutations(list(ROW)), st.integers(0, 20), st.integers(-(10**12), 10**12), st.integers(0, 9))
def test_identity_is_stable_under_order_and_equal_numbers(order: list[str], zeros: int, units: int, scale: int) -> None:
    number = Decimal(units).scaleb(-scale)
    longer = format(number, "f") + ("" if scale else ".") + "0" * zeros
    plain = {**ROW, "BilledCost": number}
    shuffled = {name: plain[name] for name in order}
    assert identity_of({**shuffled, "BilledCost": longer}) == identity_of(plain)


@settings(max_examples=100, deadline=None)
@given(st.decimals(-(10**9), 10**9, places=12), st.decimals(-(10**9), 10**9, places=12))
def test_different_numbers_are_different_charges(one: Decimal, other: Decimal) -> None:
    equal = identity_of({**ROW, "BilledCost": one}) == identity_of({**ROW, "BilledCost": other})
    assert equal == (one == other)


def test_equal_rows_of_one_delivery_all_count_and_a_second_delivery_changes_nothing() -> None:
    sent = [ROW, {**ROW, "BilledCost": "2"}, ROW, ROW, {**ROW, "BilledCost": "2.0"}]
    first, second = Occurrences(), Occurrences()
    identities = [first.identity_with_occurrence(row_of(row)) for row in sent]
    assert len(set(identities)) == 5
    assert {len(each) for each in identities} == {16}
    assert identities[0] == identity_of(ROW)
    again = [second.identity_with_occurrence(row_of(row)) for row in reversed(sent)]
    assert set(again) == set(identities)
