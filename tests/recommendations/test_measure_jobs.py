"""After a scan an account is measured, and then looked at, whatever became of the measuring."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.providers.aws.session import AwsConnection
from app.providers.base import Cloud
from app.providers.metrics import MetricQuery
from app.providers.opinions import OpinionReader
from app.providers.problems import ProblemCode, ProviderError
from app.recommendations.jobs import measure_usage
from app.records import Provider
from app.sealing.vault import Vault
from tests.providers.aws.cloudwatch import Refusal, cloudwatch_before
from tests.providers.moto import REGION, aws_target, far_client
from tests.recommendations.far import READS, Far, Held, measured, stored, tools_over, used
from tests.recommendations.looking import add_company, keep, ledger
from tests.repositories.found import ACCOUNT, ORGANIZATION, add_accounts
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import filled_world, local_clouds


class Over:
    """A cloud whose connections are all the same."""

    provider = Provider.AWS

    def __init__(self, far: Far | ProviderError) -> None:
        self.far = far

    def connect(self, _target: Any) -> Far:
        if isinstance(self.far, ProviderError):
            raise self.far
        return self.far

    def advisers(self) -> tuple[OpinionReader, ...]:
        return ()


@pytest.fixture(autouse=True)
async def company(database: Database, owner: Database) -> None:
    await add_company(owner)
    await add_accounts(database)


@pytest.fixture
async def engine(database: Database, settings: Settings, engine_urls: EngineUrls) -> Engine:
    clouds = local_clouds(filled_world(servers=1))
    return Engine(database, Vault.from_settings(settings), engine_urls.redis_url, clouds, ORGANIZATION)


def over(far: Far | ProviderError) -> Callable[[Provider], Cloud]:
    return lambda _: cast("Cloud", Over(far))


async def jobs(database: Database) -> list[tuple[str, str]]:
    """Kind and state of all jobs, in the order in which they were asked for."""
    async with database.read(ORGANIZATION) as session:
        return [tuple(row) for row in await session.execute(text("SELECT kind, state FROM jobs ORDER BY id"))]


async def test_a_scan_is_followed_by_the_measuring_and_the_look(engine: Engine, database: Database) -> None:
    account_id = await engine.connect()
    await engine.scan(account_ids=[account_id])
    assert await jobs(database) == [
        ("run_scan", "SUCCEEDED"),
        ("measure_usage", "SUCCEEDED"),
        ("look_for_waste", "SUCCEEDED"),
    ]


async def measure(engine: Engine, account_id: UUID, far: Far, **values: Any) -> None:
    job = Held(engine.database, arguments={"accountId": str(account_id)}, **values)
    await measure_usage(job, tools_over(over(far), engine.vault))


async def test_a_connected_account_is_read_through_its_connection(
    engine: Engine, database: Database, owner: Database
) -> None:
    account_id = await engine.connect()
    await keep(database, owner, used(account_id=account_id))
    far = Far()
    await measure(engine, account_id, far)
    assert len(far.asked) == 1
    ((job_id,),) = await engine.rows("SELECT id FROM jobs")
    await engine.runner().run(job_id)
    assert [row["state"] for row in (await ledger(database)).values()] == ["OPEN"]
    assert await jobs(database) == [("look_for_waste", "SUCCEEDED")]


async def test_an_account_without_a_connection_is_only_looked_at(
    engine: Engine, database: Database, owner: Database
) -> None:
    await keep(database, owner, used())
    far = Far()
    await measure(engine, ACCOUNT, far)
    assert far.asked == []
    assert await jobs(database) == [("look_for_waste", "QUEUED")]


@pytest.mark.parametrize(
    ("far", "level"),
    [
        (ProviderError(ProblemCode.CREDENTIALS, "The keys have expired.", "Send new keys."), "info"),
        (Far(), "error"),  # and a vault that is broken
    ],
)
async def test_whatever_goes_wrong_the_account_is_looked_at(
    engine: Engine, database: Database, owner: Database, far: Far | ProviderError, level: str
) -> None:
    account_id = await engine.connect()
    await keep(database, owner, used(account_id=account_id))
    tools = tools_over(over(far), engine.vault if level == "info" else cast("Any", object()))
    with capture_logs() as logs:
        await measure_usage(Held(database, arguments={"accountId": str(account_id)}), tools)
    assert [log["log_level"] for log in logs if log["event"] == "usage_not_measured"] == [level]
    assert await jobs(database) == [("look_for_waste", "QUEUED")]


async def test_a_worker_that_goes_down_asks_for_no_look(engine: Engine, database: Database, owner: Database) -> None:
    account_id = await engine.connect()
    await keep(database, owner, used(account_id=account_id))
    begun, gate = threading.Event(), threading.Event()

    def hang(_query: MetricQuery) -> None:
        begun.set()
        gate.wait(30)

    job = Held(database, arguments={"accountId": str(account_id)})
    working = asyncio.create_task(measure_usage(job, tools_over(over(Far(fault=hang)), engine.vault)))
    await asyncio.to_thread(begun.wait, 30)
    job.stop = True
    await asyncio.wait_for(working, 10)
    gate.set()
    assert (await jobs(database), await stored(database)) == ([], {})


async def test_more_than_a_call_of_cloudwatch_takes(database: Database, owner: Database, moto_url: str) -> None:
    """600 metrics of 300 volumes in two calls; one volume is used, one has a day without samples."""
    await keep(database, owner, *(used(f"vol-{number}", region=REGION) for number in range(300)))
    today = datetime.combine(datetime.now(UTC).date(), time(), UTC)
    put = far_client(moto_url, "cloudwatch", REGION).put_metric_data
    for name, days, value in (("vol-0", 14, 5.0), ("vol-1", 14, 5e6), ("vol-2", 13, 5.0)):
        for metric in ("VolumeReadOps", "VolumeWriteOps"):
            samples = [
                {
                    "MetricName": metric,
                    "Dimensions": [{"Name": "VolumeId", "Value": name}],
                    "Timestamp": today - timedelta(days=back, hours=-3),
                    "Value": value,
                }
                for back in range(1, days + 1)
            ]
            put(Namespace="AWS/EBS", MetricData=samples)
    with cloudwatch_before(moto_url) as far:
        connection = AwsConnection(aws_target(far.url), attempts=2)
        measuring = await measured(database, connection)
        connection.close()
        assert sorted(len(asked["MetricDataQueries"]) for asked in far.asked) == [100, 500]
    assert (measuring.read, measuring.refused) == (600, 0)
    rows = await stored(database)
    assert len(rows) == 600
    assert rows["vol-0", READS].daily == [5.0] * 14
    assert rows["vol-1", READS].daily == [5e6] * 14
    assert rows["vol-2", READS].daily == [None, *[5.0] * 13]
    assert rows["vol-299", READS].daily == [None] * 14


async def test_cloudwatch_that_is_denied_is_named(database: Database, owner: Database, moto_url: str) -> None:
    await keep(database, owner, used(region=REGION))
    with cloudwatch_before(moto_url) as far:
        far.faults = [Refusal("AccessDenied", 403)] * 9
        connection = AwsConnection(aws_target(far.url), attempts=2)
        await measured(database, connection)
        connection.close()
    (problem,) = {row.problem for row in (await stored(database)).values()}
    assert problem is not None
    assert "Missing permission: cloudwatch:GetMetricData." in problem
