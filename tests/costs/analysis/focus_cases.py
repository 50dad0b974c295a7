"""The use cases of FOCUS 1.2 as arguments of the field `costs`, and what a caller makes of its answer."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Row = tuple[Any, ...]
START, END = "2026-10-01", "2026-11-01"
FIRST, LAST = "2026-09-01", "2026-12-01"
CHARGED = {"chargePeriodEnd": {"lt": "2026-11-01T00:00:00Z"}}
CHARGED_TO_END = {"chargePeriodEnd": {"lte": "2026-11-01T00:00:00Z"}}
BILLED = {
    "billingPeriodStart": {"gte": "2026-09-01T00:00:00Z"},
    "billingPeriodEnd": {"lt": "2026-12-01T00:00:00Z"},
}
PROVIDER = {"providerName": {"eq": "AWS"}}
SUB_ACCOUNT = {"subAccountId": {"eq": "sub-1"}}


@dataclass(frozen=True)
class Case:
    """A question: the parameters of its SQL, the arguments of the field, and how rows are made of the answer.

    `by` names columns of FOCUS, tags as `tag:key` and details of prices as `detail:key`.
    """

    values: tuple[str, ...]
    by: str
    metrics: str
    where: dict[str, Any]
    rows: Callable[[list[Row]], Iterable[Row]] = list
    daily: bool = False

    @property
    def billed(self) -> bool:
        """Whether it asks for billing periods rather than charge periods."""
        return "chargePeriodEnd" not in self.where

    def arguments(self) -> dict[str, Any]:
        """Of the field."""
        period: dict[str, Any] = {"start": START, "end": END}
        if self.billed or not self.values:
            period = {"name": "ALL_TIME"}
        return {
            "period": period,
            "granularity": "DAY" if self.daily else "TOTAL",
            "metrics": self.metrics.split(),
            "groupBy": [_grouping(name) for name in self.by.split()],
            "where": self.where,
        }


def _grouping(name: str) -> dict[str, str]:
    kind, _, key = name.rpartition(":")
    if kind:
        return {"tag": key} if kind == "tag" else {"skuPriceDetail": key}
    return {"dimension": re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()}


def summed(
    keys: int, *, months: tuple[int, ...] = (), skipped: tuple[int, ...] = ()
) -> Callable[[list[Row]], list[Row]]:
    """Rows with less told apart: moments as numbers of months, some keys left out."""

    def make(rows: list[Row]) -> list[Row]:
        found: dict[Row, list[Decimal | None]] = defaultdict(lambda: [None] * (len(rows[0]) - keys))
        for row in rows:
            key = tuple(
                int(value[5:7]) if place in months else value
                for place, value in enumerate(row[:keys])
                if place not in skipped
            )
            found[key] = [_plus(held, amount) for held, amount in zip(found[key], row[keys:], strict=True)]
        return [(*key, *amounts) for key, amounts in found.items()]

    return make


def _plus(held: Decimal | None, amount: Decimal | None) -> Decimal | None:
    return held if amount is None else amount if held is None else held + amount


def spanned(keys: int) -> Callable[[list[Row]], list[Row]]:
    """Rows with the first start and the last end in front; these are the last two keys."""

    def make(rows: list[Row]) -> list[Row]:
        starts: dict[Row, list[str]] = defaultdict(list)
        for row in rows:
            starts[row[: keys - 2]] += [row[keys - 2], row[keys - 1]]
        bare = summed(keys, skipped=(keys - 2, keys - 1))(rows)
        return [(min(starts[row[: keys - 2]]), max(starts[row[: keys - 2]]), *row) for row in bare]

    return make


def _ratio(part: Decimal | None, whole: Decimal | None, times: int = 1) -> float | None:
    return None if part is None or not whole else float(part / whole * times)


def _reserved(rows: list[Row]) -> list[Row]:
    status = {None: "Compute without Capacity Reservation", "Used": "Compute using Capacity Reservation"}
    return [
        (status.get(row[3] if row[2] else None, "Unused Capacity Reservation"), row[0], row[1], *row[4:])
        for row in rows
    ]


def _tagged(rows: list[Row]) -> list[Row]:
    return [(_ratio(sum(row[1] for row in rows if row[0] is not None), sum(row[1] for row in rows), 100),)]


def _cores(rows: list[Row]) -> list[Row]:
    """(…, series, cores, effective cost, charges): cores count once for each charge."""
    known = [(*row[:5], int(row[5]) * row[7], row[6]) for row in rows if row[4] is not None and row[5] is not None]
    return summed(5)(known)


def _savings(rows: list[Row]) -> list[Row]:
    """(…five, four unit prices, charges): differences of prices, once for each charge."""
    each = [
        (*row[:5], (Decimal(row[5]) - Decimal(row[6])) * row[9], (Decimal(row[7]) - Decimal(row[8])) * row[9])
        for row in rows
        if Decimal(row[5]) > Decimal(row[6])
    ]
    return summed(5)(each)


def _seller(rows: list[Row]) -> list[Row]:
    kept = [row for row in rows if row[4] != row[3]]
    return [(*row[:5], float(round(row[5], 2))) for row in kept]


SKU = "ProviderName ChargePeriodStart ChargePeriodEnd SkuId SkuPriceId PricingUnit ListUnitPrice"
INVOICED = "ProviderName BillingAccountId BillingAccountName BillingCurrency"
CORES = "ProviderName ServiceName PricingUnit RegionName detail:InstanceSeries detail:CoreCount"
COMMITMENT = "ProviderName BillingAccountId CommitmentDiscountId CommitmentDiscountType"
SPAN = "ChargePeriodStart ChargePeriodEnd"
PURCHASE = f"{COMMITMENT} CommitmentDiscountUnit CommitmentDiscountQuantity ChargeFrequency {SPAN}"
PRICES = "PricingCurrencyListUnitPrice PricingCurrencyContractedUnitPrice ListUnitPrice ContractedUnitPrice"
MONTHLY = "BillingPeriodStart ProviderName ServiceCategory ServiceName"
MONTHLY_SERVICE = "BillingPeriodStart ServiceCategory ServiceName"
B, E = "BILLED_COST", "EFFECTIVE_COST"
CASES = {
    "allocate_application_multi_currency": Case((FIRST, LAST), f"tag:ApplicationId {INVOICED}", B, BILLED),
    "analyze_capacity_reservations_on_compute_costs": Case(
        (START, END), "ProviderName BillingAccountId CapacityReservationId CapacityReservationStatus", f"{B} {E}",
        CHARGED | {"serviceCategory": {"eq": "Compute"}}, _reserved,
    ),
    "analyze_credit_memos": Case(
        (START, END), "ProviderName InvoiceId", B, CHARGED | {"chargeCategory": {"eq": "Credit"}}
    ),
    "analyze_effective_cost_by_pricing_currency": Case(
        (START, END), "ProviderName PublisherName ServiceName PricingCurrency",
        "PRICING_CURRENCY_EFFECTIVE_COST", CHARGED,
    ),
    "analyze_purchase_of_virtual_currency": Case(
        (START, END, "Credits"), "ProviderName PublisherName ChargeDescription PricingUnit BillingCurrency",
        f"PRICING_QUANTITY {B}", CHARGED | {"chargeCategory": {"eq": "Purchase"}, "pricingUnit": {"eq": "Credits"}},
    ),
    "analyze_service_costs_by_region": Case(
        (START, END), "ChargePeriodStart ProviderName RegionId ServiceName", E, CHARGED
    ),
    "analyze_tag_coverage": Case(
        ("Application", START, END, "AWS"), "tag:Application", E, CHARGED | PROVIDER | {"effectiveCost": {"gt": "0"}},
        _tagged,
    ),
    "analyze_the_different_metered_costs_for_a_particular_sku": Case(
        (START, END), SKU, f"PRICING_QUANTITY LIST_COST {E}", CHARGED
    ),
    "application_cost": Case(
        ("shop", START, END), "BillingPeriodStart ServiceName", E,
        CHARGED | {"tags": [{"key": "Application", "eq": "shop"}]}, summed(2, months=(0,)),
    ),
    "calculate_average_rate_of_a_component_resource": Case(
        (START, END), CORES, f"{E} CHARGE_COUNT", CHARGED,
        lambda rows: [(*row[:6], _ratio(row[6], row[5])) for row in _cores(rows)],
    ),
    "calculate_consumption_of_virtual_currency_within_a_billing_period": Case(
        (START, END, "Credits"), "ProviderName", "PRICING_CURRENCY_EFFECTIVE_COST",
        CHARGED | {"pricingCurrency": {"eq": "Credits"}, "chargeCategory": {"eq": "Usage"}},
    ),
    "calculate_unit_economics": Case(
        (), "", f"{B} CONSUMED_QUANTITY", {"chargeDescription": {"contains": "transfer"}, "consumedUnit": {"eq": "GB"}},
        lambda rows: [(row[0], _ratio(row[1], row[2])) for row in rows], daily=True,
    ),
    "commitment_discount_purchases": Case(
        (START, END), PURCHASE, B,
        CHARGED | {"chargeCategory": {"eq": "Purchase"}, "commitmentDiscountId": {"exists": True}}, spanned(9),
    ),
    "compare_billed_budget": Case(
        (START, END, "AWS", "sub-1"), "ProviderName SubAccountId SubAccountName", B,
        CHARGED_TO_END | PROVIDER | SUB_ACCOUNT | {"chargeCategory": {"eq": "Usage"}},
    ),
    "compare_usage_month_over_month": Case(
        (START, END), "ChargePeriodStart ProviderName ServiceName ResourceId SkuId ConsumedUnit", "CONSUMED_QUANTITY",
        CHARGED | {"chargeCategory": {"eq": "Usage"}}, summed(6, months=(0,)),
    ),
    "corrections_by_subaccount": Case(
        (FIRST, LAST), "ProviderName BillingAccountId ServiceCategory SubAccountId SubAccountName", B,
        BILLED | {"chargeClass": {"eq": "Correction"}},
    ),
    "cost_compute_subaccount": Case(
        ("sub-1", START, END), f"ServiceName ResourceId ResourceName {SPAN}", f"PRICING_QUANTITY {E}",
        CHARGED | SUB_ACCOUNT | {"serviceCategory": {"eq": "Compute"}}, spanned(5),
    ),
    "costs_by_availability_zone": Case(
        ("sub-1", START, END), "ProviderName RegionName AvailabilityZone BillingPeriodStart", E, CHARGED | SUB_ACCOUNT
    ),
    "costs_service_category": Case(
        (FIRST, LAST), "ProviderName BillingCurrency BillingPeriodStart ServiceCategory", B, BILLED
    ),
    "costs_service_name": Case(
        ("Amazon S3", FIRST, LAST), "BillingPeriodStart ProviderName SubAccountId SubAccountName ServiceName",
        f"{B} {E}", BILLED | {"serviceName": {"eq": "Amazon S3"}},
    ),
    "daily_anomaly_region": Case(
        (START, END), "ChargePeriodStart ProviderName SubAccountId RegionId RegionName", E, CHARGED
    ),
    "daily_anomaly_services": Case(
        (START, END), "ChargePeriodStart ProviderName SubAccountId RegionId RegionName ServiceName", E, CHARGED
    ),
    "daily_anomaly_subaccount": Case((START, END), "ChargePeriodStart ProviderName SubAccountId", E, CHARGED),
    "determine_contracted_savings_by_virtual_currency": Case(
        (START, END), f"ServiceName ServiceSubcategory ChargeDescription BillingCurrency PricingCurrency {PRICES}",
        "CHARGE_COUNT", CHARGED, _savings,
    ),
    "determine_target_of_virtual_currency_usage": Case(
        (START, END, "Credits"), "ProviderName PublisherName ServiceName ChargeDescription",
        "PRICING_CURRENCY_EFFECTIVE_COST", CHARGED | {"pricingCurrency": {"eq": "Credits"}},
    ),
    "effective_cost_compute": Case(
        (FIRST, LAST), "CommitmentDiscountType ProviderName ServiceName SubAccountId SubAccountName BillingPeriodStart",
        E, BILLED | {"serviceCategory": {"eq": "Compute"}},
    ),
    "effective_savings_rate_services": Case(
        (START, END), "ProviderName ServiceName", f"CONTRACTED_COST {E}", CHARGED,
        lambda rows: [(*row, _ratio(row[2] - row[3], row[2])) for row in rows],
    ),
    "forecast_amortized_costs": Case(
        (FIRST, LAST), f"{MONTHLY} ChargeCategory", E, BILLED, summed(5, months=(0,))
    ),
    "forecast_cashflow": Case((FIRST, LAST), MONTHLY, B, BILLED, summed(4, months=(0,))),
    "forecast_costs": Case(
        (FIRST, LAST),
        "ProviderName BillingPeriodStart BillingPeriodEnd ServiceCategory ServiceName RegionId RegionName PricingUnit",
        f"{E} PRICING_QUANTITY", BILLED,
    ),
    "identify_sources_of_billed_cost": Case(
        (START, END), "ProviderName PublisherName InvoiceIssuerName InvoiceId", B, CHARGED
    ),
    "identify_unused_capacity_reservations": Case(
        (START, END), "ProviderName BillingAccountId CapacityReservationId CapacityReservationStatus", f"{B} {E}",
        CHARGED | {"capacityReservationStatus": {"eq": "Unused"}},
    ),
    "identify_unused_commitments": Case(
        (START, END), f"{COMMITMENT} CommitmentDiscountStatus {SPAN}", f"{B} {E}",
        CHARGED | {"commitmentDiscountStatus": {"eq": "Unused"}}, spanned(7),
    ),
    "marketplace_vendors_costs": Case(
        (START, END), f"{SPAN} ProviderName PublisherName InvoiceIssuerName", E, CHARGED, _seller
    ),
    "quantify_usage_of_a_component_resource": Case(
        (START, END), CORES, f"{E} CHARGE_COUNT", CHARGED, lambda rows: [row[:6] for row in _cores(rows)]
    ),
    "recurring_commitment_charges": Case(
        (FIRST, LAST),
        "BillingPeriodStart CommitmentDiscountId CommitmentDiscountName CommitmentDiscountType ChargeFrequency", B,
        BILLED | {"chargeFrequency": {"eq": "Recurring"}, "commitmentDiscountId": {"exists": True}},
    ),
    "report_corrections": Case(
        (FIRST, LAST), "ProviderName BillingAccountId ChargeCategory ServiceCategory ServiceName", B,
        BILLED | {"chargeClass": {"eq": "Correction"}},
    ),
    "report_costs_by_service_category_and_subcategory": Case(
        (FIRST, LAST), "ProviderName BillingCurrency BillingPeriodStart ServiceCategory ServiceSubcategory", B, BILLED
    ),
    "report_service_costs_by_providers_subaccount": Case(
        (FIRST, LAST, "sub-1", "AWS"), "ProviderName ServiceName SubAccountId ChargePeriodStart", E,
        BILLED | SUB_ACCOUNT | PROVIDER,
    ),
    "report_spending_across_billing_periods_by_service_category": Case(
        (START, END, "AWS"),
        f"ProviderName BillingAccountName BillingAccountId BillingCurrency {MONTHLY_SERVICE}", B, CHARGED | PROVIDER,
    ),
    "report_subaccount_regions": Case(
        (START, END), "ProviderName SubAccountId RegionId RegionName", "CHARGE_COUNT", CHARGED,
        lambda rows: [(*row[:3], row[4]) for row in rows],
    ),
    "resource_component_costs": Case(
        (START, END, "res-1"), "ResourceId ResourceName ResourceType ChargeDescription SkuId", E,
        CHARGED | {"resourceId": {"eq": "res-1"}},
    ),
    "resource_costs_sku": Case((START, END), SKU, f"PRICING_QUANTITY LIST_COST {E}", CHARGED),
    "service_costs_month_over_month": Case(
        (START, END), "ChargePeriodStart ProviderName ServiceName", E, {"chargePeriodEnd": {}}, summed(3, months=(0,))
    ),
    "service_costs_subaccount": Case(
        ("sub-1", START, END), "ChargePeriodStart SubAccountId SubAccountName ServiceName", E, CHARGED | SUB_ACCOUNT
    ),
    "understand_the_billing_account_or_sub_account_entity": Case(
        (START, END), "ProviderName BillingAccountId BillingAccountName BillingAccountType", "CHARGE_COUNT", CHARGED,
        lambda rows: [row[:4] for row in rows],
    ),
    "update_application_budgets": Case(
        (FIRST, LAST), "ProviderName BillingPeriodStart BillingPeriodEnd tag:Application", B, BILLED
    ),
    "update_budgets": Case((FIRST, LAST), "ProviderName BillingPeriodStart BillingPeriodEnd", B, BILLED),
    "verify_accuracy_of_provider_invoices_aka_invoice_reconciliation": Case(
        (START, END), "InvoiceIssuerName InvoiceId", B, CHARGED
    ),
    "verify_discounts_applied": Case(
        (FIRST, LAST), f"{INVOICED} ServiceName", f"{E} LIST_COST {B}",
        BILLED | {"chargeClass": {"exists": True, "notIn": ["Correction"]}},
        lambda rows: [(*row, _ratio(row[5], row[7], 100)) for row in rows],
    ),
    "verify_invoices": Case((FIRST, LAST), INVOICED, B, BILLED),
    "verify_service_charges": Case((FIRST, LAST), f"{INVOICED} ServiceName", B, BILLED),
}  # fmt: skip
