"""The engine as tests drive it: real PostgreSQL, real jobs, a local cloud at the far side."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import RowMapping, select, text

from app.accounts.target import seal_secret
from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.models import Account, new_id
from app.providers.calls import ProviderPool
from app.records import AccountKind, Actor, ActorKind, ConnectionMethod, Provider
from app.repositories import activity, scans
from app.scanning.start import Started, start_scans
from app.scanning.tools import Clouds, ScanTools
from app.sealing.vault import Vault
from app.workers.jobs import make_handlers
from app.workers.runner import JobRunner, RunnerSettings
from tests.scanning.local_cloud import World, filled_world, local_clouds
from tests.workers.probes import IDLE, make_runner

ADA = Actor(ActorKind.USER, UUID(int=7))
SECRET = "s3cr3t"
ORGANIZATION = UUID("00000000-0000-7000-8000-0000000000aa")


@dataclass(eq=False)
class Engine:
    """An organization with accounts, and a worker that does what it is told."""

    database: Database
    vault: Vault
    redis_url: str
    clouds: Clouds
    organization_id: UUID = ORGANIZATION
    threads: int = 16
    page_seconds: float = 30.0
    whole_seconds: float = 60.0
    pauses: list[float] = field(default_factory=list)

    async def pause(self, seconds: float) -> None:
        """What stands in for the pauses between further tries."""
        self.pauses.append(seconds)

    def runner(self, settings: RunnerSettings = IDLE) -> JobRunner:
        """A worker's runner."""
        pool = ProviderPool(self.threads, sleep=self.pause)
        tools = ScanTools(
            self.vault, pool, self.clouds, page_seconds=self.page_seconds, whole_seconds=self.whole_seconds, look=0.2
        )
        return make_runner(self.database, self.redis_url, make_handlers(tools), settings)

    async def connect(
        self, native_id: str = "111122223333", settings: dict[str, Any] | None = None, secret: str = SECRET
    ) -> UUID:
        """A connected account."""
        account_id = new_id()
        async with self.database.write(self.organization_id) as session:
            session.add(
                Account(
                    organization_id=self.organization_id,
                    id=account_id,
                    provider=Provider.AWS.value,
                    kind=AccountKind.CONNECTED.value,
                    native_id=native_id,
                    name=f"account {native_id}",
                    method=ConnectionMethod.AWS_KEYS.value,
                    settings=settings or {},
                )
            )
            await session.flush()
            keys = {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": secret}
            await seal_secret(session, self.vault, self.organization_id, account_id, keys)
        return account_id

    async def start(self, **scope: Any) -> Started:
        """Queue scans."""
        return await start_scans(self.database, self.organization_id, ADA, clouds=self.clouds, **scope)

    async def scan(self, **scope: Any) -> RowMapping:
        """Scan one account to the end, measure its usage and look for waste; the scan's row."""
        (started,) = (await self.start(**scope)).scans
        await self.runner().run(started["job_id"])
        kinds = "'measure_usage', 'look_for_waste'"  # the one asks for the other
        for _ in range(2):
            for (job_id,) in await self.rows(f"SELECT id FROM jobs WHERE kind IN ({kinds}) AND state = 'QUEUED'"):  # noqa: S608
                await self.runner().run(job_id)
        return await self.row(started["id"])

    async def row(self, scan_id: UUID) -> RowMapping:
        """A scan as it stands."""
        async with self.database.read(self.organization_id) as session:
            found = await scans.get_scan(session, self.organization_id, scan_id)
        assert found is not None
        return found

    async def until(self, scan_id: UUID, *states: str) -> RowMapping:
        """Wait until the scan is in one of the states; fails when it does not come in 60 s."""
        async with asyncio.timeout(60):
            while (row := await self.row(scan_id))["state"] not in states:  # noqa: ASYNC110 - it is another process's
                await asyncio.sleep(0.02)
        return row

    async def steps(self, scan_id: UUID) -> dict[tuple[str, str], RowMapping]:
        """The steps by service and region."""
        async with self.database.read(self.organization_id) as session:
            found = await scans.steps_of(session, self.organization_id, scan_id)
        return {(step["service"], step["region"]): step for step in found}

    async def counts(self, scan_id: UUID) -> dict[str, int]:
        """What the steps amount to."""
        async with self.database.read(self.organization_id) as session:
            totals = (await scans.totals(session, self.organization_id, [scan_id]))[scan_id]
        return {name: getattr(totals, name) for name in ("found", "added", "changed", "removed", "unchanged")}

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What a statement finds in the organization."""
        async with self.database.read(self.organization_id) as session:
            return [tuple(row) for row in await session.execute(text(statement))]

    async def inventory(self) -> dict[str, tuple[Any, ...]]:
        """Present and gone resources by native id, with all that a scan decides about them."""
        found = await self.rows(
            "SELECT native_id, resource_type, region, name, properties, gone_at IS NOT NULL, (SELECT array_agg("
            "kind || ' ' || target_native_id) FROM resource_relationships AS relation WHERE relation.resource_id = "
            "resources.id) FROM resources ORDER BY native_id"
        )
        return {row[0]: row[1:] for row in found}

    async def account(self, account_id: UUID) -> RowMapping:
        """An account's row."""
        async with self.database.read(self.organization_id) as session:
            return (await session.execute(select(Account.__table__).where(Account.id == account_id))).mappings().one()

    async def events(self, *kinds: str) -> Sequence[Mapping[str, Any]]:
        """The events of these kinds, oldest first."""
        found = await activity.read_events(self.database, self.organization_id, 0, 10_000)
        return [event for event in found if not kinds or event["kind"] in kinds]


@pytest.fixture
def world() -> World:
    """A world with something in every place; a test module imports this and `engine`."""
    return filled_world()


@pytest.fixture
async def engine(database: Database, settings: Settings, engine_urls: EngineUrls, world: World) -> Engine:
    """The engine over that world."""
    return Engine(database, Vault.from_settings(settings), engine_urls.redis_url, local_clouds(world))
