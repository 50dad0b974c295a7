"""Schedules run by their cron expression in their time zone, each time once, however late the worker comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import RowMapping, text

from app.dead_jobs import recover
from app.errors import BadUserInputError, ConflictError, NotFoundError
from app.models import now
from app.records import Provider
from app.records.cron import next_runs
from app.repositories.jobs import JOBS
from app.repositories.scan_schedules import SCHEDULES
from app.scanning.cancel import cancel_scan
from app.scanning.recover import RECOVERIES
from app.scanning.schedule import create_schedule, delete_schedule, jitter, update_schedule
from tests.quotas.limited import limited
from tests.scanning.engine import ADA, Engine
from tests.workers.probes import job_row


async def create(engine: Engine, **values: Any) -> RowMapping:
    given: dict[str, Any] = {"name": "nightly", "cron": "0 3 * * *", "time_zone": "Europe/Berlin"} | values
    return await create_schedule(engine.database, engine.organization_id, ADA, clouds=engine.clouds, **given)


async def update(engine: Engine, schedule: RowMapping, **values: Any) -> RowMapping:
    identity = (engine.organization_id, ADA, schedule["id"])
    return await update_schedule(engine.database, *identity, clouds=engine.clouds, **values)


async def stored(engine: Engine, schedule_id: UUID) -> RowMapping:
    async with engine.database.read(engine.organization_id) as session:
        return (await session.execute(SCHEDULES.select().where(SCHEDULES.c.id == schedule_id))).mappings().one()


async def come(engine: Engine, job_id: UUID, late: timedelta = timedelta(seconds=1)) -> None:
    """Let the time of a job come, and run it."""
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().where(JOBS.c.id == job_id).values(wake_at=now() - late))
        await session.execute(SCHEDULES.update().where(SCHEDULES.c.job_id == job_id).values(next_run_at=now() - late))
    await engine.runner().run(job_id)


async def test_a_schedule_has_one_job_at_its_next_time(engine: Engine) -> None:
    schedule = await create(engine, jitter_seconds=600)
    (due,) = next_runs("0 3 * * *", "Europe/Berlin", schedule["created_at"])
    job = await job_row(engine.database, schedule["job_id"])
    assert (job["kind"], job["arguments"]) == ("start_scheduled_scans", {"scheduleId": str(schedule["id"])})
    assert timedelta() <= job["wake_at"] - due <= timedelta(seconds=600)
    assert job["wake_at"] - due == jitter(schedule["id"], due, 600)
    assert schedule["next_run_at"] == job["wake_at"], "the moment that is shown is the one at which it starts"
    (event,) = await engine.events()
    assert (event["kind"], event["subject_id"]) == ("SCAN_SCHEDULE_CREATED", schedule["id"])
    assert event["data"] == {"name": "nightly", "cron": "0 3 * * *", "timeZone": "Europe/Berlin"}


async def test_when_its_time_comes_the_scans_start_and_the_next_run_is_queued(engine: Engine) -> None:
    accounts = {await engine.connect("1"), await engine.connect("2")}
    schedule = await create(engine, regions=["eu-west-1"], services=["compute"])
    await come(engine, schedule["job_id"])
    found = await engine.rows("SELECT account_id, state, schedule_id, regions, services, actor_kind FROM scans")
    assert {row[0] for row in found} == accounts
    assert {row[1:3] for row in found} == {("QUEUED", schedule["id"])}
    assert [row[3:] for row in found] == 2 * [(["eu-west-1"], ["compute"], "SYSTEM")]
    after = await stored(engine, schedule["id"])
    assert after["job_id"] != schedule["job_id"]
    assert after["next_run_at"] > now()
    assert after["last_run_at"] is not None
    assert (await job_row(engine.database, after["job_id"]))["state"] == "QUEUED"
    events = await engine.events("SCAN_STARTED")
    assert {event["data"]["scheduleId"] for event in events} == {str(schedule["id"])}


async def test_missed_times_are_made_up_for_once(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine, cron="*/5 * * * *")
    await come(engine, schedule["job_id"], late=timedelta(days=3))
    after = await stored(engine, schedule["id"])
    assert timedelta() < after["next_run_at"] - now() <= timedelta(minutes=5)
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]
    queued = await engine.rows("SELECT count(*) FROM jobs WHERE state = 'QUEUED' AND kind = 'start_scheduled_scans'")
    assert queued == [(1,)]


async def test_a_worker_whose_clock_is_behind_runs_no_time_twice(engine: Engine) -> None:
    """PostgreSQL says that the job is due; by the worker's clock its time is still to come."""
    await engine.connect()
    schedule = await create(engine, cron="* * * * *")
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().values(wake_at=text("now()")))
    await engine.runner().run(schedule["job_id"])
    after = await stored(engine, schedule["id"])
    assert after["next_run_at"] == schedule["next_run_at"] + timedelta(minutes=1)


async def test_services_that_are_no_more_are_left_out_and_told(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine, services=["compute", "tables"])
    known = engine.clouds
    cloud = known(Provider.AWS)
    services = tuple(service for service in cloud.services() if service.name != "tables")
    cloud.services = lambda: services  # type: ignore[method-assign]
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT services FROM scans") == [(["compute"],)]
    (event,) = await engine.events("SCAN_SCHEDULE_SKIPPED")
    assert (event["subject_id"], event["actor_kind"]) == (schedule["id"], "SYSTEM")
    assert event["data"]["reason"] == "No connected account has the services tables."
    services = ()
    await come(engine, (await stored(engine, schedule["id"]))["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]
    assert (await engine.events("SCAN_SCHEDULE_SKIPPED"))[-1]["data"]["reason"].endswith("compute, tables.")
    assert (await stored(engine, schedule["id"]))["next_run_at"] > now()
    assert (await stored(engine, schedule["id"]))["services"] == ["compute", "tables"], "a newer version may know them"


async def test_what_the_plan_does_not_allow_is_told_and_the_schedule_goes_on(engine: Engine) -> None:
    """All of its scans or none, and what it had begun to do leaves nothing behind."""
    for number in range(3):
        await engine.connect(str(number))
    await limited(engine.database, engine.organization_id, scans_per_day=2)
    schedule = await create(engine)
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT (SELECT count(*) FROM scans), (SELECT count(*) FROM usage_counters)") == [(0, 0)]
    (event,) = await engine.events("SCAN_SCHEDULE_SKIPPED")
    assert event["data"]["reason"].startswith(
        "The plan Tiny limits scans to 2 a day; used so far: 0, and this needs 3."
    )
    after = await stored(engine, schedule["id"])
    assert after["next_run_at"] > now()
    await limited(engine.database, engine.organization_id, scans_per_day=3)
    await come(engine, after["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(3,)]


async def test_a_schedule_whose_job_is_dead_goes_on(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine, cron="*/5 * * * *")
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().values(state="DEAD", failure="Attempt 5 of 5 failed."))
    assert await recover(engine.database, RECOVERIES) == 1
    after = await stored(engine, schedule["id"])
    assert after["job_id"] != schedule["job_id"]
    assert after["next_run_at"] > now()
    (event,) = await engine.events("SCAN_SCHEDULE_SKIPPED")
    assert event["data"]["reason"] == "The scans could not be started. Attempt 5 of 5 failed."
    assert await recover(engine.database, RECOVERIES) == 0
    await come(engine, after["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]


async def test_the_dead_job_of_a_schedule_that_was_changed_or_is_off_says_nothing(engine: Engine) -> None:
    changed, off = await create(engine), await create(engine, name="off")
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().values(state="DEAD"))
    changed = await update(engine, changed, cron="0 4 * * *")
    await update(engine, off, enabled=False)
    assert await recover(engine.database, RECOVERIES) == 0
    assert await stored(engine, changed["id"]) == changed
    assert (await stored(engine, off["id"]))["job_id"] is None


async def test_jitter_is_less_than_the_time_between_two_runs(engine: Engine) -> None:
    with pytest.raises(BadUserInputError, match="only 60 s apart; it may be half of that, 30") as refused:
        await create(engine, cron="* * * * *", jitter_seconds=86_400)
    assert refused.value.path == ("input", "jitterSeconds")
    schedule = await create(engine, cron="0 * * * *", jitter_seconds=1_800)
    for values in ({"cron": "*/30 * * * *"}, {"jitter_seconds": 1_801}):
        with pytest.raises(BadUserInputError, match="it may be half of that"):
            await update(engine, schedule, **values)
    changed = await update(engine, schedule, cron="*/30 * * * *", jitter_seconds=900)
    assert (changed["cron"], changed["jitter_seconds"]) == ("*/30 * * * *", 900)


async def test_a_job_that_runs_twice_starts_once(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine)
    await come(engine, schedule["job_id"])
    ((scan_id,),) = await engine.rows("SELECT id FROM scans")
    await cancel_scan(engine.database, engine.organization_id, ADA, scan_id)
    async with engine.database.write(engine.organization_id) as session:  # as after a kill between commit and settling
        await session.execute(JOBS.update().where(JOBS.c.id == schedule["job_id"]).values(state="QUEUED"))
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]
    assert await engine.rows("SELECT count(*) FROM jobs WHERE kind = 'start_scheduled_scans'") == [(2,)]


async def test_an_account_that_is_being_scanned_is_left_alone(engine: Engine) -> None:
    await engine.connect()
    await engine.start()
    schedule = await create(engine)
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT schedule_id FROM scans") == [(None,)]
    assert (await stored(engine, schedule["id"]))["next_run_at"] > now()


@pytest.mark.parametrize("state", ["manual", "none"])
async def test_without_an_account_to_scan_the_schedule_goes_on(engine: Engine, state: str) -> None:
    account_id = await engine.connect()
    schedule = await create(engine, account_ids=[account_id])
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(
            text(
                "UPDATE accounts SET kind = 'MANUAL'"
                if state == "manual"
                else "UPDATE accounts SET disconnected_at = now()"
            )
        )
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(0,)]
    assert (await stored(engine, schedule["id"]))["job_id"] != schedule["job_id"]


async def test_a_change_makes_the_job_before_it_obsolete(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine)
    changed = await update(engine, schedule, cron="30 4 * * *", time_zone="Asia/Kolkata", name="early", services=None)
    assert (changed["cron"], changed["time_zone"], changed["name"]) == ("30 4 * * *", "Asia/Kolkata", "early")
    assert changed["next_run_at"].strftime("%H:%M") == "23:00"
    await come(engine, schedule["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(0,)]
    assert (await stored(engine, schedule["id"]))["job_id"] == changed["job_id"]
    await come(engine, changed["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]


async def test_a_schedule_that_is_off_or_deleted_starts_nothing(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine)
    off = await update(engine, schedule, enabled=False)
    assert (off["enabled"], off["job_id"], off["next_run_at"]) == (False, None, None)
    await come(engine, schedule["job_id"])
    on = await update(engine, schedule, enabled=True)
    assert on["next_run_at"] > now()
    await delete_schedule(engine.database, engine.organization_id, ADA, schedule["id"])
    await come(engine, on["job_id"])
    assert await engine.rows("SELECT count(*) FROM scans") == [(0,)]
    assert (await job_row(engine.database, on["job_id"]))["state"] == "SUCCEEDED"
    kinds = [event["kind"].removeprefix("SCAN_SCHEDULE_") for event in await engine.events()]
    assert kinds == ["CREATED", "UPDATED", "UPDATED", "DELETED"]


@pytest.mark.parametrize(
    ("values", "path", "words"),
    [
        ({"cron": "hourly"}, "cron", "has 1 fields; it needs 5: minute, hour, .*`0 6 \\* \\* \\*` is every day"),
        ({"cron": "* * * * * *"}, "cron", "has 6 fields"),
        ({"cron": "61 * * * *"}, "cron", "wrong minute"),
        ({"cron": "* 24 * * *"}, "cron", "wrong hour"),
        ({"cron": "0 0 30 2 *"}, "cron", "wrong day of month"),
        ({"cron": "0 0 31 4,6 1#9"}, "cron", "wrong day of week"),
        ({"cron": "0 0 " + "1," * 200 + "1 * *"}, "cron", "may have 200"),
        ({"time_zone": "CEST"}, "timeZone", "no IANA time zone; they look like `Europe/Berlin`"),
        ({"time_zone": "../../etc/passwd"}, "timeZone", "no IANA time zone"),
        ({"jitter_seconds": -1}, "jitterSeconds", "must be 0 to 86,400"),
        ({"name": " "}, "name", "1 to 256"),
        ({"regions": ["?"]}, "regions", "no name of a region"),
        ({"services": ["ec3"]}, "services", "no service 'ec3'"),
    ],
)
async def test_what_is_wrong_is_said_with_an_example(
    engine: Engine, values: dict[str, Any], path: str, words: str
) -> None:
    await engine.connect()
    schedule = await create(engine, name="other")
    for attempt in (create(engine, **values), update(engine, schedule, **values)):
        with pytest.raises(BadUserInputError, match=words) as refused:
            await attempt
        assert refused.value.path == ("input", path)


async def test_names_are_unique_and_absent_schedules_not_found(engine: Engine) -> None:
    schedule, other = await create(engine), await create(engine, name="other")
    with pytest.raises(ConflictError, match="named 'nightly' already"):
        await create(engine)
    with pytest.raises(ConflictError, match="named 'nightly' already"):
        await update(engine, other, name="nightly")
    await update(engine, schedule, name="nightly")
    with pytest.raises(NotFoundError):
        await delete_schedule(engine.database, engine.organization_id, ADA, uuid4())
    with pytest.raises(NotFoundError):
        await delete_schedule(engine.database, uuid4(), ADA, schedule["id"])
    with pytest.raises(NotFoundError):
        await create(engine, name="third", account_ids=[uuid4()])


async def test_changes_at_once_leave_one_job(engine: Engine) -> None:
    await engine.connect()
    schedule = await create(engine)
    await asyncio.gather(*(update(engine, schedule, cron=f"{minute} * * * *") for minute in range(8)))
    current = (await stored(engine, schedule["id"]))["job_id"]
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().values(wake_at=now()))
    for _ in range(9):
        await engine.runner().run(current)
    assert await engine.rows("SELECT count(*) FROM scans") == [(1,)]


BERLIN_AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # clocks go back on 25 October, 03:00 to 02:00
BERLIN_SPRING = datetime(2026, 3, 28, 12, tzinfo=UTC)  # clocks go on on 29 March, 02:00 to 03:00


@pytest.mark.parametrize(
    ("cron", "after", "expected"),
    [
        ("30 2 * * *", BERLIN_AUTUMN, ["25 00:30", "26 01:30"]),
        ("30 2 * * *", datetime(2026, 10, 25, 1, 10, tzinfo=UTC), ["26 01:30"]),  # in the second pass of that hour
        ("30 2 * * *", BERLIN_SPRING, ["29 01:00", "30 00:30"]),
        ("0 3 * * *", BERLIN_AUTUMN, ["25 02:00", "26 02:00"]),
        ("0 */12 * * *", BERLIN_SPRING, ["28 23:00", "29 10:00", "29 22:00"]),
    ],
)
def test_daylight_saving_skips_and_doubles_nothing(cron: str, after: datetime, expected: list[str]) -> None:
    runs = next_runs(cron, "Europe/Berlin", after, len(expected))
    assert [run.strftime("%d %H:%M") for run in runs] == expected


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 * * * *", "15 1-3 * * *", "0 0 1 * *", "45 1 * * SUN"])
def test_runs_only_go_forward_whenever_they_are_asked(zone: str, cron: str) -> None:
    moment = datetime(2026, 3, 25, tzinfo=UTC)
    for _ in range(400):
        moment += timedelta(minutes=47)
        runs = next_runs(cron, zone, moment, 3)
        assert moment < runs[0] < runs[1] < runs[2]


def test_jitter_is_the_same_for_one_run_and_spread_over_runs() -> None:
    schedule_id, moment = UUID(int=7), datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert jitter(schedule_id, moment, 600) == jitter(schedule_id, moment, 600)
    delays = [jitter(UUID(int=number), moment, 600).total_seconds() for number in range(500)]
    assert all(0 <= delay <= 600 for delay in delays)
    assert 270 < sum(delays) / len(delays) < 330
    assert jitter(schedule_id, moment, 0) == timedelta()
