"""What happens is sent: signed, again after failures with the same id, and never to whom it does not belong."""

from __future__ import annotations

from datetime import UTC, datetime

from app.database import Database
from tests.webhooks.office import ROTATE, SUBSCRIPTION, TEST, Office
from tests.webhooks.receiver import Answering


async def test_a_note_arrives_as_the_document_tells_it_and_signed(office: Office) -> None:
    await office.note("before")
    made = await office.create()
    assert made["webhook"]["subscriber"] == {"name": "Ada"}
    await office.note("The oven is on")
    await office.deliver()
    (received,) = office.receiver.received
    assert received.is_signed_with(made["secret"])
    assert not received.is_signed_with("whsec_" + "A" * 44)
    assert abs(int(received.headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert received.headers["content-type"] == "application/json"
    body = received.json()
    assert body.pop("timestamp").endswith("Z")
    assert body == {
        "type": "NOTE_ADDED",
        "data": {
            "node": {"kind": "NOTE_ADDED", "data": {"text": "The oven is on"}, "actor": {"user": {"name": "Ada"}}}
        },
    }
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["state"], delivery["messageId"], delivery["kind"]) == ("SUCCEEDED", received.id, "NOTE_ADDED")
    assert delivery["body"].encode() == received.body
    assert delivery["event"]["data"] == {"text": "The oven is on"}
    (attempt,) = delivery["attempts"]
    assert (attempt["statusCode"], attempt["failure"]) == (204, None)


async def test_a_subscription_is_executed_as_for_its_followers(office: Office) -> None:
    made = await office.create(document=SUBSCRIPTION)
    await office.note("one")
    await office.deliver()
    (received,) = office.receiver.received
    activity = received.json()["data"]["activity"]
    assert activity["event"]["kind"] == "NOTE_ADDED"
    assert activity["event"]["data"] == {"text": "one"}
    assert activity["cursor"]
    assert received.is_signed_with(made["secret"])


async def test_a_failure_is_tried_again_with_the_same_id_and_body(office: Office, owner: Database) -> None:
    made = await office.create()
    office.receiver.answers = [
        Answering(500, body=b"oops \0 \xff"),
        Answering(302, {"location": "http://127.0.0.1:1/"}),
    ]
    await office.note("one")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert (delivery["state"], delivery["attemptCount"], delivery["failure"]) == ("PENDING", 1, "The answer was 500.")
    waits = "SELECT extract(epoch FROM next_attempt_at - now())::float AS seconds FROM webhook_deliveries"
    assert 3 < (await office.behind(owner, waits))[0]["seconds"] <= 6
    assert (await office.log(made["webhook"]["id"]))["failingSince"] is not None
    await office.deliver()
    assert len(office.receiver.received) == 1, "its time has not come"
    await office.wait_for_it(owner)
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert "redirects are not followed" in delivery["failure"]
    await office.wait_for_it(owner)
    await office.deliver()
    assert len(office.receiver.received) == 3
    assert len({received.id for received in office.receiver.received}) == 1
    assert len({received.body for received in office.receiver.received}) == 1
    assert all(received.is_signed_with(made["secret"]) for received in office.receiver.received)
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert delivery["state"] == "SUCCEEDED"
    assert [attempt["statusCode"] for attempt in delivery["attempts"]] == [204, 302, 500]
    assert delivery["attempts"][-1]["responseBody"] == "oops � �"
    assert (await office.log(made["webhook"]["id"]))["failingSince"] is None


async def test_a_ping(office: Office) -> None:
    made = await office.create()
    answer = await office.act(TEST, id=made["webhook"]["id"])
    assert answer["delivery"]["kind"] is None
    await office.deliver()
    (received,) = office.receiver.received
    assert received.id == answer["delivery"]["messageId"]
    body = received.json()
    assert (body["type"], body["data"]) == ("PING", {})
    assert received.is_signed_with(made["secret"])


async def test_two_signatures_while_the_old_secret_is_good(office: Office, owner: Database) -> None:
    made = await office.create()
    rotated = await office.act(ROTATE, id=made["webhook"]["id"])
    await office.note("one")
    await office.deliver()
    (received,) = office.receiver.received
    assert received.is_signed_with(made["secret"])
    assert received.is_signed_with(rotated["secret"])
    await office.behind(owner, "UPDATE webhooks SET previous_until = now()")
    await office.note("two")
    await office.deliver()
    received = office.receiver.received[-1]
    assert not received.is_signed_with(made["secret"])
    assert received.is_signed_with(rotated["secret"])
    third = await office.act(ROTATE, id=made["webhook"]["id"], overlapHours=0)
    assert third["webhook"]["previousSecretUntil"] is None
    await office.note("three")
    await office.deliver()
    received = office.receiver.received[-1]
    assert not received.is_signed_with(rotated["secret"])
    assert received.is_signed_with(third["secret"])
