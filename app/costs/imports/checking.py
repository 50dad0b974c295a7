"""FOCUS's rules between columns, checked over whole frames and counted: a row that breaks one is kept and told of."""

from __future__ import annotations

from typing import Final

import polars as pl

from app.costs.conformance import ConformanceNotes, Gap
from app.costs.imports.frames import LINE
from app.costs.subcategories import CATEGORIES

# Exporters round each factor, so a product may be off by a millionth of itself, or by a millionth of the currency.
_TOLERANCE: Final = 1e-6
_PRICES: Final = {
    "ListCost": ("list_cost", "list_unit_price"),
    "ContractedCost": ("contracted_cost", "contracted_unit_price"),
}
_PAIRS: Final = {
    "RegionName": ("region_name", "region_id"),
    "SubAccountName": ("sub_account_name", "sub_account_id"),
    "CommitmentDiscountName": ("commitment_discount_name", "commitment_discount_id"),
    "ResourceName": ("resource_name", "resource_id"),
}


def check_rules(frame: pl.DataFrame, notes: ConformanceNotes) -> None:
    """Count in `notes` which rows break which rule. Rules: FOCUS 1.2 to 1.4, column definitions."""
    rules = _rules()
    broken = frame.select(
        expression.fill_null(value=False).sum().alias(str(place)) for place, (_, _, expression) in enumerate(rules)
    ).row(0)
    for (column, detail, expression), rows in zip(rules, broken, strict=True):
        if rows:
            first = frame.filter(expression).get_column(LINE).min()
            notes.record(Gap.BROKEN_RULE, column, detail, int(str(first)), rows)


def _rules() -> list[tuple[str, str, pl.Expr]]:
    """Column, what is wrong, and the rows of which that is true."""
    unused = pl.col("commitment_discount_status") == "Unused"
    used_without_id = pl.col("commitment_discount_status").is_not_null() & pl.col("commitment_discount_id").is_null()
    covered = (
        (pl.col("charge_category") == "Usage")
        & (pl.col("commitment_discount_status") == "Used")
        & pl.col("commitment_discount_id").is_not_null()
        & pl.col("charge_class").is_null()
    )
    return [
        *(
            (name, f"not {_title(price)} times PricingQuantity", _differs(cost, price))
            for name, (cost, price) in _PRICES.items()
        ),
        *(
            (name, f"given although {_title(id_)} is null", pl.col(named).is_not_null() & pl.col(id_).is_null())
            for name, (named, id_) in _PAIRS.items()
        ),
        ("ServiceSubcategory", "not one that FOCUS has below the ServiceCategory", _below_another()),
        ("CommitmentDiscountStatus", "given although CommitmentDiscountId is null", used_without_id),
        (
            "ConsumedQuantity",
            "given although the commitment was unused",
            unused & pl.col("consumed_quantity").is_not_null(),
        ),
        (
            "EffectiveCost",
            "not 0 on the purchase of a commitment",
            (pl.col("charge_category") == "Purchase")
            & pl.col("commitment_discount_id").is_not_null()
            & (pl.col("effective_cost").cast(pl.Float64) != 0),
        ),
        (
            "BilledCost",
            "not 0 on usage that a commitment covers",
            covered & (pl.col("billed_cost").cast(pl.Float64) != 0),
        ),
        (
            "EffectiveCost",
            "not above 0 on usage that a commitment covers",
            covered & (pl.col("effective_cost").cast(pl.Float64) <= 0),
        ),
    ]


def _differs(cost: str, price: str) -> pl.Expr:
    amount = pl.col(cost).cast(pl.Float64)
    product = pl.col(price).cast(pl.Float64) * pl.col("pricing_quantity").cast(pl.Float64)
    off = (amount - product).abs() > _TOLERANCE * pl.max_horizontal(amount.abs(), pl.lit(1.0))
    return off & pl.col("charge_class").is_null()


def _below_another() -> pl.Expr:
    name, category = pl.col("service_subcategory"), pl.col("service_category")
    known = name.replace_strict(CATEGORIES, default=None, return_dtype=pl.String)
    return name.is_not_null() & known.ne_missing(category)


def _title(column: str) -> str:
    return "".join(word.capitalize() for word in column.split("_"))
