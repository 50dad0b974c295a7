"""The charges of the invented estate, month by month, as FOCUS 1.2 rows with exact decimals."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

import orjson

from app.costs.focus import FOCUS_COLUMNS
from app.costs.values import decimal_text
from app.demo.estate import ACCOUNTS, Resource, between, draw
from app.demo.kinds import Meter
from app.records.months import next_month

COLUMNS = tuple(sorted(column.name for column in FOCUS_COLUMNS if "1.2" in column.versions))
WEEK, TUESDAY = 7, 1
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
RESERVED_IN = 10
"""The month of each year in which the reservation is bought for a year."""
STORM, GATEWAYS = 6, 4
"""So many times as much one of the NAT gateways moves on three days of a month."""
HOURS_A_YEAR, HOURS_A_DAY = 8_760, 24
SIX_DIGITS = Decimal("0.000001")
UNTIL_SIX = Decimal("0.25")
"""The part of a day that is billed while it lasts: up to six o'clock."""

Row = dict[str, str]


@dataclass(frozen=True)
class Bill:
    """What is billed of a month, given by its first day: its first `days`, of the last one only the part `of_last`.

    `by_day` has a charge for each day; without it only what production runs by the hour is charged by the day, stored
    gigabytes by the month, all else by the week.
    """

    month: date
    days: int
    of_last: Decimal = Decimal(1)
    by_day: bool = True

    @classmethod
    def on(cls, month: date, today: date) -> Bill:
        """The bill of a month as it stands on a day: whole where the month is over, else up to that morning."""
        if today >= next_month(month):
            return cls.whole(month)
        return cls(month, (today - month).days + 1, UNTIL_SIX)

    @classmethod
    def whole(cls, month: date, *, by_day: bool = True) -> Bill:
        """The bill of a month that is over."""
        return cls(month, (next_month(month) - month).days, by_day=by_day)

    @property
    def is_whole(self) -> bool:
        """Whether the month is over."""
        return self.of_last == 1 and self.days == self.month_days

    @property
    def month_days(self) -> int:
        """How many days the month has."""
        return (next_month(self.month) - self.month).days

    def part_of(self, day: int) -> Decimal:
        """Which part of a day is billed; the first of the month is 0."""
        return self.of_last if day == self.days - 1 else Decimal(1)

    def date_of(self, day: int) -> date:
        """The date of a day of the month."""
        return self.month + timedelta(days=day)

    def key_of(self, day: int) -> object:
        """By what the amounts of a day are drawn."""
        return self.date_of(day) if self.by_day else day

    def is_storm(self, resource: Resource, day: int) -> bool:
        """Whether a gateway moves far more than usual, to be found: from the second Tuesday on, else from the 19th."""
        second_tuesday = WEEK + (TUESDAY - self.date_of(WEEK).weekday()) % WEEK
        gateway, first = (self.month.month % GATEWAYS + 1, second_tuesday) if self.by_day else (2, 18)
        return resource.name == f"egress-{gateway:02}" and first <= day < first + 3


def charges(resources: list[Resource], bill: Bill) -> list[Row]:
    """Every charge of a bill, by charge period, account, resource and SKU."""
    covered = _covered(resources)
    rows = [row for resource in resources for row in _usage(resource, covered.get(resource.id), bill)]
    rows += _savings_plan(rows, bill)
    if bill.month.month == RESERVED_IN:
        rows += _reservation(sum(commitment == RESERVATION for commitment in covered.values()), bill)
    rows += [*_taxes(rows, bill), *_others(resources, bill)]
    keys = ("ChargePeriodStart", "BillingAccountId", "SubAccountId", "ResourceId", "SkuId", "ChargeCategory")
    return sorted(rows, key=lambda row: [row[key] for key in keys])


def _covered(resources: list[Resource]) -> dict[str, str]:
    """Which machines a commitment covers: production M7g by the savings plan, two D4s by the reservation."""
    running = [one for one in resources if one.status == "running" and one.environment == "production"]
    savings = [one.id for one in running if one.variant[0].startswith("m7g.")]
    reserved = [one.id for one in running if one.variant[0] == "Standard_D4s_v5"][:RESERVED_MACHINES]
    return {**dict.fromkeys(savings, SAVINGS_PLAN), **dict.fromkeys(reserved, RESERVATION)}


def _usage(resource: Resource, commitment: str | None, bill: Bill) -> Iterator[Row]:
    """A row for each meter and day, or longer step of the bill, on which it counted anything."""
    if resource.status == "stopped":
        return
    for meter in resource.kind.meters:
        step = _step(resource, meter, bill)
        end = bill.days if resource.ends is None else min(bill.days, (resource.ends - bill.month).days)
        for first in range(0, end, step):
            days = range(first, min(first + step, end))
            quantity = _quantity(resource, meter, days, bill)
            if quantity:
                yield _usage_row(resource, meter, days, quantity, commitment, bill)


def _step(resource: Resource, meter: Meter, bill: Bill) -> int:
    """How many days a charge is for."""
    if bill.by_day:
        return 1
    if meter.rule == "size":
        return bill.days
    return 1 if resource.kind.daily and resource.environment == "production" else WEEK


def _quantity(resource: Resource, meter: Meter, days: range, bill: Bill) -> Decimal:
    if meter.rule == "size":
        gigabytes = Decimal(resource.size)
        of_day = gigabytes * bill.part_of(days.start) / bill.month_days
        return of_day.quantize(SIX_DIGITS) if bill.by_day else gigabytes
    count = _events if meter.rule == "events" else _hours
    return sum((count(resource, meter, day, bill) for day in days), Decimal(0))


def _hours(resource: Resource, meter: Meter, day: int, bill: Bill) -> Decimal:
    """Production runs by day and night, all else in office hours, but for what nobody switches off."""
    if resource.environment == "production" or meter.rule == "clock":
        return HOURS_A_DAY * bill.part_of(day)
    if _is_weekend(day, bill):
        return Decimal(0)
    return Decimal(between(36, 52, resource.id, meter.name, bill.key_of(day))) / 4 * bill.part_of(day)


def _events(resource: Resource, meter: Meter, day: int, bill: Bill) -> Decimal:
    """Traffic of its own size, half of it at weekends, with the one anomaly of a month that is to be found."""
    of_day = between(85, 115, resource.id, meter.name, bill.key_of(day))
    traffic = between(60, 140, resource.id, "traffic") * of_day
    storm = STORM if bill.is_storm(resource, day) else 1
    whole = meter.events_a_day * traffic // 10_000 * storm // (2 if _is_weekend(day, bill) else 1)
    return Decimal(int(whole * bill.part_of(day)))


def _is_weekend(day: int, bill: Bill) -> bool:
    return bill.date_of(day).strftime("%w") in {"0", "6"}


def _usage_row(
    resource: Resource, meter: Meter, days: range, quantity: Decimal, commitment: str | None, bill: Bill
) -> Row:
    kind = resource.kind
    list_price = Decimal(meter.price or resource.variant[1])
    contracted_price = list_price * NEGOTIATED[kind.provider]
    effective, billed = quantity * contracted_price, quantity * contracted_price
    row = _row(resource.account, bill.date_of(days.start), bill.date_of(days.stop), bill)
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


def _row(account: str, start: date, end: date, bill: Bill) -> Row:
    """What every charge of an account has; all other columns are empty."""
    provider, account_id, account_name, _ = ACCOUNTS[account]
    name, issuer, billing_account, billing_name, billing_type, account_type = BILLERS[provider]
    return dict.fromkeys(COLUMNS, "") | {
        "BillingAccountId": billing_account,
        "BillingAccountName": billing_name,
        "BillingAccountType": billing_type,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _text(bill.month),
        "BillingPeriodEnd": _text(next_month(bill.month)),
        "ChargePeriodStart": _text(start),
        "ChargePeriodEnd": _text(end),
        "InvoiceId": f"SAMPLE-{provider}-{bill.month:%Y-%m}" if bill.is_whole else "",
        "InvoiceIssuerName": issuer,
        "PricingCurrency": "USD",
        "ProviderName": name,
        "PublisherName": name,
        "SubAccountId": account_id,
        "SubAccountName": account_name,
        "SubAccountType": account_type,
    }


def _text(day: date) -> str:
    return f"{day}T00:00:00Z"


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


def _savings_plan(usage: list[Row], bill: Bill) -> Iterator[Row]:
    """Day by day what is paid for the savings plan, and the part of it that no machine used."""
    used_on: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in usage:
        if row["CommitmentDiscountId"] == SAVINGS_PLAN:
            used_on[row["ChargePeriodStart"]] += Decimal(row["EffectiveCost"])
    for day in range(bill.days):
        start, end = bill.date_of(day), bill.date_of(day + 1)
        used, hours = used_on[_text(start)], HOURS_A_DAY * bill.part_of(day)
        unused = UNUSED_AN_HOUR * hours
        service = "Savings Plans for AWS Compute usage"
        bought = _row("shop", start, end, bill) | _commitment(SAVINGS_PLAN, "", used + unused, "USD")
        bought |= _money(hours, "Hours", (used + unused) / hours, (used + unused) / hours)
        bought = _plain(
            bought, "Purchase", used + unused, Decimal(0), "Compute plan, one year, no upfront", "Recurring"
        )
        yield _compute(bought, service, SAVINGS_PLAN, "Savings Plan") | {"PricingCategory": "Standard"}
        lost = _row("shop", start, end, bill) | _commitment(SAVINGS_PLAN, "Unused", unused, "USD")
        lost |= _money(unused, "USD", Decimal(1), Decimal(1))
        lost = _plain(lost, "Usage", Decimal(0), unused, "Compute plan, unused", "Usage-Based")
        yield _compute(lost, service, SAVINGS_PLAN, "Savings Plan") | {"PricingCategory": "Committed"}


def _reservation(machines: int, bill: Bill) -> Iterator[Row]:
    """One year of a reservation, paid at once."""
    hours, end = Decimal(HOURS_A_YEAR * machines), bill.month.replace(year=bill.month.year + 1)
    row = _row("office", bill.month, end, bill) | _commitment(RESERVATION, "", hours, "Hours")
    row |= _money(hours, "Hours", RESERVED_HOUR, RESERVED_HOUR)
    row = _plain(
        row, "Purchase", hours * RESERVED_HOUR, Decimal(0), "D4s v5 reservation, one year, upfront", "One-Time"
    )
    yield _compute(row, "Virtual Machines", RESERVATION, "Reservation") | {"PricingCategory": "Standard"}


def _taxes(rows: list[Row], bill: Bill) -> Iterator[Row]:
    """Tax by account, of each day or of the whole bill."""
    billed: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        billed[row["SubAccountId"], row["ChargePeriodStart"] if bill.by_day else ""] += Decimal(row["BilledCost"])
    whole = (bill.month, next_month(bill.month))
    days = [(bill.date_of(day), bill.date_of(day + 1)) for day in range(bill.days)] if bill.by_day else [whole]
    for account, (provider, account_id, _, _) in ACCOUNTS.items():
        for start, end in days:
            cost = billed[account_id, _text(start) if bill.by_day else ""]
            tax = (cost * Decimal("0.2")).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
            description = f"VAT on {BILLERS[provider][0]} services"
            row = _plain(_row(account, start, end, bill), "Tax", tax, tax, description, "Recurring")
            yield row | _no_service("Tax", tax)


def _others(resources: list[Resource], bill: Bill) -> Iterator[Row]:
    """The correction of a database charge of the month before; with the invoice a credit and a rounding adjustment."""
    if bill.is_whole:
        for account, category, cost, description, service in (
            ("analytics", "Credit", Decimal("-150.00"), "Promotional credit", "Promotions"),
            ("office", "Adjustment", Decimal("-0.03"), "Rounding of the invoice", "Billing"),
        ):
            row = _row(account, bill.month, next_month(bill.month), bill)
            yield _plain(row, category, cost, cost, description, "One-Time") | _no_service(service, cost)
    database = next(one for one in resources if one.kind.type == "RDS database" and one.environment == "production")
    row = _usage_row(database, database.kind.meters[0], range(-5, -4), Decimal(-7), None, bill)
    yield row | {
        "ChargeClass": "Correction",
        "ChargeDescription": f"Correction: hours of {database.name} counted twice on {bill.date_of(-5)}",
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
