"""A provider that tells of every metric what a test says, and a job that nobody takes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from app.database import Database
from app.pricing.book import seed_book
from app.providers.base import Cloud, Connection, Verification
from app.providers.calls import ProviderPool
from app.providers.metrics import DAY_SECONDS, MetricPoint, MetricQuery, MetricSeries, MetricWindow
from app.providers.problems import ProviderError
from app.recommendations.look import start_look
from app.recommendations.measure import MeasureTools, Measuring, measure
from app.records import Provider
from app.records.usage import StoredUsage
from app.repositories.resources import ResourceValues
from app.repositories.usage import usage_of
from app.sealing.vault import Vault
from tests.recommendations.looking import lone
from tests.repositories.found import ACCOUNT, ORGANIZATION, inventory

READS = "AWS/EBS VolumeReadOps SUM VolumeId=id"
Values = Callable[[MetricQuery], float | None]


@dataclass(eq=False)
class Far:
    """Tells the same value on each day, `together` series at a time. `fault` may raise for a query."""

    value: Values = lambda _: 1.0
    fault: Callable[[MetricQuery], None] = lambda _: None
    together: int = 3
    cut: bool = False
    asked: list[tuple[list[MetricQuery], MetricWindow]] = field(default_factory=list)

    @property
    def names(self) -> set[tuple[str, str]]:
        """Resource and metric of all that was asked for."""
        return {(query.resource, query.name) for queries, _ in self.asked for query in queries}

    def metrics(
        self, queries: Sequence[MetricQuery], begin: datetime, end: datetime, period_seconds: int = DAY_SECONDS
    ) -> Iterator[list[MetricSeries]]:
        window = MetricWindow(begin, end, period_seconds)
        self.asked.append((list(queries), window))
        for start in range(0, len(queries), self.together):
            batch = queries[start : start + self.together]
            for query in batch:
                self.fault(query)
            yield [self._series(query, window) for query in batch]

    def _series(self, query: MetricQuery, window: MetricWindow) -> MetricSeries:
        value = self.value(query)
        moments = () if value is None else (window.begin + number * window.period for number in range(window.periods))
        points = tuple(MetricPoint(each, dict.fromkeys(query.statistics, value or 0.0)) for each in moments)
        return MetricSeries(query, points, window.periods, is_cut=self.cut)

    def verify(self) -> Verification:
        raise NotImplementedError

    def regions(self) -> list[str]:
        return ["us-east-1"]

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Held:
    """A job that goes on for as long as it likes."""

    database: Database
    id: UUID = field(default_factory=uuid4)
    organization_id: UUID | None = ORGANIZATION
    arguments: Mapping[str, Any] = field(default_factory=lambda: {"accountId": str(ACCOUNT)})
    token: int = 1
    stop: bool = False
    further: int = 0

    def should_stop(self) -> bool:
        return self.stop

    async def hold(self, _session: AsyncSession) -> None:
        """It is ours."""

    async def progressed(self, _session: AsyncSession) -> None:
        self.further += 1


def failing(error: ProviderError, *resources: str) -> Callable[[MetricQuery], None]:
    """A fault of some resources, or of all where none is named."""

    def fault(query: MetricQuery) -> None:
        if not resources or query.resource in resources:
            raise error

    return fault


def tools_over(cloud: Callable[[Provider], Cloud] | None = None, vault: Vault | None = None) -> MeasureTools:
    """Tools without pauses."""

    async def nap(_seconds: float) -> None:
        """No pause."""

    return MeasureTools(cast("Vault", vault), ProviderPool(4, sleep=nap), cast("Any", cloud))


async def measured(database: Database, connection: Connection, **changed: Any) -> Measuring:
    """Measure the account through a connection."""
    job = Held(database)
    looking = await start_look(database, ORGANIZATION, ACCOUNT, seed_book(), job.hold)
    assert looking is not None
    for name, value in changed.items():
        setattr(looking, name, value)
    measuring = Measuring(job, tools_over(), looking, connection, "111122223333")
    await measure(measuring)
    return measuring


def used(native_id: str = "vol-1", **values: Any) -> ResourceValues:
    """A volume that an instance has."""
    attachments = [{"instanceId": "i-1", "state": "attached"}]
    properties = {"volumeType": "gp3", "sizeGiB": 100, "iops": 3000, "throughputMiBps": 125, "attachments": attachments}
    return lone(native_id, **({"status": "in-use", "properties": properties} | values))


async def stored(database: Database) -> dict[tuple[str, str], StoredUsage]:
    """All rows, by native id and metric."""
    names = {one.id: name for name, one in (await inventory(database)).items()}
    async with database.read(ORGANIZATION) as session:
        found = await usage_of(session, ORGANIZATION, list(names))
    return {(names[id_], metric): row for id_, rows in found.items() for metric, row in rows.items()}
