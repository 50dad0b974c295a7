"""What each roll-up knows: its grain, the dimensions that stand in it, and those that it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum

from app.records.cost_analysis import ROLLED_UP, CostDimension, CostMeasure, CostRollup

_D = CostDimension


class Link(StrEnum):
    """A table that a roll-up leads to; the value is the column by which it does."""

    SUMMARY = "summary_dim_id"
    COST = "cost_dim_id"
    SKU = "sku_dim_id"
    RESOURCE = "resource_dim_id"
    TAGS = "tag_set_id"
    ALLOCATION = "allocation_id"
    DETAIL = "detail_dim_id"
    PERIOD = "import_period_id"
    TEAM = "team_id"
    CHARGE = "line_no"


class Grain(Enum):
    """How long the time is that a row of a roll-up sums up."""

    DAY = "day"
    MONTH = "month"
    MOMENT = "charge_period_start"


@dataclass(frozen=True)
class Rollup:
    """What one knows. `columns` hold "" where a value is unknown."""

    grain: Grain
    columns: frozenset[CostDimension] = frozenset()
    links: frozenset[Link] = frozenset()
    measures: frozenset[CostMeasure] = ROLLED_UP


_SUMMARY = frozenset(
    {
        _D.PROVIDER, _D.SERVICE_PROVIDER_NAME, _D.BILLING_ACCOUNT_ID, _D.BILLING_ACCOUNT_NAME, _D.SUB_ACCOUNT_ID,
        _D.SUB_ACCOUNT_NAME, _D.SERVICE_CATEGORY, _D.SERVICE_NAME, _D.CHARGE_CATEGORY, _D.BILLING_CURRENCY, _D.ACCOUNT,
    }
)  # fmt: skip
_SKU = frozenset(
    {
        _D.CHARGE_DESCRIPTION, _D.SKU_ID, _D.SKU_METER, _D.SKU_PRICE_ID, _D.PRICING_UNIT, _D.CONSUMED_UNIT,
        _D.LIST_UNIT_PRICE, _D.CONTRACTED_UNIT_PRICE, _D.PRICING_CURRENCY_LIST_UNIT_PRICE,
        _D.PRICING_CURRENCY_CONTRACTED_UNIT_PRICE,
    }
)  # fmt: skip
_RESOURCE = frozenset({_D.RESOURCE_ID, _D.RESOURCE_NAME, _D.RESOURCE_TYPE, _D.AVAILABILITY_ZONE})
_DETAIL = frozenset(
    {_D.ALLOCATED_METHOD_ID, _D.ALLOCATED_RESOURCE_ID, _D.ALLOCATED_RESOURCE_NAME, _D.INVOICE_DETAIL_ID}
)
_PERIOD = frozenset({_D.BILLING_PERIOD_START, _D.BILLING_PERIOD_END, _D.DATASET})
_CHARGE = frozenset({_D.CHARGE_PERIOD_START, _D.CHARGE_PERIOD_END, _D.COMMITMENT_DISCOUNT_QUANTITY})
_SPECIAL: Mapping[Link, frozenset[CostDimension]] = {
    Link.SUMMARY: _SUMMARY,
    Link.SKU: _SKU,
    Link.RESOURCE: _RESOURCE,
    Link.DETAIL: _DETAIL,
    Link.PERIOD: _PERIOD,
    Link.CHARGE: _CHARGE,
    Link.TEAM: frozenset({_D.TEAM}),
}
# Where a dimension stands; what is not named above is a column of cost_dims.
LINK_OF: Mapping[CostDimension, Link] = {
    dimension: next((link for link, held in _SPECIAL.items() if dimension in held), Link.COST)
    for dimension in CostDimension
}

_COARSE = frozenset({_D.CHARGE_CATEGORY, _D.BILLING_CURRENCY})
_SELLER = _COARSE | {_D.PROVIDER, _D.SERVICE_PROVIDER_NAME}
ROLLUPS: Mapping[CostRollup, Rollup] = {
    CostRollup.PROVIDER_DAILY: Rollup(Grain.DAY, _SELLER),
    CostRollup.SERVICE_MONTHLY: Rollup(Grain.MONTH, _SELLER | {_D.SERVICE_CATEGORY, _D.SERVICE_NAME}),
    CostRollup.SUMMARY_MONTHLY: Rollup(Grain.MONTH, links=frozenset({Link.SUMMARY})),
    CostRollup.TEAM_DAILY: Rollup(Grain.DAY, frozenset({_D.BILLING_CURRENCY}), frozenset({Link.TEAM})),
    CostRollup.TAG_TOTAL_DAILY: Rollup(Grain.DAY, _COARSE, frozenset({Link.ALLOCATION})),
    CostRollup.TAG_SERVICE_DAILY: Rollup(Grain.DAY, _COARSE | {_D.SERVICE_NAME}, frozenset({Link.ALLOCATION})),
    CostRollup.SERVICE_DAILY: Rollup(Grain.DAY, links=frozenset({Link.SUMMARY, Link.PERIOD})),
    CostRollup.TAG_DAILY: Rollup(Grain.DAY, links=frozenset({Link.SUMMARY, Link.ALLOCATION, Link.PERIOD})),
    CostRollup.ALLOCATED_DAILY: Rollup(Grain.DAY, links=frozenset({Link.SUMMARY, Link.TEAM})),
    CostRollup.COST_DAILY: Rollup(Grain.DAY, links=frozenset({Link.COST, Link.SUMMARY, Link.PERIOD})),
    CostRollup.RESOURCE_MONTHLY: Rollup(
        Grain.MONTH, frozenset({_D.BILLING_CURRENCY}), frozenset({Link.RESOURCE, Link.PERIOD})
    ),
    CostRollup.CHARGES: Rollup(
        Grain.MOMENT,
        links=frozenset(Link) - {Link.TEAM, Link.ALLOCATION},
        measures=frozenset(CostMeasure),
    ),
}
