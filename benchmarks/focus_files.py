"""Seeded FOCUS 1.2 files of any size: the shape of a large AWS bill, hourly, with all 57 columns.

Recipe: 40 sub accounts, 30 services, 12 regions, 1,200 SKUs, one resource for every 50 rows (each runs for many hours),
200 tag sets of four keys, 8 % of the usage covered by 60 commitments, 0.3 % tax. Amounts have 2 to
12 decimals. About 880 bytes a row as CSV.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from app.costs.focus import FOCUS_COLUMNS

SEED: Final = 20_261_122
BATCH: Final = 100_000
HOURS: Final = 24 * 31
COVERED: Final = 0.08
TAXED: Final = 0.003
_START: Final = datetime(2026, 10, 1, tzinfo=UTC)
_CATEGORIES: Final = ("Compute", "Storage", "Databases", "Networking", "Analytics", "Security")
COLUMNS: Final = [
    column.name for column in FOCUS_COLUMNS if "1.2" in column.versions and column.name != "HostProviderName"
]


def write_csv(path: Path, rows: int, seed: int = SEED, resources: int | None = None) -> None:
    """Write `rows` charges of October 2026 as CSV, in bounded memory; without `resources`, of one for every 50 rows."""
    with path.open("wb") as file:
        for start in range(0, rows, BATCH):
            batch = charges(start, min(BATCH, rows - start), rows, seed, resources)
            batch.write_csv(file, include_header=start == 0)


def write_parquet(csv: Path, path: Path) -> None:
    """The same rows as Parquet, typed as AWS types them but for exact decimals."""
    amounts = [name for name in COLUMNS if name.endswith(("Cost", "Price", "Quantity"))]
    moments = [name for name in COLUMNS if name.endswith(("PeriodStart", "PeriodEnd"))]
    pl.scan_csv(csv, infer_schema=False).with_columns(
        pl.col(amounts).cast(pl.Decimal(38, 12)),
        pl.col(moments).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC"),
    ).sink_parquet(path, compression="snappy", row_group_size=BATCH)


def charges(start: int, size: int, rows: int, seed: int = SEED, resources: int | None = None) -> pl.DataFrame:
    """The charges from number `start` on, of a file of `rows`; every column as text."""
    random = np.random.default_rng((seed, start))
    resource = random.integers(0, resources or max(1, rows // 50), size)
    sku = (resource * 7 + random.integers(0, 3, size)) % 1_200
    service = sku % 30
    account = resource % 40
    region = resource % 12
    hour = (np.arange(start, start + size) * HOURS // rows).astype(int)
    kind = random.random(size)
    covered = kind < COVERED
    quantity = np.round(random.random(size) * 24, 4)
    price = np.round(0.001 + (sku % 97) * 0.0137, 6)
    frame = pl.DataFrame(
        {
            "resource": resource, "sku": sku, "service": service, "account": account, "region": region, "hour": hour,
            "covered": covered, "kind": kind, "quantity": quantity, "price": price, "tags": resource % 200,
            "commitment": resource % 60,
        }
    )  # fmt: skip
    return frame.select(**_columns()).select(COLUMNS)


def _columns() -> dict[str, pl.Expr]:
    """Each column from the numbers that were drawn."""
    return {**_who(), **_when(), **_what(), **_amounts()}


def _text(pattern: str, *names: str) -> pl.Expr:
    """The pattern with each {} filled from a column; other braces are text."""
    pieces = pattern.split("{}")
    values = [pl.col(name).cast(pl.String) for name in names]
    parts = [pl.lit(pieces[0])] + [part for pair in zip(values, map(pl.lit, pieces[1:]), strict=True) for part in pair]
    return pl.concat_str(parts)


def _who() -> dict[str, pl.Expr]:
    return {
        "ProviderName": pl.lit("AWS"),
        "PublisherName": pl.lit("Amazon Web Services, Inc."),
        "InvoiceIssuerName": pl.lit("Amazon Web Services EMEA SARL"),
        "InvoiceId": pl.lit("EUINDE26-1004711"),
        "BillingAccountId": pl.lit("111122223333"),
        "BillingAccountName": pl.lit("Kestrel Holdings payer"),
        "BillingAccountType": pl.lit("Management account"),
        "SubAccountId": pl.lit("4000000") + (pl.col("account") + 10_000).cast(pl.String),
        "SubAccountName": _text("kestrel-team-{}", "account"),
        "SubAccountType": pl.lit("Linked account"),
        "Tags": _text('{"team":"team-{}","env":"prod","CostCenter":"cc-{}","app":"app-{}"}', "tags", "account", "tags"),
    }


def _when() -> dict[str, pl.Expr]:
    start = pl.lit(_START) + pl.duration(hours=pl.col("hour"))
    form = "%Y-%m-%dT%H:%M:%SZ"
    return {
        "BillingPeriodStart": pl.lit("2026-10-01T00:00:00Z"),
        "BillingPeriodEnd": pl.lit("2026-11-01T00:00:00Z"),
        "ChargePeriodStart": start.dt.to_string(form),
        "ChargePeriodEnd": (start + pl.duration(hours=1)).dt.to_string(form),
    }


def _what() -> dict[str, pl.Expr]:
    covered = pl.col("covered")
    category = pl.col("service") % len(_CATEGORIES)
    named = category.replace_strict(dict(enumerate(_CATEGORIES)), return_dtype=pl.String)
    return {
        "ChargeCategory": pl.when(pl.col("kind") > 1 - TAXED).then(pl.lit("Tax")).otherwise(pl.lit("Usage")),
        "ChargeClass": pl.lit(None, dtype=pl.String),
        "ChargeDescription": _text("${} per On Demand unit hour of sku {} in region {}", "price", "sku", "region"),
        "ChargeFrequency": pl.lit("Usage-Based"),
        "PricingCategory": pl.when(covered).then(pl.lit("Committed")).otherwise(pl.lit("Standard")),
        "PricingUnit": pl.lit("Hours"),
        "PricingCurrency": pl.lit("USD"),
        "BillingCurrency": pl.lit("USD"),
        "ConsumedUnit": pl.lit("Hours"),
        "ServiceName": _text("Amazon Service {}", "service"),
        "ServiceCategory": named,
        "ServiceSubcategory": pl.format("Other ({})", named),
        "SkuId": _text("SKU{}XQ7RT2", "sku"),
        "SkuMeter": _text("Meter {}", "service"),
        "SkuPriceId": _text("SKU{}XQ7RT2.JRTCKXETXF.6YS6EN2CT7", "sku"),
        "SkuPriceDetails": _text('{"InstanceType":"m{}.large","OperatingSystem":"Linux"}', "service"),
        "ResourceId": _text("arn:aws:ec2:eu-central-1:400000010000:instance/i-0{}abcdef0123456", "resource"),
        "ResourceName": _text("node-{}", "resource"),
        "ResourceType": pl.lit("Instance"),
        "RegionId": _text("eu-region-{}", "region"),
        "RegionName": _text("Europe (Region {})", "region"),
        "AvailabilityZone": _text("eu-region-{}a", "region"),
        **{
            name: pl.when(covered).then(value)
            for name, value in {
                "CommitmentDiscountId": _text("arn:aws:savingsplans::111122223333:savingsplan/{}", "commitment"),
                "CommitmentDiscountName": _text("plan {}", "commitment"),
                "CommitmentDiscountCategory": pl.lit("Spend"),
                "CommitmentDiscountType": pl.lit("Compute Savings Plan"),
                "CommitmentDiscountStatus": pl.lit("Used"),
                "CommitmentDiscountUnit": pl.lit("USD"),
            }.items()
        },
        "CapacityReservationId": pl.lit(None, dtype=pl.String),
        "CapacityReservationStatus": pl.lit(None, dtype=pl.String),
    }


def _amounts() -> dict[str, pl.Expr]:
    quantity, price = pl.col("quantity").cast(pl.Decimal(18, 4)), pl.col("price").cast(pl.Decimal(18, 6))
    product = (pl.col("quantity") * pl.col("price")).round(10).cast(pl.Decimal(38, 10))
    effective = (
        pl.when(pl.col("covered"))
        .then((pl.col("quantity") * pl.col("price") * 0.7).round(12))
        .otherwise((pl.col("quantity") * pl.col("price")).round(10))
        .cast(pl.Decimal(38, 12))
    )
    billed = pl.when(pl.col("covered")).then(pl.lit(0)).otherwise(pl.col("quantity") * pl.col("price")).round(10)
    return {
        "BilledCost": billed.cast(pl.Decimal(38, 10)).cast(pl.String),
        "EffectiveCost": effective.cast(pl.String),
        "ListCost": product.cast(pl.String),
        "ContractedCost": product.cast(pl.String),
        "ListUnitPrice": price.cast(pl.String),
        "ContractedUnitPrice": price.cast(pl.String),
        "PricingQuantity": quantity.cast(pl.String),
        "ConsumedQuantity": quantity.cast(pl.String),
        "PricingCurrencyContractedUnitPrice": price.cast(pl.String),
        "PricingCurrencyEffectiveCost": effective.cast(pl.String),
        "PricingCurrencyListUnitPrice": price.cast(pl.String),
        "CommitmentDiscountQuantity": pl.when(pl.col("covered")).then(effective).cast(pl.String),
    }
