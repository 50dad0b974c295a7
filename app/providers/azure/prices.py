"""Azure's Retail Prices API: pages of a service's prices in a region; no credentials are needed.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode, urlsplit

import orjson

from app.providers.azure.price_items import AFTER_FREE, LICENSED, OWN_LICENCE, SERVICES, Item, licence_of
from app.providers.price_lists import OpenDocument, PriceBatch, PriceClient, bad_answer, day_of
from app.records import Provider
from app.records.prices import ListPrice

PLACE: Final = "https://prices.azure.com"
_PATH: Final = "/api/retail/prices"
_VERSION: Final = "2023-01-01-preview"
_REGION: Final = re.compile(r"[a-z][a-z0-9]{2,40}")
_MOST_PAGES: Final = 2_000
_EVERYWHERE: Final = "Global"
Told = tuple[Decimal, date]


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
        return [f"{service}/{region}" for service in SERVICES for region in regions if _REGION.fullmatch(region)]

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        """See PriceReader."""
        del version  # there is none
        service, _, region = document.partition("/")
        first = self._first(service, region)
        licences = self._licences(service) if service in LICENSED else {}
        return OpenDocument(None, self._batches(service, position or first, first, licences))

    def _first(self, service: str, region: str) -> str:
        asked = {
            "api-version": _VERSION,
            "meterRegion": "'primary'",
            "$filter": f"serviceName eq '{service}' and armRegionName eq '{region}' and priceType eq 'Consumption'",
        }
        return f"{self._place}{_PATH}?{urlencode(asked)}"

    def _licences(self, service: str) -> Mapping[str, Told]:
        """What the licence of a virtual core costs in all regions, by tier."""
        source = self._first(service, _EVERYWHERE)
        found: dict[str, Told] = {}
        for items, _ in self._pages(source):
            for item in items:
                tier = licence_of(item)
                if tier is not None and _is_list_price(item) and not item.get("tierMinimumUnits"):
                    found[tier] = _amount(item, source)
        return found

    def _batches(self, service: str, url: str, source: str, licences: Mapping[str, Told]) -> Iterator[PriceBatch]:
        for items, following in self._pages(url):
            prices = [price for item in items for price in _prices(service, item, source)]
            yield PriceBatch([*prices, *_licensed(prices, licences)], following)

    def _pages(self, url: str) -> Iterator[tuple[Sequence[Item], str | None]]:
        """The items of each page, and where the next one is."""
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
            yield items, following or None
            url = following


def _is_list_price(item: Item) -> bool:
    """Whether it is what everybody pays now, in a region that has a name."""
    is_plain = item.get("currencyCode") == "USD" and item.get("type") == "Consumption"
    return is_plain and bool(item.get("armRegionName")) and not item.get("effectiveEndDate")


def _amount(item: Item, source: str) -> Told:
    """The amount as it is written, not as a float, and since when it holds."""
    try:
        return Decimal(orjson.dumps(item["retailPrice"]).decode()), day_of(item["effectiveStartDate"])
    except (ArithmeticError, ValueError, KeyError):
        why = f"has a price of {item.get('meterName')} that cannot be understood"
        raise bad_answer(source, why) from None


def _prices(service: str, item: Item, source: str) -> Iterator[ListPrice]:
    if not _is_list_price(item):
        return
    sku, region = f"{item.get('skuId')}/{item.get('meterId')}", str(item["armRegionName"])
    for code, unit, share in SERVICES[service](item):
        if item.get("tierMinimumUnits") and code not in AFTER_FREE:
            continue  # what more of it costs
        told, since = _amount(item, source)
        if told > 0:
            yield ListPrice(Provider.AZURE, code, region, unit, "USD", told * share, since, source, sku)


def _licensed(prices: Sequence[ListPrice], licences: Mapping[str, Told]) -> Iterator[ListPrice]:
    """What is paid by those without licences of their own: the machine and the licence."""
    for price in prices:
        code, end, _ = price.code.partition(OWN_LICENCE)
        tier = code.rpartition(".")[2].partition("_")[0]
        if end and tier in licences:
            amount, since = licences[tier]
            yield replace(price, code=code, amount=price.amount + amount, valid_from=max(price.valid_from, since))
