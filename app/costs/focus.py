"""The FOCUS column model: every CostAndUsage column of FOCUS 1.4 and the two provider columns that 1.4 removed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How the value of a column is typed."""

    STRING = "string"
    DECIMAL = "decimal"
    NON_NEGATIVE_DECIMAL = "non-negative decimal"
    TIMESTAMP = "timestamp"
    JSON_OBJECT = "json object"
    KEY_VALUE = "key-value"
    CURRENCY = "currency"
    ENUM = "enum"


class Level(StrEnum):
    """FOCUS feature level: whether a delivery has to carry the column."""

    MANDATORY = "mandatory"
    CONDITIONAL = "conditional"
    RECOMMENDED = "recommended"


@dataclass(frozen=True, slots=True)
class FocusColumn:
    """One column: its FOCUS name, the name of our table's column, and the rules FOCUS sets for its values.

    `since` is the first FOCUS release with the column (0.5 was never exported), `until` the last one; `allowed` is
    empty where any value goes; `virtual_currency` says that the currency need not be an ISO 4217 code.
    """

    name: str
    column: str
    kind: Kind
    level: Level
    since: str
    allowed: tuple[str, ...] = ()
    until: str = "1.4"
    nullable: bool = False
    virtual_currency: bool = False

    @property
    def versions(self) -> tuple[str, ...]:
        """The FOCUS releases Skyledger reads that carry the column."""
        return tuple(version for version in VERSIONS if self.since <= version <= self.until)

    @property
    def field_name(self) -> str:
        """The name in the graph: `BilledCost` is `billedCost`."""
        return self.name[0].lower() + self.name[1:]

    @property
    def description(self) -> str:
        """What the column says, in one sentence."""
        return DESCRIPTIONS[self.name]


VERSIONS = ("1.0", "1.1", "1.2", "1.3", "1.4")

_SERVICE_CATEGORIES = (
    "AI and Machine Learning",
    "Analytics",
    "Business Applications",
    "Compute",
    "Databases",
    "Developer Tools",
    "Multicloud",
    "Identity",
    "Integration",
    "Internet of Things",
    "Management and Governance",
    "Media",
    "Migration",
    "Mobile",
    "Networking",
    "Security",
    "Storage",
    "Web",
    "Other",
)

# ServiceSubcategory is a string here: its 82 values, each below one category, stand in app.costs.subcategories.
FOCUS_COLUMNS: tuple[FocusColumn, ...] = (
    FocusColumn(
        "AllocatedMethodDetails", "allocated_method_details", Kind.JSON_OBJECT, Level.RECOMMENDED, "1.3", nullable=True
    ),
    FocusColumn("AllocatedMethodId", "allocated_method_id", Kind.STRING, Level.CONDITIONAL, "1.3", nullable=True),
    FocusColumn("AllocatedResourceId", "allocated_resource_id", Kind.STRING, Level.CONDITIONAL, "1.3", nullable=True),
    FocusColumn(
        "AllocatedResourceName", "allocated_resource_name", Kind.STRING, Level.CONDITIONAL, "1.3", nullable=True
    ),
    FocusColumn("AllocatedTags", "allocated_tags", Kind.KEY_VALUE, Level.CONDITIONAL, "1.3", nullable=True),
    FocusColumn("AvailabilityZone", "availability_zone", Kind.STRING, Level.RECOMMENDED, "0.5", nullable=True),
    FocusColumn("BilledCost", "billed_cost", Kind.DECIMAL, Level.MANDATORY, "0.5"),
    FocusColumn("BillingAccountId", "billing_account_id", Kind.STRING, Level.MANDATORY, "0.5"),
    FocusColumn("BillingAccountName", "billing_account_name", Kind.STRING, Level.MANDATORY, "0.5", nullable=True),
    FocusColumn("BillingAccountType", "billing_account_type", Kind.STRING, Level.CONDITIONAL, "1.2"),
    FocusColumn("BillingCurrency", "billing_currency", Kind.CURRENCY, Level.MANDATORY, "0.5"),
    FocusColumn("BillingPeriodEnd", "billing_period_end", Kind.TIMESTAMP, Level.MANDATORY, "0.5"),
    FocusColumn("BillingPeriodStart", "billing_period_start", Kind.TIMESTAMP, Level.MANDATORY, "0.5"),
    FocusColumn(
        "CapacityReservationId", "capacity_reservation_id", Kind.STRING, Level.CONDITIONAL, "1.1", nullable=True
    ),
    FocusColumn(
        "CapacityReservationStatus",
        "capacity_reservation_status",
        Kind.ENUM,
        Level.CONDITIONAL,
        "1.1",
        ("Used", "Unused"),
        nullable=True,
    ),
    FocusColumn(
        "ChargeCategory",
        "charge_category",
        Kind.ENUM,
        Level.MANDATORY,
        "0.5",
        ("Usage", "Purchase", "Tax", "Credit", "Adjustment"),
    ),
    FocusColumn("ChargeClass", "charge_class", Kind.ENUM, Level.MANDATORY, "1.0", ("Correction",), nullable=True),
    FocusColumn("ChargeDescription", "charge_description", Kind.STRING, Level.MANDATORY, "1.0", nullable=True),
    FocusColumn(
        "ChargeFrequency",
        "charge_frequency",
        Kind.ENUM,
        Level.RECOMMENDED,
        "1.0",
        ("One-Time", "Recurring", "Usage-Based"),
    ),
    FocusColumn("ChargePeriodEnd", "charge_period_end", Kind.TIMESTAMP, Level.MANDATORY, "0.5"),
    FocusColumn("ChargePeriodStart", "charge_period_start", Kind.TIMESTAMP, Level.MANDATORY, "0.5"),
    FocusColumn(
        "CommitmentDiscountCategory",
        "commitment_discount_category",
        Kind.ENUM,
        Level.CONDITIONAL,
        "1.0",
        ("Spend", "Usage"),
        nullable=True,
    ),
    FocusColumn("CommitmentDiscountId", "commitment_discount_id", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn(
        "CommitmentDiscountName", "commitment_discount_name", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True
    ),
    FocusColumn(
        "CommitmentDiscountQuantity",
        "commitment_discount_quantity",
        Kind.DECIMAL,
        Level.CONDITIONAL,
        "1.1",
        nullable=True,
    ),
    FocusColumn(
        "CommitmentDiscountStatus",
        "commitment_discount_status",
        Kind.ENUM,
        Level.CONDITIONAL,
        "1.0",
        ("Used", "Unused"),
        nullable=True,
    ),
    FocusColumn(
        "CommitmentDiscountType", "commitment_discount_type", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True
    ),
    FocusColumn(
        "CommitmentDiscountUnit", "commitment_discount_unit", Kind.STRING, Level.CONDITIONAL, "1.1", nullable=True
    ),
    FocusColumn(
        "CommitmentProgramEligibilityDetails",
        "commitment_program_eligibility_details",
        Kind.JSON_OBJECT,
        Level.CONDITIONAL,
        "1.4",
        nullable=True,
    ),
    FocusColumn("ConsumedQuantity", "consumed_quantity", Kind.DECIMAL, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("ConsumedUnit", "consumed_unit", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("ContractApplied", "contract_applied", Kind.JSON_OBJECT, Level.CONDITIONAL, "1.3", nullable=True),
    FocusColumn("ContractedCost", "contracted_cost", Kind.DECIMAL, Level.MANDATORY, "1.0"),
    FocusColumn(
        "ContractedUnitPrice",
        "contracted_unit_price",
        Kind.NON_NEGATIVE_DECIMAL,
        Level.CONDITIONAL,
        "1.0",
        nullable=True,
    ),
    FocusColumn("EffectiveCost", "effective_cost", Kind.DECIMAL, Level.MANDATORY, "0.5"),
    FocusColumn("HostProviderName", "host_provider_name", Kind.STRING, Level.MANDATORY, "1.3", nullable=True),
    FocusColumn("InvoiceDetailId", "invoice_detail_id", Kind.STRING, Level.CONDITIONAL, "1.4", nullable=True),
    FocusColumn("InvoiceId", "invoice_id", Kind.STRING, Level.CONDITIONAL, "1.2", nullable=True),
    FocusColumn("InvoiceIssuerName", "invoice_issuer_name", Kind.STRING, Level.MANDATORY, "0.5"),
    FocusColumn("ListCost", "list_cost", Kind.DECIMAL, Level.MANDATORY, "1.0"),
    FocusColumn("ListUnitPrice", "list_unit_price", Kind.NON_NEGATIVE_DECIMAL, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn(
        "PricingCategory",
        "pricing_category",
        Kind.ENUM,
        Level.CONDITIONAL,
        "1.0",
        ("Standard", "Dynamic", "Committed", "Other"),
        nullable=True,
    ),
    FocusColumn("PricingCurrency", "pricing_currency", Kind.CURRENCY, Level.CONDITIONAL, "1.2", virtual_currency=True),
    FocusColumn(
        "PricingCurrencyContractedUnitPrice",
        "pricing_currency_contracted_unit_price",
        Kind.NON_NEGATIVE_DECIMAL,
        Level.CONDITIONAL,
        "1.2",
        nullable=True,
    ),
    FocusColumn(
        "PricingCurrencyEffectiveCost", "pricing_currency_effective_cost", Kind.DECIMAL, Level.CONDITIONAL, "1.2"
    ),
    FocusColumn(
        "PricingCurrencyListUnitPrice",
        "pricing_currency_list_unit_price",
        Kind.NON_NEGATIVE_DECIMAL,
        Level.CONDITIONAL,
        "1.2",
        nullable=True,
    ),
    FocusColumn("PricingQuantity", "pricing_quantity", Kind.DECIMAL, Level.MANDATORY, "1.0", nullable=True),
    FocusColumn("PricingUnit", "pricing_unit", Kind.STRING, Level.MANDATORY, "1.0", nullable=True),
    FocusColumn("RegionId", "region_id", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("RegionName", "region_name", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("ResourceId", "resource_id", Kind.STRING, Level.CONDITIONAL, "0.5", nullable=True),
    FocusColumn("ResourceName", "resource_name", Kind.STRING, Level.CONDITIONAL, "0.5", nullable=True),
    FocusColumn("ResourceType", "resource_type", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("ServiceCategory", "service_category", Kind.ENUM, Level.MANDATORY, "0.5", _SERVICE_CATEGORIES),
    FocusColumn("ServiceName", "service_name", Kind.STRING, Level.MANDATORY, "0.5"),
    FocusColumn("ServiceProviderName", "service_provider_name", Kind.STRING, Level.MANDATORY, "1.3"),
    FocusColumn("ServiceSubcategory", "service_subcategory", Kind.STRING, Level.RECOMMENDED, "1.1"),
    FocusColumn("SkuId", "sku_id", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("SkuMeter", "sku_meter", Kind.STRING, Level.CONDITIONAL, "1.1", nullable=True),
    FocusColumn("SkuPriceDetails", "sku_price_details", Kind.KEY_VALUE, Level.CONDITIONAL, "1.1", nullable=True),
    FocusColumn("SkuPriceId", "sku_price_id", Kind.STRING, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("SubAccountId", "sub_account_id", Kind.STRING, Level.CONDITIONAL, "0.5", nullable=True),
    FocusColumn("SubAccountName", "sub_account_name", Kind.STRING, Level.CONDITIONAL, "0.5", nullable=True),
    FocusColumn("SubAccountType", "sub_account_type", Kind.STRING, Level.CONDITIONAL, "1.2", nullable=True),
    FocusColumn("Tags", "tags", Kind.KEY_VALUE, Level.CONDITIONAL, "1.0", nullable=True),
    FocusColumn("ProviderName", "provider_name", Kind.STRING, Level.MANDATORY, "0.5", until="1.3"),
    FocusColumn("PublisherName", "publisher_name", Kind.STRING, Level.MANDATORY, "0.5", until="1.3"),
)

# Without these four a row says nothing about money in time; every other gap is recorded and the row is kept.
INDISPENSABLE = ("billed_cost", "billing_currency", "charge_period_start", "charge_period_end")

DESCRIPTIONS: dict[str, str] = {
    "AllocatedMethodDetails": "How a shared cost was split, element by element, as the provider explains it.",
    "AllocatedMethodId": "Identifier of the method by which a shared cost was split.",
    "AllocatedResourceId": "Identifier of the resource that received a share of a shared cost.",
    "AllocatedResourceName": "Name of the resource that received a share of a shared cost.",
    "AllocatedTags": "Tags of the resource that received a share of a shared cost.",
    "AvailabilityZone": "Isolated location inside the region in which the resource or service ran.",
    "BilledCost": "What is invoiced for this charge, after all reductions, in the billing currency.",
    "BillingAccountId": "Identifier of the account that receives the invoice.",
    "BillingAccountName": "Name of the account that receives the invoice.",
    "BillingAccountType": "The provider's word for the kind of billing account.",
    "BillingCurrency": "ISO 4217 code of the currency of all cost amounts of this charge.",
    "BillingPeriodEnd": "End of the invoicing period, exclusive.",
    "BillingPeriodStart": "Start of the invoicing period, inclusive.",
    "CapacityReservationId": "Identifier of the reserved capacity that this charge belongs to.",
    "CapacityReservationStatus": "Whether the reserved capacity was used or left unused.",
    "ChargeCategory": "What the charge is: usage, a purchase, tax, a credit or an adjustment.",
    "ChargeClass": "Correction when the charge mends an already invoiced period, otherwise null.",
    "ChargeDescription": "What was bought and how it was priced, in the provider's own words.",
    "ChargeFrequency": "How often the charge comes: once, repeatedly, or with usage.",
    "ChargePeriodEnd": "End of the time the charge covers, exclusive.",
    "ChargePeriodStart": "Start of the time the charge covers, inclusive.",
    "CommitmentDiscountCategory": "Whether the commitment is to an amount spent or to an amount used.",
    "CommitmentDiscountId": "Identifier of the commitment (reservation, savings plan) that this charge uses or buys.",
    "CommitmentDiscountName": "Name of the commitment.",
    "CommitmentDiscountQuantity": "How much of the commitment the charge buys or consumes.",
    "CommitmentDiscountStatus": "Whether this part of the commitment was used or left unused.",
    "CommitmentDiscountType": "The provider's word for the kind of commitment.",
    "CommitmentDiscountUnit": "Unit of the commitment quantity.",
    "CommitmentProgramEligibilityDetails": "Which commitment programs the charge could draw on, as a JSON object.",
    "ConsumedQuantity": "How much was used, in the consumed unit; null where nothing was used.",
    "ConsumedUnit": "Unit of the consumed quantity.",
    "ContractApplied": "Which contract commitments applied to the charge and by how much.",
    "ContractedCost": "Cost at the negotiated unit price, before commitments: contracted unit price times quantity.",
    "ContractedUnitPrice": "Negotiated price of one pricing unit, before commitments.",
    "EffectiveCost": "Cost with upfront and recurring commitment fees spread over what they cover.",
    "HostProviderName": "Name of the provider whose infrastructure the service runs on.",
    "InvoiceDetailId": "Identifier of the invoice line that contains this charge.",
    "InvoiceId": "Identifier of the invoice that contains this charge; null until it is issued.",
    "InvoiceIssuerName": "Name of the company that issues the invoice.",
    "ListCost": "Cost at the public list price: list unit price times quantity.",
    "ListUnitPrice": "Public list price of one pricing unit.",
    "PricingCategory": "Pricing model of the charge: standard, dynamic, committed or other.",
    "PricingCurrency": "Currency in which prices are set; may be a virtual one such as credits or tokens.",
    "PricingCurrencyContractedUnitPrice": "Negotiated price of one pricing unit in the pricing currency.",
    "PricingCurrencyEffectiveCost": "Effective cost in the pricing currency.",
    "PricingCurrencyListUnitPrice": "Public list price of one pricing unit in the pricing currency.",
    "PricingQuantity": "Quantity that is multiplied by the unit prices.",
    "PricingUnit": "Unit in which prices are set.",
    "RegionId": "The provider's identifier of the region in which the resource or service ran.",
    "RegionName": "Name of the region.",
    "ResourceId": "The provider's identifier of the resource that caused the charge.",
    "ResourceName": "Name of the resource.",
    "ResourceType": "The provider's word for the kind of resource.",
    "ServiceCategory": "Broad class of the service, from the closed list of FOCUS.",
    "ServiceName": "Name of the service that was bought.",
    "ServiceProviderName": "Name of the company that sold the service.",
    "ServiceSubcategory": "Finer class of the service, each with one parent service category.",
    "SkuId": "Identifier of the item in the provider's price list, whatever its price.",
    "SkuMeter": "What is metered for this item of the price list.",
    "SkuPriceDetails": "Properties of the item that bear on its price, such as cores or storage class.",
    "SkuPriceId": "Identifier of the exact price used for the charge.",
    "SubAccountId": "Identifier of the account, subscription or project below the billing account.",
    "SubAccountName": "Name of the account, subscription or project below the billing account.",
    "SubAccountType": "The provider's word for the kind of sub-account.",
    "Tags": "Tags of the resource, keys and values as delivered.",
    "ProviderName": "Seller of the service in FOCUS 1.3 and earlier; ServiceProviderName took its place.",
    "PublisherName": "Maker of the service in FOCUS 1.3 and earlier; removed in 1.4.",
}
