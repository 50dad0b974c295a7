"""Google's Cloud Billing Catalog: the SKUs of Compute Engine in pages. It asks for an API key.

https://cloud.google.com/billing/docs/reference/rest/v1/services.skus/list
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from app.providers.price_lists import OpenDocument, PriceBatch, PriceClient, bad_answer, day_of
from app.providers.problems import ProblemCode, ProviderError
from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ListPrice

PLACE: Final = "https://cloudbilling.googleapis.com"
COMPUTE: Final = "services/6F81-5844-456A"
"""Compute Engine, as Google numbers its services."""
_DOCUMENT: Final = "Compute Engine"
_PAGE: Final = 5_000
_MOST_PAGES: Final = 1_000
_NANO: Final = Decimal(10**9)
_REGION: Final = re.compile(r"[a-z]+(-[a-z]+)+\d+")
_MACHINE: Final = re.compile(
    r"(?P<family>[A-Z]\d[A-Z]?)(?: AMD| Arm)?(?: Predefined)?(?P<custom> Custom)?(?P<extended> Extended)? "
    r"Instance (?P<part>Core|Ram) running in .+"
)
_N1_CUSTOM: Final = re.compile(r"Custom(?P<extended> Extended)? Instance (?P<part>Core|Ram) running in .+")
_C2: Final = re.compile(r"Compute optimized (?P<part>Core|Ram) running in .+")
_SHARED: Final = {"Micro Instance with burstable CPU": "f1-micro", "Small Instance with 1 VCPU": "g1-small"}
_GPU: Final = re.compile(r"Nvidia (?P<name>(?:Tesla )?[A-Z0-9]+) GPU running in .+")
_STORAGE: Final = {
    "Storage PD Capacity": ("gcp.disk.pd-standard", PriceUnit.GIB_MONTH),
    "SSD backed PD Capacity": ("gcp.disk.pd-ssd", PriceUnit.GIB_MONTH),
    "Balanced PD Capacity": ("gcp.disk.pd-balanced", PriceUnit.GIB_MONTH),
    "Regional Storage PD Capacity": ("gcp.disk.pd-standard.regional", PriceUnit.GIB_MONTH),
    "Regional SSD backed PD Capacity": ("gcp.disk.pd-ssd.regional", PriceUnit.GIB_MONTH),
    "Regional Balanced PD Capacity": ("gcp.disk.pd-balanced.regional", PriceUnit.GIB_MONTH),
    "Extreme PD Capacity": ("gcp.disk.pd-extreme", PriceUnit.GIB_MONTH),
    "Extreme PD IOPS": ("gcp.disk.pd-extreme.iops", PriceUnit.IOPS_MONTH),
    "SSD backed Local Storage": ("gcp.disk.local-ssd", PriceUnit.GIB_MONTH),
    "Storage PD Snapshot": ("gcp.snapshot", PriceUnit.GIB_MONTH),
    "Storage Image": ("gcp.image", PriceUnit.GIB_MONTH),
    "Static Ip Charge": ("gcp.address.unused.hour", PriceUnit.HOUR),
}
_UNITS: Final = {
    PriceUnit.HOUR: {"h", "GiBy.h"},
    PriceUnit.GIB_MONTH: {"GiBy.mo"},
    PriceUnit.IOPS_MONTH: {"mo", "count.mo"},
}
Sku = Mapping[str, Any]


class GcpPrices:
    """See PriceReader. There is one document, without a version; its position is the token of the next page."""

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
        self._regions = frozenset(region for region in regions if _REGION.fullmatch(region))
        return [_DOCUMENT] if self._regions else []

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        """See PriceReader."""
        del document, version  # there is one, without versions
        if not self._key:
            raise ProviderError(
                ProblemCode.CREDENTIALS,
                "Google tells its prices only to those with an API key.",
                "Make an API key that is restricted to the Cloud Billing API, and set SKYLEDGER_GOOGLE_PRICES_KEY.",
            )
        return OpenDocument(None, self._batches(position))

    def _batches(self, token: str | None) -> Iterator[PriceBatch]:
        met: set[str] = set()
        for _ in range(_MOST_PAGES):
            asked = {"pageSize": str(_PAGE), **({"pageToken": token} if token else {})}
            url = f"{self._place}/v1/{COMPUTE}/skus?{urlencode(asked)}"
            page = self._client.json(url)
            token = str(page.get("nextPageToken") or "")
            if token in met or not isinstance(page.get("skus", []), list):
                raise bad_answer(url, "repeats itself, or is no page")
            met.add(token)
            prices = [price for sku in page.get("skus", []) for price in self._prices(sku, url)]
            yield PriceBatch(prices, token or None)
            if not token:
                return

    def _prices(self, sku: Sku, url: str) -> Iterator[ListPrice]:
        found = _code(sku)
        regions = self._regions.intersection(sku.get("serviceRegions") or ())
        if found is None or not regions:
            return
        code, unit = found
        try:
            told = sku["pricingInfo"][-1]
            if told["pricingExpression"]["usageUnit"] not in _UNITS[unit]:
                return
            amount, since = _amount(told["pricingExpression"]["tieredRates"]), day_of(told["effectiveTime"])
        except (ArithmeticError, ValueError, KeyError, IndexError, TypeError):
            raise bad_answer(url, f"has a SKU of {code} that cannot be understood") from None
        if amount > 0:
            source = f"{self._place}/v1/{COMPUTE}/skus"
            for region in sorted(regions):
                yield ListPrice(
                    Provider.GCP, code, region, unit, "USD", amount, since, source, str(sku.get("skuId") or "")
                )


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


def _code(sku: Sku) -> tuple[str, PriceUnit] | None:
    """The price that a SKU tells; None where it tells none that checks ask for."""
    description, category = str(sku.get("description") or ""), sku.get("category") or {}
    if category.get("usageType") != "OnDemand":
        return None
    plain, _, _ = description.partition(" in ")
    if plain in _STORAGE:
        return _STORAGE[plain]
    return _machine(description)


def _machine(description: str) -> tuple[str, PriceUnit] | None:
    if found := _MACHINE.fullmatch(description):
        return _part(found["family"].lower(), found["custom"], found["extended"], found["part"])
    if found := _N1_CUSTOM.fullmatch(description):
        return _part("n1", "custom", found["extended"], found["part"])
    if found := _C2.fullmatch(description):
        return _part("c2", None, None, found["part"])
    if found := _GPU.fullmatch(description):
        return f"gcp.gpu.nvidia-{found['name'].lower().replace(' ', '-')}", PriceUnit.HOUR
    shared = _SHARED.get(description.partition(" running in ")[0])
    return None if shared is None else (f"gcp.vm.{shared}", PriceUnit.HOUR)


def _part(family: str, custom: str | None, extended: str | None, part: str) -> tuple[str, PriceUnit] | None:
    if family == "e2" and custom:
        return None  # the same price as of predefined types
    made = f"gcp.vm.{family}.custom" if custom else f"gcp.vm.{family}"
    name = "vcpu" if part == "Core" else "extended_gib" if extended else "gib"
    return f"{made}.{name}", PriceUnit.HOUR
