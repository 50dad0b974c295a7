"""A refresh with the real reader of AWS: read once, unchanged, interrupted by a file that breaks off, gone on with."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from app.database import Database
from app.pricing.refresh import PriceTools, refresh_prices
from app.providers.aws import prices
from app.providers.aws.prices import AwsPrices
from app.providers.calls import ProviderPool
from app.providers.price_lists import PriceClient
from app.records import Provider
from tests.pricing.test_refresh import Job, noted
from tests.pricing.test_store import held
from tests.providers.aws.test_prices import INDEX, MACHINE, PATH, file_of, row
from tests.providers.price_server import PriceServer, price_server

TYPES = [f"m5.{size}" for size in ("large", "xlarge", "2xlarge", "4xlarge")]
EC2 = "AmazonEC2"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    monkeypatch.setattr(prices, "SERVICES", (EC2,))
    monkeypatch.setattr(prices, "BATCH", 1)
    with price_server() as made:
        yield made


def lay(server: PriceServer, version: str, amount: str, broken: str = "") -> None:
    path = PATH.format(EC2).replace("20261030180000", version)
    index = {"regions": {"us-east-1": {"regionCode": "us-east-1", "currentVersionUrl": f"{path}.json"}}}
    rows = [row(**{**MACHINE, "Instance Type": name, "PricePerUnit": amount, "SKU": name}) for name in TYPES]
    server.answers.clear()
    server.tell(INDEX.format(EC2), index)
    server.tell(f"{path}.csv", file_of(*rows[:2]) + broken if broken else file_of(*rows))


async def test_it_is_read_once_and_gone_on_with(database: Database, server: PriceServer) -> None:
    pool, reader = ProviderPool(2), AwsPrices(server.url, PriceClient(sleep=lambda _: None))
    tools = PriceTools(pool, {Provider.AWS: reader})
    job = Job(database, providers=["AWS"], regions=["us-east-1"])
    try:
        lay(server, "1", "0.1", broken='"cut","off"\n')
        await refresh_prices(job, tools)
        row_ = (await noted(database))["AmazonEC2/us-east-1"]
        assert (row_["prices"], row_["finished_at"]) == (2, None)
        assert row_["problem"].startswith("What 127.0.0.1 told of prices is cut off.")

        lay(server, "1", "0.1")
        await refresh_prices(job, tools)
        await refresh_prices(job, tools)
        row_ = (await noted(database))["AmazonEC2/us-east-1"]
        assert (row_["prices"], row_["changed"], row_["problem"]) == (4, 0, None), "the last time it was unchanged"
        assert sum(asked.endswith(".csv") for asked in server.asked) == 2

        lay(server, "2", "0.1")
        await refresh_prices(job, tools)
    finally:
        tools.close()
        pool.close()
    assert {amount for _, amount, _, _ in await held(database)} == {Decimal("0.1")}
    assert len(await held(database)) == len(TYPES), "another version with the same prices changes nothing"
