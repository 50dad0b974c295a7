"""Whoever leaves stops their statement at PostgreSQL, over each transport, and gives the connection back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from app.database import Database
from tests.clients import GraphQL, Person, register
from tests.server.toy_server import Socket

READ = "query ($slug: String!) { organization(slug: $slug) { resources { totalCount } } }"
WRITE = """mutation ($input: UpdateOrganizationInput!) {
  updateOrganization(input: $input) { ... on UpdateOrganizationPayload { organization { name } } } }"""
WAITING = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'skyledger'"""
HELD = """SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'skyledger' AND state <> 'idle' AND pid <> pg_backend_pid()"""


@pytest.fixture
async def ada(live_server: str) -> Person:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        return await register(GraphQL(client))


async def until_count(owner: Database, sql: str, wanted: int) -> None:
    async with asyncio.timeout(30):
        while True:
            async with owner.engine.connect() as connection:
                if (await connection.execute(text(sql))).scalar_one() == wanted:
                    return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def locked(owner: Database, table: str) -> AsyncIterator[None]:
    """Nobody reads or writes the table meanwhile."""
    async with owner.engine.begin() as connection:
        await connection.execute(text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield


def body_of(ada: Person, act: str) -> dict[str, object]:
    if act == "read":
        return {"query": READ, "variables": {"slug": ada.slug}}
    return {"query": WRITE, "variables": {"input": {"organizationId": ada.organization_id, "name": "Other"}}}


@contextlib.asynccontextmanager
async def asking(server: str, ada: Person, transport: str, body: dict[str, object]) -> AsyncIterator[None]:
    """Somebody who has asked, and leaves with the end of the block."""
    if transport == "socket":
        url, protocols = server.replace("http", "ws") + "/graphql", [Subprotocol("graphql-transport-ws")]
        async with connect(url, subprotocols=protocols, close_timeout=1) as connection:
            client = Socket(connection)
            await client.greet(ada.token)
            await client.send(type="subscribe", id="1", payload=body)
            yield
            await client.send(type="complete", id="1")
        return
    host, port = server.removeprefix("http://").split(":")
    sent = orjson.dumps(body)
    accept = "text/event-stream" if transport == "events" else "application/json"
    head = (
        f"POST /graphql HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\naccept: {accept}\r\n"
        f"authorization: Bearer {ada.token}\r\ncontent-length: {len(sent)}\r\n\r\n"
    )
    _, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head.encode() + sent)
        yield
    finally:
        writer.close()


@pytest.mark.parametrize("transport", ["http", "events", "socket"])
@pytest.mark.parametrize(("act", "table"), [("read", "resources"), ("write", "organizations")])
async def test_whoever_leaves_stops_their_statement(
    live_server: str, ada: Person, owner: Database, transport: str, act: str, table: str
) -> None:
    async with httpx.AsyncClient(base_url=live_server, timeout=60) as client:
        graphql = GraphQL(client)
        await graphql.data(READ, {"slug": ada.slug}, token=ada.token)  # who is calling is known by now
        async with locked(owner, table):
            async with asking(live_server, ada, transport, body_of(ada, act)):
                await until_count(owner, WAITING, 1)
            await until_count(owner, WAITING, 0)
        await until_count(owner, HELD, 0)
        answer = await graphql.data(
            "query ($slug: String!) { organization(slug: $slug) { name } }", {"slug": ada.slug}, token=ada.token
        )
        assert answer["organization"]["name"] != "Other", "what was stopped was undone"
