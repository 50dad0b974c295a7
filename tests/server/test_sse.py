"""graphql-sse, distinct connections: events, errors as events, keepalives, and every way a stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from tests.server.toy_graph import TOKEN, Toy, in_seconds, make_toy
from tests.server.toy_server import eventually, live

HEADERS = {"accept": "text/event-stream", "authorization": f"Bearer {TOKEN}"}

Event = tuple[str, Any]


@asynccontextmanager
async def streamed(address: str, query: str, **options: Any) -> AsyncIterator[httpx.Response]:
    url, headers = f"http://{address}/graphql", {**HEADERS, **options.pop("headers", {})}
    options = {"json": {"query": query}, "headers": headers, **options}
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream(options.pop("method", "POST"), url, **options) as response,
    ):
        yield response


async def events(response: httpx.Response) -> AsyncIterator[Event]:
    """Each event's name and decoded data; comments have the name ""."""
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        if line == ":":
            yield "", None
        elif field == "event":
            name = value.strip()
        elif field == "data":
            yield name, orjson.loads(value) if value.strip() else None


async def collect(address: str, query: str, **options: Any) -> list[Event]:
    async with streamed(address, query, **options) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return [event async for event in events(response)]


async def test_a_subscription_is_a_row_of_next_and_one_complete() -> None:
    toy = make_toy()
    async with live(toy) as address:
        found = await collect(address, "subscription { count { number contextNumber } }")
    assert [data["data"]["count"]["number"] for _, data in found[:-1]] == [0, 1, 2]
    assert len({data["data"]["count"]["contextNumber"] for _, data in found[:-1]}) == 3
    assert [name for name, _ in found] == ["next", "next", "next", "complete"]
    assert (toy.world.sources_closed, len(toy.server.lifecycle)) == (1, 0)


async def test_queries_and_mutations_are_one_next() -> None:
    toy = make_toy()
    async with live(toy) as address:
        assert await collect(address, "{ viewer }") == [("next", {"data": {"viewer": "alice"}}), ("complete", None)]
        assert await collect(address, 'mutation { remember(text: "a\\nb") }') == [
            ("next", {"data": {"remember": "a\nb"}}),
            ("complete", None),
        ]
    assert toy.world.mutations == ["a\nb"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { refused }", "FORBIDDEN"),
    ],
)
async def test_errors_of_a_document_are_events(query: str, code: str) -> None:
    async with live(make_toy()) as address:
        (name, data), end = await collect(address, query)
    assert (name, end) == ("next", ("complete", None))
    assert list(data) == ["errors"]
    assert data["errors"][0]["extensions"]["code"] == code


async def test_what_is_wrong_with_the_request_is_plain_http() -> None:
    async with live(make_toy()) as address:
        for options, status in (
            ({"json": [1]}, 400),
            ({"headers": {"authorization": "Bearer wrong"}}, 401),
            ({"headers": {"content-type": "text/plain"}}, 415),
        ):
            async with streamed(address, "{ hello }", **options) as response:
                assert response.status_code == status
                assert response.headers["content-type"] == "application/json; charset=utf-8"
        async with httpx.AsyncClient(timeout=60) as client:  # nothing that another site could not send
            asked: dict[str, Any] = {"params": {"query": "{ hello }"}, "headers": {"accept": HEADERS["accept"]}}
            assert (await client.get(f"http://{address}/graphql", **asked)).status_code == 400
            asked["headers"]["authorization"] = HEADERS["authorization"]
            assert (await client.get(f"http://{address}/graphql", **asked)).status_code == 200


async def test_get_streams_with_a_preflight_header_but_never_mutates() -> None:
    toy = make_toy()
    options: dict[str, Any] = {"method": "GET", "json": None, "headers": {"x-skyledger-preflight": "1"}}
    async with live(toy) as address:
        found = await collect(address, "", params={"query": "subscription { count { number } }"}, **options)
        assert len(found) == 4
        options["headers"] = {"x-skyledger-preflight": "1"}
        found = await collect(address, "", params={"query": 'mutation { remember(text: "x") }'}, **options)
    assert found[0][1]["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"
    assert toy.world.mutations == []


async def test_a_source_that_breaks_is_masked() -> None:
    async with live(make_toy()) as address:
        found = await collect(address, "subscription { count(breaksAt: 1) { number } }")
    assert [name for name, _ in found] == ["next", "next", "complete"]
    assert found[1][1]["errors"][0]["message"] == "Internal error"


async def test_comments_keep_a_quiet_stream_open() -> None:
    async with (
        live(make_toy(keepalive_seconds=0.1)) as address,
        streamed(address, "subscription { waits }") as response,
    ):
        async for name, _ in events(response):
            assert name == ""
            break


async def test_leaving_cancels_the_source() -> None:
    toy = make_toy()
    async with live(toy) as address:
        async with streamed(address, "subscription { count(to: 1000000, every: 0.001) { number } }") as response:
            async for _ in events(response):
                break
        await eventually(lambda: toy.world.sources_closed == 1 and len(toy.server.lifecycle) == 0)


async def test_expiry_and_revocation_end_a_stream() -> None:
    toy = make_toy(revalidate_seconds=0.1)
    async with live(toy) as address:
        toy.world.expires_at = in_seconds(2)
        expired = await collect(address, "subscription { waits }")
        toy.world.expires_at = None
        following = asyncio.create_task(collect(address, "subscription { waits }"))
        await eventually(lambda: toy.world.sources_open == 2)
        toy.world.revoked.add("alice")
        revoked = await following
    for found, reason in ((expired, "token expired"), (revoked, "session revoked")):
        assert [name for name, _ in found] == ["next", "complete"]
        assert reason in found[0][1]["errors"][0]["message"]
        assert found[0][1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert toy.world.sources_closed == 2


async def test_a_session_store_that_stays_broken_ends_a_stream_as_something_that_passes() -> None:
    toy = make_toy(revalidate_seconds=0.05)
    async with live(toy) as address:
        toy.world.broken_revalidate = True
        found = await collect(address, "subscription { waits }")
    assert [name for name, _ in found] == ["next", "complete"]
    assert found[0][1]["errors"][0]["extensions"]["code"] == "SERVICE_UNAVAILABLE"


async def test_a_slow_reader_is_given_up() -> None:
    toy = make_toy(slow_consumer_seconds=0.3)
    async with live(toy) as address:
        host, _, port = address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        body = orjson.dumps({"query": "subscription { count(to: 100000) { padding(size: 60000) } }"})
        head = (
            f"POST /graphql HTTP/1.1\r\nhost: toy\r\naccept: text/event-stream\r\nauthorization: Bearer {TOKEN}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        await reader.readline()  # and nothing more
        await eventually(lambda: toy.world.sources_closed == 1)
        await eventually(lambda: len(toy.server.lifecycle) == 0)
        writer.transport.abort()


async def test_draining_ends_subscriptions_without_complete_and_lets_mutations_answer() -> None:
    toy: Toy = make_toy()
    async with live(toy) as address:
        subscription = asyncio.create_task(collect(address, "subscription { waits }"))
        mutation = asyncio.create_task(collect(address, 'mutation { rememberSlowly(text: "x", seconds: 0.5) }'))
        await eventually(lambda: len(toy.server.lifecycle) == 2)
    assert await subscription == []
    assert await mutation == [("next", {"data": {"rememberSlowly": "x"}}), ("complete", None)]
