"""What a price book answers: what the organization pays first, the region before the world, nothing where unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from app.pricing.book import PriceBook, newest
from app.records import Provider
from app.records.detection import PriceBasis, PriceUnit
from app.records.prices import ANY_REGION, ListPrice, PriceOverride

AWS = Provider.AWS
DAY = date(2026, 11, 1)


def listed(code: str, amount: str, region: str = "us-east-1", **changes: Any) -> ListPrice:
    given: dict[str, Any] = {"provider": AWS, "unit": PriceUnit.HOUR, "currency": "USD", "valid_from": DAY}
    return ListPrice(
        code=code, region=region, amount=Decimal(amount), source="https://prices.example", **given | changes
    )


def discount(pattern: str, percent: str, region: str = ANY_REGION, **changes: Any) -> PriceOverride:
    given: dict[str, Any] = {
        "id": UUID(int=1),
        "provider": AWS,
        "valid_from": DAY,
        "discount_percent": Decimal(percent),
    }
    return PriceOverride(pattern=pattern, region=region, **given | changes)


def own(code: str, amount: str, region: str = ANY_REGION, **changes: Any) -> PriceOverride:
    given = {"discount_percent": None, "amount": Decimal(amount), "currency": "EUR", "unit": PriceUnit.HOUR}
    return discount(code, "1", region, **given | changes)


PRICES = newest(
    [
        listed("ec2.m5.large.linux", "0.1"),
        listed("ec2.m5.large.linux", "0.2", "eu-west-1"),
        listed("eip.hour", "0.005", ANY_REGION),
        listed("eip.hour", "0.004", "eu-west-1"),
    ]
)


def amounts(book: PriceBook, *places: tuple[str, str | None]) -> list[Decimal | None]:
    found = [book.price(AWS, code, region) for code, region in places]
    return [None if price is None else price.amount for price in found]


def test_the_region_comes_before_the_world_and_the_unknown_stays_unknown() -> None:
    assert amounts(
        PriceBook(PRICES),
        ("ec2.m5.large.linux", "us-east-1"),
        ("ec2.m5.large.linux", "eu-west-1"),
        ("ec2.m5.large.linux", "ap-south-1"),
        ("ec2.m5.large.linux", None),
        ("eip.hour", "ap-south-1"),
        ("eip.hour", "eu-west-1"),
        ("eip.hour", None),
        ("nat.hour", "us-east-1"),
    ) == [Decimal("0.1"), Decimal("0.2"), None, None, Decimal("0.005"), Decimal("0.004"), Decimal("0.005"), None]


def test_a_price_is_of_its_provider() -> None:
    assert PriceBook(PRICES).price(Provider.AZURE, "eip.hour", None) is None
    assert amounts(PriceBook(PRICES, [discount("*", "50", provider=Provider.AZURE)]), ("eip.hour", None)) == [
        Decimal("0.005")
    ]


def test_a_discount_is_off_the_list_price_and_says_so() -> None:
    book = PriceBook(PRICES, [discount("ec2.*", "12.5", valid_from=date(2026, 11, 5))])

    price = book.price(AWS, "ec2.m5.large.linux", "us-east-1")

    assert price is not None
    assert (price.amount, price.currency, price.basis) == (Decimal("0.0875"), "USD", PriceBasis.CONTRACTED)
    assert price.valid_from == date(2026, 11, 5)
    assert price.source == "12.5 % off the price of https://prices.example"
    untouched = book.price(AWS, "eip.hour", None)
    assert untouched is not None
    assert untouched.basis is PriceBasis.LIST
    assert book.price(AWS, "ec2.m6i.large.linux", "us-east-1") is None


@pytest.mark.parametrize(
    ("others", "amount"),
    [
        ([discount("ec2.m5.*", "20")], "0.08"),
        ([discount("ec2.*", "30", "us-east-1")], "0.07"),
        ([discount("ec2.*", "40", "eu-west-1")], "0.09"),
        ([discount("ec2.m5.large.linux", "50"), discount("ec2.m5.*", "20", "us-east-1")], "0.05"),
        ([discount("ec2.*", "60", valid_from=date(2026, 11, 2))], "0.04"),
        ([discount("ec2.*.windows", "99")], "0.09"),
        ([discount("ec2.*", "100", "us-east-1")], "0"),
    ],
)
def test_the_most_special_discount_counts(others: list[PriceOverride], amount: str) -> None:
    for overrides in ([discount("ec2.*", "10"), *others], [*others, discount("ec2.*", "10")]):
        assert amounts(PriceBook(PRICES, overrides), ("ec2.m5.large.linux", "us-east-1")) == [Decimal(amount)]


def test_an_own_price_comes_before_all() -> None:
    book = PriceBook(
        PRICES,
        [
            discount("*", "10"),
            own("eip.hour", "0.001"),
            own("eip.hour", "0.002", "eu-west-1"),
            own("m365.seat.spe_e5", "50"),
        ],
    )

    price = book.price(AWS, "eip.hour", "us-east-1")

    assert price is not None
    assert (price.amount, price.currency, price.basis) == (Decimal("0.001"), "EUR", PriceBasis.CONTRACTED)
    assert amounts(book, ("eip.hour", "eu-west-1"), ("eip.hour", None), ("m365.seat.spe_e5", None)) == [
        Decimal("0.002"),
        Decimal("0.001"),
        Decimal(50),
    ]


def test_of_own_prices_the_newer_one_counts() -> None:
    newer, older = own("eip.hour", "2", valid_from=date(2026, 11, 2)), own("eip.hour", "1")

    for overrides in ([newer, older], [older, newer]):
        assert amounts(PriceBook({}, overrides), ("eip.hour", None)) == [Decimal(2)]


def test_of_list_prices_the_newest_counts() -> None:
    prices = [listed("eip.hour", "2", valid_from=date(2026, 11, 2)), listed("eip.hour", "1")]

    for told in (prices, prices[::-1]):
        assert amounts(PriceBook(newest(told)), ("eip.hour", "us-east-1")) == [Decimal(2)]
