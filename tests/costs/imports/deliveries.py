"""Small FOCUS files for tests, and what is in the store after them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.costs.imports.run import import_files
from app.database import Database
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind
from tests.costs.deliveries import ROLL_UPS

ORGANIZATION = UUID(int=1)
ACTOR = Actor(ActorKind.SYSTEM)


def charge(number: int, **values: str) -> dict[str, str]:
    """A charge of October 2026; `number` makes it another one."""
    day = number % 28 + 1
    return {
        "BillingAccountId": "1111",
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": f"2026-10-{day:02}T00:00:00Z",
        "ChargePeriodEnd": f"2026-10-{day + 1:02}T00:00:00Z",
        "BilledCost": f"{number}.000000000000000{number % 9 + 1}",
        "EffectiveCost": f"{number}.5",
        "ListCost": "" if number % 5 == 0 else f"{number}.75",
        "ContractedCost": "",
        "BillingCurrency": "USD",
        "ProviderName": "AWS",
        "ServiceName": f"Service {number % 3}",
        "ServiceCategory": "Compute",
        "ChargeCategory": "Usage",
        "SubAccountId": f"acc-{number % 2}",
        "RegionId": f"region-{number % 4}",
        "ResourceId": f"i-{number % 7}" if number % 6 else "",
        "Tags": f'{{"Team": "t{number % 2}"}}',
        **values,
    }


def write(path: Path, rows: Iterable[Mapping[str, str]]) -> Path:
    """The rows as a CSV file."""
    listed = list(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(listed[0]))
        writer.writeheader()
        writer.writerows(listed)
    return path


async def deliver(
    database: Database, *paths: Path, dataset: str = "bills", mode: ImportMode = ImportMode.REPLACE, **options: Any
) -> ImportOutcome:
    """Import files for the tests' organization."""
    source = ImportSource(ImportSourceKind.FILE, names=tuple(path.name for path in paths))
    return await import_files(
        database, ORGANIZATION, ACTOR, paths, dataset=dataset, mode=mode, source=source, **options
    )


async def sums(database: Database) -> dict[str, tuple[Decimal | None, Decimal | None, Decimal | None, int]]:
    """Billed, effective and list cost and the number of charges, by table."""
    found = {}
    async with database.read(ORGANIZATION, one_state=True) as session:
        for table in ("charges", *ROLL_UPS):
            count = "count(*)" if table == "charges" else "coalesce(sum(charge_count), 0)"
            statement = f"SELECT sum(billed_cost), sum(effective_cost), sum(list_cost), {count} FROM {table}"  # noqa: S608
            found[table] = tuple((await session.execute(text(statement))).one())
    return found


def sums_of(rows: Iterable[Mapping[str, str]]) -> tuple[Decimal | None, Decimal | None, Decimal | None, int]:
    """The same of rows, by Decimal alone."""
    listed = list(rows)
    columns = (
        [Decimal(row[name]) for row in listed if row[name]] for name in ("BilledCost", "EffectiveCost", "ListCost")
    )
    with localcontext(Context(prec=100)):
        billed, effective, list_cost = (sum(values, Decimal(0)) if values else None for values in columns)
    return billed, effective, list_cost, len(listed)


async def rows_of(database: Database, statement: str) -> list[tuple[Any, ...]]:
    """What a statement of the tests' organization returns."""
    async with database.read(ORGANIZATION) as session:
        return [tuple(row) for row in (await session.execute(text(statement))).all()]
