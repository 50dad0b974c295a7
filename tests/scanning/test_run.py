"""A scan stores what it finds, sweeps what it has read wholly, and never takes a failure for an empty account."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from app.dead_jobs import recover
from app.models import now
from app.providers.problems import ProblemCode, ProviderError
from app.repositories.jobs import JOBS
from app.scanning.recover import RECOVERIES
from tests.scanning.engine import Engine
from tests.scanning.local_cloud import (
    ADDRESS,
    BROKEN,
    BUCKET,
    DENIED,
    DISK,
    EXPIRED,
    HIDDEN,
    NOT_ENABLED,
    SERVER,
    TABLE,
    THROTTLED,
    World,
    always,
    times,
)
from tests.scanning.test_cancel import hanging
from tests.workers.probes import job_row, until

ALL = 40  # of the filled world: in each of two regions 8 servers, 8 disks, 2 addresses, 1 table, 1 bucket


async def test_a_scan_stores_everything_with_exact_counts(engine: Engine, world: World) -> None:
    account_id = await engine.connect()
    scan = await engine.scan()
    assert (scan["state"], scan["failure"], scan["remedy"]) == ("SUCCEEDED", None, None)
    assert scan["started_at"] <= scan["finished_at"]
    assert await engine.counts(scan["id"]) == {"found": ALL, "added": ALL, "changed": 0, "removed": 0, "unchanged": 0}
    inventory = await engine.inventory()
    assert set(inventory) == {native_id for there in world.things.values() for native_id in there}
    disk = inventory[f"{DISK}/eu-west-1/disk-3"]
    assert disk == (
        DISK,
        "eu-west-1",
        "disk-3",
        {"gibibytes": 8},
        False,
        [f"ATTACHED_TO {SERVER}/eu-west-1/server-3"],
    )
    steps = await engine.steps(scan["id"])
    assert {key: (step["state"], step["found"], step["problems"]) for key, step in steps.items()} == {
        ("storage", "global"): ("SUCCEEDED", 2, []),
        **{("compute", region): ("SUCCEEDED", 16, []) for region in world.regions},
        **{("network", region): ("SUCCEEDED", 2, []) for region in world.regions},
        **{("tables", region): ("SUCCEEDED", 1, []) for region in world.regions},
    }
    account = await engine.account(account_id)
    assert (account["health"], account["health_message"]) == ("HEALTHY", None)
    assert await engine.rows("SELECT count(*) FROM scan_sightings") == [(0,)]
    kinds = [event["kind"] for event in await engine.events()]
    assert kinds == ["SCAN_STARTED", "ACCOUNT_HEALTH_CHANGED", "SCAN_FINISHED"]
    finished = (await engine.events("SCAN_FINISHED"))[0]
    assert finished["data"] == {
        "scanId": str(scan["id"]),
        "accountId": str(account_id),
        "state": "SUCCEEDED",
        **await engine.counts(scan["id"]),
    }


async def test_a_second_scan_tells_exactly_what_is_new_changed_and_gone(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    world.put(SERVER, "eu-west-1", "server-0", "server-1", size="large")
    world.put(TABLE, "us-east-1", "table-new")
    world.take(DISK, "eu-west-1", "disk-5", "disk-6", "disk-7")
    world.take(BUCKET, "global", "bucket-of-us-east-1")
    scan = await engine.scan()
    assert scan["state"] == "SUCCEEDED"
    counts = {"found": 37, "added": 1, "changed": 2, "removed": 4, "unchanged": 34}
    assert await engine.counts(scan["id"]) == counts
    gone = {native_id for native_id, values in (await engine.inventory()).items() if values[4]}
    assert gone == {
        *(f"{DISK}/eu-west-1/disk-{number}" for number in (5, 6, 7)),
        f"{BUCKET}/global/bucket-of-us-east-1",
    }
    world.put(DISK, "eu-west-1", "disk-5", gibibytes=8)
    scan = await engine.scan()
    assert await engine.counts(scan["id"]) == {"found": 38, "added": 1, "changed": 0, "removed": 0, "unchanged": 37}
    assert len(await engine.inventory()) == ALL + 1, "what returns is the same row"


async def test_what_is_denied_keeps_its_rows_and_the_scan_is_partial(engine: Engine, world: World) -> None:
    account_id = await engine.connect()
    await engine.scan()
    world.fault = always(DENIED, DISK)
    world.take(SERVER, "eu-west-1", "server-0")
    world.take(DISK, "eu-west-1", "disk-0")
    scan = await engine.scan()
    assert scan["state"] == "PARTIAL"
    assert scan["failure"] == (
        "2 of 7 steps could not be read wholly (compute in eu-west-1, compute in us-east-1); what was known of the "
        "rest is kept. Not allowed."
    )
    assert scan["remedy"] == "Allow it."
    assert (await engine.counts(scan["id"]))["removed"] == 1
    assert not (await engine.inventory())[f"{DISK}/eu-west-1/disk-0"][4]
    step = (await engine.steps(scan["id"]))["compute", "eu-west-1"]
    assert (step["state"], step["found"]) == ("PARTIAL", 7)
    assert step["problems"] == [
        {
            "resourceTypes": [DISK],
            "code": "DENIED",
            "message": "Not allowed.",
            "remedy": "Allow it.",
            "permission": "local:Read",
        }
    ]
    account = await engine.account(account_id)
    assert (account["health"], account["missing_permissions"]) == ("DEGRADED", ["local:Read"])
    world.fault = World().fault
    await engine.scan(services=["tables"])
    assert (await engine.account(account_id))["health"] == "DEGRADED", "tables say nothing of disks"
    await engine.scan()
    assert (await engine.account(account_id))["health"] == "HEALTHY"


async def test_expired_credentials_end_the_scan_with_an_error_an_event_and_every_row(
    engine: Engine, world: World
) -> None:
    account_id = await engine.connect()
    await engine.scan()
    world.things.clear()
    world.fault = always(EXPIRED, SERVER, DISK, ADDRESS, TABLE, BUCKET)
    scan = await engine.scan()
    assert (scan["state"], scan["failure"], scan["remedy"]) == ("FAILED", EXPIRED.message, EXPIRED.remedy)
    assert not any(values[4] for values in (await engine.inventory()).values())
    account = await engine.account(account_id)
    assert (account["health"], account["health_message"]) == ("ERROR", f"{EXPIRED.message} {EXPIRED.remedy}")
    changes = [event["data"] for event in await engine.events("ACCOUNT_HEALTH_CHANGED")]
    assert [(change["from"], change["to"]) for change in changes] == [(None, "HEALTHY"), ("HEALTHY", "ERROR")]
    assert changes[-1]["message"] == f"{EXPIRED.message} {EXPIRED.remedy}"
    finished = (await engine.events("SCAN_FINISHED"))[-1]
    assert (finished["data"]["state"], finished["data"]["failure"]) == ("FAILED", EXPIRED.message)
    states = {step["state"] for step in (await engine.steps(scan["id"])).values()}
    assert "FAILED" in states
    assert states <= {"FAILED", "CANCELLED"}


async def test_credentials_that_expire_on_the_way_keep_what_was_not_read(engine: Engine, world: World) -> None:
    """What was read before has been swept, so the scan is PARTIAL; the account is in ERROR all the same."""
    account_id = await engine.connect()
    await engine.scan()
    world.things.clear()
    swept = asyncio.Event()
    loop = asyncio.get_running_loop()

    def fault(resource_type: str, region: str, _page: int) -> None:
        if (resource_type, region) == (TABLE, "us-east-1"):
            asyncio.run_coroutine_threadsafe(swept.wait(), loop).result(30)
            raise EXPIRED

    world.fault = fault
    (started,) = (await engine.start()).scans
    running = asyncio.create_task(engine.runner().run(started["job_id"]))
    async with asyncio.timeout(60):
        while sum(bool(step["finished_at"]) for step in (await engine.steps(started["id"])).values()) < 6:  # noqa: ASYNC110 - another task's
            await asyncio.sleep(0.02)
    swept.set()
    await running
    scan = await engine.row(started["id"])
    told = f"{EXPIRED.message} What had been read until then is kept."
    assert (scan["state"], scan["failure"], scan["remedy"]) == ("PARTIAL", told, EXPIRED.remedy)
    present = {native_id for native_id, values in (await engine.inventory()).items() if not values[4]}
    assert present == {f"{TABLE}/us-east-1/table-0"}
    assert (await engine.account(account_id))["health"] == "ERROR"


@pytest.mark.parametrize("error", [EXPIRED, DENIED])
async def test_an_account_whose_regions_cannot_be_read_is_no_empty_one(
    engine: Engine, world: World, error: ProviderError
) -> None:
    account_id = await engine.connect()
    await engine.scan()
    world.regions_fault = error
    scan = await engine.scan()
    assert (scan["state"], scan["failure"], scan["remedy"]) == ("FAILED", error.message, error.remedy)
    assert await engine.steps(scan["id"]) == {}
    assert not any(values[4] for values in (await engine.inventory()).values())
    health = "ERROR" if error is EXPIRED else "DEGRADED"
    assert (await engine.account(account_id))["health"] == health


async def test_where_nothing_can_be_read_the_scan_has_failed(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    world.fault = always(DENIED, SERVER, DISK, ADDRESS, TABLE, BUCKET)
    scan = await engine.scan()
    assert (scan["state"], scan["failure"]) == ("FAILED", "Nothing could be read. Not allowed.")
    assert not any(values[4] for values in (await engine.inventory()).values())


async def test_credentials_that_cannot_be_opened_are_the_operators_fault(engine: Engine, world: World) -> None:
    """Another worker may have the key, so the job is tried again; the account's health says nothing of it."""
    account_id = await engine.connect()
    started = (await engine.start()).scans[0]
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(text("UPDATE account_credentials SET sealed = wrapped_key"))
    for attempt in range(1, 6):
        assert (await engine.row(started["id"]))["state"] in {"QUEUED", "RUNNING"}
        await engine.runner().run(started["job_id"])
        assert (await job_row(engine.database, started["job_id"]))["attempts"] == attempt
        async with engine.database.write(engine.organization_id) as session:
            await session.execute(JOBS.update().values(wake_at=now()))
    await recover(engine.database, RECOVERIES)
    scan = await engine.row(started["id"])
    assert scan["state"] == "FAILED"
    assert "Nothing is wrong with the account: the operator of Skyledger has to see to" in scan["failure"]
    assert scan["remedy"]
    assert (await engine.account(account_id))["health"] is None
    assert not world.pages_read


async def test_what_is_not_switched_on_is_no_failure(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    world.fault = always(NOT_ENABLED, TABLE)
    scan = await engine.scan()
    assert scan["state"] == "SUCCEEDED"
    step = (await engine.steps(scan["id"]))["tables", "eu-west-1"]
    assert (step["state"], [problem["code"] for problem in step["problems"]]) == ("SUCCEEDED", ["NOT_ENABLED"])
    assert not (await engine.inventory())[f"{TABLE}/eu-west-1/table-0"][4]


async def test_an_account_in_which_nothing_is_switched_on_is_no_empty_one(engine: Engine, world: World) -> None:
    account_id = await engine.connect()
    await engine.scan()
    world.fault = always(NOT_ENABLED, SERVER, DISK, ADDRESS, TABLE, BUCKET)
    scan = await engine.scan(services=["tables"])
    assert (scan["state"], scan["failure"]) == ("FAILED", "Nothing could be read. Not switched on.")
    assert (await engine.account(account_id))["health"] == "HEALTHY", "tables say nothing of the rest"
    scan = await engine.scan()
    assert (scan["state"], scan["failure"]) == ("FAILED", "Nothing could be read. Not switched on.")
    assert scan["remedy"] == NOT_ENABLED.remedy
    assert (await engine.account(account_id))["health"] == "ERROR"
    assert not any(values[4] for values in (await engine.inventory()).values())
    assert (await engine.events("SCAN_FINISHED"))[-1]["data"]["failure"] == scan["failure"]


async def test_resources_that_are_told_without_all_properties_are_swept_and_the_permission_named(
    engine: Engine, world: World
) -> None:
    account_id = await engine.connect()
    await engine.scan()
    world.take(BUCKET, "global", "bucket-of-us-east-1")
    world.unread = {BUCKET: HIDDEN}
    scan = await engine.scan()
    assert scan["state"] == "PARTIAL"
    assert (scan["failure"] or "").endswith("what was known of the rest is kept. Tags are not told.")
    step = (await engine.steps(scan["id"]))["storage", "global"]
    assert (step["state"], step["collected"], step["found"], step["removed"]) == ("PARTIAL", [BUCKET], 1, 1)
    assert [(problem["code"], problem["permission"]) for problem in step["problems"]] == [("DENIED", "local:ReadTags")]
    assert (await engine.inventory())[f"{BUCKET}/global/bucket-of-us-east-1"][4]
    account = await engine.account(account_id)
    assert (account["health"], account["missing_permissions"]) == ("DEGRADED", ["local:ReadTags"])
    assert engine.pauses == [], "what was denied was asked for again"


async def test_the_next_worker_tells_what_the_last_one_could_not_read(engine: Engine, world: World) -> None:
    await engine.connect()
    world.unread = {SERVER: HIDDEN}
    with hanging(world, DISK) as reached:
        (started,) = (await engine.start(services=["compute"], regions=["eu-west-1"])).scans
        runner = engine.runner()
        running = asyncio.create_task(runner.run(started["job_id"]))
        await until(reached.is_set)
        await runner.stop(5)
        await running
    world.fault, world.unread = World().fault, {}
    await engine.runner().run(started["job_id"])
    assert (await engine.row(started["id"]))["state"] == "PARTIAL"
    (step,) = (await engine.steps(started["id"])).values()
    assert [problem["permission"] for problem in step["problems"]] == ["local:ReadTags"]


@pytest.mark.parametrize("error", [THROTTLED, BROKEN])
async def test_what_passes_is_outlasted_and_counts_once(engine: Engine, world: World, error: ProviderError) -> None:
    await engine.connect()
    world.fault = times(2, error, SERVER, page=2)
    scan = await engine.scan()
    assert scan["state"] == "SUCCEEDED"
    assert await engine.counts(scan["id"]) == {"found": ALL, "added": ALL, "changed": 0, "removed": 0, "unchanged": 0}
    assert len(engine.pauses) == 2
    if error is THROTTLED:
        assert min(engine.pauses) >= 7


async def test_what_does_not_pass_keeps_its_rows(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    world.fault = always(THROTTLED, DISK)
    scan = await engine.scan()
    assert scan["state"] == "PARTIAL"
    assert not any(values[4] for values in (await engine.inventory()).values())


async def test_a_fault_of_an_sdk_tells_its_type_only(engine: Engine, world: World) -> None:
    def leak(*_: object) -> None:
        message = "SecretAccessKey=s3cr3t"
        raise ValueError(message)

    await engine.connect()
    world.fault = leak
    scan = await engine.scan()
    assert scan["failure"] == "Nothing could be read. Reading failed unexpectedly (ValueError)."
    problems = [problem for step in (await engine.steps(scan["id"])).values() for problem in step["problems"]]
    assert {problem["code"] for problem in problems} == {"FAILED"}
    assert "s3cr3t" not in str(problems) + str(await engine.events())


async def test_regions_limit_what_is_read_and_what_is_swept(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    world.things.clear()
    scan = await engine.scan(regions=["us-east-1"])
    assert scan["state"] == "SUCCEEDED"
    gone = {native_id for native_id, values in (await engine.inventory()).items() if values[4]}
    assert len(gone) == ALL // 2
    assert all("us-east-1" in native_id for native_id in gone)
    assert {region for _, region in await engine.steps(scan["id"])} == {"us-east-1", "global"}


async def test_regions_limit_what_a_global_service_stores(engine: Engine) -> None:
    await engine.connect()
    scan = await engine.scan(regions=["us-east-1"], services=["storage"])
    assert await engine.counts(scan["id"]) == {"found": 1, "added": 1, "changed": 0, "removed": 0, "unchanged": 0}
    assert set(await engine.inventory()) == {f"{BUCKET}/global/bucket-of-us-east-1"}


async def test_what_belongs_to_no_region_is_read_whatever_regions_are_asked_for(engine: Engine, world: World) -> None:
    await engine.connect()
    world.put(BUCKET, "global", "nowhere", region=None)
    world.put(BUCKET, "global", "everywhere", region="global")
    scan = await engine.scan(regions=["us-east-1"], services=["storage"])
    names = ("bucket-of-us-east-1", "everywhere", "nowhere")
    assert set(await engine.inventory()) == {f"{BUCKET}/global/{name}" for name in names}
    world.things.clear()
    scan = await engine.scan(regions=["eu-west-1"], services=["storage"])
    assert (await engine.counts(scan["id"]))["removed"] == 2
    gone = {native_id for native_id, values in (await engine.inventory()).items() if values[4]}
    assert gone == {f"{BUCKET}/global/everywhere", f"{BUCKET}/global/nowhere"}


async def test_regions_that_the_account_has_no_more_are_swept_after_a_full_and_good_scan(
    engine: Engine, world: World
) -> None:
    await engine.connect()
    world.put(ADDRESS, "us-east-1", "anycast", region="global")
    await engine.scan()
    world.regions = ["eu-west-1"]
    for scope in ({"services": ["compute"]}, {"regions": ["eu-west-1"]}):
        await engine.scan(**scope)
    world.fault = always(DENIED, TABLE)
    await engine.scan()
    assert not any(values[4] for values in (await engine.inventory()).values()), "not all was read"
    world.fault = World().fault
    scan = await engine.scan()
    gone = {native_id for native_id, values in (await engine.inventory()).items() if values[4]}
    assert all("/us-east-1/" in native_id for native_id in gone)
    assert len(gone) == 19, "8 servers, 8 disks, 2 addresses, 1 table; what is global stays"
    assert (scan["state"], (await engine.counts(scan["id"]))["removed"]) == ("SUCCEEDED", 19)
    world.regions = []
    await engine.scan()
    assert len([values for values in (await engine.inventory()).values() if values[4]]) == 19, "no answer, no sweep"


async def test_a_collector_that_never_ends_is_given_up(engine: Engine, world: World) -> None:
    await engine.connect()
    await engine.scan()
    engine.whole_seconds = 0.5
    world.endless = {DISK}
    scan = await engine.scan(services=["compute"])
    assert scan["state"] == "PARTIAL"
    problems = [problem for step in (await engine.steps(scan["id"])).values() for problem in step["problems"]]
    assert {(problem["code"], problem["resourceTypes"][0]) for problem in problems} == {("BAD_ANSWER", DISK)}
    assert "had not ended after" in problems[0]["message"]
    assert engine.pauses == []
    assert not any(values[4] for values in (await engine.inventory()).values())


async def test_services_limit_the_steps(engine: Engine) -> None:
    await engine.connect()
    scan = await engine.scan(services=["network"])
    assert {service for service, _ in await engine.steps(scan["id"])} == {"network"}
    assert (await engine.counts(scan["id"]))["found"] == 4


async def test_a_region_that_is_not_switched_on_is_told_and_not_read(engine: Engine, world: World) -> None:
    account_id = await engine.connect()
    scan = await engine.scan(regions=["eu-west-1", "mars-north-1"], services=["network"])
    assert scan["state"] == "PARTIAL"
    assert (scan["failure"] or "").startswith("The account does not have mars-north-1: not switched on, or left out")
    assert (await engine.account(account_id))["health"] == "HEALTHY"
    step = (await engine.steps(scan["id"]))["network", "mars-north-1"]
    assert [problem["code"] for problem in step["problems"]] == [ProblemCode.NOT_ENABLED]
    assert (ADDRESS, "mars-north-1") not in world.pages_read
    scan = await engine.scan(regions=["mars-north-1"])
    assert (scan["state"], scan["failure"]) == (
        "FAILED",
        "The account has none of these regions switched on: mars-north-1.",
    )


async def test_an_account_that_was_disconnected_meanwhile_is_not_read(engine: Engine, world: World) -> None:
    await engine.connect()
    started = (await engine.start()).scans[0]
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(text("UPDATE accounts SET disconnected_at = now()"))
    await engine.runner().run(started["job_id"])
    scan = await engine.row(started["id"])
    assert scan["state"] == "FAILED"
    assert "disconnected" in scan["failure"]
    assert not world.pages_read


async def test_a_scan_that_has_ended_is_not_run_again(engine: Engine, world: World) -> None:
    await engine.connect()
    scan = await engine.scan()
    read = world.pages_read.copy()
    async with engine.database.write(engine.organization_id) as session:
        await session.execute(JOBS.update().values(state="QUEUED"))
    await engine.runner().run(scan["job_id"])
    assert await engine.row(scan["id"]) == scan
    assert world.pages_read == read


async def test_a_step_reads_no_more_than_its_share_at_a_time(engine: Engine, world: World) -> None:
    world.page_size = 1
    engine.threads = 2
    await engine.connect()
    scan = await engine.scan()
    assert (await engine.counts(scan["id"]))["added"] == ALL
