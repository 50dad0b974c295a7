"""After dead jobs: each is told once, more than a page of them, and a fault of one room holds no other up."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from app import dead_jobs
from app.database import Database
from app.dead_jobs import Recovery, given_up, recover
from app.queue import enqueue, requeue
from app.workers.jobs import make_handlers
from app.workers.recovery import RECOVERIES
from tests.activity.probes import write

KIND, OTHER = "probe", "other_probe"
TENANT = UUID(int=1)


class Told:
    """What a room was told; it fails as long as it is broken."""

    def __init__(self) -> None:
        self.of: list[UUID] = []
        self.reasons: list[str] = []
        self.broken = False
        self.is_news = True

    async def end(self, session: AsyncSession, job: RowMapping, subject_id: UUID) -> bool:
        assert (await session.execute(text("SELECT app_org()"))).scalar_one() == TENANT == job["organization_id"]
        self.of.append(subject_id)
        self.reasons.append(given_up("Given up.", job))
        if self.broken:
            message = "a fault of the room"
            raise RuntimeError(message)
        return self.is_news


async def die(database: Database, kind: str, arguments: dict[str, Any], failure: str | None = None) -> UUID:
    async with database.write(TENANT) as session:
        job_id = await enqueue(session, kind, TENANT, arguments)
        dead = text("UPDATE jobs SET state = 'DEAD', failure = :failure WHERE id = :id")
        await session.execute(dead, {"id": job_id, "failure": failure})
    return job_id


@pytest.fixture
async def tenant(database: Database) -> None:
    await write(database, TENANT, "one")


@pytest.mark.usefixtures("tenant")
async def test_each_is_told_once_also_beyond_a_page(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_jobs, "_PAGE", 3)
    subjects = [uuid4() for _ in range(8)]
    for subject in subjects:
        await die(database, KIND, {"thingId": str(subject)}, "five workers died")
    await die(database, "of no room", {"thingId": str(uuid4())})
    room = Told()
    recoveries = [Recovery(KIND, "thingId", room.end)]
    counts = await asyncio.gather(*(recover(database, recoveries) for _ in range(3)))
    assert sum(counts) == 8
    assert sorted(room.of) == sorted(subjects)
    assert set(room.reasons) == {"Given up. five workers died"}
    assert await recover(database, recoveries) == 0


@pytest.mark.usefixtures("tenant")
async def test_a_fault_of_one_room_holds_no_other_up_and_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_jobs, "_PAGE", 1)
    first, second = uuid4(), uuid4()
    await die(database, KIND, {"thingId": str(first)})
    await die(database, OTHER, {"otherId": str(second)})
    broken, whole = Told(), Told()
    broken.broken = True
    recoveries = [Recovery(KIND, "thingId", broken.end), Recovery(OTHER, "otherId", whole.end)]
    with capture_logs() as logged:
        assert await recover(database, recoveries) == 1
    assert (broken.of, whole.of) == ([first], [second])
    assert [(line["event"], line["kind"]) for line in logged] == [("dead_job_not_told", KIND), ("dead_job_told", OTHER)]
    broken.broken = False
    assert await recover(database, recoveries) == 1
    assert (broken.of, whole.of) == ([first, first], [second])


@pytest.mark.usefixtures("tenant")
async def test_one_that_is_queued_again_and_dies_again_is_told_again(database: Database) -> None:
    subject, room = uuid4(), Told()
    job_id = await die(database, KIND, {"thingId": str(subject)})
    recoveries = [Recovery(KIND, "thingId", room.end)]
    assert await recover(database, recoveries) == 1
    await requeue(database, job_id)
    assert await recover(database, recoveries) == 0, "it is not dead"
    async with database.write(TENANT) as session:
        await session.execute(text("UPDATE jobs SET state = 'DEAD'"))
    assert await recover(database, recoveries) == 1
    assert room.of == [subject, subject]


@pytest.mark.usefixtures("tenant")
async def test_what_is_over_or_names_nothing_is_settled_without_news(database: Database) -> None:
    room = Told()
    room.is_news = False
    await die(database, KIND, {"thingId": str(uuid4())})
    await die(database, KIND, {})
    recoveries = [Recovery(KIND, "thingId", room.end)]
    with capture_logs() as logged:
        assert await recover(database, recoveries) == 0
        assert await recover(database, recoveries) == 0
    assert len(room.of) == 1
    assert logged == []


def test_every_recovery_is_of_a_kind_that_workers_do() -> None:
    kinds = [recovery.kind for recovery in RECOVERIES]
    assert len(kinds) == len(set(kinds)) == 8
    nothing: Any = type("Nothing", (), {"__getattr__": lambda *_: None})()
    assert set(kinds) <= make_handlers(*[nothing] * 9).keys()
