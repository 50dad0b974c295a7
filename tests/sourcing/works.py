"""Cost sources as tests drive them: real PostgreSQL and jobs, real S3 clients, moto at the far side."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, text

from app.accounts.target import seal_secret
from app.config import Settings
from app.costs.imports.order import ImportOrder
from app.costs.imports.storing import Progress
from app.database import Database
from app.embedded import EngineUrls
from app.models import Account, new_id
from app.providers import registry
from app.providers.calls import ProviderPool
from app.records import AccountKind, Actor, ActorKind, ConnectionMethod, Provider
from app.records.cost_sources import CostSourceKind
from app.records.costs import ImportOutcome, ImportState
from app.repositories import activity, cost_imports, cost_sources
from app.scanning.tools import ScanTools
from app.sealing.vault import Vault
from app.sourcing.change import create_source
from app.sourcing.start import run_cost_source
from app.sourcing.tools import Importer, OpenSource, SourceTools
from app.workers.jobs import make_handlers
from app.workers.runner import JobRunner, RunnerSettings
from tests.providers.moto import far_client
from tests.workers.probes import IDLE, make_runner

ADA = Actor(ActorKind.USER, UUID(int=7))
ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000aa")
BUCKET, FOLDER = "acme-costs", "finops/focus"
HEADER = (
    "BilledCost,BillingCurrency,BillingAccountId,BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd"
)


@dataclass(eq=False)
class Recorder:
    """Stands where the importer stands: keeps what it gets, and answers what a test wants."""

    taken: list[tuple[str, list[bytes]]] = field(default_factory=list)
    orders: list[ImportOrder] = field(default_factory=list)
    answer: Callable[[ImportOrder], ImportOutcome] | None = None

    async def __call__(
        self, database: Database, order: ImportOrder, paths: Sequence[Path], _progress: Progress
    ) -> ImportOutcome:
        self.orders.append(order)
        self.taken.append((order.dataset, [path.read_bytes() for path in paths]))
        outcome = ImportOutcome(order.import_id, ImportState.SUCCEEDED, received=2, added=2)
        if self.answer is not None:
            outcome = self.answer(order)
        async with database.write(order.organization_id) as session:
            values = {"state": outcome.state, "received": outcome.received}
            await cost_imports.change_import(session, order.organization_id, order.import_id, values)
        return outcome


@dataclass(eq=False)
class Works:
    """An organization, its source, and a worker that does what it is told."""

    database: Database
    vault: Vault
    redis_url: str
    folder: Path
    url: str
    far: Any
    importer: Importer
    account_id: UUID = field(default_factory=new_id)
    organization_id: UUID = ORGANIZATION
    open_source: OpenSource = registry.cost_source
    pauses: list[float] = field(default_factory=list)

    @property
    def recorder(self) -> Recorder:
        """The importer, where it is the recorder."""
        assert isinstance(self.importer, Recorder)
        return self.importer

    async def pause(self, seconds: float) -> None:
        """What stands in for the pauses between further tries."""
        self.pauses.append(seconds)

    def runner(self, settings: RunnerSettings = IDLE) -> JobRunner:
        """A worker's runner."""
        pool = ProviderPool(8, sleep=self.pause)
        tools = SourceTools(self.vault, pool, self.folder, self.importer, self.open_source, look=0.1)
        handlers = make_handlers(ScanTools(self.vault, pool), sources=tools)
        return make_runner(self.database, self.redis_url, handlers, settings)

    async def connect(self) -> None:
        """Store the account, connected to moto."""
        async with self.database.write(self.organization_id) as session:
            session.add(
                Account(
                    organization_id=self.organization_id,
                    id=self.account_id,
                    provider=Provider.AWS.value,
                    kind=AccountKind.CONNECTED.value,
                    native_id="123456789012",
                    name="acme",
                    method=ConnectionMethod.AWS_KEYS.value,
                    settings={"endpoints": {"*": self.url}},
                )
            )
            await session.flush()
            keys = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "s3cr3t"}
            await seal_secret(session, self.vault, self.organization_id, self.account_id, keys)

    async def create(self, **values: Any) -> RowMapping:
        """A source of the export."""
        place = {"bucket": BUCKET, "prefix": FOLDER, "region": None}
        given: dict[str, Any] = {
            "account_id": self.account_id,
            "name": "focus",
            "configuration": (CostSourceKind.AWS_DATA_EXPORT, place),
            "since": "2026-08",
        }
        return await create_source(self.database, self.organization_id, ADA, **(given | values))

    def put(self, key: str, content: bytes) -> str:
        """Write an object of the export."""
        self.far.put_object(Bucket=BUCKET, Key=f"{FOLDER}/{key}", Body=content)
        return f"s3://{BUCKET}/{FOLDER}/{key}"

    def deliver(self, month: str, *amounts: str) -> bytes:
        """Deliver a month as AWS does: a file with these amounts, then the manifest; the file."""
        content = focus(month, *amounts)
        name = self.put(f"data/BILLING_PERIOD={month}/focus-00001.csv.gz", content)
        manifest = json.dumps({"dataFiles": [name]}).encode()
        self.put(f"metadata/BILLING_PERIOD={month}/focus-Manifest.json", manifest)
        return content

    async def start(self, source: RowMapping, *, refetch: bool = False) -> RowMapping:
        """Queue a run."""
        started = await run_cost_source(self.database, self.organization_id, ADA, source["id"], refetch=refetch)
        return started.run

    async def run(self, source: RowMapping, *, refetch: bool = False) -> RowMapping:
        """Run a source to the end; the run as it is then."""
        return await self.work(await self.start(source, refetch=refetch))

    async def work(self, run: RowMapping) -> RowMapping:
        """Let a worker do what is due until the run has ended; the run as it is then."""
        runner = self.runner()
        for _ in range(10):  # an import may leave jobs of other rooms, which come first
            await runner.run(run["job_id"])
            found = await self.row(run["id"])
            if found["finished_at"] is not None:
                return found
        return found

    async def row(self, run_id: UUID) -> RowMapping:
        """A run as it stands."""
        async with self.database.read(self.organization_id) as session:
            found = await cost_sources.get_run(session, self.organization_id, run_id)
        assert found is not None
        return found

    async def source(self, source_id: UUID) -> RowMapping:
        """A source as it stands."""
        async with self.database.read(self.organization_id) as session:
            found = await cost_sources.find_source(session, self.organization_id, source_id)
        assert found is not None
        return found

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement finds in the organization."""
        async with self.database.read(self.organization_id) as session:
            return [tuple(row) for row in await session.execute(text(statement))]

    async def events(self, *kinds: str) -> list[Mapping[str, Any]]:
        """The events of these kinds, oldest first."""
        found = await activity.read_events(self.database, self.organization_id, 0, 10_000)
        return [event for event in found if not kinds or event["kind"] in kinds]


def focus(month: str, *amounts: str) -> bytes:
    """A file of FOCUS with one charge for each amount."""
    year, number = month.split("-")
    after = f"{year}-{int(number) + 1:02d}" if number != "12" else f"{int(year) + 1}-01"
    period = f"1234,{month}-01T00:00:00Z,{after}-01T00:00:00Z,{month}-03T00:00:00Z,{month}-04T00:00:00Z"
    text_ = "\n".join([HEADER, *(f"{amount},USD,{period}" for amount in amounts)])
    return gzip.compress(text_.encode() + b"\n", mtime=0)


def outline(run: RowMapping) -> list[tuple[str, str | None, str]]:
    """The steps of a run: kind, billing period, state."""
    return [(step["kind"], step["delivery"], step["state"]) for step in run["steps"]]


@pytest.fixture
async def works(
    database: Database, settings: Settings, engine_urls: EngineUrls, moto_url: str, tmp_path: Path
) -> Works:
    """The works over moto, with an importer that keeps what it gets."""
    far = far_client(moto_url, "s3", "us-east-1")
    far.create_bucket(Bucket=BUCKET)
    vault = Vault.from_settings(settings)
    made = Works(database, vault, engine_urls.redis_url, tmp_path / "deliveries", moto_url, far, Recorder())
    await made.connect()
    return made
