"""The delivered prices: whole families in one row, nothing told twice, every one with its source."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.pricing.book import seed_book
from app.pricing.delivered import _read, delivered_prices
from app.records import Provider
from app.records.detection import PriceBasis, PriceUnit

ROW = {
    "provider": "AWS",
    "code": "ec2.m5.{size}.linux",
    "sizes": "medium large 4xlarge",
    "regions": "us-east-1 us-west-2",
    "unit": "HOUR",
    "currency": "USD",
    "amount": "0.096",
    "valid_from": "2026-11-01",
    "source": "https://aws.amazon.com/ec2/pricing/on-demand/",
}


def test_every_price_has_an_amount_and_a_source() -> None:
    for price in delivered_prices():
        assert price.amount > 0, price
        assert price.source.startswith("https://"), price
        assert price.currency == "USD", price
        assert price.code == price.code.lower(), price
        assert (price.provider is Provider.AWS) is not price.code.startswith(("az.", "gcp.", "m365.")), price


def test_a_family_doubles_with_its_size() -> None:
    prices = {(price.code, price.region): price.amount for price in _read("a file", ROW)}

    assert prices == {
        (f"ec2.m5.{size}.linux", region): amount
        for size, amount in (("medium", Decimal("0.048")), ("large", Decimal("0.096")), ("4xlarge", Decimal("0.768")))
        for region in ("us-east-1", "us-west-2")
    }


def test_sizes_that_are_numbers_stand_for_themselves() -> None:
    row = {**ROW, "provider": "AZURE", "code": "az.vm.standard_d{size}s_v5.linux", "sizes": "2 96", "amount": "0.048"}

    assert [(price.region, price.amount) for price in _read("a file", row)] == [
        ("us-east-1", Decimal("0.096")),
        ("us-east-1", Decimal("4.608")),
        ("us-west-2", Decimal("0.096")),
        ("us-west-2", Decimal("4.608")),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"provider": "aws"},
        {"unit": "SECOND"},
        {"amount": "dear"},
        {"valid_from": "today"},
        {"regions": ""},
        {"sizes": ""},
        {"sizes": "huge"},
        {"code": "ec2.m5.large.linux"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_row_that_is_no_price_is_told(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"a file: .* is no price"):
        list(_read("a file", ROW | wrong))


@pytest.mark.parametrize(
    ("provider", "code", "region", "amount", "unit"),
    [
        (Provider.AWS, "ec2.m5.24xlarge.linux", "us-east-1", "4.608", PriceUnit.HOUR),
        (Provider.AWS, "ec2.t3.nano.linux", "us-east-2", "0.0052", PriceUnit.HOUR),
        (Provider.AWS, "ec2.m5.large.windows", "us-east-1", "0.188", PriceUnit.HOUR),
        (Provider.AWS, "ec2.x1.32xlarge.linux", "us-east-1", "13.338", PriceUnit.HOUR),
        (Provider.AWS, "rds.db.m5.xlarge.postgres.multiaz", "us-east-1", "0.712", PriceUnit.HOUR),
        (Provider.AWS, "eip.hour", "ap-south-2", "0.005", PriceUnit.HOUR),
        (Provider.AWS, "ebs.gp3.storage", "eu-central-1", "0.0952", PriceUnit.GIB_MONTH),
        (Provider.AZURE, "az.vm.standard_d4s_v5.windows", "eastus", "0.376", PriceUnit.HOUR),
        (Provider.AZURE, "az.disk.premium_lrs.p10", "eastus", "19.71", PriceUnit.MONTH),
        (Provider.AZURE, "az.loganalytics.ingested", "eastus", "2.30", PriceUnit.GIB),
        (Provider.AZURE, "az.sqlpool.gp_gen5", "eastus", "0.2521936", PriceUnit.HOUR),
        (Provider.GCP, "gcp.vm.n2.vcpu", "us-central1", "0.031611", PriceUnit.HOUR),
    ],
)
def test_known_prices(provider: Provider, code: str, region: str, amount: str, unit: PriceUnit) -> None:
    """Taken from the pages of the providers once more, to catch a slip in the files."""
    price = seed_book().price(provider, code, region)

    assert price is not None
    assert (price.amount, price.unit, price.basis) == (Decimal(amount), unit, PriceBasis.LIST)
