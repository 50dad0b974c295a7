"""Google's Cloud Billing Catalog: the SKUs of its services in pages. It asks for an API key.

https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from app.providers.gcp.price_skus import SERVICES, Sku, code_of
from app.providers.price_lists import OpenDocument, PriceBatch, PriceClient, bad_answer, day_of
from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ListPrice

PLACE: Final = "https://cloudbilling.googleapis.com"
_PAGE: Final = 5_000
_MOST_PAGES: Final = 1_000
_NANO: Final = Decimal(10**9)
_REGION: Final = re.compile(r"[a-z]+(-[a-z]+)+\d+")
_CONTINENTS: Final = {"us": "us", "europe": "eu", "eu": "eu", "asia": "asia"}
"""How the catalogue and resources name what is kept all over a continent."""
_SPREAD: Final = frozenset({"Cloud Storage", "BigQuery"})
"""Services that keep things all over a continent, at prices of its own."""
_UNITS: Final[Mapping[PriceUnit, Mapping[str, Decimal]]] = {
    PriceUnit.HOUR: {
        "h": Decimal(1),
        "GiBy.h": Decimal(1),
        "s": Decimal(3600),
        "GiBy.s": Decimal(3600),
    },
    PriceUnit.GIB_MONTH: {"GiBy.mo": Decimal(1)},
    PriceUnit.IOPS_MONTH: {"mo": Decimal(1), "count.mo": Decimal(1)},
}
"""How much of our unit one of Google's has to be taken for."""


class GcpPrices:
    """See PriceReader. A document is a service, without a version; its position is the token of the next page."""

    provider = Provider.GCP

    def __init__(self, key: str | None, place: str = PLACE, client: PriceClient | None = None) -> None:
        self._key, self._place = key, place
        # In a header: URLs are written down in more places.
        self._client = client or PriceClient({"X-Goog-Api-Key": key} if key else None)
        self._regions: frozenset[str] = frozenset()

    def close(self) -> None:
        """See PriceReader."""
        self._client.close()

    def documents(self, regions: Sequence[str]) -> Sequence[str]:
        """See PriceReader."""
        known = (region for region in regions if _REGION.fullmatch(region) or region in _CONTINENTS.values())
        self._regions = frozenset(known)
        return list(SERVICES) if self._regions else []

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        """See PriceReader."""
        del version  # there is none
        if not self._key:
            raise ProviderError(
                ProblemCode.CREDENTIALS,
                "Google tells its prices only to those with an API key.",
                "Make an API key that is restricted to the Cloud Billing API, and set SKYLEDGER_GOOGLE_PRICES_KEY.",
            )
        return OpenDocument(None, self._batches(document, position))

    def _batches(self, service: str, token: str | None) -> Iterator[PriceBatch]:
        met: set[str] = set()
        source = f"{self._place}/v1/services/{SERVICES[service].number}/skus"
        for _ in range(_MOST_PAGES):
            asked = {"pageSize": str(_PAGE), **({"pageToken": token} if token else {})}
            url = f"{source}?{urlencode(asked)}"
            page = self._client.json(url)
            token = str(page.get("nextPageToken") or "")
            if token in met or not isinstance(page.get("skus", []), list):
                raise bad_answer(url, "repeats itself, or is no page")
            met.add(token)
            prices = [price for sku in page.get("skus", []) for price in self._prices(service, sku, source)]
            yield PriceBatch(prices, token or None)
            if not token:
                return

    def _prices(self, service: str, sku: Sku, source: str) -> Iterator[ListPrice]:
        found = code_of(service, sku)
        regions = self._regions.intersection(_regions_of(service, sku))
        if found is None or not regions:
            return
        code, unit = found
        try:
            told = sku["pricingInfo"][-1]
            times = _UNITS[unit].get(told["pricingExpression"]["usageUnit"])
            if times is None:
                return
            amount, since = _amount(told["pricingExpression"]["tieredRates"]) * times, day_of(told["effectiveTime"])
        except (ArithmeticError, ValueError, KeyError, IndexError, TypeError):
            raise bad_answer(source, f"has a SKU of {code} that cannot be understood") from None
        if amount > 0:
            number = str(sku.get("skuId") or "")
            for region in sorted(regions):
                yield ListPrice(Provider.GCP, code, region, unit, "USD", amount, since, source, number)


def _regions_of(service: str, sku: Sku) -> Iterator[str]:
    for region in sku.get("serviceRegions") or ():
        if region not in _CONTINENTS:
            yield region
        elif service in _SPREAD:
            yield _CONTINENTS[region]


def _amount(rates: Sequence[Mapping[str, Any]]) -> Decimal:
    """The price of the first tier that is paid at all. Raises ValueError for another currency."""
    for rate in rates:
        price = rate["unitPrice"]
        if price.get("currencyCode", "USD") != "USD":
            raise ValueError(price)
        amount = Decimal(price.get("units") or 0) + Decimal(price.get("nanos") or 0) / _NANO
        if amount > 0:
            return amount
    return Decimal(0)
