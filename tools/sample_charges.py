"""The charges of one month of the invented estate, as FOCUS 1.2 rows with exact decimals."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import orjson
from sample_estate import ACCOUNTS, Resource, between, draw
from sample_kinds import Meter

from app.costs.focus import FOCUS_COLUMNS
from app.costs.values import decimal_text

COLUMNS = tuple(sorted(column.name for column in FOCUS_COLUMNS if "1.2" in column.versions))
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 11, 1, tzinfo=UTC)
DAYS = (NEXT_MONTH - MONTH).days
WEEK = 7
BILLERS = {
    "AWS": ("AWS", "Amazon Web Services EMEA SARL", "000000000100", "Kestrel Bakery", "Organization", "Account"),
    "AZURE": (
        "Microsoft",
        "Microsoft",
        "/providers/Microsoft.Billing/billingAccounts/0000200",
        "Kestrel Bakery",
        "Billing Profile",
        "Subscription",
    ),
    "GCP": (
        "Google Cloud",
        "Google Cloud EMEA Limited",
        "000000-000000-000300",
        "Kestrel Bakery",
        "Billing Account",
        "Project",
    ),
}
# Negotiated price as a share of the list price.
NEGOTIATED = {"AWS": Decimal(1), "AZURE": Decimal("0.93"), "GCP": Decimal(1)}
SAVINGS_PLAN = "arn:aws:savingsplans::000000000100:savingsplan/00000000-0000-4000-8000-00000000a001"
SAVINGS_SHARE = Decimal("0.72")
UNUSED_AN_HOUR = Decimal("0.085")
RESERVATION = "/providers/Microsoft.Capacity/reservationOrders/00000000-0000-4000-8000-00000000b001"
RESERVED_HOUR = Decimal("0.125")
RESERVED_MACHINES = 2
# One NAT gateway moves six times as much from the 19th to the 21st.
STORM_AT, STORM_DAYS, STORM = "egress-02", range(18, 21), 6
HOURS_A_YEAR = 8_760
HOURS_A_DAY = 24

Row = dict[str, str]


def charges(resources: list[Resource]) -> list[Row]:
    """Every charge of the month, by charge period, account, resource and SKU."""
    covered = _covered(resources)
    rows = [row for resource in resources for row in _usage(resource, covered.get(resource.id))]
    rows += _savings_plan(rows)
    rows += _reservation(sum(commitment == RESERVATION for commitment in covered.values()))
    rows += _others(rows, resources)
    keys = ("ChargePeriodStart", "BillingAccountId", "SubAccountId", "ResourceId", "SkuId", "ChargeCategory")
    return sorted(rows, key=lambda row: [row[key] for key in keys])


def _covered(resources: list[Resource]) -> dict[str, str]:
    """Which machines a commitment covers: production M6i by the savings plan, two D4s by the reservation."""
    running = [one for one in resources if one.status == "running" and one.environment == "production"]
    savings = [one.id for one in running if one.variant[0].startswith("m6i.")]
    reserved = [one.id for one in running if one.variant[0] == "Standard_D4s_v5"][:RESERVED_MACHINES]
    return {**dict.fromkeys(savings, SAVINGS_PLAN), **dict.fromkeys(reserved, RESERVATION)}


def _usage(resource: Resource, commitment: str | None) -> Iterator[Row]:
    """A row per meter and day for what production runs by the hour, per month for stored GB, per week for all else."""
    if resource.status == "stopped":
        return
    for meter in resource.kind.meters:
        daily = resource.kind.daily and resource.environment == "production"
        step = DAYS if meter.rule == "size" else 1 if daily else WEEK
        for first in range(0, DAYS, step):
            days = range(first, min(first + step, DAYS))
            quantity = _quantity(resource, meter, days)
            if quantity:
                yield _usage_row(resource, meter, days, quantity, commitment)


def _quantity(resource: Resource, meter: Meter, days: range) -> Decimal:
    if meter.rule == "size":
        return Decimal(resource.size)
    count = _hours if meter.rule == "hours" else _events
    return sum((count(resource, meter, day) for day in days), Decimal(0))


def _hours(resource: Resource, meter: Meter, day: int) -> Decimal:
    """Production runs by day and night, all else in office hours."""
    if resource.environment == "production":
        return Decimal(HOURS_A_DAY)
    return Decimal(0) if _weekend(day) else Decimal(between(36, 52, resource.id, meter.name, day)) / 4


def _events(resource: Resource, meter: Meter, day: int) -> Decimal:
    """Traffic of its own size, half of it at weekends, with the one anomaly that is to be found."""
    traffic = between(60, 140, resource.id, "traffic") * between(85, 115, resource.id, meter.name, day)
    storm = STORM if resource.name == STORM_AT and day in STORM_DAYS else 1
    return Decimal(meter.events_a_day * traffic // 10_000 * storm // (2 if _weekend(day) else 1))


def _weekend(day: int) -> bool:
    return (MONTH + timedelta(days=day)).strftime("%w") in {"0", "6"}


def _usage_row(resource: Resource, meter: Meter, days: range, quantity: Decimal, commitment: str | None) -> Row:
    kind = resource.kind
    list_price = Decimal(meter.price or resource.variant[1])
    contracted_price = list_price * NEGOTIATED[kind.provider]
    effective, billed = quantity * contracted_price, quantity * contracted_price
    row = _row(resource.account, MONTH + timedelta(days=days.start), MONTH + timedelta(days=days.stop))
    if commitment is not None:
        unit_price = RESERVED_HOUR if commitment == RESERVATION else list_price * SAVINGS_SHARE
        effective, billed = quantity * unit_price, Decimal(0)
        used = (quantity, "Hours") if commitment == RESERVATION else (effective, "USD")
        row |= _commitment(commitment, "Used", *used)
    row |= _money(quantity, meter.unit, list_price, contracted_price)
    row |= _what(resource, meter, "COMMITTED" if commitment else "ONDEMAND")
    return row | {
        "BilledCost": decimal_text(billed),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ConsumedQuantity": decimal_text(quantity),
        "ConsumedUnit": meter.unit,
        "EffectiveCost": decimal_text(effective),
        "PricingCategory": "Committed" if commitment else "Standard",
        "PricingCurrencyEffectiveCost": decimal_text(effective),
    }


def _what(resource: Resource, meter: Meter, price: str) -> Row:
    """The resource, its place and service, and the SKU of the meter."""
    kind = resource.kind
    sku = f"SAMPLE{draw(kind.provider, kind.type, resource.variant[0], meter.name) % 16**8:08X}"
    details = {"InstanceType" if meter.rule == "hours" else "StorageClass": resource.variant[0]}
    return {
        "AvailabilityZone": resource.zone,
        "ChargeDescription": f"{resource.variant[0]} {meter.name.lower()} in {resource.region[1]}",
        "RegionId": resource.region[0],
        "RegionName": resource.region[1],
        "ResourceId": resource.id,
        "ResourceName": resource.name,
        "ResourceType": kind.type,
        "ServiceCategory": kind.category,
        "ServiceName": kind.service,
        "ServiceSubcategory": kind.subcategory,
        "SkuId": sku,
        "SkuMeter": meter.name,
        "SkuPriceDetails": orjson.dumps(details).decode() if meter.rule != "events" else "",
        "SkuPriceId": f"{sku}.{price}",
        "Tags": orjson.dumps(resource.tags).decode() if resource.tags else "",
    }


def _row(account: str, start: datetime, end: datetime) -> Row:
    """What every charge of an account has; all other columns are empty."""
    provider, account_id, account_name, _ = ACCOUNTS[account]
    name, issuer, billing_account, billing_name, billing_type, account_type = BILLERS[provider]
    return dict.fromkeys(COLUMNS, "") | {
        "BillingAccountId": billing_account,
        "BillingAccountName": billing_name,
        "BillingAccountType": billing_type,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _text(MONTH),
        "BillingPeriodEnd": _text(NEXT_MONTH),
        "ChargePeriodStart": _text(start),
        "ChargePeriodEnd": _text(end),
        "InvoiceId": f"SAMPLE-{provider}-2026-10",
        "InvoiceIssuerName": issuer,
        "PricingCurrency": "USD",
        "ProviderName": name,
        "PublisherName": name,
        "SubAccountId": account_id,
        "SubAccountName": account_name,
        "SubAccountType": account_type,
    }


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _money(quantity: Decimal, unit: str, list_price: Decimal, contracted_price: Decimal) -> Row:
    """Prices, and costs that are exactly price times quantity."""
    return {
        "ContractedCost": decimal_text(quantity * contracted_price),
        "ContractedUnitPrice": decimal_text(contracted_price),
        "ListCost": decimal_text(quantity * list_price),
        "ListUnitPrice": decimal_text(list_price),
        "PricingCurrencyContractedUnitPrice": decimal_text(contracted_price),
        "PricingCurrencyListUnitPrice": decimal_text(list_price),
        "PricingQuantity": decimal_text(quantity),
        "PricingUnit": unit,
    }


def _commitment(commitment: str, status: str, quantity: Decimal, unit: str) -> Row:
    spend = commitment == SAVINGS_PLAN
    return {
        "CommitmentDiscountCategory": "Spend" if spend else "Usage",
        "CommitmentDiscountId": commitment,
        "CommitmentDiscountName": "Kestrel compute plan" if spend else "Kestrel D4s v5 reservation",
        "CommitmentDiscountQuantity": decimal_text(quantity),
        "CommitmentDiscountStatus": status,
        "CommitmentDiscountType": "Compute Savings Plan" if spend else "Reservation",
        "CommitmentDiscountUnit": unit,
    }


def _plain(row: Row, category: str, billed: Decimal, effective: Decimal, description: str, frequency: str) -> Row:
    return row | {
        "BilledCost": decimal_text(billed),
        "ChargeCategory": category,
        "ChargeDescription": description,
        "ChargeFrequency": frequency,
        "EffectiveCost": decimal_text(effective),
        "PricingCurrencyEffectiveCost": decimal_text(effective),
    }


def _compute(row: Row, service: str, resource_id: str, resource_type: str) -> Row:
    sku = f"SAMPLE{draw(resource_type, resource_id) % 16**8:08X}"
    return row | {
        "ResourceId": resource_id,
        "ResourceName": row["CommitmentDiscountName"],
        "ResourceType": resource_type,
        "ServiceCategory": "Compute",
        "ServiceName": service,
        "ServiceSubcategory": "Virtual Machines",
        "SkuId": sku,
        "SkuMeter": "Commitment",
        "SkuPriceId": f"{sku}.COMMITMENT",
    }


def _savings_plan(usage: list[Row]) -> Iterator[Row]:
    """Day by day what is paid for the savings plan, and the part of it that no machine used."""
    for day in range(DAYS):
        start, end = MONTH + timedelta(days=day), MONTH + timedelta(days=day + 1)
        covered = [row for row in usage if row["CommitmentDiscountId"] == SAVINGS_PLAN]
        used = sum(
            (Decimal(row["EffectiveCost"]) for row in covered if row["ChargePeriodStart"] == _text(start)), Decimal(0)
        )
        unused = UNUSED_AN_HOUR * HOURS_A_DAY
        service = "Savings Plans for AWS Compute usage"
        bought = _row("shop", start, end) | _commitment(SAVINGS_PLAN, "", used + unused, "USD")
        bought |= _money(Decimal(HOURS_A_DAY), "Hours", (used + unused) / HOURS_A_DAY, (used + unused) / HOURS_A_DAY)
        bought = _plain(
            bought, "Purchase", used + unused, Decimal(0), "Compute plan, one year, no upfront", "Recurring"
        )
        yield _compute(bought, service, SAVINGS_PLAN, "Savings Plan") | {"PricingCategory": "Standard"}
        lost = _row("shop", start, end) | _commitment(SAVINGS_PLAN, "Unused", unused, "USD")
        lost |= _money(unused, "USD", Decimal(1), Decimal(1))
        lost = _plain(lost, "Usage", Decimal(0), unused, "Compute plan, unused", "Usage-Based")
        yield _compute(lost, service, SAVINGS_PLAN, "Savings Plan") | {"PricingCategory": "Committed"}


def _reservation(machines: int) -> Iterator[Row]:
    """One year of a reservation, paid at once."""
    hours = Decimal(HOURS_A_YEAR * machines)
    row = _row("office", MONTH, MONTH.replace(year=MONTH.year + 1)) | _commitment(RESERVATION, "", hours, "Hours")
    row |= _money(hours, "Hours", RESERVED_HOUR, RESERVED_HOUR)
    row = _plain(
        row, "Purchase", hours * RESERVED_HOUR, Decimal(0), "D4s v5 reservation, one year, upfront", "One-Time"
    )
    yield _compute(row, "Virtual Machines", RESERVATION, "Reservation") | {"PricingCategory": "Standard"}


def _others(rows: list[Row], resources: list[Resource]) -> Iterator[Row]:
    """Tax by account, a credit, a rounding adjustment and the correction of a database charge of the month before."""
    for account, (provider, account_id, _, _) in ACCOUNTS.items():
        billed = sum((Decimal(row["BilledCost"]) for row in rows if row["SubAccountId"] == account_id), Decimal(0))
        tax = (billed * Decimal("0.2")).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
        row = _plain(
            _row(account, MONTH, NEXT_MONTH), "Tax", tax, tax, f"VAT on {BILLERS[provider][0]} services", "Recurring"
        )
        yield row | _no_service("Tax", tax)
    credit = Decimal("-150.00")
    row = _plain(_row("analytics", MONTH, NEXT_MONTH), "Credit", credit, credit, "Promotional credit", "One-Time")
    yield row | _no_service("Promotions", credit)
    rounding = Decimal("-0.03")
    row = _plain(
        _row("office", MONTH, NEXT_MONTH), "Adjustment", rounding, rounding, "Rounding of the invoice", "One-Time"
    )
    yield row | _no_service("Billing", rounding)
    database = next(one for one in resources if one.kind.type == "RDS database" and one.environment == "production")
    day = MONTH - timedelta(days=5)
    row = _usage_row(database, database.kind.meters[0], range(-5, -4), Decimal(-7), None)
    yield row | {
        "ChargeClass": "Correction",
        "ChargeDescription": f"Correction: hours of {database.name} counted twice on {day:%Y-%m-%d}",
    }


def _no_service(service: str, cost: Decimal) -> Row:
    """Charges that belong to an account as a whole have neither price nor resource."""
    amount = decimal_text(cost)
    return {
        "ContractedCost": amount,
        "ListCost": amount,
        "ServiceCategory": "Other",
        "ServiceName": service,
        "ServiceSubcategory": "Other (Other)",
    }
