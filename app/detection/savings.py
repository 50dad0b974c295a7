"""Turns what a check found into money that explains itself: actual charges first, then contracted, then list prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.detection.check import LOOKBACK_DAYS
from app.detection.facts import Facts
from app.records.detection import DAYS_A_MONTH, HOURS_A_MONTH, Price, PriceBasis, PriceUnit, Saving

WINDOW_DAYS = 30
"""The complete days whose charges tell what a resource costs."""
_BASES = (PriceBasis.CONTRACTED, PriceBasis.LIST)
_CENT_OF_A_CENT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Part:
    """So much of something that has a price: `quantity` of it a month, in the unit of the price.

    `code` names the price, such as `ebs.gp3.storage`; codes are listed in app/pricing. `label` is for people.
    """

    code: str
    quantity: Decimal
    unit: PriceUnit
    label: str


def hours(code: str, label: str, count: Decimal | int = 1) -> Part:
    """Something that is paid by the hour, all hours of a month."""
    return Part(code, HOURS_A_MONTH * count, PriceUnit.HOUR, label)


def whole(facts: Facts, *parts: Part) -> Saving:
    """All that a resource costs: its own charges where there are some, else its parts by their prices."""
    actual = facts.cost
    if actual is not None and actual.days > 0:
        amount = actual.amount * DAYS_A_MONTH / actual.days
        return Saving(
            amount=amount.quantize(_CENT_OF_A_CENT),
            currency=actual.currency,
            basis=PriceBasis.ACTUAL,
            formula="effective cost / days * 30.4375",
            inputs={"effective cost": str(actual.amount), "days": str(actual.days)},
        )
    return by_prices(facts, *parts)


def by_prices(facts: Facts, *parts: Part) -> Saving:
    """What the parts cost by their prices, whatever the charges say: for a part of a resource's bill."""
    return _priced(facts, parts, ())


def difference(facts: Facts, *, now: Sequence[Part], then: Sequence[Part]) -> Saving:
    """What the parts of today cost more than those of tomorrow, by their prices."""
    return _priced(facts, now, then)


def less(facts: Facts, *, then: Sequence[Part], why: str) -> Saving:
    """What a resource's own charges come to, less the parts of tomorrow by their prices.

    For what is billed by something that only charges tell, such as requests; `why` is the reason where there are none.
    """
    now, tomorrow = whole(facts), by_prices(facts, *then)
    if now.basis is not PriceBasis.ACTUAL:
        return unknown(why, formula=f"effective cost - ({tomorrow.formula})")
    if tomorrow.amount is None or now.amount is None:
        return tomorrow
    if now.currency != tomorrow.currency:
        return unknown(f"Its charges are in {now.currency}, the prices in {tomorrow.currency}.", now.formula)
    formula = f"{now.formula} - ({tomorrow.formula})"
    inputs = {**tomorrow.inputs, **now.inputs}
    return Saving(now.amount - tomorrow.amount, now.currency, tomorrow.basis, formula, inputs)


def paid(facts: Facts, kind: str) -> Saving:
    """What charges of a kind cost, by those of the window that the check looks back on."""
    return _paid(facts, kind, facts.spent(kind), facts.threshold(LOOKBACK_DAYS))


def paid_in_month(facts: Facts, kind: str) -> Saving:
    """What charges of a kind cost, by those of the last whole month."""
    amount, days = facts.spent_in_month(kind)
    return _paid(facts, kind, amount, Decimal(days))


def _paid(facts: Facts, kind: str, amount: Decimal, days: Decimal) -> Saving:
    return Saving(
        amount=(amount * DAYS_A_MONTH / days).quantize(_CENT_OF_A_CENT),
        currency=facts.known_charges().currency,
        basis=PriceBasis.ACTUAL,
        formula=f"{kind} / days * 30.4375",
        inputs={kind: _plain(amount), "days": _plain(days)},
    )


def portion(saving: Saving, share: Decimal, label: str) -> Saving:
    """So much of a saving: where a part of what is paid can be done without; `label` says what the share is of."""
    if saving.amount is None:
        return saving
    return Saving(
        amount=(saving.amount * share).quantize(_CENT_OF_A_CENT),
        currency=saving.currency,
        basis=saving.basis,
        formula=f"({saving.formula}) * {label}",
        inputs={**saving.inputs, label: f"{share:.4f}"},
    )


def nothing(why: str) -> Saving:
    """A finding that is hygiene: nothing is paid for it."""
    return Saving(Decimal(0), "USD", PriceBasis.LIST, formula=why, is_hygiene=True)


def unknown(why: str, formula: str = "") -> Saving:
    """Money that cannot be told."""
    return Saving(None, None, PriceBasis.UNKNOWN, formula=formula, reason=why)


def _priced(facts: Facts, now: Sequence[Part], then: Sequence[Part]) -> Saving:
    found = [
        (part, facts.prices.price(facts.subject.provider, part.code, facts.subject.region)) for part in (*now, *then)
    ]
    formula = _formula(now) if not then else f"({_formula(now)}) - ({_formula(then)})"
    inputs = {part.label: _plain(part.quantity) for part in (*now, *then)}
    if why := _why_not(found, facts.subject.region or "any region"):
        return Saving(None, None, PriceBasis.UNKNOWN, formula=formula, inputs=inputs, reason=why)
    prices = [(part, price) for part, price in found if price is not None]
    currencies = {price.currency for _, price in prices}
    if len(currencies) != 1:
        why = "There is nothing to price." if not prices else f"Its prices are in {' and '.join(sorted(currencies))}."
        return Saving(None, None, PriceBasis.UNKNOWN, formula=formula, inputs=inputs, reason=why)
    amounts = [part.quantity * price.amount for part, price in prices]
    amount = sum(amounts[: len(now)], Decimal(0)) - sum(amounts[len(now) :], Decimal(0))
    for part, price in prices:
        inputs[f"price of {part.code}"] = f"{_plain(price.amount)} {price.currency} since {price.valid_from}"
    return Saving(
        amount=amount.quantize(_CENT_OF_A_CENT),
        currency=currencies.pop(),
        basis=max((price.basis for _, price in prices), key=_BASES.index),
        formula=formula,
        inputs=inputs,
    )


def _why_not(found: Sequence[tuple[Part, Price | None]], region: str) -> str | None:
    """Why parts cannot be priced: one has no price, or one for something else."""
    missing = sorted({part.code for part, price in found if price is None})
    if missing:
        return f"There is no price of {', '.join(missing)} in {region}; set one with `setPriceOverrides`."
    for part, price in found:
        if price is not None and price.unit is not part.unit:
            return (
                f"The price of {part.code} in {region} is for {price.unit}, and one for {part.unit} is needed "
                f"(source: {price.source}); set that with `setPriceOverrides`."
            )
    return None


def _formula(parts: Sequence[Part]) -> str:
    return " + ".join(f"{part.label} * price of {part.code}" for part in parts) or "0"


def _plain(number: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
