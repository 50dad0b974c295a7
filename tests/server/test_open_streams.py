"""Sockets and event streams are bounded: for the process, for each caller, for the strangers of an address."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from itertools import count

import httpx
from websockets.typing import Subprotocol

from app.server.limits import Limits
from app.server.open_streams import GREETING
from tests.server.toy_graph import OTHER_TOKEN, TOKEN, Toy, make_toy
from tests.server.toy_server import TRANSPORT_WS, Socket, eventually, live, socket

WAITS = "subscription { waits }"
STREAM = {"accept": "text/event-stream"}


async def opened(stack: AsyncExitStack, address: str, token: str | None = None, *, greeted: bool = True) -> Socket:
    client = await stack.enter_async_context(socket(address, greeted=False))
    if greeted:
        await client.greet(token)
    return client


async def refused(stack: AsyncExitStack, address: str, token: str | None) -> tuple[int | None, str]:
    """How a socket ends that may not be open."""
    client = await stack.enter_async_context(socket(address, greeted=False))
    await client.send(type="connection_init", payload={"token": token} if token else None)
    return await client.closed()


def refusals(toy: Toy, reason: str) -> float:
    return toy.server.metrics.registry.get_sample_value("skyledger_stream_refusals_total", {"reason": reason}) or 0.0


def test_ten_thousand_sockets_are_possible_by_default() -> None:
    assert Limits().streams > 10_000


async def test_strangers_of_an_address_have_so_many_sockets() -> None:
    toy = make_toy(streams_per_address=3)
    async with live(toy) as address, AsyncExitStack() as stack:
        clients = [await opened(stack, address) for _ in range(3)]
        code, reason = await refused(stack, address, None)
        assert (code, reason) == (
            4429,
            "Your address has 3 streams open without credentials: close one, or sign in",
        )
        assert refusals(toy, "address") == 1
        await opened(stack, address, TOKEN)  # whoever signs in is not counted among them
        await clients[0].connection.close()
        await eventually(lambda: len(toy.server.streams) == 3)
        await opened(stack, address)
    await eventually(lambda: len(toy.server.streams) == 0)


async def test_a_caller_has_so_many_sockets() -> None:
    toy = make_toy(streams_per_caller=2)
    async with live(toy) as address, AsyncExitStack() as stack:
        clients = [await opened(stack, address, TOKEN) for _ in range(2)]
        assert await refused(stack, address, TOKEN) == (
            4429,
            "You have 2 streams open, which is the most: close one first",
        )
        assert refusals(toy, "caller") == 1
        await opened(stack, address, OTHER_TOKEN)
        await opened(stack, address)
        await clients[0].connection.close()
        await eventually(lambda: len(toy.server.streams) == 3)
        await opened(stack, address, TOKEN)


async def test_sockets_that_do_not_say_who_they_are_are_bounded_as_well() -> None:
    toy = make_toy(streams_per_address=1)
    async with live(toy) as address, AsyncExitStack() as stack:
        silent = [await opened(stack, address, greeted=False) for _ in range(GREETING)]
        client = await stack.enter_async_context(socket(address, greeted=False))
        assert await client.closed() == (
            1013,
            "Your address has too many streams open at the moment: try again in 5 seconds",
        )
        assert refusals(toy, "greeting") == 1
        await silent[0].greet(TOKEN)  # it is no longer among them
        await opened(stack, address, TOKEN)


async def test_the_process_has_so_many_streams_of_both_kinds() -> None:
    toy = make_toy(streams=2)
    async with live(toy) as address, AsyncExitStack() as stack, httpx.AsyncClient(timeout=60) as client:
        url = f"http://{address}/graphql"
        first = await opened(stack, address, TOKEN)
        headers = STREAM | {"authorization": f"Bearer {OTHER_TOKEN}"}
        await stack.enter_async_context(client.stream("POST", url, json={"query": WAITS}, headers=headers))
        full = await stack.enter_async_context(socket(address, greeted=False))
        assert await full.closed() == (
            1013,
            "The server has too many streams open at the moment: try again in 5 seconds",
        )
        answer = await client.post(url, json={"query": WAITS}, headers=headers)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        (error,) = answer.json()["errors"]
        assert error["extensions"]["code"] == "SERVICE_UNAVAILABLE"
        assert error["extensions"]["retryAfter"] == 5
        assert (await client.post(url, json={"query": "{ hello }"})).status_code == 200  # no stream, and answered
        assert refusals(toy, "process") == 2
        await first.connection.close()
        await eventually(lambda: len(toy.server.streams) == 1)
        await opened(stack, address, TOKEN)


async def test_event_streams_of_strangers_and_of_callers_are_bounded() -> None:
    toy = make_toy(streams_per_address=1, streams_per_caller=2)
    async with live(toy) as address, AsyncExitStack() as stack, httpx.AsyncClient(timeout=60) as client:
        url = f"http://{address}/graphql"
        signed_in = STREAM | {"authorization": f"Bearer {TOKEN}"}

        async def follow(headers: dict[str, str]) -> None:
            await stack.enter_async_context(client.stream("POST", url, json={"query": WAITS}, headers=headers))

        await follow(STREAM)
        await follow(signed_in)
        await opened(stack, address, TOKEN)
        for headers, whose in ((STREAM, "Your address"), (signed_in, "You have 2 streams open")):
            answer = await client.post(url, json={"query": WAITS}, headers=headers)
            assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
            (error,) = answer.json()["errors"]
            assert error["extensions"]["code"] == "RATE_LIMITED"
            assert error["message"].startswith(whose)
    await eventually(lambda: len(toy.server.streams) == 0)


async def test_a_stranger_without_operations_is_closed() -> None:
    toy = make_toy(websocket_idle_seconds=0.5, keepalive_seconds=0.1)
    async with live(toy) as address, AsyncExitStack() as stack:
        member = await opened(stack, address, TOKEN)
        busy = await opened(stack, address)
        await busy.subscribe("1", WAITS)
        idle = await opened(stack, address)

        async def answer_pings(client: Socket) -> tuple[int | None, str]:
            """Answer all pings until the end."""
            reading = asyncio.create_task(client.closed())
            while not reading.done():
                await client.send(type="pong")
                await asyncio.wait([reading], timeout=0.05)
            return reading.result()

        told = (4408, "No operation for 0.5 seconds without credentials: connect again for the next")
        others = [asyncio.create_task(answer_pings(client)) for client in (member, busy)]
        assert await answer_pings(idle) == told
        await asyncio.sleep(1)
        assert refusals(toy, "idle") == 1
        assert not any(other.done() for other in others)
        await busy.send(type="complete", id="1")
        assert await others[1] == told
        assert not others[0].done()
        others[0].cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def test_a_stranger_stays_while_asking() -> None:
    toy = make_toy(websocket_idle_seconds=0.6)
    async with live(toy) as address, socket(address, greeted=False) as client:
        await client.greet(None)
        for number in range(8):
            await asyncio.sleep(0.2)
            await client.subscribe(str(number), "{ hello }")
            assert (await client.results(str(number)))[-1]["type"] == "complete"
        assert (await client.closed())[0] == 4408


async def test_places_are_free_again_however_a_socket_ends() -> None:
    toy = make_toy(websocket_init_seconds=0.2, streams_per_address=2)
    numbers = count()
    async with live(toy) as address:
        for _ in range(8):
            async with AsyncExitStack() as stack:
                silent = await opened(stack, address, greeted=False)
                wrong = await opened(stack, address, greeted=False)
                await wrong.send(type="connection_init", payload={"token": f"wrong {next(numbers)}"})
                assert (await wrong.closed())[0] == 4403
                assert (await silent.closed())[0] == 4408
                (await opened(stack, address)).connection.transport.abort()
                other = await stack.enter_async_context(
                    socket(address, greeted=False, subprotocols=[Subprotocol(TRANSPORT_WS)])
                )
                await other.send(type="nonsense")
                assert (await other.closed())[0] == 4400
        await eventually(lambda: len(toy.server.streams) == 0)
        assert not toy.server.streams._held
