"""A file on which every use case of FOCUS has an answer: the sample, enriched, and as a table in DuckDB."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from app.costs.focus import FOCUS_COLUMNS, Kind

Line = dict[str, str]
_TYPES = {
    Kind.DECIMAL: "DECIMAL(38, 17)",
    Kind.NON_NEGATIVE_DECIMAL: "DECIMAL(38, 17)",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.JSON_OBJECT: "JSON",
    Kind.KEY_VALUE: "JSON",
}


def day(text: str) -> datetime:
    """Midnight in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def enriched(lines: list[Line]) -> list[Line]:
    """The sample with what it lacks.

    A second month, the newer columns, credits, corrections, marketplaces, a virtual currency, reserved capacity and
    shared costs: each on every so many lines.
    """
    found = []
    for number, line in enumerate(lines):
        more = {column.name: "" for column in FOCUS_COLUMNS if column.name not in line}
        names = dict.fromkeys(("ServiceProviderName", "HostProviderName"), line["ProviderName"])
        made = {**line, **more, **names, "InvoiceDetailId": f"line-{number % 9}"}
        for every, change in _CHANGES:
            if number % every == 0:
                made |= change(number, made)
        found.append(made)
    return found


def _tagged(number: int, line: Line) -> Line:
    tags = json.loads(line["Tags"] or "{}")
    return {"Tags": json.dumps({**tags, "Application": f"app-{number % 4}", "ApplicationId": f"id-{number % 4}"})}


def _last_month(_: int, line: Line) -> Line:
    names = ("ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart", "BillingPeriodEnd")
    month, day_of_month = line["ChargePeriodStart"][5:7], line["ChargePeriodStart"][8:10]
    if month != "10" or day_of_month == "31":
        return {}
    moved = {}
    for name in names:
        moment = datetime.fromisoformat(line[name])
        before = moment.replace(month=moment.month - 1) if moment.day == 1 else moment - timedelta(days=30)
        moved[name] = before.strftime("%Y-%m-%dT%H:%M:%SZ")
    return moved


def _reduced(_: int, line: Line) -> Line:
    return dict.fromkeys(
        ("ListUnitPrice", "PricingCurrencyListUnitPrice"), str(Decimal(line["ListUnitPrice"] or 1) + 1)
    )


_CHANGES: tuple[tuple[int, Callable[[int, Line], Line]], ...] = (
    (2, lambda n, _: {"SkuPriceDetails": json.dumps({"CoreCount": str(n % 8 + 1), "InstanceSeries": f"m{n % 3}"})}),
    (3, _tagged),
    (5, _last_month),
    (6, _reduced),
    (7, lambda n, _: {"CapacityReservationId": f"cr-{n % 3}", "CapacityReservationStatus": "Unused"}),
    (14, lambda _, __: {"CapacityReservationStatus": "Used"}),
    (11, lambda _, line: {"PricingCurrencyEffectiveCost": str(Decimal(line["EffectiveCost"]) * 10)}),
    (11, lambda _, __: {"PricingCurrency": "Credits"}),
    (
        13,
        lambda _, __: {"PublisherName": "Acme", "HostProviderName": "Acme Hosting", "InvoiceIssuerName": "Acme Bills"},
    ),
    (17, lambda n, _: {"ChargeDescription": "Data transfer out", "ConsumedUnit": "GB", "ConsumedQuantity": f"{n}.25"}),
    (19, lambda n, _: {"AllocatedResourceId": f"pod-{n % 5}", "AllocatedResourceName": f"Pod {n % 5}"}),
    (19, lambda _, __: {"AllocatedMethodId": "by-hours"}),
    (23, lambda _, __: {"ChargeCategory": "Purchase", "PricingUnit": "Credits"}),
    (29, lambda _, __: {"ChargeCategory": "Credit"}),
    (50, lambda _, __: {"ChargeClass": "Correction"}),
)


def in_duckdb(path: Path) -> duckdb.DuckDBPyConnection:
    """The file as the table that the queries name, with FOCUS's types."""
    duck = duckdb.connect()
    duck.execute("CREATE TABLE file AS SELECT * FROM read_csv(?, all_varchar = true, header = true)", [str(path)])
    there = {name for (name,) in duck.execute("SELECT column_name FROM (DESCRIBE file)").fetchall()}
    typed = ", ".join(
        f"CAST(nullif(nullif({column.name}, ''), 'NULL') AS {_TYPES.get(column.kind, 'VARCHAR')}) AS {column.name}"
        for column in FOCUS_COLUMNS
        if column.name in there
    )
    duck.execute(f"CREATE TABLE focus_data_table AS SELECT {typed} FROM file")  # noqa: S608  (FOCUS's own names)
    # Subscriptions of Azure have their bare ids, as accounts of the inventory do.
    bare = "regexp_replace(SubAccountId, '^/subscriptions/([^/]+)$', '\\1')"
    duck.execute(f"UPDATE focus_data_table SET SubAccountId = {bare}")  # noqa: S608  (nothing of the file)
    return duck
