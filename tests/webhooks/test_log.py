"""The log of deliveries: page by page, for as long as it is kept; and what else happens to the rows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.accounts.rotate import rotate_credentials
from app.config import Settings
from app.database import Database
from app.dead_jobs import recover
from app.models import now
from app.repositories.webhooks import delete_old_deliveries
from app.webhooks.change import MOST_WEBHOOKS
from app.webhooks.dispatch import dispatch_all
from app.webhooks.recover import RECOVERIES
from app.workers import schedule
from tests.webhooks.office import DELETE, UPDATE, Office
from tests.webhooks.receiver import Answering

SUCCESSOR = """SELECT extract(epoch FROM wake_at - now())::float AS seconds FROM jobs
  WHERE kind = 'deliver_webhook' AND state = 'QUEUED'"""


async def test_pages_of_deliveries(office: Office) -> None:
    made = await office.create()
    for number in range(7):
        await office.note(str(number))
    await office.deliver()
    found: list[str] = []
    page: dict[str, Any] = {"first": 3}
    while True:
        connection = (await office.log(made["webhook"]["id"], **page))["deliveries"]
        assert connection["totalCount"] == 7
        found += [node["event"]["data"]["text"] for node in connection["nodes"]]
        if not connection["pageInfo"]["hasNextPage"]:
            break
        page = {"first": 3, "after": connection["pageInfo"]["endCursor"]}
    assert found == list("6543210")


async def test_a_filter_of_deliveries(office: Office) -> None:
    made = await office.create()
    office.receiver.answers = []
    await office.note("one")
    await office.deliver()
    query = """query ($slug: String!, $id: ID!, $state: DeliveryState!) { organization(slug: $slug) {
      webhookDeliveries(where: {webhookId: {eq: $id}, state: {eq: $state}}) { totalCount nodes { id } }
      webhooks { nodes { deliveries { id } } } } }"""
    for state, count in (("SUCCEEDED", 1), ("FAILED", 0)):
        values = {"slug": office.person.slug, "id": made["webhook"]["id"], "state": state}
        found = (await office.graphql.data(query, values, token=office.person.token))["organization"]
        assert found["webhookDeliveries"]["totalCount"] == count
        (webhook,) = found["webhooks"]["nodes"]
        assert len(webhook["deliveries"]) == 1, "its newest, whatever became of them"


async def test_looking_at_a_time_makes_each_delivery_once(office: Office, owner: Database) -> None:
    await office.create()
    for number in range(5):
        await office.note(str(number))
    made = await asyncio.gather(*(dispatch_all(office.database) for _ in range(6)))
    assert sum(made) == 5
    jobs = await office.behind(owner, "SELECT id FROM jobs WHERE kind = 'deliver_webhook'")
    assert len(jobs) == 1
    await office.deliver()
    assert sorted(received.json()["data"]["node"]["data"]["text"] for received in office.receiver.received) == list(
        "01234"
    )


async def test_the_successor_of_a_job_that_was_given_up(office: Office, owner: Database) -> None:
    await office.create()
    await office.note("one")
    await dispatch_all(office.database)
    await office.behind(owner, "UPDATE jobs SET state = 'DEAD' WHERE kind = 'deliver_webhook'")
    await office.deliver()
    assert office.receiver.received == []
    assert await recover(office.database, RECOVERIES) == 1
    assert await recover(office.database, RECOVERIES) == 0
    await office.deliver()
    assert office.receiver.received == [], "not at once: what killed the job may be there still"
    (job,) = await office.behind(owner, SUCCESSOR)
    assert 9 * 60 < job["seconds"] <= 10 * 60
    await office.behind(owner, "UPDATE jobs SET wake_at = now() WHERE state = 'QUEUED'")
    await office.deliver()
    assert len(office.receiver.received) == 1


async def test_what_happens_next_is_not_kept_waiting_by_a_dead_job(office: Office, owner: Database) -> None:
    await office.create()
    await office.note("one")
    await dispatch_all(office.database)
    await office.behind(owner, "UPDATE jobs SET state = 'DEAD' WHERE kind = 'deliver_webhook'")
    assert await recover(office.database, RECOVERIES) == 1
    await office.note("two")
    await office.deliver()
    assert len(office.receiver.received) == 2


async def test_a_dead_job_of_a_webhook_that_is_off_or_has_nothing_to_send_says_nothing(
    office: Office, owner: Database
) -> None:
    off, _ = await office.create(name="off"), await office.create(name="done")
    await office.note("one")
    await dispatch_all(office.database)
    await office.behind(owner, "UPDATE jobs SET state = 'DEAD' WHERE kind = 'deliver_webhook'")
    done = "state = 'SUCCEEDED', next_attempt_at = NULL"
    await office.behind(owner, f"UPDATE webhook_deliveries SET {done}")  # noqa: S608  (our own words)
    await office.act(UPDATE, id=off["webhook"]["id"], enabled=False)
    assert await recover(office.database, RECOVERIES) == 0
    assert await office.behind(owner, SUCCESSOR) == []


async def test_old_deliveries_go_with_their_attempts(office: Office, owner: Database) -> None:
    made = await office.create()
    await office.note("old")
    await office.deliver()
    await office.behind(owner, "UPDATE webhook_deliveries SET created_at = now() - interval '31 days'")
    await office.note("new")
    await office.deliver()
    async with office.database.system() as session:
        assert await delete_old_deliveries(session, now() - timedelta(days=30), 100) == 1
    assert [node["event"]["data"]["text"] for node in await office.deliveries(made["webhook"]["id"])] == ["new"]
    assert len(await office.behind(owner, "SELECT id FROM webhook_attempts")) == 1


async def test_deliveries_go_after_the_days_of_the_settings(
    office: Office, settings: Settings, owner: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the schedule does: batch by batch, with the attempts. What is to be sent yet stays, however old it is."""
    monkeypatch.setattr(schedule, "BATCH", 2)
    made = await office.create()
    for number in range(7):
        await office.note(str(number))
    await office.deliver()
    office.receiver.otherwise = Answering(500)
    await office.note("waiting")
    await office.deliver()
    age = "UPDATE webhook_deliveries SET created_at = now() - make_interval(days => 11 - sequence::int % 10)"
    await office.behind(owner, age)
    deliveries = await office.behind(owner, "SELECT state, now() - created_at AS age FROM webhook_deliveries")
    stay = [row for row in deliveries if row["state"] == "PENDING" or row["age"] < timedelta(days=7)]
    assert 1 < len(stay) < 7
    week = settings.model_copy(update={"webhook_retention_days": 7})
    await schedule.purge_deliveries({"database": office.database, "settings": week})
    kept = await office.behind(owner, "SELECT state, now() - created_at AS age FROM webhook_deliveries")
    assert len(kept) == len(stay)
    assert {row["state"] for row in kept} == {"SUCCEEDED", "PENDING"}
    assert all(row["age"] < timedelta(days=7) or row["state"] == "PENDING" for row in kept)
    assert len(await office.behind(owner, "SELECT id FROM webhook_attempts")) == len(stay)
    assert (await office.log(made["webhook"]["id"]))["deliveries"]["totalCount"] == len(stay)


async def test_a_deleted_webhook_takes_its_log_along(office: Office, owner: Database) -> None:
    made = await office.create()
    await office.note("one")
    await dispatch_all(office.database)
    await office.act(DELETE, id=made["webhook"]["id"])
    await office.deliver()
    assert office.receiver.received == []
    assert await office.behind(owner, "SELECT id FROM webhook_deliveries") == []


async def test_a_disabled_one_cancels_and_goes_on_from_then(office: Office) -> None:
    made = await office.create()
    await office.note("one")
    await dispatch_all(office.database)
    answer = await office.act(UPDATE, id=made["webhook"]["id"], enabled=False)
    assert (answer["webhook"]["state"], answer["webhook"]["disabledReason"]) == ("DISABLED", "ASKED")
    await office.note("two")
    await office.deliver()
    assert office.receiver.received == []
    await office.act(UPDATE, id=made["webhook"]["id"], enabled=True)
    await office.note("three")
    await office.deliver()
    (received,) = office.receiver.received
    assert received.json()["data"]["node"]["data"] == {"text": "three"}


async def test_changed_kinds_and_document_count_from_the_next_event(office: Office) -> None:
    made = await office.create()
    await office.note("one")
    await office.deliver()
    await office.act(UPDATE, id=made["webhook"]["id"], kinds=["WEBHOOK_UPDATED"], document="{ __typename }")
    await office.note("two")
    await office.deliver()
    bodies = [received.json() for received in office.receiver.received]
    assert [(body["type"], body["data"].get("__typename")) for body in bodies] == [
        ("NOTE_ADDED", None),
        ("WEBHOOK_UPDATED", "Query"),
    ]


async def test_no_more_than_twenty(office: Office) -> None:
    await asyncio.gather(*(office.create(name=str(number)) for number in range(MOST_WEBHOOKS)))
    assert (await office.create())["code"] == "CONFLICT"


async def test_secrets_are_put_under_a_new_key(office: Office) -> None:
    made = await office.create()
    vault = office.tools.vault
    before = vault.active_key_id
    rotation = await rotate_credentials(office.database, vault, lambda *_: None)
    assert rotation.rewrapped == 1
    assert rotation.failures == []
    assert vault.active_key_id != before
    await office.note("one")
    await office.deliver()
    assert office.receiver.received[0].is_signed_with(made["secret"])


async def test_an_event_that_is_gone_cannot_be_told(office: Office, owner: Database) -> None:
    made = await office.create()
    await office.note("one")
    await dispatch_all(office.database)
    await office.behind(owner, "DELETE FROM activity_events WHERE kind = 'NOTE_ADDED'")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["state"], delivery["attempts"]) == ("FAILED", [])
    assert "no longer kept" in delivery["failure"]
