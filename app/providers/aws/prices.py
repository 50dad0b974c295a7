"""AWS's Price List bulk files: one CSV for each service and region, read as it comes; no credentials are needed.

https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-the-aws-price-list-bulk-api.html
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from hashlib import sha256
from itertools import islice
from typing import Final

import httpx

from app.providers.aws.price_services import AFTER_FREE, READERS, REFRESHED, code_of
from app.providers.price_lists import BATCH, OpenDocument, PriceBatch, PriceClient, away, bad_answer, day_of
from app.records import Provider
from app.records.detection import PriceUnit
from app.records.prices import ListPrice

PLACE: Final = "https://pricing.us-east-1.amazonaws.com"
SERVICES: Final = tuple(READERS)
_REGION: Final = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_MOST_SKIPPED: Final = 50_000
"""Rows without a price of ours after which a batch ends nevertheless, so that no call takes for ever."""
_HEADER: Final = "SKU"
_TABLES: Final = sha256(" ".join(REFRESHED).encode()).hexdigest()[:8]
"""Part of each version: where we read more of a file than before, it has to be read again."""
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9]")


class AwsPrices:
    """See PriceReader. A document is `<service>/<region>`, its position a row.

    Its version is the path of the file and which tables of ours it was read by.
    """

    provider = Provider.AWS

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
        service, _, region = document.partition("/")
        index_url = f"{self._place}/offers/v1.0/aws/{service}/current/region_index.json"
        index = self._client.json(index_url)
        told = (index.get("regions") or {}).get(region)
        if told is None:
            return None  # the service is not offered there
        path = str(told.get("currentVersionUrl") or "")
        if not path.startswith("/offers/"):
            raise bad_answer(index_url, f"has no file of {region}")
        edition = f"{path} {_TABLES}"
        if edition == version and position is None:
            return None
        row = _row_of(position, path)
        return OpenDocument(edition, self._batches(service, path, region, row))

    def _batches(self, service: str, path: str, region: str, skip: int) -> Iterator[PriceBatch]:
        url = f"{self._place}{path.removesuffix('.json')}.csv"
        with self._client.stream(url) as answer:
            try:
                rows = _rows(answer.iter_lines(), url)
                number = sum(1 for _ in islice(rows, skip))
                held: list[ListPrice] = []
                since = 0
                for row in rows:
                    number, since = number + 1, since + 1
                    price = _price(service, row, region, url)
                    if price is not None:
                        held.append(price)
                    if len(held) >= BATCH or since >= _MOST_SKIPPED:
                        yield PriceBatch(held, f"{path}#{number}")
                        held, since = [], 0
                yield PriceBatch(held)
            except httpx.HTTPError as error:
                raise away(url, error) from None
            except csv.Error:
                raise bad_answer(url, "is no CSV") from None


def _row_of(position: str | None, path: str) -> int:
    """How many rows of this version were read before."""
    told, _, row = (position or "").rpartition("#")
    return int(row) if told == path and row.isdecimal() else 0


def _rows(lines: Iterator[str], url: str) -> Iterator[Mapping[str, str]]:
    """The rows below the header; before it stand a few lines about the file."""
    reader = csv.reader(lines)
    header = next((cells for cells in reader if cells[:1] == [_HEADER]), None)
    if header is None:
        raise bad_answer(url, "has no header")
    # The same attribute is named `Cache Engine` in one list and `cacheEngine` in another.
    names = [_NOT_IN_NAMES.sub("", name.lower()) for name in header]
    for cells in reader:
        if len(cells) != len(names):
            raise bad_answer(url, "is cut off")
        yield dict(zip(names, cells, strict=True))


def _price(service: str, row: Mapping[str, str], region: str, url: str) -> ListPrice | None:
    """A price by the list that checks ask for; None for the many others."""
    if row.get("termtype") != "OnDemand" or row.get("currency") != "USD":
        return None
    found = code_of(service, row)
    if found is None:
        return None
    code, unit, share = found
    if row.get("startingrange", "0") not in {"", "0"} and code not in AFTER_FREE:
        return None  # what more of it costs
    try:
        amount, since = Decimal(row["priceperunit"]) * share, day_of(row["effectivedate"])
    except (ArithmeticError, ValueError, KeyError):
        raise bad_answer(url, f"has a row of {code} that cannot be understood") from None
    if amount <= 0:
        return None  # reservations and free tiers are told beside prices
    return ListPrice(Provider.AWS, code, region, PriceUnit(unit), "USD", amount, since, url, row["sku"])
