"""Refreshing prices: read in batches, gone on with, noted document by document, the same again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Table, insert, select

from app.database import Database
from app.embedded import EngineUrls
from app.errors import BadUserInputError
from app.models import Organization, now
from app.pricing.refresh import (
    REFRESH_JOB,
    PriceTools,
    known_regions,
    refresh_prices,
    request_refresh,
    request_weekly_refresh,
)
from app.providers.calls import ProviderPool
from app.providers.price_lists import OpenDocument, PriceBatch
from app.providers.problems import ProblemCode, ProviderError
from app.records import Actor, ActorKind, Provider
from app.records.prices import ListPrice
from app.repositories.jobs import JOBS
from app.repositories.prices import readings
from app.scanning.ingest import ingest_resources
from tests.house.rows import row_of
from tests.pricing.test_book import listed
from tests.pricing.test_store import held, store
from tests.workers.probes import make_runner

TODAY = now().date()
ORGANIZATIONS: Table = Organization.__table__  # type: ignore[assignment]


def price(code: str, amount: str = "1", days: int = 10) -> ListPrice:
    return listed(code, amount, valid_from=TODAY - timedelta(days))


@dataclass
class Told:
    """A document as a test lays it down."""

    batches: list[list[ListPrice]]
    version: str | None = None
    breaks_at: int | None = None


@dataclass
class Reader:
    """A price list of a test's own; a position is the number of the next batch."""

    told: dict[str, Told]
    provider: Provider = Provider.AWS
    opened: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    regions: list[str] = field(default_factory=list)

    def documents(self, regions: Sequence[str]) -> Sequence[str]:
        self.regions = list(regions)
        return list(self.told)

    def open(self, document: str, version: str | None, position: str | None) -> OpenDocument | None:
        self.opened.append((document, version, position))
        told = self.told[document]
        if told.version is not None and told.version == version and position is None:
            return None
        return OpenDocument(told.version, self._batches(told, int(position or 0)))

    def _batches(self, told: Told, first: int) -> Iterator[PriceBatch]:
        for number in range(first, len(told.batches)):
            if told.breaks_at == number:
                raise ProviderError(ProblemCode.UNREACHABLE, "It broke off.", "Try again.")
            last = number + 1 == len(told.batches)
            yield PriceBatch(told.batches[number], None if last else str(number + 1))

    def close(self) -> None:
        """Nothing is open."""


class Job:
    """As a worker holds one."""

    id = UUID(int=1)
    organization_id: UUID | None = None
    arguments: Mapping[str, Any]
    token = 1

    def __init__(self, database: Database, stop: Callable[[], bool] = lambda: False, **arguments: Any) -> None:
        self.database, self.arguments, self._stop = database, arguments, stop
        self.holds = 0

    def should_stop(self) -> bool:
        return self._stop()

    async def hold(self, _: object) -> None:
        self.holds += 1

    async def progressed(self, _: object) -> None:
        """Noted."""


@pytest.fixture
def pool() -> Iterator[ProviderPool]:
    made = ProviderPool(2)
    yield made
    made.close()


async def refresh(database: Database, pool: ProviderPool, *readers: Reader, job: Job | None = None) -> None:
    tools = PriceTools(pool, {reader.provider: reader for reader in readers})
    await refresh_prices(job or Job(database), tools)


async def noted(database: Database) -> dict[str, dict[str, Any]]:
    async with database.system() as session:
        return {row["document"]: dict(row) for row in await readings(session)}


async def test_all_documents_are_read_and_noted(database: Database, pool: ProviderPool) -> None:
    reader = Reader({"EC2": Told([[price("a"), price("b")], [price("c")]], "v1"), "RDS": Told([[]], "v1")})

    await refresh(database, pool, reader)

    assert [row[0] for row in await held(database)] == ["a", "b", "c"]
    found = await noted(database)
    columns = ("prices", "changed", "version", "position", "problem")
    assert {name: tuple(row[column] for column in columns) for name, row in found.items()} == {
        "EC2": (3, 3, "v1", None, None),
        "RDS": (0, 0, "v1", None, None),
    }
    assert all(row["finished_at"] >= row["started_at"] for row in found.values())
    assert reader.regions == ["eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-2"]


async def test_what_is_known_is_asked_for_by_its_version(database: Database, pool: ProviderPool) -> None:
    reader = Reader({"EC2": Told([[price("a")]], "v1")})
    await refresh(database, pool, reader)
    before = (await noted(database))["EC2"]

    await refresh(database, pool, reader)
    reader.told["EC2"] = Told([[price("a"), price("b")]], "v2")
    await refresh(database, pool, reader)

    assert reader.opened == [("EC2", None, None), ("EC2", "v1", None), ("EC2", "v1", None)]
    after = (await noted(database))["EC2"]
    assert (after["version"], after["prices"], after["changed"]) == ("v2", 2, 1)
    assert after["finished_at"] > before["finished_at"]


async def test_without_versions_the_same_again_changes_nothing(database: Database, pool: ProviderPool) -> None:
    reader = Reader({"VMs": Told([[price("a")]])})
    for _ in range(2):
        await refresh(database, pool, reader)

    assert len(await held(database)) == 1
    assert (await noted(database))["VMs"]["changed"] == 0


async def test_an_interrupted_reading_is_gone_on_with(database: Database, pool: ProviderPool) -> None:
    reader = Reader(
        {"EC2": Told([[price("a")], [price("b")], [price("c")]], "v1", breaks_at=2), "RDS": Told([[price("d")]])}
    )

    await refresh(database, pool, reader)

    row = (await noted(database))["EC2"]
    assert (row["position"], row["problem"], row["finished_at"]) == ("2", "It broke off. Try again.", None)
    assert [each[0] for each in await held(database)] == ["a", "b", "d"], "one problem keeps no other document back"

    reader.told["EC2"].breaks_at = None
    await refresh(database, pool, reader)

    assert reader.opened[2] == ("EC2", None, "2")
    row = (await noted(database))["EC2"]
    assert (row["prices"], row["position"], row["problem"], row["version"]) == (3, None, None, "v1")
    assert [each[0] for each in await held(database)] == ["a", "b", "c", "d"]


async def test_a_worker_that_goes_down_stops_between_batches(database: Database, pool: ProviderPool) -> None:
    reader = Reader({"EC2": Told([[price("a")], [price("b")]], "v1"), "RDS": Told([[price("c")]])})
    answers = iter([False, False, True, True, True])

    await refresh(database, pool, reader, job=Job(database, lambda: next(answers)))

    assert [each[0] for each in await held(database)] == ["a"]
    assert list(await noted(database)) == ["EC2"]
    await refresh(database, pool, reader)
    assert [each[0] for each in await held(database)] == ["a", "b", "c"]


async def test_prices_of_the_future_wait(database: Database, pool: ProviderPool) -> None:
    await refresh(database, pool, Reader({"EC2": Told([[price("a"), price("a", "2", days=-5)]])}))

    assert [row[:2] for row in await held(database)] == [("a", Decimal(1))]


async def test_prices_that_ended_long_ago_are_forgotten(database: Database, pool: ProviderPool) -> None:
    old = price("a", days=2_000)
    await store(database, old)
    await store(database, replace(old, amount=Decimal(2), valid_from=TODAY - timedelta(1_000)))

    await refresh(database, pool, Reader({}))

    assert [row[:2] for row in await held(database)] == [("a", Decimal(2))]


async def test_only_what_is_asked_for_is_read(database: Database, pool: ProviderPool) -> None:
    aws, azure = Reader({"EC2": Told([[]])}), Reader({"VMs": Told([[]])}, Provider.AZURE)

    await refresh(database, pool, aws, azure, job=Job(database, providers=["AZURE"], regions=["eastus"]))

    assert (aws.opened, azure.regions) == ([], ["eastus"])


async def test_regions_with_prices_are_known(database: Database) -> None:
    await store(database, listed("nat.hour", "1", "ap-south-1"), listed("eip.hour", "1", "*"))

    assert "ap-south-1" in await known_regions(database, Provider.AWS)
    assert "*" not in await known_regions(database, Provider.AWS)
    assert "us-central1" in await known_regions(database, Provider.GCP)


async def test_regions_with_resources_are_known(database: Database, owner: Database, pool: ProviderPool) -> None:
    async with owner.engine.begin() as connection:
        for number in (1, 2):
            await connection.execute(insert(ORGANIZATIONS).values(row_of(ORGANIZATIONS, UUID(int=number))))
    for number, provider, region in ((1, "AWS", "af-south-1"), (2, "AWS", "global"), (2, "GCP", "us-x1")):
        row = {"provider": provider, "account_id": "1", "resource_type": "vm", "resource_id": region, "region": region}
        actor = Actor(ActorKind.SYSTEM)
        await ingest_resources(database, UUID(int=number), actor, [(1, {**row, "resource_name": "vm"})])

    assert {"af-south-1", "us-east-1"} <= {*await known_regions(database, Provider.AWS)}
    assert not {"global", "us-x1"} & {*await known_regions(database, Provider.AWS)}

    assert await request_weekly_refresh(database, [Provider.AWS, Provider.AZURE])
    assert not await request_weekly_refresh(database, [Provider.AWS])
    async with database.system() as session:
        arguments = (await session.execute(select(JOBS.c.arguments).where(JOBS.c.kind == REFRESH_JOB))).scalar_one()
    aws, azure = Reader({}), Reader({}, Provider.AZURE)
    await refresh(database, pool, aws, azure, job=Job(database, **arguments))
    assert (aws.regions, azure.regions) == (["af-south-1"], []), "by the clock no other region is read"


async def test_it_is_told_of_which_providers_prices_changed(database: Database, pool: ProviderPool) -> None:
    told: list[set[Provider]] = []

    async def changed(_: Database, providers: Collection[Provider]) -> None:
        told.append(set(providers))

    aws, azure = Reader({"EC2": Told([[price("a")]])}), Reader({"VMs": Told([[]])}, Provider.AZURE)
    tools = PriceTools(pool, {reader.provider: reader for reader in (aws, azure)})
    for _ in range(2):
        await refresh_prices(Job(database), tools, changed)

    assert told == [{Provider.AWS}], "what is told again is no change"


async def test_one_refresh_waits_at_a_time(database: Database) -> None:
    assert await request_refresh(database, [Provider.AWS], ["us-east-1"])
    assert not await request_refresh(database, [], [])

    async with database.system() as session:
        (job,) = (await session.execute(JOBS.select())).mappings().all()
    assert (job["kind"], job["organization_id"]) == ("refresh_prices", None)
    assert job["arguments"] == {"providers": ["AWS"], "regions": ["us-east-1"]}


async def test_a_worker_does_it(database: Database, pool: ProviderPool, engine_urls: EngineUrls) -> None:
    tools = PriceTools(pool, {Provider.AWS: Reader({"EC2": Told([[price("a")], [price("b")]], "v1")})})
    runner = make_runner(database, engine_urls.redis_url, {REFRESH_JOB: partial(refresh_prices, tools=tools)})
    assert await request_refresh(database, [], [])
    async with database.system() as session:
        job_id = (await session.execute(select(JOBS.c.id))).scalar_one()

    await runner.run(job_id)

    async with database.system() as session:
        assert (await session.execute(select(JOBS.c.state))).scalar_one() == "SUCCEEDED"
    assert [each[0] for each in await held(database)] == ["a", "b"]
    assert await request_refresh(database, [], []), "none waits any more"


@pytest.mark.parametrize(
    ("providers", "regions", "path"),
    [([Provider.OPENAI], [], "providers"), ([], ["x"] * 101, "regions"), ([], [""], "regions")],
)
async def test_what_cannot_be_refreshed_is_refused(
    database: Database, providers: list[Provider], regions: list[str], path: str
) -> None:
    with pytest.raises(BadUserInputError) as caught:
        await request_refresh(database, providers, regions)

    assert caught.value.path == ("input", path)
