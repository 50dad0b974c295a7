"""Files as AWS and Azure write them: exact sums, everything else kept, and the same again after an export."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, localcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

import duckdb
import polars as pl
import pytest
from sqlalchemy import text

from app.cli.exports import scratch
from app.costs.exports.writing import write_file
from app.costs.focus import FOCUS_COLUMNS, Kind
from app.database import Database
from app.records.cost_exports import CostExportFormat, CostExportOrder, FocusVersion
from app.records.costs import ImportState
from tests.costs.deliveries import SHARED
from tests.costs.imports.deliveries import ORGANIZATION, charge, deliver, write

AZURE: Final = SHARED / "finops_toolkit" / "focuscost_1.2.json"
DOUBLES: Final = (0.1, 0.2, 0.30000000000000004, 1e-16, -1.1102230246251565e-16, 1234567.891, 0.0, -12.5, 1.234, 2.675)
"""What programs make of amounts: their sum is that of what they say, digit by digit."""
AWS_EXTRAS: Final = {
    "x_CostCategories": ("MAP(VARCHAR, VARCHAR)", "map {'Team': 'web', 'Größe \"x\"': 'a,b'}"),
    "x_Discounts": ("MAP(VARCHAR, DOUBLE)", "map {'EdpDiscount': -0.1, 'Bundled': 0.0}"),
    "x_Operation": ("VARCHAR", "'RunInstances'"),
    "x_ServiceCode": ("VARCHAR", "'AmazonEC2'"),
    "x_UsageType": ("VARCHAR", "'EU-BoxUsage:m5.large'"),
}
TAGS: Final = """(CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN MAP {}
    ELSE map {'team': 'web', 'n': i::VARCHAR} END)::MAP(VARCHAR, VARCHAR)"""
AMOUNTS: Final = tuple(
    column.name
    for column in FOCUS_COLUMNS
    if column.kind is Kind.DECIMAL and column.name in {"BilledCost", "EffectiveCost", "ListCost", "ContractedCost"}
)
STORED: Final = """
    SELECT c.*, p.dataset FROM focus_charges c JOIN cost_import_periods p
    ON p.organization_id = c.organization_id AND p.id = c.import_period_id AND p.status = 'ACTIVE'
    WHERE p.dataset = :dataset ORDER BY c.charge_period_start, c.charge_description
"""
KEPT: Final = frozenset({column.column for column in FOCUS_COLUMNS} | {"extra"})
GONE: Final = frozenset({"provider_name", "publisher_name"})
"""What FOCUS 1.4 has no column for."""


def aws_file(path: Path, rows: int) -> Path:
    """FOCUS 1.0 as AWS Data Exports write it: doubles, milliseconds and maps. ChargeDescription numbers the rows."""
    columns = []
    for column in FOCUS_COLUMNS:
        if "1.0" not in column.versions:
            continue
        if column.name in AMOUNTS:
            values = ", ".join(f"{amount!r}::DOUBLE" for amount in DOUBLES)
            sent = f"([{values}])[((i + {len(column.name)}) % {len(DOUBLES)} + 1)::INTEGER]"
        else:
            sent = {
                Kind.TIMESTAMP: f"'{charge(1).get(column.name)}'::TIMESTAMP_MS",
                Kind.DECIMAL: "i::DOUBLE / 8",
                Kind.NON_NEGATIVE_DECIMAL: "NULL::DOUBLE",
                Kind.KEY_VALUE: TAGS,
            }.get(column.kind, f"{_literal(charge(1).get(column.name) or None)}::VARCHAR")
            sent = "i::VARCHAR" if column.name == "ChargeDescription" else sent
        columns.append(f'{sent} AS "{column.name}"')
    columns += [f'{value}::{kind} AS "{name}"' for name, (kind, value) in AWS_EXTRAS.items()]
    duckdb.sql(f"SELECT {', '.join(columns)} FROM range({rows}) t(i)").write_parquet(str(path), compression="gzip")  # noqa: S608
    return path


def _literal(value: str | None) -> str:
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def azure_rows(count: int) -> list[dict[str, str]]:
    """Charges with each of the columns that Azure's schema of FOCUS 1.2 has; every unknown one says something."""
    mappings = json.loads(AZURE.read_text())["translator"]["mappings"]
    kinds = {mapping["sink"]["name"]: mapping["source"]["type"] for mapping in mappings}
    assert len(kinds) == 104
    own = {"Decimal": "0.1234567890123456", "DateTimeOffset": "2026-10-03T00:00:00Z", "Boolean": "True"}
    rows = []
    for number in range(1, count + 1):
        known = charge(number, ChargeDescription=f"{number:03}", InvoiceId="G1", PricingCurrency="USD")
        known |= {"BilledCost": f"{number}.{number:017}", "ListCost": f"-{number}.5", "ContractedCost": "0.000"}
        extra = {name: own.get(kind, f'{name} "{number}", ü') for name, kind in kinds.items() if name[:2] == "x_"}
        rows.append({name: known.get(name, extra.get(name, "")) for name in kinds})
    return rows


async def stored(database: Database, dataset: str) -> list[dict[str, Any]]:
    """All that is known of the charges of a dataset but for which import they came with."""
    async with database.read(ORGANIZATION) as session:
        found = (await session.execute(text(STORED), {"dataset": dataset})).mappings().all()
    return [{name: value for name, value in row.items() if name in KEPT} for row in found]


def sums(rows: list[Mapping[str, Any]] | list[dict[str, Any]]) -> dict[str, Decimal]:
    """The sums of stored amounts."""
    names = {column.name: column.column for column in FOCUS_COLUMNS}
    with localcontext(prec=100):
        return {name: sum((row[names[name]] or Decimal(0) for row in rows), Decimal(0)) for name in AMOUNTS}


async def assert_same_after_export(database: Database, folder: Path, form: CostExportFormat) -> None:
    """Export the dataset `first` as FOCUS 1.4, import it as `second`: all columns that 1.4 has are equal."""
    path = folder / f"out.{form.value}"
    order = CostExportOrder(date(2026, 1, 1), date(2027, 1, 1), FocusVersion.V1_4, form, dataset="first")
    await write_file(database, ORGANIZATION, order, path, partial(scratch, folder))
    outcome = await deliver(database, path, dataset="second")
    before, after = await stored(database, "first"), await stored(database, "second")
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, len(before), 0), outcome.message
    assert [_without(row, GONE) for row in after] == [_without(row, GONE) for row in before]


def _without(row: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


@pytest.mark.parametrize("form", [CostExportFormat.CSV, CostExportFormat.PARQUET])
async def test_parquet_of_aws_is_exact_and_whole(database: Database, tmp_path: Path, form: CostExportFormat) -> None:
    path = aws_file(tmp_path / "aws.parquet", 50)
    schema = pl.read_parquet_schema(path)
    assert len(schema) == 48
    assert schema["BilledCost"].is_float()
    assert schema["ChargePeriodStart"] == pl.Datetime("ms")
    outcome = await deliver(database, path, dataset="first")
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, 50, 0), outcome.message
    found = await stored(database, "first")
    with localcontext(prec=100):
        each = sum((Decimal(repr(amount)) for amount in DOUBLES), Decimal(0)) * 5
    assert sums(found) == dict.fromkeys(AMOUNTS, each)
    assert outcome.billed_cost == {"USD": each}
    rows = sorted(found, key=lambda row: int(row["charge_description"]))
    assert [row["tags"] for row in rows[:3]] == [None, None, {"team": "web", "n": "2"}], "no tags are no set"
    assert [row["consumed_quantity"] for row in rows[:3]] == [0, Decimal("0.125"), Decimal("0.25")]
    extra = rows[0]["extra"]
    assert set(extra) == set(AWS_EXTRAS)
    assert json.loads(extra["x_CostCategories"]) == {"Team": "web", 'Größe "x"': "a,b"}
    assert json.loads(extra["x_Discounts"]) == {"EdpDiscount": -0.1, "Bundled": 0.0}
    assert (extra["x_Operation"], extra["x_UsageType"]) == ("RunInstances", "EU-BoxUsage:m5.large")
    await assert_same_after_export(database, tmp_path, form)


@pytest.mark.parametrize("form", ["csv", "csv.gz", "parquet"])
async def test_all_columns_of_azure_are_kept(database: Database, tmp_path: Path, form: str) -> None:
    if not AZURE.exists():
        pytest.skip(f"the schema is not at {AZURE}")
    rows = azure_rows(40)
    path = write(tmp_path / "part_0.csv", rows)
    if form == "csv.gz":
        path = tmp_path / "part_0.csv.gz"
        path.write_bytes(gzip.compress((tmp_path / "part_0.csv").read_bytes()))
    elif form == "parquet":
        path = tmp_path / "part_0.parquet"
        empty = pl.DataFrame([{name: value or None for name, value in row.items()} for row in rows])
        empty.with_columns(pl.col(AMOUNTS).cast(pl.Decimal(38, 20))).write_parquet(path)
    outcome = await deliver(database, path, dataset="first")
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, 40, 0), outcome.message
    found = await stored(database, "first")
    with localcontext(prec=100):
        expected = {name: sum((Decimal(row[name] or 0) for row in rows), Decimal(0)) for name in AMOUNTS}
    assert sums(found) == expected
    by_number = {row["charge_description"]: row for row in found}
    for row in rows:
        extra = {name: value for name, value in row.items() if name[:2] == "x_"}
        assert len(extra) == 51
        assert by_number[row["ChargeDescription"]]["extra"] == extra
    await assert_same_after_export(database, tmp_path, CostExportFormat.CSV_GZ)
