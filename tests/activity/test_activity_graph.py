"""The activity in the graph: notes, pages, the stream over a real WebSocket, and who may see it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import orjson
import pytest
from websockets.exceptions import ConnectionClosed

from app.database import Database
from app.repositories.activity import HEADS
from app.schema.node import global_id, parse_id
from tests.activity.sockets import following
from tests.clients import GraphQL, Person, register

ADD_NOTE = """
mutation Add($input: AddNoteInput!) {
  addNote(input: $input) {
    __typename
    ... on AddNotePayload { event { id cursor sequence kind data actor { kind user { name } } } }
    ... on UserError { code message path }
  }
}
"""
PAGE = """
query Page($slug: String!, $first: Int, $after: String, $last: Int, $before: String) {
  organization(slug: $slug) {
    activity(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      nodes { sequence kind subjectType subjectId }
      edges { cursor node { cursor } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
NEW_KEY = """
mutation Key($input: CreateApiKeyInput!) {
  createApiKey(input: $input) { ... on CreateApiKeyPayload { key } ... on UserError { message } }
}
"""


@pytest.fixture
async def live(live_server: str) -> AsyncIterator[GraphQL]:
    """Operations over HTTP to the live server."""
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        yield GraphQL(client)


async def add(graphql: GraphQL, person: Person, text: str, **other: str) -> dict[str, Any]:
    who = other or {"token": person.token}
    variables = {"input": {"organizationId": person.organization_id, "text": text}}
    found: dict[str, Any] = (await graphql.data(ADD_NOTE, variables, **who))["addNote"]
    return found


async def api_key(graphql: GraphQL, person: Person, *scopes: str) -> str:
    given = {"organizationId": person.organization_id, "name": "robot", "scopes": list(scopes)}
    return str((await graphql.data(NEW_KEY, {"input": given}, token=person.token))["createApiKey"]["key"])


async def test_a_note_is_answered_with_its_event_and_followed_at_once(live: GraphQL, live_server: str) -> None:
    ada = await register(live)
    async with following(live_server, ada.organization_id, token=ada.token) as follower:
        opening = await follower.message()
        assert opening["event"] is None
        answer = await add(live, ada, "  checked the invoice of October ✓ ")
        assert answer["__typename"] == "AddNotePayload"
        event = answer["event"]
        assert event["data"] == {"text": "checked the invoice of October ✓"}
        assert (event["kind"], event["actor"]) == ("NOTE_ADDED", {"kind": "USER", "user": {"name": "Ada"}})
        message = await follower.message()
        assert message["cursor"] == message["event"]["cursor"] == event["cursor"]
        assert message["event"]["id"] == event["id"]
        again = await add(live, ada, "second")
    async with following(live_server, ada.organization_id, opening["cursor"], token=ada.token) as follower:
        assert (await follower.message()) == {"cursor": opening["cursor"], "event": None}
        assert [found["id"] for found in await follower.events(2)] == [event["id"], again["event"]["id"]]
    async with following(live_server, ada.organization_id, event["cursor"], token=ada.token) as follower:
        await follower.message()
        assert [found["sequence"] for found in await follower.events(1)] == [event["sequence"] + 1]


async def test_programs_write_and_follow_with_a_key(live: GraphQL, live_server: str) -> None:
    ada = await register(live)
    key = await api_key(live, ada, "ORGANIZATION_READ", "ACTIVITY_WRITE")
    async with following(live_server, ada.organization_id, apiKey=key) as follower:
        await follower.message()
        answer = await add(live, ada, "by a robot", api_key=key)
        assert answer["event"]["actor"] == {"kind": "API_KEY", "user": None}
        assert (await follower.events(1))[0]["actor"]["id"] is not None


@pytest.mark.parametrize("text", ["", "   ", "x" * 2_001, "a\0b"])
async def test_notes_that_cannot_be_kept_are_refused(graphql: GraphQL, text: str) -> None:
    ada = await register(graphql)
    answer = await add(graphql, ada, text)
    assert answer["__typename"] == "InvalidInput"
    assert answer["path"] == ["input", "text"]
    kept = await graphql.data(PAGE, {"slug": ada.slug}, token=ada.token)
    assert [event["kind"] for event in kept["organization"]["activity"]["nodes"]] == ["ORGANIZATION_CREATED"]


async def test_the_longest_note_is_kept_whole(graphql: GraphQL) -> None:
    ada = await register(graphql)
    assert (await add(graphql, ada, "é" * 2_000))["event"]["data"]["text"] == "é" * 2_000


async def test_pages_from_the_newest_to_the_oldest_and_back(graphql: GraphQL) -> None:
    ada = await register(graphql)
    for number in range(6):
        await add(graphql, ada, str(number))
    met, after = [], None
    while True:
        variables = {"slug": ada.slug, "first": 3, "after": after}
        page = (await graphql.data(PAGE, variables, token=ada.token))["organization"]["activity"]
        assert page["totalCount"] == 7
        assert [edge["cursor"] for edge in page["edges"]] == [edge["node"]["cursor"] for edge in page["edges"]]
        met += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert [event["sequence"] for event in met] == [7, 6, 5, 4, 3, 2, 1]
    assert met[-1] == {
        "sequence": 1,
        "kind": "ORGANIZATION_CREATED",
        "subjectType": "Organization",
        "subjectId": ada.organization_id,
    }
    variables = {"slug": ada.slug, "last": 2, "before": after}
    page = (await graphql.data(PAGE, variables, token=ada.token))["organization"]["activity"]
    assert [event["sequence"] for event in page["nodes"]] == [3, 2]


async def test_an_event_is_found_again_by_its_id(graphql: GraphQL) -> None:
    ada, eve = await register(graphql), await register(graphql, "Eve")
    event = (await add(graphql, ada, "find me"))["event"]
    query = "query($id: ID!) { node(id: $id) { id ... on ActivityEvent { data } } }"
    assert (await graphql.data(query, {"id": event["id"]}, token=ada.token))["node"]["data"] == {"text": "find me"}
    assert (await graphql.data(query, {"id": event["id"]}, token=eve.token))["node"] is None
    for id_ in (uuid4(), uuid4()):  # numbers that do not fit a column
        absent = global_id("ActivityEvent", id_, parse_id(ada.organization_id).id)
        assert (await graphql.data(query, {"id": absent}, token=ada.token))["node"] is None


async def test_a_foreign_organization_answers_like_an_absent_one(live: GraphQL, live_server: str) -> None:
    ada, eve = await register(live), await register(live, "Eve")
    absent = global_id("Organization", uuid4())
    cursor = (await add(live, ada, "secret"))["event"]["cursor"]
    seen = []
    for organization_id, after in ((ada.organization_id, None), (ada.organization_id, cursor), (absent, None)):
        async with following(live_server, organization_id, after, token=eve.token) as follower:
            error = await follower.error()
        error["extensions"].pop("requestId", None)
        seen.append(error)
    assert seen[0] == seen[1] == seen[2]
    assert seen[0]["extensions"]["code"] == "NOT_FOUND"
    variables = [{"input": {"organizationId": id_, "text": "x"}} for id_ in (ada.organization_id, absent)]
    first, second = [await live.data(ADD_NOTE, each, token=eve.token) for each in variables]
    assert first == second
    assert first["addNote"]["__typename"] == "NotFound"


async def test_anonymous_and_weak_callers_are_refused(live: GraphQL, live_server: str) -> None:
    ada = await register(live)
    key, reader = await api_key(live, ada, "COSTS_INGEST"), await api_key(live, ada, "ORGANIZATION_READ")
    for credentials, code in (({}, "UNAUTHENTICATED"), ({"apiKey": key}, "FORBIDDEN")):
        async with following(live_server, ada.organization_id, **credentials) as follower:
            assert (await follower.error())["extensions"]["code"] == code
    for who, code in (({}, "UNAUTHENTICATED"), ({"api_key": key}, "FORBIDDEN"), ({"api_key": reader}, "FORBIDDEN")):
        answer = await live(ADD_NOTE, {"input": {"organizationId": ada.organization_id, "text": "x"}}, **who)
        assert answer["errors"][0]["extensions"]["code"] == code


async def test_cursors_that_do_not_fit_say_what_to_do(live: GraphQL, live_server: str, owner: Database) -> None:
    ada, eve = await register(live), await register(live, "Eve")
    ours, theirs = (await add(live, ada, "x"))["event"]["cursor"], (await add(live, eve, "x"))["event"]["cursor"]
    for after in ("garbage", theirs):
        async with following(live_server, ada.organization_id, after, token=ada.token) as follower:
            error = await follower.error()
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert "not a cursor of this organization" in error["message"]
    async with owner.engine.begin() as connection:
        await connection.execute(HEADS.update().values(first_kept_sequence=100, last_sequence=99))
    async with following(live_server, ada.organization_id, ours, token=ada.token) as follower:
        error = await follower.error()
    assert error["extensions"]["code"] == "CURSOR_EXPIRED"
    assert "subscribe without `after`" in error["message"]


INVITE = """
mutation Invite($input: InviteMemberInput!) {
  inviteMember(input: $input) { ... on InviteMemberPayload { token } ... on UserError { message } }
}
"""
ACCEPT = """
mutation Accept($input: AcceptInvitationInput!) {
  acceptInvitation(input: $input) { ... on AcceptInvitationPayload { member { id } } ... on UserError { message } }
}
"""
REMOVE = """
mutation Remove($input: RemoveMemberInput!) {
  removeMember(input: $input) { ... on RemoveMemberPayload { removedMemberId } ... on UserError { message } }
}
"""


async def test_a_removed_member_hears_no_more_within_five_seconds(live: GraphQL, live_server: str) -> None:
    ada, eve = await register(live), await register(live, "Eve")
    invited = {"organizationId": ada.organization_id, "email": eve.email, "role": "VIEWER"}
    token = (await live.data(INVITE, {"input": invited}, token=ada.token))["inviteMember"]["token"]
    accepted = await live.data(ACCEPT, {"input": {"token": token}}, token=eve.token)
    member_id = accepted["acceptInvitation"]["member"]["id"]
    async with following(live_server, ada.organization_id, token=eve.token) as follower:
        await follower.message()
        await add(live, ada, "for members")
        assert (await follower.events(1))[0]["data"] == {"text": "for members"}
        await live.data(REMOVE, {"input": {"id": member_id}}, token=ada.token)
        await asyncio.sleep(5)
        await add(live, ada, "not for Eve")
        heard = []
        with suppress(ConnectionClosed):  # the server closes the sockets of a sign-in that lost a grant
            while True:
                heard.append(await follower.receive())
                if heard[-1]["type"] in {"error", "complete"} or "errors" in heard[-1].get("payload", {}):
                    break
    assert "not for Eve" not in orjson.dumps(heard).decode()
    assert set(event_kinds(heard)) <= {"MEMBER_REMOVED"}


def event_kinds(messages: list[dict[str, Any]]) -> list[str]:
    """The kinds of the events among messages of the protocol."""
    data = [message["payload"].get("data") for message in messages if message["type"] == "next"]
    return [each["activity"]["event"]["kind"] for each in data if each]
