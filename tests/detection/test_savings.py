"""Savings never exceed what is charged, in whichever currency, and what is covered by commitments is no cash."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.detection.facts import ActualCost, Facts, NotReadError, Subject
from app.detection.savings import (
    Part,
    difference,
    hours,
    in_all,
    less,
    nothing,
    of_several,
    part,
    portion,
    unknown,
    whole,
)
from app.recommendations.lazy_facts import CostlessFacts
from app.records import Provider
from app.records.detection import DAYS_A_MONTH, Price, PriceBasis, PriceUnit, Saving
from tests.detection.cases import NOW, subject

NOW_PART = hours("big", "hours as it is")  # 146 a month
THEN_PART = hours("small", "hours as the target")  # 73 a month
DISK = Part("disk", Decimal(100), PriceUnit.GIB_MONTH, "GiB")  # 10 a month
PRICES = {"big": ("0.20", PriceUnit.HOUR), "small": ("0.10", PriceUnit.HOUR), "disk": ("0.1", PriceUnit.GIB_MONTH)}
ACTUAL, LIST = PriceBasis.ACTUAL, PriceBasis.LIST


class Book:
    """List prices in dollars."""

    def price(self, provider: Provider, code: str, region: str | None) -> Price | None:
        """See app.detection.facts.Prices."""
        del provider, region
        if code not in PRICES:
            return None
        amount, unit = PRICES[code]
        return Price(Decimal(amount), "USD", unit, LIST, date(2026, 11, 1), "a test")


def bill(amount: str, currency: str = "USD", covered: str | None = "0") -> ActualCost:
    """Charges that come to so much in a month of average length."""
    share = None if covered is None else Decimal(covered)
    return ActualCost(Decimal(amount) * 30 / DAYS_A_MONTH, currency, 30, share)


def one(number: int) -> Subject:
    return subject("AWS::EC2::Volume", f"vol-{number}", id=UUID(int=number))


def facts(cost: ActualCost | None = None, **values: Any) -> Facts:
    return Facts(one(1), NOW, {}, Book(), cost, **values)


def to_euros(amount: Decimal, currency: str) -> Decimal | None:
    return amount / 2 if currency == "USD" else None


def told(saving: Saving) -> tuple[str | None, str | None, PriceBasis, str | None]:
    def shown(amount: Decimal | None) -> str | None:
        return None if amount is None else f"{amount:.2f}"

    assert saving.cash is None or saving.cash_unknown is None
    return shown(saving.amount), saving.currency, saving.basis, shown(saving.cash)


def changed(given: Facts, **values: Any) -> Saving:
    return difference(given, now=[NOW_PART], then=[THEN_PART], **values)


def test_a_difference_is_in_proportion_to_charges_that_are_less_than_the_price() -> None:
    assert told(changed(facts())) == ("73.00", "USD", LIST, None)
    assert told(changed(facts(bill("146")))) == ("73.00", "USD", LIST, "73.00")
    assert told(changed(facts(bill("500")))) == ("73.00", "USD", LIST, "73.00")  # traffic stands beside it
    assert told(changed(facts(bill("50")))) == ("25.00", "USD", ACTUAL, "25.00")
    assert told(changed(facts(bill("0")))) == ("0.00", "USD", ACTUAL, "0.00")
    assert told(changed(facts(bill("-3")))) == ("0.00", "USD", ACTUAL, "0.00")
    made = changed(facts(bill("50")))
    assert made.formula.endswith(" * (effective cost / days * 30.4375) / price of today")
    assert made.inputs["price of today"] == "146 USD"


def test_what_else_is_on_the_bill_has_its_part_of_it() -> None:
    assert told(changed(facts(bill("78")), beside=[DISK])) == ("36.50", "USD", ACTUAL, "36.50")
    odd = Part("odd", Decimal(1), PriceUnit.MONTH, "of which there is no price")
    assert told(changed(facts(bill("50")), beside=[odd])) == ("25.00", "USD", ACTUAL, "25.00")


def test_a_part_is_no_more_than_the_bill() -> None:
    assert told(part(facts(), DISK)) == ("10.00", "USD", LIST, None)
    assert told(part(facts(bill("4")), DISK)) == ("4.00", "USD", ACTUAL, "4.00")
    assert told(part(facts(bill("40")), DISK)) == ("10.00", "USD", LIST, "10.00")
    assert told(part(facts(bill("78")), DISK, beside=[NOW_PART])) == ("5.00", "USD", ACTUAL, "5.00")


def test_charges_in_another_currency_are_held_against_prices_by_the_rate() -> None:
    assert told(changed(facts(bill("50", "EUR"), convert=to_euros))) == ("25.00", "EUR", ACTUAL, "25.00")
    assert told(changed(facts(bill("90", "EUR"), convert=to_euros))) == ("73.00", "USD", LIST, "73.00")
    assert told(changed(facts(bill("50", "GBP")))) == ("73.00", "USD", LIST, "73.00")  # no rate


def test_what_commitments_cover_is_no_cash() -> None:
    assert told(whole(facts(bill("80", covered="0.25")), DISK)) == ("80.00", "USD", ACTUAL, "60.00")
    assert told(whole(facts(bill("80", covered="1")), DISK)) == ("80.00", "USD", ACTUAL, "0.00")
    assert told(changed(facts(bill("50", covered="0.5")))) == ("25.00", "USD", ACTUAL, "12.50")
    assert told(changed(facts(bill("500", covered="0.5")))) == ("73.00", "USD", LIST, "36.50")
    assert told(less(facts(bill("80", covered="0.5")), then=[DISK], why="no")) == ("70.00", "USD", LIST, "35.00")
    assert told(portion(whole(facts(bill("80", covered="0.5"))), Decimal("0.25"), "share"))[::3] == ("20.00", "10.00")
    untold = whole(facts(bill("80", covered=None)))
    assert (untold.cash, untold.cash_unknown) == (None, "Of its charges it is not known which part commitments cover.")
    assert nothing("hygiene").cash == 0
    assert unknown("no price").cash_unknown == "no price"


def test_several_resources_are_reckoned_as_each_by_itself() -> None:
    parts = [Part("disk", Decimal(100), PriceUnit.GIB_MONTH, f"GiB of {each}", one(each)) for each in (2, 3)]
    assert told(in_all(facts(), *parts)) == ("20.00", "USD", LIST, None)
    some = facts(neighbour_costs={UUID(int=2): bill("4")})
    assert told(in_all(some, *parts)) == ("14.00", "USD", LIST, None)
    both = facts(neighbour_costs={UUID(int=2): bill("4"), UUID(int=3): bill("30", covered="1")})
    assert told(in_all(both, *parts)) == ("34.00", "USD", ACTUAL, "4.00")
    own = Part("disk", Decimal(10), PriceUnit.GIB_MONTH, "GiB of its own", one(1))
    assert told(in_all(facts(bill("3")), own, DISK)) == ("13.00", "USD", LIST, None)


def test_sums_are_in_the_currency_of_charges_and_unknown_without_a_rate() -> None:
    parts = [Part("disk", Decimal(100), PriceUnit.GIB_MONTH, f"GiB of {each}", one(each)) for each in (2, 3)]
    costs = {UUID(int=2): bill("4", "EUR")}
    assert told(in_all(facts(neighbour_costs=costs, convert=to_euros), *parts)) == ("9.00", "EUR", LIST, None)
    assert in_all(facts(neighbour_costs=costs), *parts).reason == (
        "Charges are in EUR, prices in USD, and there is no rate."
    )
    unpriced = Part("odd", Decimal(1), PriceUnit.MONTH, "odd")
    assert told(in_all(facts(neighbour_costs=costs), parts[0], unpriced))[:3] == (None, None, PriceBasis.UNKNOWN)


def test_some_of_several_are_in_proportion_to_the_charges_of_all() -> None:
    members = [one(2), one(3)]
    of = {"now": [hours("big", "hours", 2)], "saved": [hours("big", "hours too many")]}
    assert told(of_several(facts(), members, **of)) == ("146.00", "USD", LIST, None)
    costs = {UUID(int=2): bill("50"), UUID(int=3): bill("96", covered="1")}
    assert told(of_several(facts(neighbour_costs=costs), members, **of)) == ("73.00", "USD", ACTUAL, "25.00")
    assert told(of_several(facts(neighbour_costs=costs), [*members, one(4)], **of)) == ("146.00", "USD", LIST, None)


def test_charges_are_read_only_where_something_is_saved() -> None:
    given = CostlessFacts(one(1), NOW, {}, Book())
    assert difference(given, now=[THEN_PART], then=[NOW_PART]).amount == -73
    for ask in (changed, lambda known: part(known, DISK), lambda known: in_all(known, Part(**{**OWN, "of": one(2)}))):
        with pytest.raises(NotReadError):
            ask(given)


OWN: dict[str, Any] = {"code": "disk", "quantity": Decimal(1), "unit": PriceUnit.GIB_MONTH, "label": "GiB"}
