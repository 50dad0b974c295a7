"""Deliveries for tests: files of charges into the store, as an operator would import them."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from app.costs.imports.run import import_files
from app.database import Database
from app.records import Actor, ActorKind
from app.records.costs import ImportMode, ImportOutcome, ImportSource, ImportSourceKind

SYSTEM = Actor(ActorKind.SYSTEM)
SAMPLES = Path(__file__).parents[2] / "samples"
COSTS = SAMPLES / "costs.csv"
SHARED = Path(__file__).parents[3] / "shared" / "data"
REAL = SHARED / "focus-sample-data-1.0" / "focus_sample.csv"
EXAMPLES = SHARED / "focus_spec_examples" / "specification" / "data"
ROLL_UPS = (
    "cost_daily",
    "service_daily",
    "tag_daily",
    "resource_monthly",
    "provider_daily",
    "service_monthly",
    "summary_monthly",
    "tag_service_daily",
    "tag_total_daily",
)
"""Every table that charges are summed in."""


async def deliver(
    database: Database, organization_id: UUID, *paths: Path, dataset: str = "default", **options: Any
) -> ImportOutcome:
    """Import files as one delivery that replaces an older one."""
    source = ImportSource(ImportSourceKind.FILE, names=tuple(path.name for path in paths))
    options = {"mode": ImportMode.REPLACE, **options}
    return await import_files(database, organization_id, SYSTEM, paths, dataset=dataset, source=source, **options)


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, by the csv module alone."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    """A CSV file of rows that have the same keys."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def sum_of(rows: list[dict[str, str]], column: str) -> Decimal:
    """The exact sum of a column, by Decimal alone; dollars and separators of thousands do not count."""
    amounts = (row[column].strip().lstrip("$").replace(",", "") for row in rows)
    return sum((Decimal(amount) for amount in amounts if amount not in {"", "NULL"}), Decimal(0))
