"""Export, import into another dataset: the same rows and the same sums, digit by digit, whatever the format."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from datetime import date
from decimal import Decimal, localcontext
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from sqlalchemy import text

from app.cli.exports import scratch
from app.costs.exports.writing import write_file
from app.database import Database
from app.records.cost_exports import CostExportFormat, CostExportOrder, FocusVersion
from tests.costs.deliveries import deliver, rows_of, sum_of, written

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000e2")
AMOUNTS = (
    "1.10",
    "1.1",
    "100",
    "1E+2",
    "0",
    "0.000",
    "-0.10",
    "-7",
    "0.000000000000000001",
    "12345678901234567.89",
    "-0.123456789012345678",
    "3.3333333333333333",
)
COLUMNS = ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ListUnitPrice", "PricingQuantity")
STORED = """
    SELECT c.billed_cost::text, c.effective_cost::text, c.list_cost::text, c.contracted_cost::text,
        c.list_unit_price::text, c.pricing_quantity::text
    FROM focus_charges c JOIN cost_import_periods p
        ON p.organization_id = c.organization_id AND p.id = c.import_period_id AND p.status = 'ACTIVE'
    WHERE p.dataset = :dataset
"""


def rows() -> list[dict[str, str]]:
    """Charges in which each amount stands once in each column; quantities and prices are not negative."""
    found = []
    for number in range(len(AMOUNTS)):
        turned = [AMOUNTS[(number + step) % len(AMOUNTS)] for step in range(len(COLUMNS))]
        amounts = dict(zip(COLUMNS, turned, strict=True))
        amounts |= {name: amounts[name].lstrip("-") for name in ("ListUnitPrice", "PricingQuantity")}
        found.append(
            {
                "BillingCurrency": "EUR",
                "BillingAccountId": "1",
                "ChargePeriodStart": f"2026-10-{number + 1:02}T00:00:00Z",
                "ChargePeriodEnd": f"2026-10-{number + 2:02}T00:00:00Z",
                "PricingUnit": "GB",
                "ProviderName": "AWS",
                "ChargeCategory": "Usage",
                **amounts,
            }
        )
    return found


async def stored(database: Database, dataset: str) -> Counter[tuple[str, ...]]:
    """The amounts of a dataset as PostgreSQL writes them."""
    async with database.read(ORGANIZATION) as session:
        return Counter(tuple(row) for row in await session.execute(text(STORED), {"dataset": dataset}))


async def exported(database: Database, path: Path, form: CostExportFormat) -> list[dict[str, Any]]:
    """Write the first dataset; the file's rows as a reader of its format finds them, by day."""
    order = CostExportOrder(date(2026, 1, 1), date(2027, 1, 1), FocusVersion.V1_2, form, dataset="first")
    await write_file(database, ORGANIZATION, order, path, partial(scratch, path.parent))
    if form is CostExportFormat.PARQUET:
        found = pl.read_parquet(path).to_dicts()
    elif form is CostExportFormat.CSV_GZ:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            found = list(csv.DictReader(file))
    else:
        found = rows_of(path)
    return sorted(found, key=lambda row: str(row["ChargePeriodStart"]))


@pytest.mark.parametrize("form", list(CostExportFormat))
async def test_what_is_imported_again_is_the_same_to_the_digit(
    database: Database, tmp_path: Path, form: CostExportFormat
) -> None:
    await deliver(database, ORGANIZATION, written(tmp_path / "in.csv", rows()), dataset="first")
    before = await stored(database, "first")
    assert before.total() == len(AMOUNTS)
    path = tmp_path / f"out.{form.value}"
    await exported(database, path, form)
    outcome = await deliver(database, ORGANIZATION, path, dataset="second")
    assert (outcome.added, outcome.rejected) == (len(AMOUNTS), 0), outcome
    with localcontext(prec=60):
        assert outcome.billed_cost == {"EUR": sum_of(rows(), "BilledCost")}
    after = await stored(database, "second")
    if form is CostExportFormat.PARQUET:  # whose columns have one scale, so that zeros at the end say nothing
        before = Counter(tuple(format(Decimal(amount).normalize(), "f") for amount in row) for row in before)
    assert after == before


async def test_all_formats_say_the_same(database: Database, tmp_path: Path) -> None:
    await deliver(database, ORGANIZATION, written(tmp_path / "in.csv", rows()), dataset="first")
    plain = await exported(database, tmp_path / "out.csv", CostExportFormat.CSV)
    assert await exported(database, tmp_path / "out.csv.gz", CostExportFormat.CSV_GZ) == plain
    parquet = await exported(database, tmp_path / "out.parquet", CostExportFormat.PARQUET)
    for sent, of_text, of_parquet in zip(rows(), plain, parquet, strict=True):
        for name in COLUMNS:
            assert Decimal(sent[name]) == Decimal(of_text[name]) == Decimal(of_parquet[name]), name
            assert "E" not in of_text[name]
    # A decimal of Parquet has one scale for its whole column: that of the longest amount, and not more.
    scales = {name: pl.read_parquet_schema(tmp_path / "out.parquet")[name] for name in COLUMNS}
    assert scales == dict.fromkeys(COLUMNS, pl.Decimal(38, 18))
