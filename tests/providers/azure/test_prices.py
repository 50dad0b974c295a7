"""Azure's Retail Prices API, against a server that tells them in the documented shape."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.providers.azure.price_items import SERVICES
from app.providers.azure.prices import AzurePrices
from app.providers.price_lists import PriceClient
from app.providers.problems import ProblemCode, ProviderError
from app.records.detection import PriceUnit
from app.records.prices import ListPrice
from tests.providers.price_server import PriceServer, price_server


def item(**changes: Any) -> dict[str, Any]:
    usual = {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": 0.192,
        "unitPrice": 0.192,
        "armRegionName": "eastus",
        "location": "US East",
        "effectiveStartDate": "2026-10-01T00:00:00Z",
        "meterId": "000a794b-bdb0-58be-a0cd-0c3a0f222923",
        "meterName": "D4s v5",
        "productId": "DZH318Z0DVWT",
        "skuId": "DZH318Z0DVWT/005M",
        "productName": "Virtual Machines Dsv5 Series",
        "skuName": "D4s v5",
        "serviceName": "Virtual Machines",
        "serviceId": "DZH313Z7MMC8",
        "serviceFamily": "Compute",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": "Standard_D4s_v5",
    }
    return {**usual, **changes}


def page(*items: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    return {
        "BillingCurrency": "USD",
        "CustomerEntityId": "Default",
        "CustomerEntityType": "Retail",
        "Items": list(items),
        "NextPageLink": following,
        "Count": len(items),
    }


def disk(meter: str, product: str, price: float, unit: str = "1/Month", **changes: Any) -> dict[str, Any]:
    told = {"serviceName": "Storage", "armSkuName": "", "meterName": meter, "productName": product}
    return item(**{**told, "retailPrice": price, "unitOfMeasure": unit, **changes})


@pytest.fixture
def server() -> Iterator[PriceServer]:
    with price_server() as made:
        yield made


@pytest.fixture
def reader(server: PriceServer) -> Iterator[AzurePrices]:
    made = AzurePrices(server.url, PriceClient(sleep=lambda _: None))
    yield made
    made.close()


def read(reader: AzurePrices, service: str, position: str | None = None) -> list[ListPrice]:
    opened = reader.open(f"{service}/eastus", None, position)
    assert opened is not None
    assert opened.version is None
    return [price for batch in opened.batches for price in batch.prices]


def test_machines_by_size_and_system(reader: AzurePrices, server: PriceServer) -> None:
    server.tell(
        "'Consumption'",
        page(
            item(),
            item(productName="Virtual Machines Dsv5 Series Windows", retailPrice=0.376),
            item(skuName="D4s v5 Spot", meterName="D4s v5 Spot", retailPrice=0.03),
            item(skuName="D4s v5 Low Priority", retailPrice=0.03),
            item(productName="Dsv5 Series CloudServices", retailPrice=7),
            item(productName="Dsv5 Series Cloud Services", retailPrice=7),
            item(type="DevTestConsumption", retailPrice=7),
            item(currencyCode="EUR", retailPrice=7),
            item(tierMinimumUnits=100.0, retailPrice=7),
            item(effectiveEndDate="2026-09-30T00:00:00Z", retailPrice=7),
            item(armSkuName="Dsv5_Type1", retailPrice=7),
            item(armSkuName="Standard_D8s_v5", retailPrice=0),
        ),
    )

    linux, windows = read(reader, "Virtual Machines")

    assert (linux.code, linux.amount, linux.unit) == ("az.vm.standard_d4s_v5.linux", Decimal("0.192"), PriceUnit.HOUR)
    assert (linux.region, linux.currency, linux.valid_from) == ("eastus", "USD", date(2026, 10, 1))
    assert linux.sku == "DZH318Z0DVWT/005M/000a794b-bdb0-58be-a0cd-0c3a0f222923"
    assert (windows.code, windows.amount) == ("az.vm.standard_d4s_v5.windows", Decimal("0.376"))
    (asked,) = server.asked
    assert "serviceName eq 'Virtual Machines' and armRegionName eq 'eastus' and priceType eq 'Consumption'" in asked
    assert "meterRegion='primary'" in asked


def test_disks_and_snapshots(reader: AzurePrices, server: PriceServer) -> None:
    server.tell(
        "'Consumption'",
        page(
            disk("P10 LRS Disk", "Premium SSD Managed Disks", 19.71),
            disk("P10 ZRS Disk", "Premium SSD Managed Disks", 29.57),
            disk("P10 LRS Disk Mount", "Premium SSD Managed Disks", 0.99),
            disk("E30 LRS Disk", "Standard SSD Managed Disks", 76.8),
            disk("S4 LRS Disk", "Standard HDD Managed Disks", 1.536),
            disk("S4 LRS Disk Operations", "Standard HDD Managed Disks", 0.0005, "10K"),
            disk("LRS Snapshots", "Standard HDD Managed Disks", 0.05, "1 GB/Month"),
            disk("ZRS Snapshots", "Standard HDD Managed Disks", 0.05, "1 GB/Month"),
            disk("Hot LRS Write Operations", "Blob Storage", 0.05, "10K"),
        ),
    )

    assert {price.code: (price.amount, price.unit) for price in read(reader, "Storage")} == {
        "az.disk.premium_lrs.p10": (Decimal("19.71"), PriceUnit.MONTH),
        "az.disk.premium_zrs.p10": (Decimal("29.57"), PriceUnit.MONTH),
        "az.disk.standardssd_lrs.e30": (Decimal("76.8"), PriceUnit.MONTH),
        "az.disk.standard_lrs.s4": (Decimal("1.536"), PriceUnit.MONTH),
        "az.snapshot.standard_lrs": (Decimal("0.05"), PriceUnit.GIB_MONTH),
        "az.snapshot.standard_zrs": (Decimal("0.05"), PriceUnit.GIB_MONTH),
    }


def test_addresses(reader: AzurePrices, server: PriceServer) -> None:
    address = {"serviceName": "Virtual Network", "productName": "IP Addresses", "armSkuName": ""}
    server.tell(
        "'Consumption'",
        page(
            item(**address, meterName="Standard IPv4 Static Public IP", retailPrice=0.005),
            item(**address, meterName="Basic IPv4 Static Public IP", retailPrice=0.0036),
            item(**address, meterName="Basic IPv4 Dynamic Public IP", retailPrice=0.004),
        ),
    )

    found = {price.code: price.amount for price in read(reader, "Virtual Network")}

    assert found == {"az.pip.standard": Decimal("0.005"), "az.pip.basic": Decimal("0.0036")}


def test_it_goes_from_page_to_page_and_on_where_it_was(reader: AzurePrices, server: PriceServer) -> None:
    second = f"{server.url}/api/retail/prices?$skip=1000"
    server.tell("'Consumption'", page(item(), following=second))
    server.tell("$skip=1000", page(item(armSkuName="Standard_D8s_v5", retailPrice=0.384)))
    opened = reader.open("Virtual Machines/eastus", None, None)
    assert opened is not None
    batches = list(opened.batches)
    assert [(len(batch.prices), batch.position) for batch in batches] == [(1, second), (1, None)]

    assert [price.code for price in read(reader, "Virtual Machines", second)] == ["az.vm.standard_d8s_v5.linux"]


@pytest.mark.parametrize(
    "told",
    [
        {"Items": None},
        page(following="https://elsewhere.example/api/retail/prices?$skip=1000"),
        page(item(retailPrice="dear")),
        page(item(effectiveStartDate=None)),
    ],
)
def test_what_cannot_be_understood_is_told(reader: AzurePrices, server: PriceServer, told: dict[str, Any]) -> None:
    server.tell("'Consumption'", told)

    with pytest.raises(ProviderError) as caught:
        read(reader, "Virtual Machines")

    assert caught.value.code is ProblemCode.BAD_ANSWER


def test_pages_that_repeat_end(reader: AzurePrices, server: PriceServer) -> None:
    second = f"{server.url}/api/retail/prices?$skip=1000"
    server.tell("'Consumption'", page(item(), following=second))
    server.tell("$skip=1000", page(item(), following=second))

    with pytest.raises(ProviderError, match="repeats itself"):
        read(reader, "Virtual Machines")


def test_documents_are_services_in_regions(reader: AzurePrices) -> None:
    documents = reader.documents(["eastus", "us-east-1", "eastus' or 1 eq 1"])

    assert documents == [f"{service}/eastus" for service in SERVICES]
