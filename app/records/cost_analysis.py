"""Questions about costs, the plan that answers one, and its answer: the words of cost analysis that cross rooms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from uuid import UUID

from app.records.budgets import CostGranularity


class CostMeasure(StrEnum):
    """What is summed over charges; the value is the column."""

    BILLED_COST = "billed_cost"
    EFFECTIVE_COST = "effective_cost"
    LIST_COST = "list_cost"
    CONTRACTED_COST = "contracted_cost"
    PRICING_QUANTITY = "pricing_quantity"
    CONSUMED_QUANTITY = "consumed_quantity"
    COMMITMENT_DISCOUNT_QUANTITY = "commitment_discount_quantity"
    PRICING_CURRENCY_EFFECTIVE_COST = "pricing_currency_effective_cost"
    CHARGE_COUNT = "charge_count"


MONEY = frozenset(
    {CostMeasure.BILLED_COST, CostMeasure.EFFECTIVE_COST, CostMeasure.LIST_COST, CostMeasure.CONTRACTED_COST}
)
ROLLED_UP = MONEY | {CostMeasure.CHARGE_COUNT}


class CostDimension(StrEnum):
    """What charges are grouped and chosen by; the value is FOCUS's column, or ours for the last three."""

    PROVIDER = "provider"
    SERVICE_PROVIDER_NAME = "service_provider_name"
    BILLING_ACCOUNT_ID = "billing_account_id"
    BILLING_ACCOUNT_NAME = "billing_account_name"
    SUB_ACCOUNT_ID = "sub_account_id"
    SUB_ACCOUNT_NAME = "sub_account_name"
    SERVICE_CATEGORY = "service_category"
    SERVICE_NAME = "service_name"
    CHARGE_CATEGORY = "charge_category"
    BILLING_CURRENCY = "billing_currency"
    BILLING_ACCOUNT_TYPE = "billing_account_type"
    SUB_ACCOUNT_TYPE = "sub_account_type"
    HOST_PROVIDER_NAME = "host_provider_name"
    INVOICE_ISSUER_NAME = "invoice_issuer_name"
    PROVIDER_NAME = "provider_name"
    PUBLISHER_NAME = "publisher_name"
    INVOICE_ID = "invoice_id"
    SERVICE_SUBCATEGORY = "service_subcategory"
    REGION_ID = "region_id"
    REGION_NAME = "region_name"
    CHARGE_CLASS = "charge_class"
    CHARGE_FREQUENCY = "charge_frequency"
    PRICING_CATEGORY = "pricing_category"
    PRICING_CURRENCY = "pricing_currency"
    COMMITMENT_DISCOUNT_CATEGORY = "commitment_discount_category"
    COMMITMENT_DISCOUNT_ID = "commitment_discount_id"
    COMMITMENT_DISCOUNT_NAME = "commitment_discount_name"
    COMMITMENT_DISCOUNT_STATUS = "commitment_discount_status"
    COMMITMENT_DISCOUNT_TYPE = "commitment_discount_type"
    COMMITMENT_DISCOUNT_UNIT = "commitment_discount_unit"
    CAPACITY_RESERVATION_ID = "capacity_reservation_id"
    CAPACITY_RESERVATION_STATUS = "capacity_reservation_status"
    CHARGE_DESCRIPTION = "charge_description"
    SKU_ID = "sku_id"
    SKU_METER = "sku_meter"
    SKU_PRICE_ID = "sku_price_id"
    PRICING_UNIT = "pricing_unit"
    CONSUMED_UNIT = "consumed_unit"
    LIST_UNIT_PRICE = "list_unit_price"
    CONTRACTED_UNIT_PRICE = "contracted_unit_price"
    PRICING_CURRENCY_LIST_UNIT_PRICE = "pricing_currency_list_unit_price"
    PRICING_CURRENCY_CONTRACTED_UNIT_PRICE = "pricing_currency_contracted_unit_price"
    RESOURCE_ID = "resource_id"
    RESOURCE_NAME = "resource_name"
    RESOURCE_TYPE = "resource_type"
    AVAILABILITY_ZONE = "availability_zone"
    ALLOCATED_METHOD_ID = "allocated_method_id"
    ALLOCATED_RESOURCE_ID = "allocated_resource_id"
    ALLOCATED_RESOURCE_NAME = "allocated_resource_name"
    INVOICE_DETAIL_ID = "invoice_detail_id"
    COMMITMENT_DISCOUNT_QUANTITY = "commitment_discount_quantity"
    BILLING_PERIOD_START = "billing_period_start"
    BILLING_PERIOD_END = "billing_period_end"
    CHARGE_PERIOD_START = "charge_period_start"
    CHARGE_PERIOD_END = "charge_period_end"
    DATASET = "dataset"
    ACCOUNT = "account"
    TEAM = "team"


# Where the unit of each quantity stands: sums over unlike units mean nothing.
UNIT_OF = {
    CostMeasure.PRICING_QUANTITY: CostDimension.PRICING_UNIT,
    CostMeasure.CONSUMED_QUANTITY: CostDimension.CONSUMED_UNIT,
    CostMeasure.COMMITMENT_DISCOUNT_QUANTITY: CostDimension.COMMITMENT_DISCOUNT_UNIT,
}
NO_UNIT = ""


class CostComparison(StrEnum):
    """With what a period is compared."""

    PREVIOUS_PERIOD = "PREVIOUS_PERIOD"
    PREVIOUS_YEAR = "PREVIOUS_YEAR"


class CostPeriodName(StrEnum):
    """Periods by name; today is the day in UTC."""

    MONTH_TO_DATE = "MONTH_TO_DATE"
    THIS_MONTH = "THIS_MONTH"
    LAST_MONTH = "LAST_MONTH"
    QUARTER_TO_DATE = "QUARTER_TO_DATE"
    THIS_QUARTER = "THIS_QUARTER"
    LAST_QUARTER = "LAST_QUARTER"
    YEAR_TO_DATE = "YEAR_TO_DATE"
    THIS_YEAR = "THIS_YEAR"
    LAST_YEAR = "LAST_YEAR"
    LAST_7_DAYS = "LAST_7_DAYS"
    LAST_30_DAYS = "LAST_30_DAYS"
    LAST_90_DAYS = "LAST_90_DAYS"
    LAST_12_MONTHS = "LAST_12_MONTHS"
    ALL_TIME = "ALL_TIME"


class CostRollup(StrEnum):
    """Where sums of charges stand, the smallest first; the value is the table."""

    PROVIDER_DAILY = "provider_daily"
    SERVICE_MONTHLY = "service_monthly"
    SUMMARY_MONTHLY = "summary_monthly"
    TEAM_DAILY = "team_daily"
    TAG_TOTAL_DAILY = "tag_total_daily"
    TAG_SERVICE_DAILY = "tag_service_daily"
    SERVICE_DAILY = "service_daily"
    TAG_DAILY = "tag_daily"
    ALLOCATED_DAILY = "allocated_daily"
    COST_DAILY = "cost_daily"
    RESOURCE_MONTHLY = "resource_monthly"
    CHARGES = "charges"


@dataclass(frozen=True)
class Grouping:
    """By what charges are told apart: a dimension, a tag key, or a key of SkuPriceDetails; exactly one is given."""

    dimension: CostDimension | None = None
    tag: str | None = None
    sku_detail: str | None = None


@dataclass(frozen=True)
class TextCondition:
    """What must hold of a grouping's value; all that are given. A charge without a value passes `not_in`."""

    of: Grouping
    in_: tuple[str, ...] | None = None
    not_in: tuple[str, ...] | None = None
    contains: str | None = None
    exists: bool | None = None

    @property
    def allows_none(self) -> bool:
        """Whether a charge without a value passes."""
        return self.in_ is None and self.contains is None and self.exists is not True

    def holds(self, value: str | None) -> bool:
        """Whether a value, or none, meets it, as SQL has it."""
        if value is None:
            return self.allows_none
        return (
            (self._among is None or value in self._among)
            and value not in self._besides
            and (self._contained is None or self._contained in value.lower())
            and self.exists is not False
        )

    @cached_property
    def _among(self) -> frozenset[str] | None:
        return None if self.in_ is None else frozenset(self.in_)

    @cached_property
    def _besides(self) -> frozenset[str]:
        return frozenset(self.not_in or ())

    @cached_property
    def _contained(self) -> str | None:
        return None if self.contains is None else self.contains.lower()


@dataclass(frozen=True)
class AmountCondition:
    """What must hold of an amount of each single charge; one without the amount does not pass."""

    column: str
    gt: Decimal | None = None
    gte: Decimal | None = None
    lt: Decimal | None = None
    lte: Decimal | None = None


@dataclass(frozen=True)
class MomentCondition:
    """What must hold of a start or end of each single charge; ends are exclusive, as FOCUS has them."""

    column: str
    gte: datetime | None = None
    lt: datetime | None = None
    lte: datetime | None = None


Condition = TextCondition | AmountCondition | MomentCondition


@dataclass(frozen=True)
class DateRange:
    """Days from `start` to before `end`."""

    start: date
    end: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.end - self.start).days


@dataclass(frozen=True)
class CostQuestion:
    """What is asked of an organization's charges that start in the period.

    The first of `measures` is the main one: groups are ordered by it, the largest first. At most `top` groups are told
    apart. `currency` is that of the answer.
    """

    period: DateRange
    currency: str
    measures: tuple[CostMeasure, ...] = (CostMeasure.EFFECTIVE_COST,)
    granularity: CostGranularity = CostGranularity.TOTAL
    groupings: tuple[Grouping, ...] = ()
    conditions: tuple[Condition, ...] = ()
    previous: DateRange | None = None
    top: int = 100


@dataclass(frozen=True)
class AccountDays:
    """The days of which a billing account's deliveries speak; `dataset` is the one that delivered it last.

    The account is "" where charges name none. A day is there where any dataset has it: a customer who moves to another
    export leaves no gap behind. `is_appended`: all that is in force of it are rows that were appended. They say nothing
    of other days, so that it lacks none.
    """

    dataset: str
    billing_account_id: str
    covered: tuple[DateRange, ...]
    is_appended: bool = False


@dataclass(frozen=True)
class CostCoverage:
    """What an organization's imports say, as far as they are in force.

    `covered` are the days of which something was imported, `held` those between the first and last charge of each
    import: outside of it there is no charge. `currencies` are those of the imports that the asked period touches, with
    "" where one has several. `unknown` counts their charges without a measure, by column. `currency` is the
    organization's own. `accounts` are the billing accounts that were ever delivered, with those of `covered` that lie
    in the asked period. `payers` are, by our id of the accounts or resources that were asked for, the billing accounts
    that their charges come with. `missing` are the days of the question that `coverage.missing_in` tells.
    """

    covered: tuple[DateRange, ...] = ()
    held: tuple[DateRange, ...] = ()
    currencies: frozenset[str] = frozenset()
    unknown: dict[str, int] = field(default_factory=dict)
    shared_months: frozenset[date] = frozenset()
    promoted_keys: frozenset[str] = frozenset()
    currency: str = "USD"
    accounts: tuple[AccountDays, ...] = ()
    missing: tuple[DateRange, ...] = ()
    payers: Mapping[UUID, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class CostSegment:
    """Days of the question that are read from one roll-up.

    `allocated` says for questions about teams whether it reads the months whose costs were shared out, or the others.
    """

    rollup: CostRollup
    days: DateRange
    previous: bool = False
    allocated: bool | None = None


@dataclass(frozen=True)
class CostPlan:
    """How a question is answered.

    `converts` is false where every charge is known to be in the currency of the answer. `promoted` are the tag keys of
    the question that stand in allocation sets. `by_index`: the groups are the first of an index of `resource_monthly`,
    so that totals have to be asked by themselves, of `totals`.
    """

    question: CostQuestion
    segments: tuple[CostSegment, ...]
    converts: bool = True
    promoted: frozenset[str] = frozenset()
    by_index: bool = False
    totals: tuple[CostSegment, ...] = ()


@dataclass(frozen=True)
class CostRow:
    """A line of what the database answers: sums of one group in one step and currency.

    `place` is None for all groups beyond the first ones together. `apart` is the currency of money that no rate
    converts, None for money in the currency of the question. `units`: for each measure the first and the last of the
    units of its charges, NO_UNIT for those that do not say theirs; nothing for measures that have none.
    """

    place: int | None
    key: tuple[str | None, ...]
    previous: bool
    step: date | None
    apart: str | None
    amounts: tuple[Decimal | None, ...]
    charges: int
    units: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class CostAmount:
    """A sum over charges: None where no charge has the measure; `charges` is how many there are.

    `apart` is the money that no rate converts, by currency; it is in no other figure. `units`: for each measure the
    unit of its charges, or two of their units, in which case the amount is None; empty where nothing has a unit.
    """

    amounts: tuple[Decimal | None, ...]
    charges: int
    apart: tuple[tuple[str, tuple[Decimal | None, ...]], ...] = ()
    units: tuple[tuple[str, ...], ...] = ()

    def units_of(self, place: int) -> tuple[str, ...]:
        """The units of a measure: none, one, or two of several."""
        return self.units[place] if self.units else ()


@dataclass(frozen=True)
class CostStep:
    """One step of a series; `sum` is None where nothing was imported for any of its days.

    `missing_days` are those of which some billing account was not delivered.
    """

    days: DateRange
    sum: CostAmount | None
    missing_days: int = 0


@dataclass(frozen=True)
class CostGroup:
    """The charges with one key; the key of `other` is empty.

    `sum` is None where nothing was imported of its billing accounts for any day of the period, and `previous` where
    that is so of the compared one, or nothing is compared.
    """

    key: tuple[str | None, ...]
    sum: CostAmount | None
    previous: CostAmount | None
    steps: tuple[CostStep, ...]
