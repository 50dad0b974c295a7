"""Endpoints that are away, slow or gone: others go on, waits are kept, and what nothing reaches is disabled."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import structlog

from app.context import Runtime
from app.database import Database
from app.records.webhooks import Asked, Told
from app.resolvers.webhook_documents import DocumentRunner
from app.webhooks.sending import read_retry_after
from tests.webhooks.office import REPLAY, TEST, UPDATE, Office
from tests.webhooks.receiver import Answering, receiving
from tests.workers.probes import until

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NO_DATE = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"
"""A year that no integer of C holds."""
WAITS = "SELECT extract(epoch FROM next_attempt_at - now())::float AS seconds FROM webhook_deliveries"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999999999", 86_400),
        (format_datetime(NOW + timedelta(minutes=5), usegmt=True), 300),
        (format_datetime(NOW - timedelta(minutes=5), usegmt=True), 0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (NO_DATE, None),
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", None),
        ("9999999999 Jan 2026 00:00:00", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86_400),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0),
    ],
)
def test_what_retry_after_asks_for(value: str, seconds: float | None) -> None:
    found = read_retry_after(value, NOW)
    assert (None if found is None else found.total_seconds()) == seconds


async def test_a_wait_that_is_asked_for_is_kept(office: Office, owner: Database) -> None:
    await office.create()
    office.receiver.answers = [Answering(429, {"retry-after": "7200"})]
    await office.note("one")
    await office.deliver()
    assert 7_100 < (await office.behind(owner, WAITS))[0]["seconds"] <= 7_200


async def test_a_wait_that_cannot_be_read_is_an_attempt_like_any(office: Office, owner: Database) -> None:
    made = await office.create()
    office.receiver.otherwise = Answering(503, {"retry-after": NO_DATE})
    await office.note("one")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["attemptCount"], delivery["failure"]) == (1, "The answer was 503.")
    assert [attempt["statusCode"] for attempt in delivery["attempts"]] == [503]
    assert (await office.log(made["webhook"]["id"]))["failingSince"] is not None
    await office.behind(owner, "UPDATE webhooks SET failing_since = now() - interval '6 days'")
    await office.wait_for_it(owner)
    await office.deliver()
    assert (await office.log(made["webhook"]["id"]))["disabledReason"] == "FAILING"


async def test_what_nobody_has_foreseen_is_an_attempt_and_an_error_report(
    office: Office, owner: Database, error_reports_of: list[bytes]
) -> None:
    """One of three deliveries: the others are sent, it is tried again, and fails for good like any other."""
    execute = office.tools.execute

    async def broken_for_one(asked: Asked) -> Told:
        if asked.event["data"]["text"] == "two":
            raise TypeError
        return await execute(asked)

    office.tools = replace(office.tools, execute=broken_for_one)
    made = await office.create()
    for text in ("one", "two", "three"):
        await office.note(text)
    with structlog.testing.capture_logs() as logs:
        await office.deliver()
    deliveries = {each["event"]["data"]["text"]: each for each in await office.deliveries(made["webhook"]["id"])}
    assert {text: (each["state"], each["attemptCount"]) for text, each in deliveries.items()} == {
        "one": ("SUCCEEDED", 1),
        "two": ("PENDING", 1),
        "three": ("SUCCEEDED", 1),
    }
    told = "Something unforeseen went wrong in Skyledger (TypeError)."
    assert [(each["statusCode"], each["failure"]) for each in deliveries["two"]["attempts"]] == [(None, told)]
    assert {each["state"] for each in await office.behind(owner, "SELECT state FROM jobs")} == {"SUCCEEDED", "QUEUED"}
    (entry,) = [each for each in logs if each["event"] == "webhook_delivery_failed"]
    assert (entry["log_level"], type(entry["exc_info"])) == ("error", TypeError)
    assert len(error_reports_of) == 1
    assert b"TypeError" in error_reports_of[0]
    for _ in range(7):
        await office.wait_for_it(owner)
        await office.deliver()
    (delivery,) = [each for each in await office.deliveries(made["webhook"]["id"]) if each["attemptCount"] > 1]
    assert (delivery["state"], delivery["attemptCount"]) == ("FAILED", 8), "and is purged in time"
    assert (await office.log(made["webhook"]["id"]))["failingSince"] is not None


async def test_a_job_that_fails_waits_for_all_that_it_has_begun(office: Office, owner: Database) -> None:
    """Another worker takes the job while two requests are under way: the first ends the job, but not alone."""
    made = await office.create()
    office.receiver.answers = [Answering(200, seconds=0.5), Answering(200, seconds=1.5)]
    await office.note("one")
    await office.note("two")
    working = asyncio.create_task(office.deliver())
    await until(lambda: office.receiver.at_a_time == 2)
    await office.behind(owner, "UPDATE jobs SET fencing_token = fencing_token + 1 WHERE kind = 'deliver_webhook'")
    await working
    assert office.receiver.at_a_time == 0
    assert [each["attempts"] for each in await office.deliveries(made["webhook"]["id"])] == [[], []]


async def test_after_eight_attempts_it_has_failed_and_can_be_replayed(office: Office, owner: Database) -> None:
    made = await office.create()
    office.receiver.otherwise = Answering(503)
    await office.note("one")
    await office.deliver()
    waits = [(await office.behind(owner, WAITS))[0]["seconds"]]
    for _ in range(7):
        await office.wait_for_it(owner)
        await office.deliver()
        waits.append((await office.behind(owner, WAITS))[0]["seconds"])
    assert len(office.receiver.received) == 8
    assert waits.pop() is None
    for wait, pause in zip(waits, (5, 60, 300, 1_800, 7_200, 18_000, 36_000), strict=True):
        assert 0.8 * pause - 3 <= wait <= 1.2 * pause
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["state"], delivery["attemptCount"], delivery["nextAttemptAt"]) == ("FAILED", 8, None)
    await office.wait_for_it(owner)
    await office.deliver()
    assert len(office.receiver.received) == 8
    office.receiver.otherwise = Answering(200)
    answer = await office.act(REPLAY, id=delivery["id"])
    assert (answer["delivery"]["state"], answer["delivery"]["attemptCount"]) == ("PENDING", 0)
    again = await office.act(REPLAY, id=delivery["id"])
    assert again["code"] == "CONFLICT"
    await office.deliver()
    assert len(office.receiver.received) == 9
    assert len({(received.id, received.body) for received in office.receiver.received}) == 1
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert delivery["state"] == "SUCCEEDED"
    assert len(delivery["attempts"]) == 9


async def test_gone_disables(office: Office, owner: Database) -> None:
    made = await office.create()
    office.receiver.otherwise = Answering(410)
    await office.note("one")
    await office.deliver()
    found = await office.log(made["webhook"]["id"])
    assert (found["state"], found["disabledReason"]) == ("DISABLED", "GONE")
    assert found["deliveries"]["nodes"][0]["state"] == "FAILED"
    await office.note("two")
    await office.deliver()
    assert len(office.receiver.received) == 1
    assert (await office.act(TEST, id=made["webhook"]["id"]))["code"] == "CONFLICT"
    (event,) = await office.behind(owner, "SELECT data FROM activity_events WHERE kind = 'WEBHOOK_DISABLED'")
    assert event["data"]["reason"] == "GONE"


async def test_what_nothing_reaches_for_days_is_disabled_with_an_event(office: Office, owner: Database) -> None:
    made = await office.create()
    office.receiver.otherwise = Answering(500)
    await office.note("one")
    await office.deliver()
    await office.note("two")
    await office.behind(owner, "UPDATE webhooks SET failing_since = now() - interval '6 days'")
    await office.deliver()
    found = await office.log(made["webhook"]["id"])
    assert (found["state"], found["disabledReason"]) == ("DISABLED", "FAILING")
    assert {node["state"] for node in found["deliveries"]["nodes"]} == {"CANCELLED"}
    (event,) = await office.behind(
        owner, "SELECT data, actor_kind FROM activity_events WHERE kind = 'WEBHOOK_DISABLED'"
    )
    assert (event["data"]["reason"], event["actor_kind"]) == ("FAILING", "SYSTEM")
    office.receiver.otherwise = Answering(200)
    answer = await office.act(UPDATE, id=made["webhook"]["id"], enabled=True)
    assert (answer["webhook"]["state"], answer["webhook"]["disabledReason"]) == ("ENABLED", None)
    before = len(office.receiver.received)
    await office.note("three")
    await office.deliver()
    assert [received.json()["data"]["node"]["data"]["text"] for received in office.receiver.received[before:]] == [
        "three"
    ]


async def test_a_slow_endpoint_is_bounded_and_holds_no_other_up(office: Office) -> None:
    """Sixteen messages for one that never answers in time, as many for another: that one does not wait for them."""
    office.tools = replace(office.tools, seconds=1.5, turn=1.0)
    slow = await office.create()
    office.receiver.otherwise = Answering(200, seconds=20)
    async with receiving() as quick:
        await office.create(url=quick.url)
        for number in range(16):
            await office.note(str(number))
        begun = time.monotonic()
        working = asyncio.create_task(office.deliver())
        while len(quick.received) < 16:
            await asyncio.sleep(0.02)
            assert time.monotonic() - begun < 30
        rounds = 1 + (time.monotonic() - begun) // 1.5
        assert len(office.receiver.received) <= 4 * rounds, "four at a time"
        assert len(office.receiver.received) < 16
        await working
    failures = {node["failure"] for node in await office.deliveries(slow["webhook"]["id"])}
    assert failures == {"There was no whole answer within 1.5 seconds."}


async def test_four_requests_at_a_time_to_one_endpoint(office: Office) -> None:
    await office.create()
    office.receiver.otherwise = Answering(200, seconds=0.3)
    for number in range(10):
        await office.note(str(number))
    await office.deliver()
    assert len(office.receiver.received) == 10
    assert office.receiver.most_at_a_time == 4


async def test_a_body_without_an_end_is_cut(office: Office) -> None:
    made = await office.create()
    office.receiver.answers = [Answering(500, {"content-length": "100000000"}, b"x" * 50_000)]
    await office.note("one")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert delivery["attempts"][0]["responseBody"] == "x" * 2_048
    assert delivery["failure"] == "The answer was 500."


async def test_documents_are_paid_by_the_organization_and_wait_for_points(office: Office, runtime: Runtime) -> None:
    """What workers execute is paid from a bucket of the organization; without points it waits, without an attempt."""
    poor = runtime.settings.model_copy(update={"cost_maximum": 12, "cost_operation": 12, "cost_restored": 1})
    office.tools = replace(office.tools, execute=DocumentRunner(replace(runtime, settings=poor)))
    made = await office.create()
    for number in range(6):
        await office.note(str(number))
    await office.deliver()
    deliveries = await office.deliveries(made["webhook"]["id"])
    waiting = [delivery for delivery in deliveries if delivery["state"] == "PENDING"]
    assert 0 < len(waiting) < 6
    assert all((delivery["attemptCount"], delivery["body"]) == (0, None) for delivery in waiting)
    assert len(office.receiver.received) == 6 - len(waiting)
    assert (await office.log(made["webhook"]["id"]))["failingSince"] is None


async def test_nobody_answers(office: Office) -> None:
    made = await office.create(url="http://127.0.0.1:1/")
    await office.note("one")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert delivery["failure"] == "The connection could not be made: nobody answers there."
    assert delivery["attempts"][0]["statusCode"] is None
