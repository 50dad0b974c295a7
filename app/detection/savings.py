"""Turns what a check found into money that explains itself: actual charges first, then contracted, then list prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from app.detection.check import LOOKBACK_DAYS
from app.detection.facts import ActualCost, Facts, Subject
from app.records.detection import DAYS_A_MONTH, HOURS_A_MONTH, Price, PriceBasis, PriceUnit, Saving

_BASES: Final = (PriceBasis.ACTUAL, PriceBasis.CONTRACTED, PriceBasis.LIST)
_CENT_OF_A_CENT: Final = Decimal("0.0001")
_SHARE_UNKNOWN: Final = "Of its charges it is not known which part commitments cover."
_OF_CHARGES: Final = "Which part of these charges commitments cover is not looked at."


@dataclass(frozen=True, slots=True)
class Part:
    """So much of something that has a price: `quantity` of it a month, in the unit of the price.

    `code` names the price, such as `ebs.gp3.storage`; codes are listed in app/pricing. `label` is for people. `of` is
    the resource on whose own bill it stands, where that matters: see `in_all`.
    """

    code: str
    quantity: Decimal
    unit: PriceUnit
    label: str
    of: Subject | None = field(default=None, compare=False)


def hours(code: str, label: str, count: Decimal | int = 1) -> Part:
    """Something that is paid by the hour, all hours of a month."""
    return Part(code, HOURS_A_MONTH * count, PriceUnit.HOUR, label)


def whole(facts: Facts, *parts: Part) -> Saving:
    """All that a resource costs: its own charges where there are some, else its parts by their prices."""
    actual = facts.cost
    return _charged(actual) if actual is not None and actual.days > 0 else by_prices(facts, *parts)


def in_all(facts: Facts, *parts: Part) -> Saving:
    """What several resources cost: each that parts are `of` by its own charges where there are some, else by prices.

    So a resource and those that are found by themselves beside it are reckoned alike. Neighbours have to be asked for
    with their costs.
    """
    groups: dict[UUID | None, list[Part]] = {}
    for one in parts:
        groups.setdefault(None if one.of is None else one.of.id, []).append(one)
    savings: list[Saving] = []
    for each in groups.values():
        of = each[0].of
        actual = None if of is None else facts.cost_of(of)
        if of is None or actual is None or actual.days <= 0:
            savings.append(by_prices(facts, *each))
        else:
            savings.append(_charged(actual, f" of {of.native_id}"))
    if all(saving.basis is not PriceBasis.ACTUAL for saving in savings):
        return by_prices(facts, *parts)
    return _sum(facts, savings)


def by_prices(facts: Facts, *parts: Part) -> Saving:
    """What the parts cost by their prices, whatever the charges say: for what is on the bill of something else."""
    return _priced(facts, parts, ())


def part(facts: Facts, *parts: Part, beside: Sequence[Part] = ()) -> Saving:
    """What parts of a resource's own bill cost by their prices, and no more than its charges say.

    `beside` is what else the bill is for: where charges are less than the price of it all, each part is by as much.
    """
    saved = by_prices(facts, *parts)
    return _as_charged(facts, saved, (*parts, *beside), parts)


def difference(facts: Facts, *, now: Sequence[Part], then: Sequence[Part], beside: Sequence[Part] = ()) -> Saving:
    """What the parts of today cost more than those of tomorrow, by their prices.

    Where the charges are less than the price of today, of `now` and what else the bill is for, the saving is less in
    the same proportion: an instance under a commitment cannot save more than it costs. Where they are more, they are
    for something else too, such as traffic, and the prices stand.
    """
    saved = _priced(facts, now, then)
    return _as_charged(facts, saved, (*now, *beside), now)


def of_several(
    facts: Facts, of: Sequence[Subject], *, now: Sequence[Part], saved: Sequence[Part], then: Sequence[Part] = ()
) -> Saving:
    """What parts of several resources cost more than those of tomorrow: `now` are all that is on the bills `of` them.

    The saving is less than by prices in proportion to what the bills are less, where all of them are known.
    """
    priced = _priced(facts, saved, then)
    if priced.amount is None or priced.amount <= 0:
        return priced
    costs = [(each, facts.cost_of(each)) for each in of]
    bills = [_charged(cost, f" of {each.native_id}") for each, cost in costs if cost is not None and cost.days > 0]
    if not bills or len(bills) < len(of):
        return priced
    return _in_proportion(facts, priced, _price_of(facts, now), _sum(facts, bills))


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
    return _with_cash(Saving(now.amount - tomorrow.amount, now.currency, tomorrow.basis, formula, inputs), now)


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
        cash_unknown=_OF_CHARGES,
    )


def portion(saving: Saving, share: Decimal, label: str) -> Saving:
    """So much of a saving: where a part of what is paid can be done without; `label` says what the share is of."""
    if saving.amount is None:
        return saving
    return replace(
        saving,
        amount=(saving.amount * share).quantize(_CENT_OF_A_CENT),
        formula=f"({saving.formula}) * {label}",
        inputs={**saving.inputs, label: f"{share:.4f}"},
        cash=None if saving.cash is None else (saving.cash * share).quantize(_CENT_OF_A_CENT),
    )


def nothing(why: str) -> Saving:
    """A finding that is hygiene: nothing is paid for it."""
    return Saving(Decimal(0), "USD", PriceBasis.LIST, formula=why, is_hygiene=True, cash=Decimal(0))


def unknown(why: str, formula: str = "") -> Saving:
    """Money that cannot be told."""
    return Saving(None, None, PriceBasis.UNKNOWN, formula=formula, reason=why, cash_unknown=why)


def _charged(actual: ActualCost, whose: str = "") -> Saving:
    """A month of what charges say; `whose` tells resources apart in the formula."""
    amount, covered = (actual.amount * DAYS_A_MONTH / actual.days).quantize(_CENT_OF_A_CENT), actual.covered
    return Saving(
        amount=amount,
        currency=actual.currency,
        basis=PriceBasis.ACTUAL,
        formula=f"effective cost{whose} / days{whose} * 30.4375",
        inputs={f"effective cost{whose}": str(actual.amount), f"days{whose}": str(actual.days)},
        cash=None if covered is None else (amount * (1 - covered)).quantize(_CENT_OF_A_CENT),
        cash_unknown=_SHARE_UNKNOWN if covered is None else None,
    )


def _as_charged(facts: Facts, saved: Saving, bill: Sequence[Part], least: Sequence[Part]) -> Saving:
    """A saving by prices, in proportion to the charges where those are less than the price of what the bill is for.

    `least` is what is surely on it, where the price of all the `bill` is not known. Charges are not even asked for
    where nothing is saved.
    """
    if saved.amount is None or saved.amount <= 0:
        return saved
    actual = facts.cost
    if actual is None or actual.days <= 0:
        return saved
    price = _price_of(facts, bill) or _price_of(facts, least)
    return _in_proportion(facts, saved, price, _charged(actual))


def _in_proportion(facts: Facts, saved: Saving, price: tuple[Decimal, str] | None, bill: Saving) -> Saving:
    """A saving by prices, less in proportion to what the bill is less than the price of what it is for.

    It rests on the charges then, of which prices only tell the part that is saved.
    """
    listed = None if price is None else _converted(facts, *price, bill.currency)
    amount = _into(facts, saved, bill.currency)
    if bill.amount is None or listed is None or amount is None or bill.amount >= listed:
        return _with_cash(saved, bill)
    made = Saving(
        amount=(amount * max(bill.amount, Decimal(0)) / listed).quantize(_CENT_OF_A_CENT),
        currency=bill.currency,
        basis=PriceBasis.ACTUAL,
        formula=f"({saved.formula}) * ({bill.formula}) / price of today",
        inputs={**saved.inputs, **bill.inputs, "price of today": f"{_plain(listed)} {bill.currency}"},
    )
    return _with_cash(made, bill)


def _with_cash(saving: Saving, bill: Saving) -> Saving:
    """A saving of which as large a part is cash as of the bill that it is saved on."""
    if saving.amount is None or bill.amount is None or bill.cash is None:
        return replace(saving, cash=None, cash_unknown=bill.cash_unknown)
    if bill.cash == bill.amount or bill.amount <= 0:
        return replace(saving, cash=saving.amount, cash_unknown=None)
    cash = (saving.amount * bill.cash / bill.amount).quantize(_CENT_OF_A_CENT)
    return replace(saving, cash=cash, cash_unknown=None)


def _sum(facts: Facts, savings: Sequence[Saving]) -> Saving:
    """Several savings as one, in the currency of charges; unknown where one of them is."""
    formula = " + ".join(f"({saving.formula})" for saving in savings)
    inputs: Mapping[str, str] = {name: told for saving in savings for name, told in saving.inputs.items()}
    for saving in savings:
        if saving.reason is not None:
            return Saving(None, None, PriceBasis.UNKNOWN, formula, inputs, saving.reason, cash_unknown=saving.reason)
    actual = [saving.currency for saving in savings if saving.basis is PriceBasis.ACTUAL]
    currency = (actual or [saving.currency for saving in savings])[0]
    amounts = [_into(facts, saving, currency) for saving in savings]
    known = [amount for amount in amounts if amount is not None]
    if len(known) < len(amounts):
        others = " and ".join(sorted({str(saving.currency) for saving in savings} - {str(currency)}))
        return unknown(f"Charges are in {currency}, prices in {others}, and there is no rate.", formula)
    cash = [
        _with_cash(replace(saving, amount=amount), saving).cash for saving, amount in zip(savings, known, strict=True)
    ]
    told = [each for each in cash if each is not None]
    why = next((saving.cash_unknown for saving in savings if saving.cash is None), None)
    return Saving(
        amount=sum(known, Decimal(0)).quantize(_CENT_OF_A_CENT),
        currency=currency,
        basis=max((saving.basis for saving in savings), key=_BASES.index),
        formula=formula,
        inputs=inputs,
        cash=sum(told, Decimal(0)) if len(told) == len(cash) else None,
        cash_unknown=None if len(told) == len(cash) else why,
    )


def _into(facts: Facts, saving: Saving, currency: str | None) -> Decimal | None:
    """A saving's amount in the currency of charges; None without a rate."""
    if saving.amount is None or saving.currency is None:
        return None
    return _converted(facts, saving.amount, saving.currency, currency)


def _converted(facts: Facts, amount: Decimal, of: str, currency: str | None) -> Decimal | None:
    """An amount in the currency of charges, which is the organization's; None without a rate."""
    if of == currency:
        return amount
    return None if facts.convert is None else facts.convert(amount, of)


def _price_of(facts: Facts, parts: Sequence[Part]) -> tuple[Decimal, str] | None:
    """What parts cost a month, and in which currency; None where a price is missing or they have several."""
    found = [(one, _price(facts, one)) for one in parts]
    prices = [(one, price) for one, price in found if price is not None]
    currencies = {price.currency for _, price in prices}
    if len(prices) < len(found) or len(currencies) != 1:
        return None
    return sum((one.quantity * price.amount for one, price in prices), Decimal(0)), currencies.pop()


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


def _price(facts: Facts, part: Part) -> Price | None:
    """The price of a part; None where there is none, or one for something else."""
    price = facts.prices.price(facts.subject.provider, part.code, facts.subject.region)
    return price if price is not None and price.unit is part.unit else None


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
