"""Google's Cloud Billing Catalog, against a server that tells it in the documented shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.providers.gcp.price_skus import SERVICES
from app.providers.gcp.prices import GcpPrices
from app.providers.price_lists import PriceClient
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import PriceUnit
from app.records.prices import ListPrice
from tests.providers.price_server import PriceServer, price_server


def rate(nanos: int, units: str = "0", start: float = 0) -> dict[str, Any]:
    return {"startUsageAmount": start, "unitPrice": {"currencyCode": "USD", "units": units, "nanos": nanos}}


def sku(description: str, *rates: dict[str, Any], unit: str = "h", **changes: Any) -> dict[str, Any]:
    told = {
        "name": "services/6F81-5844-456A/skus/0012-B7F2-DD14",
        "skuId": "0012-B7F2-DD14",
        "description": description,
        "category": {
            "serviceDisplayName": "Compute Engine",
            "resourceFamily": "Compute",
            "resourceGroup": "CPU",
            "usageType": "OnDemand",
        },
        "serviceRegions": ["us-central1", "us-east1"],
        "pricingInfo": [
            {
                "summary": "",
                "pricingExpression": {
                    "usageUnit": unit,
                    "displayQuantity": 1,
                    "tieredRates": list(rates),
                    "usageUnitDescription": "hour",
                },
                "currencyConversionRate": 1,
                "effectiveTime": "2026-10-31T07:00:00.123456Z",
            }
        ],
        "serviceProviderName": "Google",
    }
    return {**told, **changes}


def other_category(usage: str) -> dict[str, Any]:
    return {"category": {"resourceFamily": "Compute", "resourceGroup": "CPU", "usageType": usage}}


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as made:
        yield made


@pytest.fixture
def reader(server: PriceServer) -> Iterator[GcpPrices]:
    made = GcpPrices("the key", server.url, PriceClient({"X-Goog-Api-Key": "the key"}, sleep=lambda _: None))
    assert made.documents(["us-central1", "eastus", "us"]) == list(SERVICES)
    yield made
    made.close()


def read(reader: GcpPrices, position: str | None = None, service: str = "Compute Engine") -> list[ListPrice]:
    opened = reader.open(service, None, position)
    assert opened is not None
    return [price for batch in opened.batches for price in batch.prices]


def test_machines_by_family(reader: GcpPrices, server: PriceServer) -> None:
    server.tell(
        "pageSize=5000",
        {
            "skus": [
                sku("N2 Instance Core running in Americas", rate(31_611_000)),
                sku("N2 Instance Ram running in Americas", rate(4_237_000), unit="GiBy.h"),
                sku("N2D AMD Instance Core running in Americas", rate(27_502_000)),
                sku("N1 Predefined Instance Core running in Americas", rate(31_611_000)),
                sku("Custom Instance Core running in Americas", rate(33_174_000)),
                sku("Custom Extended Instance Ram running in Americas", rate(9_550_000), unit="GiBy.h"),
                sku("N2 Custom Instance Ram running in Americas", rate(4_446_000), unit="GiBy.h"),
                sku("N2D AMD Custom Extended Instance Ram running in Americas", rate(8_000_000), unit="GiBy.h"),
                sku("Compute optimized Core running in Americas", rate(33_980_000)),
                sku("Nvidia Tesla T4 GPU running in Americas", rate(350_000_000)),
                sku("Nvidia L4 GPU running in Americas", rate(560_004_000)),
                sku("Micro Instance with burstable CPU running in Americas", rate(7_600_000)),
                sku("N2 Sole Tenancy Instance Core running in Americas", rate(7)),
                sku("N2 Instance Core running in Americas", rate(7), **other_category("Preemptible")),
                sku("Commitment v1: N2 Cpu in Americas", rate(7), **other_category("Commit1Yr")),
                sku("N2 Instance Core running in Frankfurt", rate(40_710_000), serviceRegions=["europe-west3"]),
            ]
        },
    )

    found = read(reader)

    assert {price.region for price in found} == {"us-central1"}
    assert {price.code: price.amount for price in found} == {
        "gcp.vm.n2.vcpu": Decimal("0.031611"),
        "gcp.vm.n2.gib": Decimal("0.004237"),
        "gcp.vm.n2d.vcpu": Decimal("0.027502"),
        "gcp.vm.n1.vcpu": Decimal("0.031611"),
        "gcp.vm.n1.custom.vcpu": Decimal("0.033174"),
        "gcp.vm.n1.custom.extended_gib": Decimal("0.00955"),
        "gcp.vm.n2.custom.gib": Decimal("0.004446"),
        "gcp.vm.n2d.custom.extended_gib": Decimal("0.008"),
        "gcp.vm.c2.vcpu": Decimal("0.03398"),
        "gcp.gpu.nvidia-tesla-t4": Decimal("0.35"),
        "gcp.gpu.nvidia-l4": Decimal("0.560004"),
        "gcp.vm.f1-micro": Decimal("0.0076"),
    }
    assert {(price.unit, price.currency, price.valid_from, price.sku) for price in found} == {
        (PriceUnit.HOUR, "USD", date(2026, 10, 31), "0012-B7F2-DD14")
    }
    assert server.keys == ["the key"]
    assert "key" not in server.asked[0]


def test_disks_snapshots_and_addresses(reader: GcpPrices, server: PriceServer) -> None:
    server.tell(
        "pageSize=5000",
        {
            "skus": [
                # 30 GiB of it are free in some regions.
                sku("Storage PD Capacity", rate(0), rate(40_000_000, start=30), unit="GiBy.mo"),
                sku("SSD backed PD Capacity", rate(170_000_000), unit="GiBy.mo"),
                sku("Regional Balanced PD Capacity in Frankfurt", rate(240_000_000), unit="GiBy.mo"),
                sku("Storage PD Snapshot in Iowa", rate(50_000_000), unit="GiBy.mo"),
                sku("Static Ip Charge", rate(10_000_000)),
                sku("Storage Image", rate(1, units="2"), unit="GiBy.mo"),
                sku("Extreme PD Capacity", rate(0), unit="GiBy.mo"),
                sku("Balanced PD Capacity", rate(7), unit="GBy.mo"),
            ]
        },
    )

    assert {price.code: price.amount for price in read(reader)} == {
        "gcp.disk.pd-standard": Decimal("0.04"),
        "gcp.disk.pd-ssd": Decimal("0.17"),
        "gcp.disk.pd-balanced.regional": Decimal("0.24"),
        "gcp.snapshot": Decimal("0.05"),
        "gcp.address.unused.hour": Decimal("0.01"),
        "gcp.image": Decimal("2.000000001"),
    }


def test_it_goes_from_page_to_page_and_on_where_it_was(reader: GcpPrices, server: PriceServer) -> None:
    core = sku("N2 Instance Core running in Americas", rate(31_611_000))
    server.tell("pageSize=5000", {"skus": [core], "nextPageToken": "two"})
    server.tell("pageToken=two", {"skus": [core], "nextPageToken": ""})
    opened = reader.open("Compute Engine", None, None)
    assert opened is not None

    assert [(len(batch.prices), batch.position) for batch in opened.batches] == [(1, "two"), (1, None)]
    assert len(read(reader, "two")) == 1


def test_pages_that_repeat_end(reader: GcpPrices, server: PriceServer) -> None:
    server.tell("pageSize=5000", {"skus": [], "nextPageToken": "two"})
    server.tell("pageToken=two", {"skus": [], "nextPageToken": "two"})

    with pytest.raises(ProviderError, match="repeats itself"):
        read(reader)


@pytest.mark.parametrize(
    "told",
    [
        {"skus": "none"},
        {"skus": [sku("N2 Instance Core running in Americas", rate(1), pricingInfo=[])]},
        {"skus": [sku("N2 Instance Core running in Americas", rate(1, units="dear"))]},
        {"skus": [sku("N2 Instance Core running in Americas", {"unitPrice": {"currencyCode": "EUR", "nanos": 1}})]},
    ],
)
def test_what_cannot_be_understood_is_told(reader: GcpPrices, server: PriceServer, told: dict[str, Any]) -> None:
    server.tell("pageSize=5000", told)

    with pytest.raises(ProviderError) as caught:
        read(reader)

    assert caught.value.code is ProblemCode.BAD_ANSWER


def test_without_a_key_it_says_how_to_get_one() -> None:
    reader = GcpPrices(None)

    with pytest.raises(ProviderError) as caught:
        reader.open("Compute Engine", None, None)

    assert caught.value.code is ProblemCode.CREDENTIALS
    assert "SKYLEDGER_GOOGLE_PRICES_KEY" in caught.value.remedy
    reader.close()
