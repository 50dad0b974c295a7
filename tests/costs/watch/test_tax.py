"""Tax follows what it is charged on: the same anomalies are found with and without it, whoever it is charged to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, select

from app.costs.anomalies.look import watch_anomalies
from app.database import Database
from app.models import new_id
from app.records.budgets import AnomalySeries
from app.repositories.cost_anomalies import ANOMALIES
from benchmarks.outlook_causes import Breadth, Injected, Shape, case
from tests.costs.watch.deliveries import Deliveries, charge, daily, days, hold

RATE = Decimal("0.2")
CENT = Decimal("0.01")
TAX = {"ChargeCategory": "Tax", "ResourceId": "", "RegionId": "", "PricingCategory": ""}
COLUMNS = ("series", "service_name", "sub_account_id", "starts_on", "ends_on", "expected", "actual", "excess", "state")


def usage(injected: Injected) -> list[dict[str, Any]]:
    """A charge of each service in each account on each day."""
    return [
        charge(day, cost, ServiceName=name.service_name, SubAccountId=name.sub_account_id)
        for name, series in injected.series.items()
        if name.series is AnomalySeries.SERVICE_ACCOUNT
        for day, cost in zip(days(series.start, series.end), series.values, strict=True)
    ]


def taxes(rows: list[dict[str, Any]], service: str | None) -> list[dict[str, Any]]:
    """Tax by day and account, as a service of its own; without one under the name of the service that is taxed."""
    sums: dict[tuple[str, str, str], Decimal] = {}
    for row in rows:
        key = (row["ChargePeriodStart"][:10], row["SubAccountId"], service or row["ServiceName"])
        sums[key] = sums.get(key, Decimal(0)) + Decimal(row["EffectiveCost"])
    return [
        charge(date.fromisoformat(day), (cost * RATE).quantize(CENT), **TAX, ServiceName=named, SubAccountId=account)
        for (day, account, named), cost in sums.items()
    ]


async def found(database: Database, folder: Path, rows: list[dict[str, Any]], today: date) -> list[RowMapping]:
    """What the watch finds in an organization with these charges."""
    organization_id: UUID = new_id()
    await Deliveries(database, organization_id, folder, today).deliver(rows)
    await watch_anomalies(database, organization_id, today, hold)
    async with database.read(organization_id) as session:
        statement = select(ANOMALIES).order_by(ANOMALIES.c.starts_on, ANOMALIES.c.series_key)
        return list((await session.execute(statement)).mappings())


def told(rows: list[RowMapping]) -> list[tuple[Any, ...]]:
    return [tuple(row[column] for column in COLUMNS) for row in rows]


@pytest.mark.parametrize("service", ["Tax", None])
@pytest.mark.parametrize("breadth", [Breadth.ONE, Breadth.SERVICE, Breadth.ACCOUNT])
async def test_tax_changes_nothing_about_what_is_found(
    database: Database, tmp_path: Path, breadth: Breadth, service: str | None
) -> None:
    injected = case(20261122, 1, breadth, Shape.SPIKE, 0.03)
    rows = usage(injected)
    today = next(iter(injected.series.values())).end
    plain = await found(database, tmp_path, rows, today)
    taxed = await found(database, tmp_path, [*rows, *taxes(rows, service)], today)
    assert injected.start in {row["starts_on"] for row in plain}
    assert told(taxed) == told(plain)
    assert [row["explanation"] for row in taxed] == [row["explanation"] for row in plain]
    assert [row["also_seen_in"] for row in taxed] == [row["also_seen_in"] for row in plain]


async def test_tax_on_what_is_bought_is_no_anomaly(database: Database, tmp_path: Path) -> None:
    """The effective cost of a purchase is that of the days for which it was bought; its tax falls on one of them."""
    today, start = date(2026, 11, 20), date(2026, 8, 3)
    bought = today - timedelta(10)
    rows = [
        *daily(start, today, lambda _: 100),
        *daily(start, today, lambda day: 20 if day != bought else 900, **TAX, ServiceName="Tax"),
    ]
    assert await found(database, tmp_path, rows, today) == []
