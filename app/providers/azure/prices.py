"""Azure's Retail Prices API: pages of a service's prices in a region; no credentials are needed.

https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode, urlsplit

import orjson

from app.providers.azure.price_items import AFTER_FREE, SERVICES, Item
from app.providers.price_lists import OpenDocument, PriceBatch, PriceClient, bad_answer, day_of
from app.records import Provider
from app.records.prices import ListPrice

PLACE: Final = "https://prices.azure.com"
_PATH: Final = "/api/retail/prices"
_VERSION: Final = "2023-01-01-preview"
_REGION: Final = re.compile(r"[a-z][a-z0-9]{2,40}")
_MOST_PAGES: Final = 2_000


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
            prices = [price for item in items for price in _prices(service, item, source)]
            yield PriceBatch(prices, following or None)
            url = following


def _prices(service: str, item: Item, source: str) -> Iterator[ListPrice]:
    if item.get("currencyCode") != "USD" or item.get("type") != "Consumption" or not item.get("armRegionName"):
        return
    if item.get("effectiveEndDate"):
        return  # it no longer holds
    sku, region = f"{item.get('skuId')}/{item.get('meterId')}", str(item["armRegionName"])
    for code, unit, share in SERVICES[service](item):
        if item.get("tierMinimumUnits") and code not in AFTER_FREE:
            continue  # what more of it costs
        try:
            # The amount as it is written, not as a float.
            told, since = Decimal(orjson.dumps(item["retailPrice"]).decode()), day_of(item["effectiveStartDate"])
        except (ArithmeticError, ValueError, KeyError):
            raise bad_answer(source, f"has a price of {code} that cannot be understood") from None
        if told > 0:
            yield ListPrice(Provider.AZURE, code, region, unit, "USD", told * share, since, source, sku)
