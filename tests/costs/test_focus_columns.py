"""The column model agrees with itself, with the table of charges and with the catalogue it was made from."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.costs.focus import DESCRIPTIONS, FOCUS_COLUMNS, INDISPENSABLE, VERSIONS, FocusColumn, Kind, Level
from app.models.costs import Charge, SummaryDim
from app.models.views import FOCUS_CHARGES

CATALOGUE = Path(__file__).parents[3] / "shared" / "catalogue" / "focus.md"
KINDS = {
    "String": {Kind.STRING, Kind.ENUM},
    "String (Unit)": {Kind.STRING},
    "String (Currency)": {Kind.CURRENCY},
    "Decimal (Decimal (any))": {Kind.DECIMAL},
    "Decimal (Decimal (non-negative))": {Kind.NON_NEGATIVE_DECIMAL},
    "Date/Time": {Kind.TIMESTAMP},
    "JSON (JSON Object)": {Kind.JSON_OBJECT},
    "JSON (Key-Value)": {Kind.KEY_VALUE},
}


def named(name: str) -> FocusColumn:
    return next(column for column in FOCUS_COLUMNS if column.name == name)


def test_every_release_has_as_many_columns_as_its_specification() -> None:
    counts = {version: sum(version in column.versions for column in FOCUS_COLUMNS) for version in VERSIONS}
    assert counts == {"1.0": 43, "1.1": 50, "1.2": 57, "1.3": 65, "1.4": 65}
    mandatory = [column for column in FOCUS_COLUMNS if column.level is Level.MANDATORY and "1.4" in column.versions]
    assert len(mandatory) == 21


def test_names_are_unique_and_spell_each_other() -> None:
    assert len({column.name for column in FOCUS_COLUMNS}) == 67
    for column in FOCUS_COLUMNS:
        assert column.column == re.sub(r"(?<!^)([A-Z])", r"_\1", column.name).lower()
    assert named("BilledCost").field_name == "billedCost"


def test_every_column_is_described_by_one_sentence_of_its_own() -> None:
    assert set(DESCRIPTIONS) == {column.name for column in FOCUS_COLUMNS}
    assert len(set(DESCRIPTIONS.values())) == 67
    assert all(column.description.endswith(".") for column in FOCUS_COLUMNS)


def test_enums_and_only_enums_have_a_list() -> None:
    assert {column.name for column in FOCUS_COLUMNS if column.allowed} == {
        column.name for column in FOCUS_COLUMNS if column.kind is Kind.ENUM
    }
    assert len(named("ServiceCategory").allowed) == 19
    assert [column.name for column in FOCUS_COLUMNS if column.virtual_currency] == ["PricingCurrency"]


def test_the_table_of_charges_has_every_column() -> None:
    assert {column.column for column in FOCUS_COLUMNS} <= set(FOCUS_CHARGES.columns.keys())
    stored = {**SummaryDim.__table__.columns, **Charge.__table__.columns}
    required = {name for name, column in stored.items() if not column.nullable}
    assert required & {column.column for column in FOCUS_COLUMNS} == set(INDISPENSABLE)


def test_the_model_says_what_the_catalogue_says() -> None:
    if not CATALOGUE.exists():
        pytest.skip(f"the catalogue is not at {CATALOGUE}")
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in CATALOGUE.read_text().splitlines()
        if re.match(r"\| \w+ \| [^|]+ \| [MCR] \|", line)
    ]
    assert len(rows) == 65
    for name, kind, level, null, since, _, allowed in rows:
        column = named(name)
        assert column.kind in KINDS[kind], name
        assert column.level.value[0].upper() == level, name
        assert column.nullable == (null == "yes"), name
        assert (column.since, column.until) == (since, "1.4"), name
        listed = () if "82 values" in allowed or not allowed else tuple(allowed.split(", "))
        assert column.allowed == listed, name
