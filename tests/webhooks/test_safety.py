"""Who may have what sent where: no inner address, no right that has ended, nothing of another tenant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.config import Settings
from app.database import Database
from app.outgoing import OutgoingGuard
from tests.clients import Person, register
from tests.resolvers.company import ACCEPT, CREATE_KEY
from tests.webhooks.office import CREATE, DELETE, NOTES, REPLAY, ROTATE, TEST, UPDATE, Office

INVITE = """mutation ($input: InviteMemberInput!) { inviteMember(input: $input) {
  ... on InviteMemberPayload { token } } }"""
MEMBERS = "query ($slug: String!) { organization(slug: $slug) { members { nodes { id role user { name } } } } }"


async def joined(office: Office, name: str, role: str) -> Person:
    """Somebody with a role in Ada's organization."""
    person = await register(office.graphql, name)
    invited = await office.act(INVITE, organizationId=office.person.organization_id, email=person.email, role=role)
    token = invited["token"]
    await office.graphql.data(ACCEPT, {"input": {"token": token}}, token=person.token)
    return person


async def member_id(office: Office, name: str) -> str:
    """The membership of somebody."""
    data = await office.graphql.data(MEMBERS, {"slug": office.person.slug}, token=office.person.token)
    return next(str(node["id"]) for node in data["organization"]["members"]["nodes"] if node["user"]["name"] == name)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://169.254.169.254/latest/meta-data", "no public address"),
        ("https://[fd00:ec2::254]/", "no public address"),
        ("https://localhost.invalid/", "no public address"),
        ("http://10.0.0.1/", "no public address"),
        ("https://user:password@example.com/", "no user"),
        ("gopher://example.com/", "https://"),
        ("", "https://"),
    ],
)
async def test_no_webhook_inside(office: Office, url: str, told: str) -> None:
    answer = await office.create(url=url)
    assert (answer["code"], answer["path"]) == ("BAD_USER_INPUT", ["input", "url"])
    assert told in answer["message"]


async def test_loopback_is_closed_without_the_setting(office: Office) -> None:
    """By default; the settings of these tests have opened it."""
    assert Settings().outgoing_networks == ()
    assert (await office.create(url="https://127.0.0.1/")).get("secret")
    with pytest.raises(Exception, match="no public address"):
        await OutgoingGuard(Settings().outgoing_networks).check("https://127.0.0.1/")


async def test_a_name_that_leads_inside_later_is_refused_at_the_delivery(office: Office) -> None:
    """Made while it was allowed; when the delivery comes, the name leads to loopback, which is closed now."""
    made = await office.create(url=f"http://localhost:{office.receiver.port}/hook")

    async def find(_host: str, _port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    office.tools = replace(office.tools, guard=OutgoingGuard(find=find))
    await office.note("one")
    await office.deliver()
    assert office.receiver.received == []
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    assert delivery["failure"].startswith("The host localhost has no public address.")
    assert (delivery["state"], delivery["attempts"][0]["statusCode"]) == ("PENDING", None)


DOCUMENTS = {
    "{": "line 1: Syntax Error",
    "{ nonsense }": "line 1: Cannot query field 'nonsense'",
    "{ __schema { types { name } } }": "schema",
    "query A { __typename } query B { __typename }": "exactly one operation",
    'mutation { addNote(input: {organizationId: "x", text: "x"}) { __typename } }': "a query or a subscription",
    "subscription ($organizationId: ID!) { scanProgress(scanId: $organizationId) { __typename } }": "",
    "query ($eventId: ID!, $other: String) { node(id: $eventId) { id } nodes(ids: []) { id } }": "",
    "query ($x: ID!) { node(id: $x) { id } }": "$x is given no value",
    "query ($subjectId: ID!) { node(id: $subjectId) { id } }": "must be of the type ID, not ID!",
}


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_documents_that_cannot_be_a_webhooks(office: Office, document: str) -> None:
    answer = await office.create(document=document)
    assert (answer["code"], answer["path"]) == ("BAD_USER_INPUT", ["input", "document"])
    assert DOCUMENTS[document] in answer["message"]


async def test_who_has_left_is_told_nothing(office: Office) -> None:
    admin = await joined(office, "Ben", "ADMIN")
    made = await office.create(admin)
    await office.note("one")
    await office.deliver()
    assert len(office.receiver.received) == 1
    remove = """mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"""
    await office.act(remove, id=await member_id(office, "Ben"))
    await office.note("two")
    await office.deliver()
    assert len(office.receiver.received) == 1
    found = await office.log(made["webhook"]["id"])
    assert (found["state"], found["disabledReason"]) == ("DISABLED", "SUBSCRIBER_LEFT")
    assert [node["state"] for node in found["deliveries"]["nodes"]] == ["CANCELLED", "SUCCEEDED"]


async def test_a_role_that_may_not_have_webhooks_is_told_nothing(office: Office, owner: Database) -> None:
    admin = await joined(office, "Ben", "ADMIN")
    made = await office.create(admin)
    change = """mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { __typename } }"""
    await office.note("one")
    await office.act(change, id=await member_id(office, "Ben"), role="MEMBER")
    await office.deliver()
    assert office.receiver.received == []
    assert (await office.log(made["webhook"]["id"]))["disabledReason"] == "SUBSCRIBER_LEFT"
    (event,) = await office.behind(owner, "SELECT data FROM activity_events WHERE kind = 'WEBHOOK_DISABLED'")
    assert event["data"]["reason"] == "SUBSCRIBER_LEFT"


async def test_a_retry_asks_for_the_rights_again(office: Office, owner: Database) -> None:
    """The body is there already; whoever has left meanwhile is not sent it."""
    admin = await joined(office, "Ben", "ADMIN")
    await office.create(admin, url=f"http://127.0.0.1:{office.receiver.port}/hook")
    office.receiver.otherwise.status = 500
    await office.note("one")
    await office.deliver()
    remove = """mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { __typename } }"""
    await office.act(remove, id=await member_id(office, "Ben"))
    await office.wait_for_it(owner)
    await office.deliver()
    assert len(office.receiver.received) == 1


async def test_who_changes_what_is_sent_is_the_subscriber(office: Office) -> None:
    admin = await joined(office, "Ben", "ADMIN")
    made = await office.create()
    renamed = await office.act(UPDATE, admin, id=made["webhook"]["id"], name="renamed")
    assert renamed["webhook"]["subscriber"] == {"name": "Ada"}
    changed = await office.act(UPDATE, admin, id=made["webhook"]["id"], document=NOTES + " ")
    assert changed["webhook"]["subscriber"] == {"name": "Ben"}


async def test_a_key_may_have_one_and_sends_nothing_when_it_is_revoked(office: Office) -> None:
    scopes: dict[str, Any] = {"organizationId": office.person.organization_id, "name": "hooks"}
    reading = await office.act(CREATE_KEY, **scopes, scopes=["ORGANIZATION_READ"])
    hooking = await office.act(CREATE_KEY, **scopes, scopes=["ORGANIZATION_READ", "WEBHOOKS_MANAGE"])
    values = {
        "organizationId": office.person.organization_id,
        "name": "of a key",
        "url": office.receiver.url,
        "document": NOTES,
    }
    refused = await office.graphql(CREATE, {"input": values}, api_key=reading["key"])
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    data = await office.graphql.data(CREATE, {"input": values}, api_key=hooking["key"])
    made = data["createWebhook"]
    assert made["webhook"]["subscriber"] is None
    assert made["webhook"]["kinds"] is None
    await office.note("one")
    await office.deliver()
    # Four may be under way at a time, so they come in any order.
    assert {received.json()["type"] for received in office.receiver.received} == {"WEBHOOK_CREATED", "NOTE_ADDED"}
    revoke = """mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { __typename } }"""
    await office.act(revoke, id=hooking["apiKey"]["id"])
    await office.note("two")
    await office.deliver()
    assert len(office.receiver.received) == 2
    assert (await office.log(made["webhook"]["id"]))["disabledReason"] == "SUBSCRIBER_LEFT"


async def test_a_webhook_of_another_tenant_is_as_absent_as_none(office: Office) -> None:
    made = await office.create()
    await office.note("one")
    await office.deliver()
    (delivery,) = await office.deliveries(made["webhook"]["id"])
    stranger = await register(office.graphql, "Eve")
    own = await office.create(stranger, organizationId=stranger.organization_id)
    for mutation, name, values in (
        (UPDATE, "Webhook", {"name": "mine"}),
        (DELETE, "Webhook", {}),
        (ROTATE, "Webhook", {}),
        (TEST, "Webhook", {}),
        (REPLAY, "WebhookDelivery", {}),
    ):
        taken = made["webhook"]["id"] if name == "Webhook" else delivery["id"]
        found = await office.act(mutation, stranger, id=taken, **values)
        assert found["code"] == "NOT_FOUND", (mutation, found)
    for id_ in (made["webhook"]["id"], delivery["id"]):
        query = "query ($id: ID!) { node(id: $id) { id } }"
        assert (await office.graphql.data(query, {"id": id_}, token=stranger.token))["node"] is None
    for slug, told in ((stranger.slug, {"nodes": []}), (office.person.slug, None)):
        query = """query ($slug: String!, $id: ID!) { organization(slug: $slug) {
          webhookDeliveries(where: {webhookId: {eq: $id}}) { nodes { id } } } }"""
        values = {"slug": slug, "id": made["webhook"]["id"]}
        seen = (await office.graphql.data(query, values, token=stranger.token))["organization"]
        assert (seen and seen["webhookDeliveries"]) == told
    # And its documents see nothing of Ada's, whatever ids stand in them.
    await office.act(
        UPDATE, stranger, id=own["webhook"]["id"], document=f'{{ node(id: "{delivery["id"]}") {{ id }} }}', kinds=None
    )
    before = len(office.receiver.received)
    await office.act(UPDATE, stranger, id=own["webhook"]["id"], name="renamed")
    await office.deliver()
    bodies = [received.json() for received in office.receiver.received[before:]]
    assert bodies
    assert all(body["data"] == {"node": None} for body in bodies)


async def test_only_those_who_may_see_them(office: Office) -> None:
    await office.create()
    member = await joined(office, "Mia", "MEMBER")
    query = "query ($slug: String!) { organization(slug: $slug) { webhooks { nodes { url } } } }"
    refused = await office.graphql(query, {"slug": office.person.slug}, token=member.token)
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    shown = await office.graphql.data(query, {"slug": office.person.slug}, token=office.person.token)
    assert shown["organization"]["webhooks"]["nodes"] == [{"url": office.receiver.url}]


async def test_the_secret_is_shown_once_and_stored_sealed(office: Office, owner: Database) -> None:
    made = await office.create()
    rotated = await office.act(ROTATE, id=made["webhook"]["id"])
    await office.note("one")
    await office.deliver()
    for table in ("webhooks", "webhook_deliveries", "webhook_attempts", "activity_events", "audit_details", "jobs"):
        rows = await office.behind(owner, f"SELECT to_jsonb({table})::text AS told FROM {table}")  # noqa: S608
        for secret in (made["secret"], rotated["secret"]):
            assert not any(secret.removeprefix("whsec_") in row["told"] for row in rows), table


async def test_repeats_of_a_call_have_one_effect(office: Office, owner: Database) -> None:
    """One webhook, one other secret, one ping and one replay, however often a call with its key arrives."""
    made = await office.create(idempotencyKey="made")
    assert await office.create(idempotencyKey="made") == made
    assert len(await office.behind(owner, "SELECT id FROM webhooks")) == 1
    id_ = made["webhook"]["id"]
    rotated = await office.act(ROTATE, id=id_, idempotencyKey="rotated")
    (sealed,) = await office.behind(owner, "SELECT sealed FROM webhooks")
    assert await office.act(ROTATE, id=id_, idempotencyKey="rotated") == rotated
    assert await office.behind(owner, "SELECT sealed FROM webhooks") == [sealed], "the secret that was told still signs"
    pinged = await office.act(TEST, id=id_, idempotencyKey="pinged")
    assert await office.act(TEST, id=id_, idempotencyKey="pinged") == pinged
    await office.deliver()
    (received,) = office.receiver.received
    assert received.is_signed_with(rotated["secret"])
    delivery = pinged["delivery"]["id"]
    replayed = await office.act(REPLAY, id=delivery, idempotencyKey="replayed")
    await office.deliver()
    assert await office.act(REPLAY, id=delivery, idempotencyKey="replayed") == replayed
    await office.deliver()
    assert len(office.receiver.received) == 2
