"""A FOCUS 1.2 file in which every column has values that the use cases of FOCUS ask for; made from a seed."""

from __future__ import annotations

import csv
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

ROWS = 360
DECIMALS = (
    "BilledCost",
    "CommitmentDiscountQuantity",
    "ConsumedQuantity",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
    "PricingQuantity",
)
MOMENTS = ("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd")
_FORM = "%Y-%m-%dT%H:%M:%SZ"


def _price(chance: random.Random, most: int) -> str:
    return f"{chance.randrange(0, most * 10_000) / 10_000:.4f}"


def _commitment(chance: random.Random, category: str) -> dict[str, str]:
    if chance.random() < 0.6:
        return {}
    id_ = chance.choice(("sp-1", "ri-1"))
    return {
        "CommitmentDiscountId": id_,
        "CommitmentDiscountName": f"Name of {id_}",
        "CommitmentDiscountType": "Savings Plan" if id_ == "sp-1" else "Reserved",
        "CommitmentDiscountCategory": "Spend" if id_ == "sp-1" else "Usage",
        "CommitmentDiscountUnit": "USD" if id_ == "sp-1" else "Hours",
        "CommitmentDiscountQuantity": chance.choice(("1", "24", "720")),
        "CommitmentDiscountStatus": chance.choice(("Used", "Unused")) if category == "Usage" else "",
    }


def _reservation(chance: random.Random) -> dict[str, str]:
    if chance.random() < 0.7:
        return {}
    status = chance.choice(("Used", "Unused"))
    return {"CapacityReservationId": chance.choice(("cr-1", "cr-2")), "CapacityReservationStatus": status}


def charge(chance: random.Random) -> dict[str, str]:
    """One row."""
    month = chance.choice((9, 10))
    start = datetime(2026, month, 1, tzinfo=UTC) + timedelta(days=chance.randrange(30))
    provider = chance.choice(("AWS", "Microsoft", "Snowflake"))
    service, category, part = chance.choice(
        (
            ("Amazon EC2", "Compute", "Virtual Machines"),
            ("Amazon S3", "Storage", "Object Storage"),
            ("Warehouse", "Analytics", "Data Warehousing"),
            ("Functions", "Compute", "Serverless Compute"),
        )
    )
    account = chance.choice(("1111", "2222"))
    sub = chance.choice(("", "sub-1", "sub-2"))
    region = chance.choice(("", "eu-1", "us-1"))
    resource = chance.choice(("", "res-1", "res-2", "res-3"))
    kind = chance.choice(("Usage", "Usage", "Usage", "Purchase", "Credit"))
    details = chance.choice(
        ({}, {"CoreCount": "4", "InstanceSeries": "m5"}, {"CoreCount": "8", "InstanceSeries": "c6"}, {"CoreCount": "2"})
    )
    tags = chance.choice(({}, {"Application": "shop"}, {"Application": "mail", "ApplicationId": "a-1"}, {"x": "y"}))
    listed, contracted = sorted((_price(chance, 9), _price(chance, 9)), key=float, reverse=True)
    sku = chance.choice(("sku-1", "sku-2"))
    row = {
        "BillingPeriodStart": f"2026-{month:02}-01T00:00:00Z",
        "BillingPeriodEnd": f"2026-{month + 1:02}-01T00:00:00Z",
        "ChargePeriodStart": start.strftime(_FORM),
        "ChargePeriodEnd": (start + timedelta(days=1)).strftime(_FORM),
        "BillingAccountId": account,
        "BillingAccountName": f"Payer {account}",
        "BillingAccountType": "Organization",
        "SubAccountId": sub,
        "SubAccountName": f"Name of {sub}" if sub else "",
        "SubAccountType": "Account" if sub else "",
        "BillingCurrency": "USD",
        "ProviderName": provider,
        "PublisherName": chance.choice((provider, "Vendor")),
        "InvoiceIssuerName": chance.choice((provider, "Reseller")),
        "InvoiceId": chance.choice(("", "inv-1", "inv-2")),
        "ServiceName": service,
        "ServiceCategory": category,
        "ServiceSubcategory": part,
        "ChargeCategory": kind,
        "ChargeClass": chance.choice(("", "", "Correction")),
        "ChargeFrequency": chance.choice(("One-Time", "Recurring", "Usage-Based")),
        "ChargeDescription": chance.choice(("data transfer out", "vm hours", "seats")),
        "RegionId": region,
        "RegionName": f"Region {region}" if region else "",
        "AvailabilityZone": f"{region}a" if region and chance.random() < 0.5 else "",
        "ResourceId": resource,
        "ResourceName": f"Name of {resource}" if resource else "",
        "ResourceType": "vm" if resource else "",
        "SkuId": sku,
        "SkuPriceId": f"{sku}-price",
        "SkuMeter": "meter",
        "SkuPriceDetails": json.dumps(details) if details else "",
        "Tags": json.dumps(tags) if tags else "",
        "PricingCategory": "Standard",
        "PricingCurrency": chance.choice(("USD", "Credits")),
        "PricingUnit": chance.choice(("Hours", "Credits")),
        "ConsumedUnit": chance.choice(("GB", "Hours")),
        "PricingQuantity": _price(chance, 30),
        "ConsumedQuantity": f"{chance.randrange(1, 3_000) / 100:.2f}",
        "ListUnitPrice": listed,
        "ContractedUnitPrice": contracted,
        "PricingCurrencyListUnitPrice": listed,
        "PricingCurrencyContractedUnitPrice": chance.choice((contracted, listed)),
        "PricingCurrencyEffectiveCost": _price(chance, 50),
        "BilledCost": ("-" if kind == "Credit" else "") + _price(chance, 90),
        "EffectiveCost": ("-" if kind == "Credit" else "") + _price(chance, 80),
        "ListCost": _price(chance, 99),
        "ContractedCost": _price(chance, 95),
    }
    return row | _commitment(chance, kind) | _reservation(chance)


def write_focus_file(path: Path) -> Path:
    """The file; the same each time."""
    chance = random.Random(2026)  # noqa: S311  (no secret)
    rows = [charge(chance) for _ in range(ROWS)]
    columns = sorted({column for row in rows for column in row})
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path
