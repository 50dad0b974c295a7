"""Real and official FOCUS data in the store: the anonymised 1.0 sample and the worked examples of the specification."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import duckdb
import pytest
from sqlalchemy import RowMapping, func, select, text

from app.database import Database
from app.models import Base
from app.models.views import FOCUS_CHARGES
from app.records.costs import ImportState
from app.repositories.cost_imports import get_import
from tests.costs.deliveries import EXAMPLES, REAL, ROLL_UPS, SHARED, deliver, rows_of, sum_of

ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000f1")
COSTS = {
    "billed_cost": "BilledCost",
    "effective_cost": "EffectiveCost",
    "list_cost": "ListCost",
    "contracted_cost": "ContractedCost",
}

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason=f"the third-party FOCUS data is not at {SHARED}")


def sums_of_file(path: Path) -> dict[str, Decimal | None]:
    """The exact sums of a file, by DuckDB; None for a column that it lacks or that has no value."""
    database = duckdb.connect()
    database.execute("CREATE TABLE file AS SELECT * FROM read_csv(?, all_varchar = true, header = true)", [str(path)])
    there = {name for (name,) in database.execute("SELECT column_name FROM (DESCRIBE file)").fetchall()}
    found: dict[str, Decimal | None] = {}
    for column, name in COSTS.items():
        plain = f"nullif(nullif(trim(regexp_replace({name}, '[$,]', '', 'g')), ''), 'NULL')"
        total = f"SELECT sum(CAST({plain} AS DECIMAL(38, 17))) FROM file"  # noqa: S608  (constants)
        found[column] = database.execute(total).fetchall()[0][0] if name in there else None
    return found


async def sums(database: Database, table: str, organization_id: UUID) -> Mapping[str, Any]:
    """The sums of the four costs in a table of the store, and how many charges."""
    charges = "count(*)" if table == "charges" else "sum(charge_count)"
    costs = ", ".join(f"sum({column}) AS {column}" for column in COSTS)
    statement = text(f"SELECT {costs}, {charges} AS charges FROM {table} WHERE organization_id = :id")  # noqa: S608
    async with database.read(organization_id) as session:
        return dict((await session.execute(statement, {"id": organization_id})).mappings().one())


async def charges(database: Database) -> list[RowMapping]:
    async with database.read(ORGANIZATION) as session:
        statement = select(FOCUS_CHARGES).where(FOCUS_CHARGES.c.organization_id == ORGANIZATION)
        return list((await session.execute(statement)).mappings())


async def test_the_real_sample_is_kept_completely_and_to_the_last_digit(database: Database) -> None:
    outcome = await deliver(database, ORGANIZATION, REAL)
    assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, 1_000, 0)
    expected = sums_of_file(REAL)
    assert expected["billed_cost"] == Decimal("20.52022672899") == outcome.billed_cost["USD"]
    assert expected["effective_cost"] == Decimal("14.97651418586")
    for table in ("charges", *ROLL_UPS):
        found = await sums(database, table, ORGANIZATION)
        assert {column: found[column] for column in COSTS} == expected, table
        assert found["charges"] == 1_000, table
    assert set(ROLL_UPS) <= set(Base.metadata.tables)


async def test_the_oddities_of_the_real_sample_are_normalised_and_noted(database: Database) -> None:
    outcome = await deliver(database, ORGANIZATION, REAL)
    found = await charges(database)
    assert {row["charge_frequency"] for row in found} == {"Usage-Based", "One-Time"}
    assert sum(row["contracted_cost"] is None for row in found) == 7
    assert sum(row["resource_id"] is None for row in found) == 75
    assert sum(not row["tags"] for row in found) == 289
    assert {row["service_provider_name"] for row in found} == {"AWS", "Microsoft", "Oracle"}
    assert {row["provider"] for row in found} == {"AWS", "AZURE", "OTHER"}
    assert sum(" org" in (row["tags"] or {}) for row in found) > 0
    assert all(not row["extra"] for row in found)
    async with database.read(ORGANIZATION) as session:
        delivery = await get_import(session, ORGANIZATION, outcome.import_id)
    assert delivery is not None
    notes = {(note["kind"], note["column"]): note["rows"] for note in delivery["conformance"]}
    assert notes["null where mandatory", "ContractedCost"] == 7
    assert notes["normalised value", "ChargeFrequency"] == 7
    assert notes["ignored column", "Id"] > 0
    assert {column for kind, column in notes if kind == "null where mandatory"} == {"ContractedCost"}
    assert {column for kind, column in notes if kind == "missing column"} == set()


async def test_the_real_sample_again_changes_nothing(database: Database) -> None:
    await deliver(database, ORGANIZATION, REAL)
    again = await deliver(database, ORGANIZATION, REAL)
    assert (again.state, again.added) == (ImportState.UNCHANGED, 0)
    assert (await sums(database, "charges", ORGANIZATION))["charges"] == 1_000


async def test_every_worked_example_is_kept_with_its_exact_sums(database: Database) -> None:
    """Each in an organization of its own: two oracles for each of its four sums, in charges and in every roll-up."""
    paths = sorted(EXAMPLES.rglob("*.csv"))
    assert len(paths) == 26
    total = 0
    for path in paths:
        organization_id = uuid5(ORGANIZATION, str(path))
        rows = rows_of(path)
        outcome = await deliver(database, organization_id, path, billing_currency="USD")
        assert (outcome.state, outcome.added, outcome.rejected) == (ImportState.SUCCEEDED, len(rows), 0), path.name
        expected = sums_of_file(path)
        for column, name in COSTS.items():
            if name in rows[0] and expected[column] is not None:
                assert expected[column] == sum_of(rows, name), path.name
        for table in ("charges", *ROLL_UPS):
            found = await sums(database, table, organization_id)
            for column, amount in expected.items():
                if amount is not None:
                    assert found[column] == amount, (path.name, table, column)
            assert found["charges"] == len(rows), (path.name, table)
        total += len(rows)
    assert total == 81


async def test_the_examples_of_commitments_do_not_say_their_currency(database: Database) -> None:
    refused = {}
    for path in sorted(EXAMPLES.rglob("*.csv")):
        organization_id = uuid5(ORGANIZATION, str(path))
        outcome = await deliver(database, organization_id, path)
        if outcome.state is not ImportState.SUCCEEDED:
            assert (outcome.added, outcome.rejected) == (0, len(rows_of(path)))
            reasons = text("SELECT DISTINCT column_name, reason FROM import_rejects WHERE organization_id = :id")
            async with database.read(organization_id) as session:
                found = await session.execute(reasons, {"id": organization_id})
                refused[path.parent.name, path.stem] = {(row.column_name, row.reason) for row in found}
                kept = select(func.count()).select_from(FOCUS_CHARGES)
                assert (await session.execute(kept)).scalar_one() == 0
    assert {folder for folder, _ in refused} == {"commitment_discount_flexibility", "commitment_discount_scenarios"}
    assert len(refused) == 11
    missing = ("BillingCurrency", "BillingCurrency is missing: give it in the row or for the whole delivery")
    assert all(found == {missing} for found in refused.values()), refused
