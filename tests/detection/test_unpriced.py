"""What is said where parts cannot be priced."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from app.detection.facts import Facts
from app.detection.savings import by_prices, hours
from app.pricing.book import PriceBook
from app.records import Provider
from app.records.detection import Price, PriceBasis, PriceUnit
from tests.detection.cases import NOW, subject


def _facts(unit: PriceUnit | None) -> Facts:
    gateway = subject("AWS::EC2::NatGateway", "nat-1", region="eu-west-1")
    price = (
        None if unit is None else Price(Decimal(1), "EUR", unit, PriceBasis.CONTRACTED, date(2026, 1, 1), "contract 7")
    )
    prices = {} if price is None else {(Provider.AWS, "nat.hour", "eu-west-1"): price}
    return Facts(gateway, NOW, {}, PriceBook(prices))


def test_a_price_for_something_else_is_told_as_such() -> None:
    told = by_prices(_facts(PriceUnit.MONTH), hours("nat.hour", "hours"))

    assert (told.amount, told.basis) == (None, PriceBasis.UNKNOWN)
    assert told.reason == (
        "The price of nat.hour in eu-west-1 is for MONTH, and one for HOUR is needed (source: contract 7); "
        "set that with `setPriceOverrides`."
    )


def test_no_price_at_all_is_told_as_such() -> None:
    told = by_prices(_facts(None), hours("nat.hour", "hours"))

    assert told.reason == "There is no price of nat.hour in eu-west-1; set one with `setPriceOverrides`."
    assert by_prices(_facts(PriceUnit.HOUR), hours("nat.hour", "hours")).amount == 730
