"""Azure's Retail Prices API: pages of a service's prices in a region; no credentials are needed.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import orjson

from app.providers.price_lists import OpenDocument, PriceBatch, PriceClient, bad_answer, day_of
from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ListPrice

PLACE: Final = "https://prices.azure.com"
_PATH: Final = "/api/retail/prices"
_VERSION: Final = "2023-01-01-preview"
_REGION: Final = re.compile(r"[a-z][a-z0-9]{2,40}")
_MOST_PAGES: Final = 2_000
_DISKS: Final = {
    "Premium SSD Managed Disks": "premium",
    "Standard SSD Managed Disks": "standardssd",
    "Standard HDD Managed Disks": "standard",
}
_DISK: Final = re.compile(r"([PES]\d{1,2}) (LRS|ZRS)(?: Disks?)?")
_SNAPSHOT: Final = re.compile(r"(?:(LRS|ZRS) Snapshots|Snapshots (LRS|ZRS)(?: Snapshots)?)")
_ADDRESS: Final = re.compile(r"(Standard|Basic) (?:IPv4 )?Static (?:IPv4 )?Public IP")
_NOT_ON_DEMAND: Final = ("Spot", "Low Priority")
_BY_HOUR, _BY_MONTH, _BY_GIB_MONTH = "1 Hour", "1/Month", "1 GB/Month"
Item = Mapping[str, Any]


class AzurePrices:
    """See PriceReader. A document is `<service>/<region>`, without a version; its position is the next page."""

    provider = Provider.AZURE

    def __init__(self, place: str = PLACE, client: PriceClient | None = None) -> None:
        self._place = place
        self._client = client or PriceClient()

    def close(self) -> None:
        """See PriceReader."""
        self._client.close()

    def documents(self, regions: Sequence[str]) -> Sequence[str]:
        """See PriceReader."""
        return [f"{service}/{region}" for service in _SERVICES for region in regions if _REGION.fullmatch(region)]

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        """See PriceReader."""
        del version  # there is none
        service, _, region = document.partition("/")
        asked = {
            "api-version": _VERSION,
            "meterRegion": "'primary'",
            "$filter": f"serviceName eq '{service}' and armRegionName eq '{region}' and priceType eq 'Consumption'",
        }
        first = f"{self._place}{_PATH}?{urlencode(asked)}"
        return OpenDocument(None, self._batches(service, position or first, first))

    def _batches(self, service: str, url: str, source: str) -> Iterator[PriceBatch]:
        met: set[str] = set()
        while url and len(met) < _MOST_PAGES:
            page = self._client.json(url)
            items, following = page.get("Items"), str(page.get("NextPageLink") or "")
            met.add(url)
            if not isinstance(items, list) or following in met:
                raise bad_answer(url, "repeats itself, or is no page")
            # Another host than the one that was asked gets nothing.
            if following and urlsplit(following).netloc != urlsplit(self._place).netloc:
                raise bad_answer(url, "names another place")
            prices = [price for item in items if (price := _price(service, item, source)) is not None]
            yield PriceBatch(prices, following or None)
            url = following


def _price(service: str, item: Item, source: str) -> ListPrice | None:
    if item.get("currencyCode") != "USD" or item.get("type") != "Consumption" or not item.get("armRegionName"):
        return None
    if item.get("tierMinimumUnits") or item.get("effectiveEndDate"):
        return None  # what more of it costs, and what no longer holds
    found = _SERVICES[service](item)
    if found is None:
        return None
    code, unit = found
    try:
        # The amount as it is written, not as a float.
        amount, since = Decimal(orjson.dumps(item["retailPrice"]).decode()), day_of(item["effectiveStartDate"])
    except (ArithmeticError, ValueError, KeyError):
        raise bad_answer(source, f"has a price of {code} that cannot be understood") from None
    sku = f"{item.get('skuId')}/{item.get('meterId')}"
    region = str(item["armRegionName"])
    return ListPrice(Provider.AZURE, code, region, unit, "USD", amount, since, source, sku) if amount > 0 else None


def _machine(item: Item) -> tuple[str, PriceUnit] | None:
    name, product = str(item.get("armSkuName") or ""), str(item.get("productName") or "")
    if not name.startswith(("Standard_", "Basic_")) or item.get("unitOfMeasure") != _BY_HOUR:
        return None
    told = f"{item.get('skuName')} {item.get('meterName')}"
    if any(word in told for word in _NOT_ON_DEMAND) or "CloudServices" in product or "Cloud Services" in product:
        return None
    system = "windows" if "windows" in product.lower() else "linux"
    return f"az.vm.{name.lower()}.{system}", PriceUnit.HOUR


def _disk(item: Item) -> tuple[str, PriceUnit] | None:
    family = _DISKS.get(str(item.get("productName")))
    if family is None:
        return None
    meter, unit = str(item.get("meterName") or ""), item.get("unitOfMeasure")
    if unit == _BY_MONTH and (found := _DISK.fullmatch(meter)):
        return f"az.disk.{family}_{found[2].lower()}.{found[1].lower()}", PriceUnit.MONTH
    if unit == _BY_GIB_MONTH and (found := _SNAPSHOT.fullmatch(meter)):
        return f"az.snapshot.{family}_{(found[1] or found[2]).lower()}", PriceUnit.GIB_MONTH
    return None


def _address(item: Item) -> tuple[str, PriceUnit] | None:
    found = _ADDRESS.fullmatch(str(item.get("meterName") or ""))
    if found is None or item.get("unitOfMeasure") != _BY_HOUR:
        return None
    return f"az.pip.{found[1].lower()}", PriceUnit.HOUR


_SERVICES: Final[Mapping[str, Callable[[Item], tuple[str, PriceUnit] | None]]] = {
    "Virtual Machines": _machine,
    "Storage": _disk,
    "Virtual Network": _address,
}
