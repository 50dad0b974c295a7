"""Trusted documents: found by their SHA-256 over every transport, and who may send texts of their own."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.config import Settings
from app.database import Database
from app.embedded import EngineUrls
from app.main import create_app, make_runtime, running
from app.server.graphiql.examples import session_texts
from app.server.operations import GraphQLServer
from app.trusted_documents import FRESH_SECONDS, PublishedDocument, TrustedDocuments, publish, withdraw
from tests.clients import ACCEPT, PASSWORD, GraphQL, Person, cheap_passwords, register, serving

NAME = "query Name { viewer { user { name } } }\n"
OTHER = "query Other { viewer { user { email } } }\n"
FOLLOW = "subscription Follow($id: ID!) { activity(organizationId: $id) { cursor event { kind } } }\n"
PREFLIGHT = {"x-skyledger-preflight": "1"}


def id_of(text: str) -> str:
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def apollo(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}


async def publish_texts(database: Database, *texts: str) -> set[bytes]:
    return await publish(database, [PublishedDocument(text, "some name") for text in texts])


@pytest.fixture
def changed(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    return settings.model_copy(update={"trusted_documents": getattr(request, "param", "off")})


@pytest.fixture
async def served(changed: Settings, engine_urls: EngineUrls) -> AsyncIterator[tuple[httpx.AsyncClient, GraphQLServer]]:
    """The whole application under a setting, without a network."""
    assert changed.database_url is not None
    runtime = make_runtime(
        changed, EngineUrls(changed.database_url, engine_urls.redis_url), passwords=cheap_passwords()
    )
    app, server = create_app(runtime)
    async with (
        running(runtime),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        yield client, server


@pytest.fixture
async def person(graphql: GraphQL) -> Person:
    """Signed up where nothing is restricted, on the same database."""
    return await register(graphql, "Ada")


async def ask(client: httpx.AsyncClient, person: Person | None = None, **body: Any) -> dict[str, Any]:
    headers = {"accept": ACCEPT} | ({"authorization": f"Bearer {person.token}"} if person else {})
    answer: dict[str, Any] = (await client.post("/graphql", json=body, headers=headers)).json()
    return answer


def code_of(answer: dict[str, Any]) -> str:
    assert list(answer) == ["errors"], answer
    code: str = answer["errors"][0]["extensions"]["code"]
    return code


async def test_an_id_runs_the_document_by_the_caches_of_its_text(
    served: tuple[httpx.AsyncClient, GraphQLServer], person: Person, database: Database
) -> None:
    client, server = served
    await publish_texts(database, NAME)
    ada = {"data": {"viewer": {"user": {"name": "Ada"}}}}
    assert (await ask(client, person, query=NAME))["data"] == ada["data"]
    (misses, plans) = server.documents.misses, server.documents.load(NAME).operation(None).plans[0]
    for body in ({"documentId": id_of(NAME)}, {"documentId": id_of(NAME)[7:]}, {"extensions": apollo(NAME)}):
        assert (await ask(client, person, **body))["data"] == ada["data"]
    assert server.documents.misses == misses
    assert server.documents.load(NAME).operation(None).plans == [plans]


async def test_an_unknown_id_is_not_found_and_nothing_is_registered(
    served: tuple[httpx.AsyncClient, GraphQLServer], person: Person
) -> None:
    client, _ = served
    assert code_of(await ask(client, person, documentId=id_of(NAME))) == "PERSISTED_QUERY_NOT_FOUND"
    assert code_of(await ask(client, person, extensions=apollo(NAME))) == "PERSISTED_QUERY_NOT_FOUND"
    # Apollo's second try has both; it runs, as any text may here, and is as unknown as before.
    assert "data" in await ask(client, person, query=NAME, extensions=apollo(NAME))
    assert code_of(await ask(client, person, extensions=apollo(NAME))) == "PERSISTED_QUERY_NOT_FOUND"


async def test_the_status_of_an_unknown_id(served: tuple[httpx.AsyncClient, GraphQLServer]) -> None:
    client, _ = served
    for accept, status in (("application/json", 200), ("application/graphql-response+json", 400)):
        answer = await client.post("/graphql", json={"documentId": id_of(NAME)}, headers={"accept": accept})
        assert (answer.status_code, code_of(answer.json())) == (status, "PERSISTED_QUERY_NOT_FOUND")


@pytest.mark.parametrize(
    "body",
    [
        {"documentId": 3},
        {"documentId": "sha256:abc"},
        {"documentId": id_of(NAME).upper()},
        {"documentId": "md5:" + "0" * 64},
        {"extensions": {"persistedQuery": {"version": 1}}},
        {"extensions": {"persistedQuery": "x"}},
        {"query": NAME, "documentId": id_of(OTHER)},
        {"query": NAME, "extensions": apollo(OTHER)},
        {"variables": {}},
    ],
)
async def test_malformed_ids(served: tuple[httpx.AsyncClient, GraphQLServer], body: dict[str, Any]) -> None:
    assert code_of(await ask(served[0], None, **body)) == "BAD_REQUEST"


async def test_get_socket_and_stream(
    changed: Settings, engine_urls: EngineUrls, person: Person, database: Database
) -> None:
    await publish_texts(database, NAME, FOLLOW)
    assert changed.database_url is not None
    urls = EngineUrls(changed.database_url, engine_urls.redis_url)
    bearer = {"authorization": f"Bearer {person.token}"}
    with serving(changed, urls) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            got = await client.get("/graphql", params={"documentId": id_of(NAME)}, headers=bearer | PREFLIGHT)
            assert got.json()["data"] == {"viewer": {"user": {"name": "Ada"}}}
            got = await client.get(
                "/graphql", params={"extensions": json.dumps(apollo(NAME))}, headers=bearer | PREFLIGHT
            )
            assert got.json()["data"] == {"viewer": {"user": {"name": "Ada"}}}
            stream = {"accept": "text/event-stream"} | bearer
            told = await client.post("/graphql", json={"documentId": id_of(OTHER)}, headers=stream)
            assert "PERSISTED_QUERY_NOT_FOUND" in told.text
            assert told.text.endswith("event: complete\ndata:\n\n")
            body = {"documentId": id_of(FOLLOW), "variables": {"id": person.organization_id}}
            async with client.stream("POST", "/graphql", json=body, headers=stream) as events:
                lines = events.aiter_lines()
                assert await anext(lines) == "event: next"
                assert "cursor" in await anext(lines)
        await _over_a_socket(url, person)


async def _over_a_socket(url: str, person: Person) -> None:
    address = url.replace("http", "ws") + "/graphql"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")]) as socket:

        async def send(**message: Any) -> dict[str, Any]:
            await socket.send(json.dumps(message))
            answer: dict[str, Any] = json.loads(await socket.recv())
            return answer

        await send(type="connection_init", payload={"token": person.token})
        answer = await send(type="subscribe", id="1", payload={"documentId": id_of(OTHER)})
        assert (answer["type"], answer["payload"][0]["extensions"]["code"]) == ("error", "PERSISTED_QUERY_NOT_FOUND")
        variables = {"id": person.organization_id}
        answer = await send(type="subscribe", id="1", payload={"documentId": id_of(FOLLOW), "variables": variables})
        assert answer["type"] == "next", answer
        assert answer["payload"]["data"]["activity"]["cursor"]
        await socket.send(json.dumps({"type": "complete", "id": "1"}))
        answer = await send(type="subscribe", id="2", payload={"extensions": apollo(NAME)})
        assert answer["payload"]["data"] == {"viewer": {"user": {"name": "Ada"}}}


CALLERS = ["nobody", "person", "key", "root"]


@pytest.mark.parametrize(
    ("changed", "bound"),
    [("off", ""), ("anonymous", "nobody"), ("browsers", "nobody person"), ("all", "nobody person key root")],
    indirect=["changed"],
)
async def test_who_may_send_texts(
    served: tuple[httpx.AsyncClient, GraphQLServer], graphql: GraphQL, person: Person, database: Database, bound: str
) -> None:
    client, _ = served
    create = """mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) {
        ... on CreateApiKeyPayload { key } } }"""
    made = await graphql.data(
        create,
        {"input": {"organizationId": person.organization_id, "name": "ci", "scopes": ["ORGANIZATION_READ"]}},
        token=person.token,
    )
    headers = {
        "nobody": {},
        "person": {"authorization": f"Bearer {person.token}"},
        "key": {"x-api-key": made["createApiKey"]["key"]},
        "root": {"x-root-key": "root-key-of-the-tests-0123456789abcdef"},
    }
    await publish_texts(database, NAME)
    for caller in CALLERS:
        answers = {
            text: (await client.post("/graphql", json=body, headers={"accept": ACCEPT} | headers[caller])).json()
            for text, body in {
                "free": {"query": OTHER},
                "by id": {"documentId": id_of(NAME)},
                "its text": {"query": NAME},
            }.items()
        }
        # The viewer of nobody is null or an error of its own field: it was executed.
        assert "data" in answers["by id"], (caller, answers)
        assert "data" in answers["its text"], (caller, answers)
        if caller in bound.split():
            assert code_of(answers["free"]) == "FORBIDDEN"
            assert "skyledger documents publish" in answers["free"]["errors"][0]["message"]
        else:
            assert "data" in answers["free"], (caller, answers)


@pytest.mark.parametrize("changed", ["browsers"], indirect=True)
async def test_the_sign_in_bar_works_and_the_page_says_that_it_is_restricted(
    served: tuple[httpx.AsyncClient, GraphQLServer], person: Person
) -> None:
    client, _ = served
    log_in = session_texts()[0]
    answer = await ask(client, None, query=log_in, variables={"email": person.email, "password": PASSWORD})
    assert answer["data"]["logIn"]["accessToken"]
    page = (await client.get("/graphql", headers={"accept": "text/html"})).text
    assert re.search(r'id="notice"[^>]*>This server is restricted: people who are signed in may run trusted', page)


async def test_the_page_says_nothing_where_nothing_is_restricted(
    served: tuple[httpx.AsyncClient, GraphQLServer],
) -> None:
    page = (await served[0].get("/graphql", headers={"accept": "text/html"})).text
    assert 'id="graphiql"' in page
    assert "restricted" not in page


async def test_another_process_sees_what_is_published_at_once_and_what_is_withdrawn_within_seconds(
    settings: Settings, database: Database
) -> None:
    clock = [100.0]
    documents = TrustedDocuments(database, settings)
    digest = sha256(NAME.encode()).digest()
    documents._texts._clock = lambda: clock[0]
    assert await documents.find(digest) is None
    assert await publish_texts(database, NAME) == {digest}
    assert await publish_texts(database, NAME) == set()
    assert await documents.find(digest) == NAME
    assert await withdraw(database, [digest]) == {digest}
    assert await documents.find(digest) == NAME  # kept, without asking
    clock[0] += FRESH_SECONDS + 0.1
    assert await documents.find(digest) is None
