"""Sockets that follow the same thing with the same rights get one execution's bytes, each under its own id."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest
from websockets.exceptions import ConnectionClosed

from app.server import hub
from tests.server.test_sse import collect
from tests.server.toy_graph import OTHER_TOKEN, Toy, make_toy
from tests.server.toy_server import Socket, eventually, live, socket

FOLLOW = "subscription Follow($after: Int) { ledger(after: $after) { number writtenFor } }"


async def numbers(client: Socket, until: int) -> list[int]:
    """The numbers of the ledger that come, until one."""
    found: list[int] = []
    while not found or found[-1] != until:
        message = await client.receive()
        assert message["type"] == "next", message
        found.append(message["payload"]["data"]["ledger"]["number"])
    return found


def figures(toy: Toy) -> tuple[float, float]:
    """Channels, and events that were executed."""
    metrics = toy.server.metrics
    return metrics.channels._value.get(), metrics.executions._value.get()


async def test_one_execution_serves_all_callers_of_a_scope_and_is_for_none_of_them() -> None:
    toy = make_toy()
    async with live(toy) as address, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(socket(address)) for _ in range(4)]
        bob = await stack.enter_async_context(socket(address, greeted=False))
        await bob.greet(OTHER_TOKEN)
        for number, client in enumerate([*clients, bob]):
            await client.subscribe(f"é{number}", FOLLOW)
            opening = await client.receive()
            assert (opening["id"], opening["type"]) == (f"é{number}", "next")
        contexts, executed = toy.world.contexts, figures(toy)[1]
        toy.world.ledger.add(3)
        for number, client in enumerate([*clients, bob]):
            for expected in (1, 2, 3):
                data = {"ledger": {"number": expected, "writtenFor": "reader"}}
                assert await client.receive() == {"id": f"é{number}", "type": "next", "payload": {"data": data}}
        assert toy.world.written[-3:] == [1, 2, 3]
        assert figures(toy) == (1, executed + 3)
        assert toy.world.contexts == contexts + 3, "a fresh context for each event"
    await eventually(lambda: toy.world.ledger.open == 0)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ((FOLLOW, {}), (FOLLOW, {"after": 0}), True),
        ((FOLLOW, {}), (FOLLOW + " ", {}), False),
        (
            ("subscription ($s: Int!) { ledger { padding(size: $s) } }", {"s": 1}),
            ("subscription ($s: Int!) { ledger { padding(size: $s) } }", {"s": 2}),
            False,
        ),
        (
            ("subscription ($a: Int!) { ledger(after: $a) { failsOn(number: $a) } }", {"a": 0}),
            ("subscription ($a: Int!) { ledger(after: $a) { failsOn(number: $a) } }", {"a": 1}),
            False,
        ),
        (
            ("query A { hello } subscription B { ledger { number } } subscription C { ledger { n: number } }", "B"),
            ("query A { hello } subscription B { ledger { number } } subscription C { ledger { n: number } }", "C"),
            False,
        ),
        (
            ("subscription ($s: String!) { ledger(scope: $s) { number } }", {"s": "owners"}),
            ("subscription ($s: String!) { ledger(scope: $s) { number } }", {"s": "viewers"}),
            False,
        ),
    ],
)
async def test_what_is_shared(one: tuple[str, object], other: tuple[str, object], shared: bool) -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        for id_, (query, with_) in enumerate((one, other)):
            given = {"operationName": with_} if isinstance(with_, str) else {"variables": with_}
            await client.send(type="subscribe", id=str(id_), payload={"query": query, **given})
            await client.receive()
        assert figures(toy)[0] == (1 if shared else 2)


async def test_event_streams_share_with_sockets() -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address) as client:
        await client.subscribe("1", FOLLOW)
        await client.receive()
        streamed = asyncio.create_task(collect(address, FOLLOW))
        await eventually(lambda: toy.server.metrics.deliveries._value.get() == 2)
        assert figures(toy)[0] == 1
        toy.world.ledger.add(2)
        toy.world.ledger.end()
        assert await numbers(client, 2) == [1, 2]
        assert (await client.receive())["type"] == "complete"
        found = await streamed
    assert [payload["data"]["ledger"]["number"] for name, payload in found if name == "next"] == [0, 1, 2]
    assert found[-1] == ("complete", None)


async def test_an_event_that_fails_is_told_to_all_and_ends_nobody() -> None:
    toy = make_toy()
    query = "subscription { ledger { number failsOn(number: 2) } }"
    async with live(toy) as address, socket(address) as one, socket(address) as two:
        for client in (one, two):
            await client.subscribe("1", query)
            await client.receive()
        toy.world.ledger.add(3)
        for client in (one, two):
            messages = [await client.receive() for _ in range(3)]
            assert ["errors" in message["payload"] for message in messages] == [False, True, False]
            assert messages[1]["payload"]["errors"][0]["message"] == "Internal error"
        assert figures(toy)[1] == 4


@pytest.mark.parametrize("size", [1, 300, 70_000])
async def test_frames_of_every_size_arrive_whole(size: int) -> None:
    toy = make_toy()
    async with live(toy) as address, socket(address, max_size=None) as client:
        await client.subscribe("1", f"subscription {{ ledger {{ padding(size: {size}) }} }}")
        await client.receive()
        toy.world.ledger.add(3)
        for _ in range(3):
            assert (await client.receive())["payload"]["data"]["ledger"]["padding"] == "x" * size


async def test_a_slow_consumer_is_closed_and_goes_on_from_its_cursor() -> None:
    toy = make_toy(slow_consumer_seconds=0.3, queue_messages=8)
    query = "subscription ($after: Int) { ledger(after: $after) { number padding(size: 60000) } }"
    async with live(toy) as address, socket(address) as quick, socket(address, max_queue=1) as slow:
        for client in (quick, slow):
            await client.subscribe("1", query)
            await client.receive()
        reading = asyncio.create_task(numbers(quick, 400))
        for _ in range(400):
            toy.world.ledger.add()
            await asyncio.sleep(0)
        assert await reading == list(range(1, 401))
        await eventually(lambda: toy.server.metrics.closes.labels(4410)._value.get() == 1)
        seen: list[int] = []
        with suppress(ConnectionClosed):
            while True:
                seen.append((await slow.receive())["payload"]["data"]["ledger"]["number"])
        assert seen == list(range(1, len(seen) + 1))
        assert len(seen) < 400
        async with socket(address) as again:
            await again.subscribe("1", query, {"after": seen[-1]})
            rest = await numbers(again, 400)
        assert rest == list(range(seen[-1], 401))


async def test_who_may_no_longer_follow_hears_nothing_more_and_the_others_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "RECHECK_SECONDS", 0.05)
    toy = make_toy()
    async with live(toy) as address, socket(address) as alice, socket(address, greeted=False) as bob:
        await bob.greet(OTHER_TOKEN)
        for client in (alice, bob):
            await client.subscribe("1", FOLLOW)
            await client.receive()
        toy.world.revoked.add("bob")
        message = await bob.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
        toy.world.ledger.add()
        assert await numbers(alice, 1) == [1]
        await bob.send(type="ping")
        assert await bob.receive() == {"type": "pong"}


async def test_draining_closes_those_who_share_with_1012() -> None:
    toy = make_toy()
    async with live(toy) as address, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(socket(address)) for _ in range(3)]
        for client in clients:
            await client.subscribe("1", FOLLOW)
            await client.receive()
        toy.server.lifecycle.drain(0.0)
        assert [(await client.closed())[0] for client in clients] == [1012] * 3
    await eventually(lambda: toy.world.ledger.open == 0 and len(toy.server.hub) == 0)
